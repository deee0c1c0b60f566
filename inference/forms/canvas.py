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
_SCALED_EACH = 16  # places; what is kept grows by no more than the number of tokens in each
_FEW = 12  # shares, up to which a loop of Python's is faster than numpy's calls


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

    def __init__(self, form: TokenDfa, logs: Reals, best: Reals, end: Ending) -> None:
        """Backward and forward.

        1. The likeliest rest from each state in each place, token by token, in logarithms.
        2. The weight of each pair of states: the masses of all classes that lead from one to the other; relative to
           the likeliest rests of both: at least 1 for one pair of each state, at most as much as there are tokens.
        3. Backward, all rests from each state, and forward, all ways to it, both relative to the likeliest rest.
        4. Marginals from the two.

        Args:
            form: The automaton.
            logs: [C, K], natural logarithm of the model's mass of each class in each place; of tokens without a class
                nothing is asked. -inf for what must not be.
            best: [C, K], natural logarithm of the largest mass of one token of each class.
            end: Where to begin and where to end.

        Raises:
            ValueError: No canvas has the form.
        """
        pairs = moves(form)
        self._form, self._start, self._count = form, end.start, len(logs)
        whole, (logs, self._best, end) = logs, _shortened(pairs, logs, best, end)
        # 1.
        self._highest = np.take(pairs.highest(self._best), pairs.set_of, axis=1)
        self._rest = rest = _likeliest_rests(pairs, self._highest, end)
        if not np.isfinite(rest[0, end.start]):
            raise ValueError("no canvas has the form")
        # 2.
        highest = logs.max(axis=1, keepdims=True)
        self._masses = masses = np.exp(logs - highest)
        summed = pairs.summed(masses)
        with np.errstate(divide="ignore"):
            weights = np.take(np.log(summed) + highest, pairs.set_of, axis=1)
        weights += np.take(rest[1:], pairs.targets, axis=1)
        weights -= np.take(np.maximum(rest[:-1], _NOTHING), pairs.sources, axis=1)
        np.exp(weights, out=weights)
        # 3.
        ahead, reached, scale = _both_ways(pairs, weights, end)
        if not ahead[0, end.start] > 0:
            raise ValueError("no canvas has the form")
        padding = float(whole[len(logs) :, pairs.pad_class].sum())
        self.chance = float(rest[0, end.start] + np.log(ahead[0, end.start])) + scale + padding
        weights *= np.take(ahead[1:], pairs.targets, axis=1)
        self._chances = weights
        # 4.
        shares = np.take(reached[:-1], pairs.sources, axis=1) * weights
        shares /= shares.sum(axis=1, keepdims=True)
        found = masses * pairs.by_class(shares, summed)
        self.marginals = found
        if len(found) < self._count:
            self.marginals = np.zeros((self._count, form.classes))
            self.marginals[: len(found)] = found
            self.marginals[len(found) :, pairs.pad_class] = 1.0

    def likeliest(self) -> tuple[Numbers, Numbers]:
        """The likeliest canvas; see `best_path`."""
        return _walked(self._form, self._best, self._highest, self._rest, self._start, self._count)

    def sample(self, uniforms: Floats) -> tuple[Numbers, Numbers]:
        """All places drawn together.

        Args:
            uniforms: [C] numbers in [0, 1).

        Returns:
            int64 [C] class of each place, and int64 [C + 1] the states between them.
        """
        pairs, state = moves(self._form), self._start
        first = pairs.first_of
        classes, states = np.empty(len(uniforms), dtype=np.int64), np.empty(len(uniforms) + 1, dtype=np.int64)
        states[0] = state
        for place, uniform in enumerate(uniforms.tolist()):
            if state == self._form.ended:
                _pad(self._form, classes, states, place)
                break
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
    if len(shares) > _FEW:
        summed = shares.cumsum()
        wanted = uniform * float(summed[-1])
        found = min(int(summed.searchsorted(wanted, side="right")), len(shares) - 1)
        share, wanted = float(shares[found]), wanted - float(summed[found] - shares[found])
    else:
        listed = shares.tolist()
        wanted, found = uniform * sum(listed), 0
        while found < len(listed) - 1 and wanted >= listed[found]:
            wanted -= listed[found]
            found += 1
        share = listed[found]
    within = wanted / max(share, 1e-300)
    return found, min(max(within, 0.0), 1.0 - 1e-9)


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
    pairs, count = moves(form), len(best)
    _, best, end = _shortened(pairs, best, best, end)
    highest = np.take(pairs.highest(best), pairs.set_of, axis=1)
    rest = _likeliest_rests(pairs, highest, end)
    if not np.isfinite(rest[0, end.start]):
        raise ValueError("no canvas has the form")
    return _walked(form, best, highest, rest, end.start, count)


