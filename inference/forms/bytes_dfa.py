"""From a language of characters to a deterministic automaton over UTF-8 bytes, as small as there is.

1. Thompson's construction, with characters as ranges of bytes (each range of code points is a few sequences of byte
   ranges).
2. Subsets of its states, over classes of bytes that no edge tells apart.
3. What cannot reach an end is dropped; what behaves alike becomes one state (Moore's refinement).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.forms.errors import FormError
from inference.forms.nodes import Alt, Chars, Node, Ranges, Repeat, Seq, Several

MOST_STATES = 4096
_MOST_NFA_STATES = 400_000
_HINT = "Make it simpler, or bound it more tightly: fewer and shorter repetitions."
DEAD = -1


@dataclass(frozen=True, slots=True, eq=False)
class ByteDfa:
    """A deterministic automaton; state 0 is the start.

    Attributes:
        step: int32 [S, 256], the state after a byte; -1 where no text of the language goes on so.
        accepts: bool [S], whether the text may end here.
    """

    step: NDArray[np.int32]
    accepts: NDArray[np.bool_]

    def matches(self, text: bytes) -> bool:
        """Whether a whole text is in the language."""
        state = self.run(text)
        return state != DEAD and bool(self.accepts[state])

    def run(self, text: bytes, state: int = 0) -> int:
        """The state after a text, -1 if nothing of the language begins so."""
        for byte in text:
            if state == DEAD:
                return DEAD
            state = int(self.step[state, byte])
        return state


def compile_bytes(language: Node) -> ByteDfa:
    """The smallest automaton of a language.

    Raises:
        FormError: It has no text at all, or needs more than `MOST_STATES` states.
    """
    nfa = _Nfa()
    start, end = nfa.state(), nfa.state()
    nfa.add(language, start, end)
    step, accepts = _subsets(nfa, start, end)
    return _smallest(step, accepts)


# -- 1. --------------------------------------------------------------------------------------------------------------


class _Nfa:
    """States with edges on ranges of bytes, and edges that take nothing."""

    def __init__(self) -> None:
        self.free: list[list[int]] = []
        self.edges: list[list[tuple[int, int, int]]] = []  # (first byte, last byte, target)

    def state(self) -> int:
        if len(self.free) >= _MOST_NFA_STATES:
            raise too_large()
        self.free.append([])
        self.edges.append([])
        return len(self.free) - 1

    def add(self, node: Node, start: int, end: int) -> None:
        """Ways from `start` to `end` that are the texts of `node`."""
        match node:
            case Chars(ranges):
                self._add_chars(ranges, start, end)
            case Seq(parts):
                for number, part in enumerate(parts):
                    target = end if number == len(parts) - 1 else self.state()
                    self.add(part, start, target)
                    start = target
                if not parts:
                    self.free[start].append(end)
            case Alt(ways):
                for way in ways:
                    inner = self.state()
                    self.free[start].append(inner)
                    self.add(way, inner, end)
            case Repeat(part, least, most):
                self._add_repeat(part, least, most, start, end)
            case Several(part, between):
                first, after = self.state(), self.state()
                self.free[start].append(first)
                self.add(part, first, after)
                self.add(between, after, first)
                self.free[after].append(end)

    def _add_repeat(self, part: Node, least: int, most: int | None, start: int, end: int) -> None:
        for _ in range(least):
            target = self.state()
            self.add(part, start, target)
            start = target
        if most is None:
            inside, after = self.state(), self.state()
            self.free[start].append(inside)
            self.add(part, inside, after)
            self.free[after] += [inside, end]
            self.free[inside].append(end)
            return
        self.free[start].append(end)
        for _ in range(most - least):
            target = self.state()
            self.add(part, start, target)
            self.free[target].append(end)
            start = target

    def _add_chars(self, ranges: Ranges, start: int, end: int) -> None:
        tails: dict[tuple[tuple[int, int], ...], int] = {(): end}
        for sequence in (sequence for low, high in ranges for sequence in utf8_ranges(low, high)):
            state = start
            for number, (first, last) in enumerate(sequence):
                rest = sequence[number + 1 :]
                target = tails.get(rest, -1) if number or len(sequence) == 1 or rest in tails else -1
                if target < 0:
                    target = tails[rest] = self.state()
                    self.edges[state].append((first, last, target))
                    state = target
                    continue
                self.edges[state].append((first, last, target))
                break


def utf8_ranges(low: int, high: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """The UTF-8 encodings of low..high as sequences of byte ranges, each of which is a full rectangle."""
    for top in (0x7F, 0x7FF, 0xFFFF):
        if low <= top < high:
            yield from utf8_ranges(low, top)
            low = top + 1
    first, last = chr(low).encode("utf-8", "surrogatepass"), chr(high).encode("utf-8", "surrogatepass")
    for depth in range(1, len(first)):
        mask = (1 << (6 * depth)) - 1
        if (low & ~mask) != (high & ~mask):
            if low & mask:
                yield from utf8_ranges(low, low | mask)
                yield from utf8_ranges((low | mask) + 1, high)
                return
            if high & mask != mask:
                yield from utf8_ranges(low, (high & ~mask) - 1)
                yield from utf8_ranges(high & ~mask, high)
                return
    yield tuple(zip(first, last, strict=True))


# -- 2. --------------------------------------------------------------------------------------------------------------


def _subsets(nfa: _Nfa, start: int, end: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    classes, of_byte = _byte_classes(nfa)
    closures: dict[int, frozenset[int]] = {}

    def closure(states: frozenset[int]) -> frozenset[int]:
        found: set[int] = set()
        for state in states:
            if state not in closures:
                closures[state] = _reached(nfa, state)
            found |= closures[state]
        return frozenset(found)

    moves: dict[int, list[tuple[int, int]]] = {}  # NFA state -> (class, target)
    for state, edges in enumerate(nfa.edges):
        moves[state] = [
            (number, target) for low, high, target in edges for number in range(of_byte[low], of_byte[high] + 1)
        ]
    first = closure(frozenset((start,)))
    numbers, waiting = {first: 0}, [first]
    rows: list[list[int]] = []
    while waiting:
        subset = waiting.pop()
        by_class: dict[int, set[int]] = {}
        for state in subset:
            for number, target in moves[state]:
                by_class.setdefault(number, set()).add(target)
        row = [numbers[subset], *([DEAD] * classes)]
        for number, targets in by_class.items():
            following = closure(frozenset(targets))
            if following not in numbers:
                if len(numbers) > 4 * MOST_STATES:
                    raise too_large()
                numbers[following] = len(numbers)
                waiting.append(following)
            row[number + 1] = numbers[following]
        rows.append(row)
    table = np.array(sorted(rows), dtype=np.int32)[:, 1:]
    accepts = np.zeros(len(numbers), dtype=np.bool_)
    for subset, number in numbers.items():
        accepts[number] = end in subset
    return table[:, of_byte], accepts


def _byte_classes(nfa: _Nfa) -> tuple[int, NDArray[np.intp]]:
    """How many classes of bytes there are, and the class of each byte; a class is a range, since edges are."""
    starts = np.zeros(257, dtype=np.intp)
    for edges in nfa.edges:
        for low, high, _ in edges:
            starts[low] = starts[high + 1] = 1
    starts[0] = 0
    of_byte = np.cumsum(starts[:256])
    return int(of_byte[-1]) + 1, of_byte


def _reached(nfa: _Nfa, state: int) -> frozenset[int]:
    """States that are reached without taking anything, and that have edges or are the end."""
    seen, waiting = {state}, [state]
    while waiting:
        for target in nfa.free[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return frozenset(each for each in seen if nfa.edges[each] or not nfa.free[each])


# -- 3. --------------------------------------------------------------------------------------------------------------


def _smallest(step: NDArray[np.int32], accepts: NDArray[np.bool_]) -> ByteDfa:
    count = len(step)
    sink = count
    full = np.vstack([np.where(step < 0, sink, step), np.full((1, 256), sink)])
    ends = np.append(accepts, False)
    alive = ends.copy()
    while True:
        more = alive | alive[full].any(axis=1)
        if (more == alive).all():
            break
        alive = more
    if not alive[0]:
        raise FormError("No text has this form.", "Look whether its parts contradict each other.")
    full[~alive[full]] = sink
    columns = np.unique(full, axis=1)  # bytes that no state tells apart are looked at once
    random = np.random.Generator(np.random.PCG64(0))
    weights = random.integers(1, 2**63, size=columns.shape[1] + 1, dtype=np.uint64) | np.uint64(1)
    group = np.where(alive, np.where(ends, 1, 2), 0)
    groups = len(np.unique(group))
    while True:
        # Rows are compared by a 64-bit sum: two of some thousand states are confused once in 10^12 runs.
        marks = random.integers(0, 2**63, size=groups + 3, dtype=np.uint64)
        rows = marks[group] * weights[-1] + (marks[group[columns]] * weights[:-1]).sum(axis=1, dtype=np.uint64)
        _, refined = np.unique(rows, return_inverse=True)
        if refined.max() + 1 == groups:
            break
        group, groups = refined, int(refined.max()) + 1
    return _renumbered(full, ends, group, sink)


def _renumbered(full: NDArray[np.int64], ends: NDArray[np.bool_], group: NDArray[np.intp], sink: int) -> ByteDfa:
    """One state a group, in the order in which they are reached from the start; the dead group is -1."""
    dead = int(group[sink])
    representative = {int(number): place for place, number in reversed(list(enumerate(group.tolist())))}
    order, reached = {int(group[0]): 0}, [int(group[0])]
    for number in reached:
        for target in dict.fromkeys(group[full[representative[number]]].tolist()):
            if target != dead and target not in order:
                order[target] = len(order)
                reached.append(target)
    if len(order) > MOST_STATES:
        raise too_large()
    step = np.full((len(order), 256), DEAD, dtype=np.int32)
    accepts = np.zeros(len(order), dtype=np.bool_)
    lookup = np.full(int(group.max()) + 1, DEAD, dtype=np.int32)
    for number, place in order.items():
        lookup[number] = place
    for number, place in order.items():
        step[place] = lookup[group[full[representative[number]]]]
        accepts[place] = ends[representative[number]]
    return ByteDfa(step, accepts)


def too_large() -> FormError:
    """The error of a form that is too large."""
    return FormError(f"This form needs more than {MOST_STATES} states.", _HINT)


# -- two forms at once ------------------------------------------------------------------------------------------------


def both(first: ByteDfa, second: ByteDfa) -> ByteDfa:
    """The automaton of the texts that are in both languages.

    Raises:
        FormError: There is none, or it needs more than `MOST_STATES` states.
    """
    width = len(second.step)
    numbers, reached, rows = {0: 0}, [0], list[NDArray[np.int32]]()
    for pair in reached:
        one, other = first.step[pair // width], second.step[pair % width]
        targets = np.where((one >= 0) & (other >= 0), one.astype(np.int64) * width + other, DEAD)
        found, where = np.unique(targets, return_inverse=True)
        for target in found[found >= 0].tolist():
            if target not in numbers:
                if len(numbers) > 4 * MOST_STATES:
                    raise too_large()
                numbers[target] = len(numbers)
                reached.append(target)
        rows.append(np.array([numbers.get(target, DEAD) for target in found.tolist()], dtype=np.int32)[where])
    accepts = np.array([first.accepts[pair // width] and second.accepts[pair % width] for pair in reached])
    return _smallest(np.array(rows), accepts)


# -- parts of a text -------------------------------------------------------------------------------------------------


def parts_of(text: str) -> ByteDfa:
    """The automaton of all runs of whole words of a text, as they stand there: linear in its length.

    Raises:
        FormError: The text has no word, or needs more than `MOST_STATES` states.
    """
    data = text.encode()
    nfa = _Nfa()
    start, end = nfa.state(), nfa.state()
    states = [nfa.state() for _ in range(len(data) + 1)]
    for place, byte in enumerate(data):
        nfa.edges[states[place]].append((byte, byte, states[place + 1]))
    for found in re.finditer(r"\S+", text):
        first, last = (len(text[:edge].encode()) for edge in found.span())
        nfa.free[start].append(states[first])
        nfa.free[states[last]].append(end)
    if not nfa.free[start]:
        raise FormError("The text has no words.", "Give a text to look in.")
    step, accepts = _subsets(nfa, start, end)
    return _smallest(step, accepts)
