"""From a language of characters to a deterministic automaton over UTF-8 bytes, as small as there is.

1. Thompson's construction, with characters as ranges of bytes (each range of code points is a few sequences of byte
   ranges).
2. Subsets of its states, over classes of bytes that no edge tells apart.
3. What cannot reach an end is dropped; what behaves alike becomes one state (Moore's refinement).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inference.forms.errors import FormError, FormLengthError, FormSizeError
from inference.forms.nodes import MOST_CODE_POINT, Alt, Chars, InOrder, Node, Ranges, Repeat, Seq, Several
from inference.forms.vocabulary import SIGN_BYTE

MOST_STATES = 4096
_MOST_NFA_STATES = 120_000
_MOST_WORK = 1_000_000  # states and edges of the construction that are looked at; about half a second
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
    _refuse_large(language)
    nfa = _Nfa()
    start, end = nfa.state(), nfa.state()
    nfa.add(language, start, end)
    step, accepts = _subsets(nfa, start, end)
    return _smallest(step, accepts)


def _refuse_large(language: Node) -> None:
    """Refuse what is too large for certain, before anything is built.

    A form's least text needs as many states as it has characters, and Thompson's construction a state for each part.
    """
    known: dict[int, tuple[float, float]] = {}

    def sized(node: Node) -> tuple[float, float]:
        if id(node) not in known:
            known[id(node)] = count(node)
        return known[id(node)]

    def count(node: Node) -> tuple[float, float]:  # least characters (infinite: no text), least states
        match node:
            case Chars(ranges):
                return (1, 0) if ranges else (math.inf, 0)
            case Seq(parts):
                sizes = [sized(part) for part in parts]
                return sum(least for least, _ in sizes), sum(states for _, states in sizes) + max(0, len(sizes) - 1)
            case Alt(ways):
                sizes = [sized(way) for way in ways]
                return min((least for least, _ in sizes), default=math.inf), sum(states + 1 for _, states in sizes)
            case Repeat(part, fewest, most):
                least, states = sized(part)
                times = fewest + 1 if most is None else most
                return least * fewest if fewest else 0, times * (states + 1)
            case Several(part, between):
                return sized(part)[0], sized(part)[1] + sized(between)[1]
            case InOrder(pairs, between):
                sizes = [sized(part) for part, _ in pairs]
                least = sum(size for (size, _), (_, required) in zip(sizes, pairs, strict=True) if required)
                return least, sum(states + sized(between)[1] for _, states in sizes)

    least, states = sized(language)
    if MOST_STATES <= least < math.inf:
        raise FormLengthError(
            f"Every text of this form has at least {int(least)} characters; forms of up to {MOST_STATES - 1} are kept.",
            "Make it shorter.",
        )
    if states > _MOST_NFA_STATES:
        raise too_large()


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
            case Repeat(Repeat(part, few, many), least, most) if few <= 1:  # (x{0,3}){2,5} is x{0,15}
                product = 0 if 0 in (many, most) else None if many is None or most is None else many * most
                self.add(Repeat(part, few * least, product), start, end)
            case Repeat(part, least, most):
                self._add_repeat(part, least, most, start, end)
            case Several(part, between):
                first, after = self.state(), self.state()
                self.free[start].append(first)
                self.add(part, first, after)
                self.add(between, after, first)
                self.free[after].append(end)
            case InOrder(parts, between):
                self._add_in_order(parts, between, start, end)

    def _add_in_order(self, parts: Sequence[tuple[Node, bool]], between: Node, start: int, end: int) -> None:
        """Two lines of states: where nothing stands before, and where something does."""
        alone, behind = start, self.state()
        for part, required in parts:
            begun, next_alone, next_behind = self.state(), self.state(), self.state()
            self.free[alone].append(begun)
            self.add(between, behind, begun)
            self.add(part, begun, next_behind)
            if not required:
                self.free[alone].append(next_alone)
                self.free[behind].append(next_behind)
            alone, behind = next_alone, next_behind
        self.free[alone].append(end)
        self.free[behind].append(end)

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
        edges, inner = _char_edges(ranges)
        names = [start, end, *(self.state() for _ in range(inner))]
        for source, low, high, target in edges:
            self.edges[names[source]].append((low, high, names[target]))


@lru_cache(maxsize=256)
def _char_edges(ranges: Ranges) -> tuple[list[tuple[int, int, int, int]], int]:
    """The smallest automaton of one character: edges (source, first byte, last byte, target), how many states within.

    Source and target 0 are the start, 1 the end, further ones stand within.
    """
    numbers: dict[tuple[tuple[int, int, int], ...], int] = {}
    edges: list[tuple[int, int, int, int]] = []

    def state_of(tails: list[tuple[tuple[int, int], ...]]) -> int:
        if tails == [()]:
            return 1
        row = row_of(tails)
        if row not in numbers:
            numbers[row] = len(numbers) + 2
            edges.extend((numbers[row], *edge) for edge in row)
        return numbers[row]

    def row_of(tails: list[tuple[tuple[int, int], ...]]) -> tuple[tuple[int, int, int], ...]:
        borders = sorted({edge for (low, high), *_ in tails for edge in (low, high + 1)})
        row: list[tuple[int, int, int]] = []
        for low, after in pairwise(borders):
            inside = [rest for (first, last), *rest in tails if first <= low and last >= after - 1]
            if not inside:
                continue
            target = state_of([tuple(rest) for rest in inside])
            if row and row[-1][1] == low - 1 and row[-1][2] == target:
                row[-1] = (row[-1][0], after - 1, target)
            else:
                row.append((low, after - 1, target))
        return tuple(row)

    for edge in row_of([sequence for low, high in ranges for sequence in utf8_ranges(low, high)]):
        edges.append((0, *edge))
    return edges, len(numbers)


def utf8_ranges(low: int, high: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """The UTF-8 encodings of low..high as sequences of byte ranges, each of which is a full rectangle.

    What is beyond all characters is a sign: one byte out of those that UTF-8 never has.
    """
    if low > MOST_CODE_POINT:
        first, last = (SIGN_BYTE + code - MOST_CODE_POINT - 1 for code in (low, high))
        yield ((first, last),)
        return
    for top in (0x7F, 0x7FF, 0xFFFF):
        if low <= top < high:
            yield from utf8_ranges(low, top)
            low = top + 1
    begin, end = chr(low).encode("utf-8", "surrogatepass"), chr(high).encode("utf-8", "surrogatepass")
    for depth in range(1, len(begin)):
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
    yield tuple(zip(begin, end, strict=True))


# -- 2. --------------------------------------------------------------------------------------------------------------


def _subsets(nfa: _Nfa, start: int, end: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    classes, of_byte = _byte_classes(nfa)
    class_of = of_byte.tolist()
    first, _ = _closure(nfa, (start,))
    numbers, waiting, work = {first: 0}, [first], 0
    rows: list[list[int]] = []
    while waiting:
        subset = waiting.pop()
        by_class: dict[int, set[int]] = {}
        for state in subset:
            for low, high, target in nfa.edges[state]:
                for number in range(class_of[low], class_of[high] + 1):
                    by_class.setdefault(number, set()).add(target)
        row = [DEAD] * (classes + 1)
        row[0] = numbers[subset]
        known: dict[frozenset[int], frozenset[int]] = {}  # many classes lead to the same
        for number, targets in by_class.items():
            begun = frozenset(targets)
            following = known.get(begun)
            if following is None:
                following, looked = _closure(nfa, begun)
                known[begun] = following
                work += looked
                if work > _MOST_WORK:
                    raise too_intricate()
            if following not in numbers:
                if len(numbers) > 4 * MOST_STATES:
                    raise too_large()
                numbers[following] = len(numbers)
                waiting.append(following)
            row[number + 1] = numbers[following]
        work += len(subset)
        if work > _MOST_WORK:
            raise too_intricate()
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


def _closure(nfa: _Nfa, states: Iterable[int]) -> tuple[frozenset[int], int]:
    """States that are reached without taking anything, and that have edges or are the end; how many were looked at."""
    seen, waiting = set(states), list(states)
    while waiting:
        for target in nfa.free[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return frozenset(each for each in seen if nfa.edges[each] or not nfa.free[each]), len(seen)


# -- 3. --------------------------------------------------------------------------------------------------------------


def _smallest(step: NDArray[np.int32], accepts: NDArray[np.bool_]) -> ByteDfa:
    count = len(step)
    sink = count
    full = np.vstack([np.where(step < 0, sink, step), np.full((1, 256), sink)])
    ends = np.append(accepts, False)
    far = _distances(_columns(full), ends)
    alive = far >= 0
    if not alive[0]:
        raise FormError("No text has this form.", "Look whether its parts contradict each other.")
    if len(np.unique(far[alive])) > MOST_STATES:  # states that are not equally far from an end are not alike
        raise too_large()
    full[~alive[full]] = sink
    _, group = np.unique(far, return_inverse=True)
    group = _refined(_columns(full), group)
    return _renumbered(full, ends, group, sink)


def _columns(full: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bytes that no state tells apart are looked at once; told apart by a 64-bit sum."""
    random = np.random.Generator(np.random.PCG64(1))
    weights = random.integers(1, 2**63, size=(len(full), 1), dtype=np.uint64) | np.uint64(1)
    _, first = np.unique((full.astype(np.uint64) * weights).sum(axis=0, dtype=np.uint64), return_index=True)
    return np.ascontiguousarray(full[:, first])