def _shortened(pairs: Moves, logs: Reals, best: Reals, end: Ending) -> tuple[Reals, Reals, Ending]:
    """Without the places that are padding whatever is written: a form may have texts of so many tokens at most."""
    longest = pairs.longest
    if longest is None or longest >= len(logs):
        return logs, best, end
    weights = np.zeros_like(end.weights)
    weights[-1] = 1.0
    return logs[:longest], best[:longest], Ending(end.start, weights)


def _walked(
    form: TokenDfa, best: Reals, highest: Reals, rest: Reals, state: int, count: int
) -> tuple[Numbers, Numbers]:
    """The likeliest canvas of `count` places, by likeliest moves of each pair [C, P] and likeliest rests [C + 1, S]."""
    pairs = moves(form)
    weights = highest + np.take(rest[1:], pairs.targets, axis=1)
    first = pairs.first_of
    classes, states = np.empty(count, dtype=np.int64), np.empty(count + 1, dtype=np.int64)
    states[0] = state
    for place in range(count):
        if state == form.ended:
            _pad(form, classes, states, place)
            break
        low, high = first[state], first[state + 1]
        pair = low if high == low + 1 else low + int(weights[place, low:high].argmax())
        known = pairs.classes[pair]
        classes[place] = known[0 if len(known) == 1 else int(best[place, known].argmax())]
        states[place + 1] = state = pairs.target_of[pair]
    return classes, states


def _pad(form: TokenDfa, classes: Numbers, states: Numbers, place: int) -> None:
    """Behind the end there is only padding, from a place on."""
    classes[place:] = moves(form).pad_class
    states[place + 1 :] = form.ended


def _both_ways(pairs: Moves, weights: Reals, end: Ending) -> tuple[Reals, Reals, float]:
    """Sums of all rests from each state and of all ways to it, each place on a scale of its own.

    Both walks are done at once, one from either end, as one row of twice the states: what takes time is the number of
    calls, not of states.

    Returns:
        float64 [C + 1, S] rests, float64 [C + 1, S] ways, and the logarithm of what the first rests were divided by.
    """
    places, states, count = len(weights), len(end.weights), len(pairs.targets)
    rows = np.zeros((places + 1, 2 * states))
    rows[0, :states] = end.weights
    rows[0, states + end.start] = 1.0
    steps = np.zeros((places, count + len(pairs.by_target)))
    steps[:, :count] = weights[::-1]
    steps[:, count + pairs.real] = np.take(weights, pairs.by_target[pairs.real], axis=1)
    scale, moves, row = 0.0, np.empty(steps.shape[1]), rows[0]
    for number, (step, following) in enumerate(zip(steps, rows[1:], strict=True)):
        row.take(pairs.both, 0, moves, "clip")  # anything but "clip" copies once more
        np.multiply(moves, step, moves)
        np.add.reduceat(moves, pairs.first_both, 0, None, following)
        row = following
        if number % _SCALED_EACH == _SCALED_EACH - 1:
            total = float(row[:states].max())
            row[:states] /= total
            row[states:] /= row[states:].max()
            scale += log(total)
    return rows[::-1, :states], rows[:, states:], scale


def _likeliest_rests(pairs: Moves, weights: Reals, end: Ending) -> Reals:
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
def moves(form: TokenDfa) -> Moves:
    """A form's moves; the newest ones are kept."""
    return Moves(form)


