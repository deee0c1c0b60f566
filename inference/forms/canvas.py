"""Marginals, samples and the best path of independent places that together must have a form.

In one denoising step a model gives each place of the canvas a distribution of its own. Given that the whole canvas has
a form (an automaton over tokens), everything about it is computed exactly: the chance of the form, the distribution of
each place, a sample of all places together, and the likeliest canvas (Dang and Ermon, arXiv 2607.07026; the likeliest
one alone: DINGO, arXiv 2505.23061). All of it works on masses of classes [C, K], never on the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.backends.base import Floats, Ids
from inference.forms.tokens_dfa import TokenDfa

Reals = NDArray[np.float64]
# A class that a model rules out may be the only one that the form leaves: it is then very unlikely, not impossible.
LEAST_MASS = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """Where the canvas may end.

    Attributes:
        start: State before the first place.
        weights: float64 [S], 1 for states that may stand behind the last place, else 0.
    """

    start: int
    weights: Reals


def ending(form: TokenDfa, start: int, left: int) -> Ending:
    """For a canvas after which `left` more tokens may follow: 0 wants the end on this canvas."""
    return Ending(start, (form.shortest <= left).astype(np.float64))


class Conditioned:
    """One step's canvas, conditioned on a form.

    Attributes:
        chance: Natural logarithm of the chance that an unconditioned draw has the form.
        marginals: float64 [C, K], mass of each class in each place, given the form.
    """

    def __init__(self, form: TokenDfa, masses: NDArray[np.floating], end: Ending) -> None:
        """Forward and backward in one pass over the places.

        1. The weight of each move in each place: its class's mass.
        2. Backward: the chance of a good rest from each state; forward: the chance of being there. Both are scaled in
           each place, so that nothing underflows. The two run together, from both ends.
        3. Marginals from the two.

        Args:
            form: The automaton.
            masses: [C, K], the model's mass of each class in each place; of tokens without a class nothing is asked.
            end: Where to begin and where to end.

        Raises:
            ValueError: No canvas has the form.
        """
        self._form, self._end = form, end
        places = len(masses)
        # 1.
        self._weights = weights = np.maximum(masses[:, form.moved].astype(np.float64), LEAST_MASS)
        # 2.
        runs = _Runs(form)
        self._ahead = ahead = np.zeros((places + 1, form.states))
        ahead[places] = end.weights
        reached = np.zeros((places + 1, form.states))
        reached[0, end.start] = 1.0
        scales, both = np.zeros(places), np.empty(2 * len(form.moved))
        for place in range(places):
            runs.both(both, ahead[places - place], reached[place], weights[places - 1 - place], weights[place])
            runs.sums(both, ahead[places - 1 - place], reached[place + 1])
            total = ahead[places - 1 - place].max()
            if not total > 0.0:
                raise ValueError("no canvas has the form")
            ahead[places - 1 - place] /= total
            scales[places - 1 - place] = total
            total = reached[place + 1].max()
            if not total > 0.0:
                raise ValueError("no canvas has the form")
            reached[place + 1] /= total
        if not ahead[0, end.start] > 0.0:
            raise ValueError("no canvas has the form")
        self.chance = float(np.log(scales).sum() + np.log(ahead[0, end.start]))
        # 3.
        shares = reached[:-1][:, form.sources] * weights * ahead[1:][:, form.targets]
        shares /= shares.sum(axis=1, keepdims=True)
        self.marginals = runs.by_class(shares)

    def sample(self, uniforms: Floats) -> tuple[Ids, Ids]:
        """All places drawn together.

        Args:
            uniforms: [C] numbers in [0, 1).

        Returns:
            int64 [C] class of each place, and int64 [C + 1] the states between them.
        """
        form, state = self._form, self._end.start
        first = np.searchsorted(form.sources, np.arange(form.states + 1)).tolist()
        classes = np.empty(len(self._weights), dtype=np.int64)
        states = np.empty(len(self._weights) + 1, dtype=np.int64)
        states[0] = state
        for place, uniform in enumerate(uniforms.tolist()):
            low, high = first[state], first[state + 1]
            if high - low > 1:
                shares = self._weights[place, low:high] * self._ahead[place + 1, form.targets[low:high]]
                summed = np.cumsum(shares)
                low += min(int(np.searchsorted(summed, uniform * summed[-1], side="right")), high - low - 1)
            classes[place], state = form.moved[low], int(form.targets[low])
            states[place + 1] = state
        return classes, states


def best_path(form: TokenDfa, best: NDArray[np.floating], end: Ending) -> tuple[Ids, Ids]:
    """The likeliest canvas with the form.

    Args:
        form: The automaton.
        best: [C, K], natural logarithm of the largest mass of one token of each class in each place.
        end: Where to begin and where to end.

    Returns:
        int64 [C] class of each place, and int64 [C + 1] the states between them.

    Raises:
        ValueError: No canvas has the form.
    """
    places = len(best)
    weights = best[:, form.moved].astype(np.float64)
    rest = np.where(end.weights > 0, 0.0, -np.inf)
    sources = np.flatnonzero(np.diff(form.sources, prepend=-1))
    states_of = form.sources[sources]
    ahead = np.full((places + 1, form.states), -np.inf)
    ahead[places] = rest
    moves = np.empty(len(form.moved))
    for place in range(places - 1, -1, -1):
        np.take(ahead[place + 1], form.targets, out=moves)
        moves += weights[place]
        ahead[place][states_of] = np.maximum.reduceat(moves, sources)
    state = end.start
    if not np.isfinite(ahead[0, state]):
        raise ValueError("no canvas has the form")
    first = np.searchsorted(form.sources, np.arange(form.states + 1)).tolist()
    classes, states = np.empty(places, dtype=np.int64), np.empty(places + 1, dtype=np.int64)
    states[0] = state
    for place in range(places):
        low, high = first[state], first[state + 1]
        if high - low > 1:
            low += int(np.argmax(weights[place, low:high] + ahead[place + 1, form.targets[low:high]]))
        classes[place], state = form.moved[low], int(form.targets[low])
        states[place + 1] = state
    return classes, states


class _Runs:
    """Sums of moves by source and by target, with as few calls as there can be: the arrays are small, the calls not."""

    def __init__(self, form: TokenDfa) -> None:
        self._form = form
        self._by_target = np.argsort(form.targets, kind="stable")
        targets = form.targets[self._by_target]
        self._first_source = np.flatnonzero(np.diff(form.sources, prepend=-1))
        self._first_target = np.flatnonzero(np.diff(targets, prepend=-1))
        self._sources = form.sources[self._first_source]
        self._targets = targets[self._first_target]
        self._sources_by_target = form.sources[self._by_target]
        count = len(form.moved)
        self._starts = np.concatenate([self._first_source, self._first_target + count])
        self._count, self._split = count, len(self._first_source)

    def both(self, out: Reals, ahead: Reals, reached: Reals, behind: Reals, before: Reals) -> None:
        """Moves backward (in the order of sources) and forward (of targets), one after the other, into `out`."""
        count = self._count
        np.take(ahead, self._form.targets, out=out[:count])
        out[:count] *= behind
        np.take(reached, self._sources_by_target, out=out[count:])
        out[count:] *= before[self._by_target]

    def sums(self, both: Reals, ahead: Reals, reached: Reals) -> None:
        """Add up what `both` gave, into the states of the next place on each side."""
        summed = np.add.reduceat(both, self._starts)
        ahead[self._sources] = summed[: self._split]
        reached[self._targets] = summed[self._split :]

    def by_class(self, shares: Reals) -> Reals:
        """[C, M] shares of moves -> [C, K] shares of classes."""
        order = np.argsort(self._form.moved, kind="stable")
        moved = self._form.moved[order]
        first = np.flatnonzero(np.diff(moved, prepend=-1))
        found = np.zeros((len(shares), self._form.classes))
        found[:, moved[first]] = np.add.reduceat(shares[:, order], first, axis=1)
        return found
