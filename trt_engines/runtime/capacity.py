"""How many slots an expert gets: enough for the loads seen lately, and a little more."""

from __future__ import annotations

from collections import defaultdict, deque

REMEMBERED = 32  # passes; what was needed before them is forgotten
MARGIN = 1.1  # of the largest load seen lately
_STEPS = ((64, 8), (128, 16), (1 << 30, 32))  # up to so many slots they come in multiples of ...


class Capacity:
    """Slots an expert.

    Routing changes little from step to step, so that what was needed lately is expected again; but a prompt's routing
    says nothing of a canvas, nor a chunk's of one of another size. Slots come in coarse steps, since every number of
    them is another shape, for which kernels are compiled and graphs are captured.

    Attributes:
        reruns: How often the capacity was too small.
    """

    def __init__(self, experts: int, top_k: int) -> None:
        self._experts = experts
        self._top_k = top_k
        self._loads: defaultdict[tuple[bool, int], deque[int]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self.reruns = 0

    def for_tokens(self, count: int, denoising: bool) -> int:
        """Slots for `count` tokens: a quarter more than an even spread, or what was needed lately."""
        fair = int(1.25 * count * self._top_k / self._experts) + 1
        needed = int(MARGIN * max(self._loads[_kind(count, denoising)], default=0))
        return min(count, _rounded(max(fair, needed)))

    def sufficed(self, load: int, capacity: int, count: int, denoising: bool) -> bool:
        """Whether the largest load of a pass over `count` tokens fitted; if not, the next capacity is larger."""
        self._loads[_kind(count, denoising)].append(load)
        if load <= capacity:
            return True
        self.reruns += 1
        return False


def _kind(count: int, denoising: bool) -> tuple[bool, int]:
    """What has loads of one size: a phase, and a power of two of tokens."""
    return denoising, count.bit_length()


def _rounded(slots: int) -> int:
    step = next(step for most, step in _STEPS if slots <= most)
    return -(-slots // step) * step