def _refined(targets: NDArray[np.int64], group: NDArray[np.intp]) -> NDArray[np.intp]:
    """Split groups of states [S] until those of one go on to the same groups, whatever comes: `targets` [S, columns].

    Each state has a mark: a 64-bit sum over its columns, which confuses two of some thousand states once in 10^12 runs.
    What a round splits off changes the marks of those that lead there, and they alone are looked at in the next one:
    a chain of counted repetitions splits off one state in each of thousands of rounds.

    Raises:
        FormError: More than `MOST_STATES` groups, and that of what cannot reach an end.
    """
    count, width = targets.shape
    random = np.random.Generator(np.random.PCG64(0))
    values = random.integers(0, 2**63, size=count + 1, dtype=np.uint64)
    weights = random.integers(1, 2**63, size=(width,), dtype=np.uint64) | np.uint64(1)
    order = np.argsort(targets, axis=None, kind="stable")
    arriving = np.searchsorted(targets.ravel()[order], np.arange(count + 1))
    sources, weight = order // width, weights[order % width]
    group = group.copy()
    groups = int(group.max()) + 1
    marks = (values[group[targets]] * weights).sum(axis=1, dtype=np.uint64)
    common = np.zeros(count + 1, dtype=np.uint64)  # mark of those of a group that are not looked at
    sizes = np.bincount(group, minlength=count + 1)
    looked = np.arange(count)
    while len(looked):
        split, groups = _split(group, marks, common, sizes, looked, groups)
        if groups > MOST_STATES + 1:
            raise too_large()
        states, before = split
        which, edges = _edges(arriving, states)
        change = (values[group[states]] - values[before])[which] * weight[edges]
        np.add.at(marks, sources[edges], change)
        looked = np.unique(sources[edges])
    return group


