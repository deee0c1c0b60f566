"""From an automaton over bytes to one over a checkpoint's tokens, in which tokens that behave alike are one class.

An answer on a canvas is a text of the form, an end-of-text token, and padding to the canvas's end. So two states come
after those of the bytes: *ended*, where only padding follows. Characters may be cut anywhere by tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.forms.bytes_dfa import ByteDfa
from inference.forms.errors import FormError
from inference.forms.vocabulary import Numbers, Vocabulary

NO_CLASS = -1  # of tokens that are allowed nowhere
FAR = np.iinfo(np.int64).max // 4


@dataclass(frozen=True, slots=True, eq=False)
class TokenDfa:
    """A deterministic automaton over tokens; its moves are sorted by source, then by class.

    Attributes:
        states: How many; the last one is *ended*.
        start: The state before the first token.
        class_of: int32 [V], the class of each token, -1 for none.
        classes: How many classes.
        sources: int64 [M], state before a move.
        moved: int64 [M], class of a move.
        targets: int64 [M], state after it.
        accepts: bool [S], whether the text is whole here (an end-of-text token may follow, or has).
        shortest: int64 [S], least tokens until *ended*, the end-of-text token among them.
    """

    states: int
    start: int
    class_of: NDArray[np.int32]
    classes: int
    sources: Numbers
    moved: Numbers
    targets: Numbers
    accepts: NDArray[np.bool_]
    shortest: Numbers

    @property
    def ended(self) -> int:
        """The state behind the end-of-text token."""
        return self.states - 1

    def step(self, state: int, token: int) -> int:
        """The state after a token, -1 if it is not allowed."""
        wanted = int(self.class_of[token])
        low, high = np.searchsorted(self.sources, (state, state + 1))
        place = int(np.searchsorted(self.moved[low:high], wanted)) + int(low)
        found = wanted != NO_CLASS and place < high and self.moved[place] == wanted
        return int(self.targets[place]) if found else -1


def compile_tokens(form: ByteDfa, known: Vocabulary) -> TokenDfa:
    """The automaton of a form over a vocabulary.

    1. Walk every beginning of a token from every state at once, as long as the form goes on.
    2. Tokens with the same moves are one class; their moves are those of one of them.
    3. Behind whole texts comes an end-of-text token, then padding.
    4. Count the least tokens to the end.

    Raises:
        FormError: The vocabulary cannot write any text of the form.
    """
    # 1.
    tokens, sources, targets = _walked(form, known)
    # 2.
    class_of, moves = _classes(tokens, sources, targets, known.size)
    classes = int(class_of.max(initial=-1)) + 1
    # 3.
    ended = len(form.step)
    end_class, pad_class = classes, classes + 1
    class_of[list(known.ends)] = end_class
    if known.pad in known.ends:  # one token for both
        pad_class = end_class
    else:
        class_of[known.pad] = pad_class
    whole = np.flatnonzero(form.accepts)
    table = np.vstack(
        [
            moves,
            np.column_stack([whole, np.full_like(whole, end_class), np.full_like(whole, ended)]),
            np.array([[ended, pad_class, ended]]),
        ]
    )
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    # 4.
    shortest = _shortest(table, ended)
    if shortest[0] >= FAR:
        raise FormError("This model's vocabulary cannot write any text of this form.", "Use other characters.")
    table = table[shortest[table[:, 2]] < FAR]
    return TokenDfa(
        states=ended + 1,
        start=0,
        class_of=class_of,
        classes=max(end_class, pad_class) + 1,
        sources=np.ascontiguousarray(table[:, 0]),
        moved=np.ascontiguousarray(table[:, 1]),
        targets=np.ascontiguousarray(table[:, 2]),
        accepts=np.append(form.accepts, True),
        shortest=shortest,
    )


def _walked(form: ByteDfa, known: Vocabulary) -> tuple[Numbers, Numbers, Numbers]:
    """Every (token, state before, state after) that the form allows."""
    step = form.step
    # Pairs of a node and the state in which it was begun; sorted by node, as levels are by parent.
    node = np.zeros(len(step), dtype=np.int64)
    begun = np.arange(len(step))
    now = begun.copy()
    found: list[tuple[Numbers, Numbers, Numbers]] = []
    for level in known.levels:
        first = np.searchsorted(node, np.arange(int(level.parent.max(initial=-1)) + 2))
        count = first[level.parent + 1] - first[level.parent]
        child = np.repeat(np.arange(len(level.parent)), count)
        offset = np.arange(len(child)) - np.repeat(np.cumsum(count) - count, count)
        pair = first[level.parent][child] + offset
        after = step[now[pair], level.byte[child]]
        alive = after >= 0
        node, begun, now = child[alive], begun[pair[alive]], after[alive].astype(np.int64)
        first = np.searchsorted(node, np.arange(len(level.parent) + 1))
        count = first[level.at + 1] - first[level.at]
        which = np.repeat(np.arange(len(level.tokens)), count)
        pair = first[level.at][which] + np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        found.append((level.tokens[which], begun[pair], now[pair]))
    tokens, sources, targets = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return tokens, sources, targets


def _classes(
    tokens: Numbers, sources: Numbers, targets: Numbers, size: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The class of each token, and the moves [M, 3] (source, class, target) of the classes.

    Rows of moves are compared by a 64-bit sum, which confuses two of 262,144 rows once in 10^8 vocabularies.
    """
    mixed = _mix(sources.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + targets.astype(np.uint64) + np.uint64(1))
    marks = np.zeros(size, dtype=np.uint64)
    order = np.argsort(tokens, kind="stable")
    tokens, sources, targets, mixed = tokens[order], sources[order], targets[order], mixed[order]
    if not len(tokens):
        return np.full(size, NO_CLASS, dtype=np.int32), np.zeros((0, 3), dtype=np.int64)
    starts = np.flatnonzero(np.concatenate([[True], tokens[1:] != tokens[:-1]]))
    marks = np.add.reduceat(mixed, starts)
    _, first, number = np.unique(marks, return_index=True, return_inverse=True)
    class_of = np.full(size, NO_CLASS, dtype=np.int32)
    class_of[tokens[starts]] = number
    ends = np.append(starts[1:], len(tokens))
    rows = [np.arange(starts[place], ends[place]) for place in first.tolist()]
    rows_of = np.concatenate(rows)
    numbers = np.repeat(np.arange(len(first)), [len(row) for row in rows])
    return class_of, np.column_stack([sources[rows_of], numbers, targets[rows_of]])


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64's finaliser: every bit of the input changes half of the output."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _shortest(table: NDArray[np.int64], ended: int) -> Numbers:
    """Least moves from each state to *ended* (breadth first, backwards)."""
    far = np.full(ended + 1, FAR, dtype=np.int64)
    far[ended] = 0
    while True:
        nearer = far.copy()
        np.minimum.at(nearer, table[:, 0], far[table[:, 2]] + 1)
        nearer[ended] = 0
        if (nearer == far).all():
            return far
        far = nearer
