"""Marginals, samples and the best path of independent places that together must have a form.

In one denoising step a model gives each place of the canvas a distribution of its own. Given that the whole canvas has
a form (an automaton over tokens), everything about it is computed exactly: the chance of the form, the distribution of
each place, a sample of all places together, and the likeliest canvas (Dang and Ermon, arXiv 2607.07026; the likeliest
one alone: DINGO, arXiv 2505.23061). All of it works on classes [C, K], never on the vocabulary.

A form can leave only what a model finds very unlikely, at every place, so the chances of rests differ by more than any
float holds. Each is therefore kept relative to that of its likeliest rest, whose logarithm is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

from inference.forms.tokens_dfa import TokenDfa
from inference.forms.vocabulary import Numbers

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]


_NOTHING = -1e300  # in place of the logarithm of nothing
_SCALED_EACH = 16  # places; what is kept grows by no more than the number of classes in each


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

    def __init__(self, form: TokenDfa, logs: Reals, end: Ending) -> None:
        """Backward, then forward.

        1. The weight of each pair of states: the masses of all classes that lead from one to the other.
        2. The likeliest rest from each state in each place, in logarithms; weights relative to that of their source: at
           most 1, and 1 for one of them.
        3. Backward: all rests from each state, relative to the likeliest. So the chance of each pair, given its source.
        4. Forward: the chance of each state; marginals from the two.

        Args:
            form: The automaton.
            logs: [C, K], natural logarithm of the model's mass of each class in each place; of tokens without a class
                nothing is asked. -inf for what must not be.
            end: Where to begin and where to end.

        Raises:
            ValueError: No canvas has the form.
        """
        self._form, self._start = form, end.start
        pairs = _moves(form)
        # 1.
        highest = logs.max(axis=1, keepdims=True)
        self._masses = masses = np.exp(logs - highest)
        summed = pairs.summed(np.take(masses, form.moved, axis=1))
        with np.errstate(divide="ignore"):
            weights = np.log(summed)
        # 2.
        rest = _likeliest_rests(pairs, weights, end)
        if not np.isfinite(rest[0, end.start]):
            raise ValueError("no canvas has the form")
        weights += np.take(rest[1:], pairs.targets, axis=1)
        weights -= np.take(np.maximum(rest[:-1], _NOTHING), pairs.sources, axis=1)
        np.exp(weights, out=weights)
        # 3.
        ahead, scale = _all_rests(pairs, weights, end)
        self.chance = float(rest[0, end.start] + np.log(ahead[0, end.start]) + highest.sum()) + scale
        weights *= np.take(ahead[1:], pairs.targets, axis=1)
        whole = np.add.reduceat(weights, pairs.first, axis=1)
        weights /= np.repeat(np.where(whole > 0, whole, 1.0), pairs.counts, axis=1)
        self._chances = weights
        # 4.
        reached = _reached(pairs, weights, end)
        shares = np.take(reached[:-1], pairs.sources, axis=1) * weights
        shares /= np.where(summed > 0, summed, 1.0)
        self.marginals = masses * pairs.by_class(shares, form.classes)

    def sample(self, uniforms: Floats) -> tuple[Numbers, Numbers]:
        """All places drawn together.

        Args:
            uniforms: [C] numbers in [0, 1).

        Returns:
            int64 [C] class of each place, and int64 [C + 1] the states between them.
        """
        pairs, state = _moves(self._form), self._start
        first = pairs.first_of
        classes, states = np.empty(len(uniforms), dtype=np.int64), np.empty(len(uniforms) + 1, dtype=np.int64)
        states[0] = state
        for place, uniform in enumerate(uniforms.tolist()):
            pair, uniform = _drawn(self._chances[place, first[state] : first[state + 1]], uniform)
            pair += first[state]
            known = pairs.classes[pair]
            classes[place] = known[_drawn(self._masses[place, known], uniform)[0] if len(known) > 1 else 0]
            states[place + 1] = state = pairs.target_of[pair]
        return classes, states


def _drawn(shares: Reals, uniform: float) -> tuple[int, float]:
    """Which of some shares a number in [0, 1) falls into, and where within it."""
    if len(shares) == 1:
        return 0, uniform
    summed = shares.cumsum()
    wanted = uniform * summed[-1]
    found = min(int(summed.searchsorted(wanted, side="right")), len(shares) - 1)
    within = (wanted - (summed[found] - shares[found])) / max(shares[found], 1e-300)
    return found, float(min(max(within, 0.0), 1.0 - 1e-9))


def best_path(form: TokenDfa, best: Reals, end: Ending) -> tuple[Numbers, Numbers]:
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
    places, pairs, state = len(best), _moves(form), end.start
    weights = pairs.highest(np.take(best, form.moved, axis=1))
    ahead = _likeliest_rests(pairs, weights, end)
    if not np.isfinite(ahead[0, state]):
        raise ValueError("no canvas has the form")
    weights += np.take(ahead[1:], pairs.targets, axis=1)
    first = pairs.first_of
    classes, states = np.empty(places, dtype=np.int64), np.empty(places + 1, dtype=np.int64)
    states[0] = state
    for place in range(places):
        low, high = first[state], first[state + 1]
        pair = low if high == low + 1 else low + int(weights[place, low:high].argmax())
        known = pairs.classes[pair]
        classes[place] = known[0 if len(known) == 1 else int(best[place, known].argmax())]
        states[place + 1] = state = pairs.target_of[pair]
    return classes, states


def _all_rests(pairs: _Moves, weights: Reals, end: Ending) -> tuple[Reals, float]:
    """Sum of all rests from each state, float64 [C + 1, S], and the logarithm of what they were divided by."""
    ahead = np.zeros((len(weights) + 1, len(end.weights)))
    ahead[-1] = end.weights
    scale, moves, rows = 0.0, np.empty(len(pairs.targets)), list(ahead)
    for place in range(len(weights) - 1, -1, -1):
        row = rows[place]
        rows[place + 1].take(pairs.targets, 0, moves, "clip")  # anything but "clip" copies once more
        np.multiply(moves, weights[place], moves)
        np.add.reduceat(moves, pairs.first, 0, None, row)
        if place % _SCALED_EACH == 0:
            total = float(row.max())
            row /= total
            scale += log(total)
    return ahead, scale


def _reached(pairs: _Moves, chances: Reals, end: Ending) -> Reals:
    """Chance of each state between the places, float64 [C + 1, S]."""
    reached = np.zeros((len(chances) + 1, len(end.weights)))
    reached[0, end.start] = 1.0
    onward = np.zeros((len(chances), len(pairs.by_target)))
    onward[:, pairs.real] = np.take(chances, pairs.by_target[pairs.real], axis=1)
    moves, rows = np.empty(len(pairs.by_target)), list(reached)
    for place in range(len(chances)):
        rows[place].take(pairs.sources_by_target, 0, moves, "clip")
        np.multiply(moves, onward[place], moves)
        np.add.reduceat(moves, pairs.first_target, 0, None, rows[place + 1])
    return reached


def _likeliest_rests(pairs: _Moves, weights: Reals, end: Ending) -> Reals:
    """Natural logarithm of the likeliest rest from each state, float64 [C + 1, S]; -inf where there is none."""
    ahead = np.full((len(weights) + 1, len(end.weights)), -np.inf)
    ahead[-1] = np.where(end.weights > 0, 0.0, -np.inf)
    moves, rows = np.empty(len(pairs.targets)), list(ahead)
    for place in range(len(weights) - 1, -1, -1):
        rows[place + 1].take(pairs.targets, 0, moves, "clip")  # anything but "clip" copies once more
        np.add(moves, weights[place], moves)
        np.maximum.reduceat(moves, pairs.first, 0, None, rows[place])
    return ahead


@lru_cache(maxsize=16)
def _moves(form: TokenDfa) -> _Moves:
    return _Moves(form)


class _Moves:
    """A form's moves, and its pairs of source and target, which several moves may share: what runs need of them.

    Attributes:
        sources: int64 [P], source of each pair, ascending.
        targets: int64 [P], its target.
        target_of: The same as a list.
        classes: The classes of each pair.
        first: Where the pairs of each state begin; one that no tokens lead on from has a pair of no weight, to itself.
        first_of: The same as a list, and the end.
        counts: How many each has.
        by_target: int64 [P'], the pairs in the order of targets; a state to which nothing leads has one of no weight.
        real: Which of them are pairs.
        sources_by_target: Their sources in that order.
        first_target: Where the pairs to each state begin in that order.
    """

    def __init__(self, form: TokenDfa) -> None:
        self._weighty: slice | NDArray[np.int64]
        self._by_pair = np.lexsort((form.targets, form.sources))
        sources, targets = form.sources[self._by_pair], form.targets[self._by_pair]
        self._pair_starts = np.flatnonzero((np.diff(sources, prepend=-1) != 0) | (np.diff(targets, prepend=-1) != 0))
        pair_sources, self.targets = sources[self._pair_starts], targets[self._pair_starts]
        stuck = np.setdiff1d(np.arange(form.states), pair_sources)
        self._weighty = (
            slice(None) if not len(stuck) else np.searchsorted(stuck, pair_sources) + np.arange(len(pair_sources))
        )
        order = np.argsort(np.append(pair_sources, stuck), kind="stable")
        pair_sources, self.targets = np.append(pair_sources, stuck)[order], np.append(self.targets, stuck)[order]
        self.first = np.flatnonzero(np.diff(pair_sources, prepend=-1))
        self.first_of = [*self.first.tolist(), len(pair_sources)]
        self.counts = np.diff(self.first_of)
        self.sources, self.target_of = pair_sources, self.targets.tolist()
        ends = np.append(self._pair_starts[1:], len(sources))
        known = iter(
            form.moved[self._by_pair[a:z]] for a, z in zip(self._pair_starts.tolist(), ends.tolist(), strict=True)
        )
        weighty = np.zeros(len(pair_sources), dtype=np.bool_)
        weighty[self._weighty] = True
        self.classes = [next(known) if real else np.zeros(1, dtype=np.int64) for real in weighty.tolist()]
        pair_of = np.empty(len(sources), dtype=np.int64)
        lengths = np.diff(np.append(self._pair_starts, len(sources)))
        pair_of[self._by_pair] = np.repeat(np.flatnonzero(weighty), lengths)
        unreached = np.setdiff1d(np.arange(form.states), self.targets)
        targets = np.append(self.targets, unreached)
        order = np.argsort(targets, kind="stable")
        self.real = np.flatnonzero(order < len(self.targets))
        self.by_target = np.where(order < len(self.targets), order, 0)
        self.sources_by_target = pair_sources[self.by_target]
        self.first_target = np.flatnonzero(np.diff(targets[order], prepend=-1))
        self._by_class = np.argsort(form.moved, kind="stable")
        moved = form.moved[self._by_class]
        self._first_of_class = np.flatnonzero(np.diff(moved, prepend=-1))
        self._classes = moved[self._first_of_class]
        self._pairs_by_class = pair_of[self._by_class]

    def highest(self, weights: Reals) -> Reals:
        """[C, M] weights of moves -> [C, P] the highest of each pair."""
        found = np.full((len(weights), len(self.targets)), -np.inf)
        found[:, self._weighty] = np.maximum.reduceat(
            np.take(weights, self._by_pair, axis=1), self._pair_starts, axis=1
        )
        return found

    def summed(self, weights: Reals) -> Reals:
        """[C, M] weights of moves -> [C, P] the sum of each pair."""
        found = np.zeros((len(weights), len(self.targets)))
        found[:, self._weighty] = np.add.reduceat(np.take(weights, self._by_pair, axis=1), self._pair_starts, axis=1)
        return found

    def by_class(self, shares: Reals, classes: int) -> Reals:
        """[C, P] shares of pairs -> [C, K] the sums of those that each class is one of."""
        found = np.zeros((len(shares), classes))
        found[:, self._classes] = np.add.reduceat(
            np.take(shares, self._pairs_by_class, axis=1), self._first_of_class, axis=1
        )
        return found