def _edges(arriving: NDArray[np.int64], states: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edges that lead to some states: which of them each leads to, and where it stands in the order of targets."""
    first, count = arriving[states], arriving[states + 1] - arriving[states]
    which = np.repeat(np.arange(len(states)), count)
    return which, first[which] + np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)


def _split(
    group: NDArray[np.intp],
    marks: NDArray[np.uint64],
    common: NDArray[np.uint64],
    sizes: NDArray[np.int64],
    looked: NDArray[np.int64],
    groups: int,
) -> tuple[tuple[NDArray[np.int64], NDArray[np.intp]], int]:
    """Give new groups to those of `looked` whose mark is not that of their group's others.

    Returns:
        The states that have another group now, with those that they had; and how many groups there are.
    """
    order = looked[np.lexsort((marks[looked], group[looked]))]
    of, mark = group[order], marks[order]
    fresh = np.append(True, (of[1:] != of[:-1]) | (mark[1:] != mark[:-1]))
    first = np.flatnonzero(fresh)
    lengths = np.diff(np.append(first, len(order)))
    parts_of, parts_mark = of[first], mark[first]
    whole = np.bincount(of, minlength=groups)[parts_of] == sizes[parts_of]  # nobody of the group is left out
    # The part that stays: the common mark's, or the largest where there are no others.
    by_size = np.lexsort((-lengths, parts_of))
    largest = np.zeros(len(first), dtype=np.bool_)
    largest[by_size[np.flatnonzero(np.append(True, np.diff(parts_of[by_size]) != 0))]] = True
    stays = np.where(whole, largest, parts_mark == common[parts_of])
    common[parts_of[stays]] = parts_mark[stays]
    leaves = np.flatnonzero(~stays)
    numbers = np.zeros(len(first), dtype=np.intp)
    numbers[leaves] = groups + np.arange(len(leaves))
    part = np.cumsum(fresh) - 1
    moved = ~stays[part]
    states, before = order[moved], of[moved]
    made = groups + len(leaves)
    if made <= len(sizes):
        common[numbers[leaves]] = parts_mark[leaves]
        sizes[numbers[leaves]] = lengths[leaves]
        np.subtract.at(sizes, parts_of[leaves], lengths[leaves])
        group[states] = numbers[part[moved]]
    return (states, before), made


def _distances(targets: NDArray[np.int64], ends: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 [S]: least bytes from each state to where a text may end, -1 where none can; breadth first, backwards."""
    count = len(targets)
    sources = np.repeat(np.arange(count), targets.shape[1])
    pairs = np.unique(targets.ravel().astype(np.int64) * count + sources)
    after, before = pairs // count, (pairs % count).tolist()
    first = np.searchsorted(after, np.arange(count + 1)).tolist()
    far = np.where(ends, 0, -1).tolist()
    reached = np.flatnonzero(ends).tolist()
    for state in reached:
        for source in before[first[state] : first[state + 1]]:
            if far[source] < 0:
                far[source] = far[state] + 1
                reached.append(source)
    return np.array(far, dtype=np.int64)


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


def too_large() -> FormSizeError:
    """The error of a form that is too large."""
    return FormSizeError(f"This form needs more than {MOST_STATES} states.", _HINT)


def too_intricate() -> FormSizeError:
    """The error of a form of which too much may hold at once."""
    return FormSizeError("This form can be read in too many ways at once.", _HINT)


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


def without(first: ByteDfa, second: ByteDfa) -> ByteDfa:
    """The automaton of the texts of one language that are in no other.

    Raises:
        FormError: There is none, or it needs more than `MOST_STATES` states.
    """
    sink = len(second.step)
    step = np.vstack([np.where(second.step < 0, sink, second.step), np.full((1, 256), sink)])
    return both(first, ByteDfa(step.astype(np.int32), np.append(~second.accepts, True)))


# -- parts of a text -------------------------------------------------------------------------------------------------


def parts_of(text: str) -> ByteDfa:
    """The automaton of all runs of whole words of a text, as they stand there: linear in its length.

    Raises:
        FormError: The text has no word, or needs more than `MOST_STATES` states.
    """
    data = text.encode()
    if (size := len(text.strip().encode())) >= MOST_STATES:  # a state each, as the whole of it is one of its parts
        raise FormError(
            f"The text to look in has {size} bytes; {MOST_STATES - 1} are the most.", "Give a shorter part of it."
        )
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
