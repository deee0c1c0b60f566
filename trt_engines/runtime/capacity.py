"""How many slots an expert gets: enough for the loads seen so far, and a little more."""

from __future__ import annotations


class Capacity:
    """Slots an expert.

    Routing changes little from step to step, so that what was needed once is kept.

    Attributes:
        reruns: How often the capacity was too small.
    """

    def __init__(self, experts: int, top_k: int) -> None:
        self._experts = experts
        self._top_k = top_k
        self._least = 0
        self.reruns = 0

    def for_tokens(self, count: int) -> int:
        """Slots for `count` tokens: a quarter more than an even spread, or what was needed before."""
        fair = _rounded(int(1.25 * count * self._top_k / self._experts) + 1)
        return min(count, max(self._least, fair))

    def sufficed(self, load: int, capacity: int) -> bool:
        """Whether the largest load fitted; if not, the next capacity is larger."""
        if load <= capacity:
            return True
        self.reruns += 1
        self._least = _rounded(int(load * 1.1))
        return False


def _rounded(slots: int) -> int:
    return -(-slots // 8) * 8