class Moves:
    """A form's moves, and its pairs of source and target, which several moves may share: what runs need of them.

    Attributes:
        sources: int64 [P], source of each pair, ascending.
        targets: int64 [P], its target.
        target_of: The same as a list.
        classes: The classes of each pair.
        first: Where the pairs of each state begin; one that no tokens lead on from has a pair of no weight, to itself.
        first_of: The same as a list, and the end.
        by_target: int64 [P'], the pairs in the order of targets; a state to which nothing leads has one of no weight.
        real: Which of them are pairs.
        sources_by_target: Their sources in that order.
        first_target: Where the pairs to each state begin in that order.
        both: Indexes into rows of two halves, each a value a state: `targets` into the first, `sources_by_target` into
            the second.
        first_both: `first`, and `first_target` behind it.
        set_of: int64 [P], which of U sets of classes each pair's are.
        classes_of_sets: The classes of all sets, behind each other.
        classes_first: int64 [U + 1], where those of each set begin, and the end.
        pad_class: The class of padding.
        longest: Most tokens of a text, its end among them; None where there is no such bound.
    """

    def __init__(self, form: TokenDfa) -> None:
        self._weighty: slice | NDArray[np.int64]
        by_pair = np.lexsort((form.targets, form.sources))
        sources, targets, moved = form.sources[by_pair], form.targets[by_pair], form.moved[by_pair]
        starts = np.flatnonzero((np.diff(sources, prepend=-1) != 0) | (np.diff(targets, prepend=-1) != 0))
        pair_sources, self.targets = sources[starts], targets[starts]
        stuck = np.setdiff1d(np.arange(form.states), pair_sources)
        self._weighty = (
            slice(None) if not len(stuck) else np.searchsorted(stuck, pair_sources) + np.arange(len(pair_sources))
        )
        order = np.argsort(np.append(pair_sources, stuck), kind="stable")
        pair_sources, self.targets = np.append(pair_sources, stuck)[order], np.append(self.targets, stuck)[order]
        self.first = np.flatnonzero(np.diff(pair_sources, prepend=-1))
        self.first_of = [*self.first.tolist(), len(pair_sources)]
        self.sources, self.target_of = pair_sources, self.targets.tolist()
        ends = np.append(starts[1:], len(sources))
        known = iter(moved[a:z] for a, z in zip(starts.tolist(), ends.tolist(), strict=True))
        weighty = np.zeros(len(pair_sources), dtype=np.bool_)
        weighty[self._weighty] = True
        self.classes = [next(known) if real else np.zeros(1, dtype=np.int64) for real in weighty.tolist()]
        unreached = np.setdiff1d(np.arange(form.states), self.targets)
        targets = np.append(self.targets, unreached)
        order = np.argsort(targets, kind="stable")
        self.real = np.flatnonzero(order < len(self.targets))
        self.by_target = np.where(order < len(self.targets), order, 0)
        self.sources_by_target = pair_sources[self.by_target]
        self.first_target = np.flatnonzero(np.diff(targets[order], prepend=-1))
        self.both = np.append(self.targets, self.sources_by_target + form.states)
        self.first_both = np.append(self.first, self.first_target + len(self.targets))
        self.pad_class = int(self.classes[self.first_of[form.ended]][0])
        self.longest = self._longest(form)
        self._find_sets(weighty, form.classes)

    def _find_sets(self, weighty: NDArray[np.bool_], classes: int) -> None:
        """Many pairs have the same classes: those are looked at once, as a set; the last set is the empty one."""
        numbers: dict[bytes, int] = {}
        sets: list[NDArray[np.int64]] = []
        of = np.empty(len(self.targets), dtype=np.int64)
        for pair, (known, real) in enumerate(zip(self.classes, weighty.tolist(), strict=True)):
            key = known.tobytes()
            if real and key not in numbers:
                numbers[key] = len(sets)
                sets.append(known)
            of[pair] = numbers[key] if real else -1
        self.set_of = np.where(of < 0, len(sets), of)
        self.classes_of_sets = np.concatenate(sets)
        self.classes_first = np.cumsum([0, *(len(known) for known in sets), 0])
        self._members = np.zeros((len(sets) + 1, classes))
        for number, known in enumerate(sets):
            self._members[number, known] = 1.0
        self._pairs_by_set = np.argsort(self.set_of, kind="stable")
        ordered = self.set_of[self._pairs_by_set]
        self._first_of_set = np.flatnonzero(np.diff(ordered, prepend=-1))
        self._used = ordered[self._first_of_set]

    def _longest(self, form: TokenDfa) -> int | None:
        """Moves of the longest way to the end, by taking away states to which nothing leads any more."""
        arriving = np.bincount(self.targets, minlength=form.states).tolist()
        arriving[form.ended] -= 1  # its own
        free = [state for state, count in enumerate(arriving) if not count]
        far, taken = [0] * form.states, 0
        for state in free:
            taken += 1
            for target in self.target_of[self.first_of[state] : self.first_of[state + 1]]:
                if target == state:
                    continue
                far[target] = max(far[target], far[state] + 1)
                arriving[target] -= 1
                if not arriving[target]:
                    free.append(target)
        return max(1, far[form.ended]) if taken == form.states else None

    def highest(self, of_classes: Reals) -> Reals:
        """[C, K] values of classes -> [C, U] the highest of each set's, -inf for the empty one."""
        return self._reduced(np.maximum, of_classes, -np.inf)

    def summed(self, of_classes: Reals) -> Reals:
        """[C, K] values of classes -> [C, U] the sum of each set's, 0 for the empty one."""
        return self._reduced(np.add, of_classes, 0.0)

    def by_class(self, shares: Reals, sums: Reals) -> Reals:
        """[C, P] shares of pairs, [C, U] sums of their sets -> [C, K] what each class has of them for a mass of 1."""
        found = np.zeros_like(sums)
        found[:, self._used] = np.add.reduceat(np.take(shares, self._pairs_by_set, axis=1), self._first_of_set, axis=1)
        found /= np.where(sums > 0, sums, 1.0)
        return found @ self._members

    def _reduced(self, how: np.ufunc, of_classes: Reals, nothing: float) -> Reals:
        found = np.full((len(of_classes), len(self._members)), nothing)
        found[:, :-1] = how.reduceat(np.take(of_classes, self.classes_of_sets, axis=1), self.classes_first[:-2], axis=1)
        return found
