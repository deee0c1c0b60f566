"""From an automaton over bytes to one over a checkpoint's tokens, in which tokens that behave alike are one class.

An answer on a canvas is a text of the form, an end-of-text token, and padding to the canvas's end. So two states come
after those of the bytes: *ended*, where only padding follows. Characters may be cut anywhere by tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.forms.bytes_dfa import ByteDfa
from inference.forms.errors import FormError
from inference.forms.vocabulary import Numbers, Vocabulary

NO_CLASS = -1  # of tokens that are allowed nowhere
_AT_ONCE = 4096  # classes that are walked together, for the memory
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

    1. Walk every beginning of a token from every state at once, as long as the form goes on. States that meet go on as
       one: in a long text that is held, nearly all do after a byte or two.
    2. Tokens with the same moves are one class; one of them is walked from every state.
    3. Behind whole texts comes an end-of-text token, then padding.
    4. Count the least tokens to the end.

    Raises:
        FormError: The vocabulary cannot write any text of the form.
    """
    # 1.
    tokens, marks = _marked(form, known)
    # 2.
    class_of, moves = _classes(form, known, tokens, marks)
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


def _marked(form: ByteDfa, known: Vocabulary) -> tuple[Numbers, NDArray[np.uint64]]:
    """The tokens that the form allows somewhere, and what each does to all states as one number.

    The number is the sum of r(state before) s(state after), modulo 2^64, with numbers that look random: it is linear in
    r, so states that have met are one from there on, with the sum of theirs. Two tokens that do other things have one
    number about once in 2^64 pairs, which confuses two of 262,144 tokens once in 10^8 vocabularies.
    """
    states = len(form.step)
    before = _mix(np.arange(states, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    behind = _mix(np.arange(states, dtype=np.uint64) + np.uint64(0xD1B54A32D192ED03))
    # Pairs of a node and a state that is reached there, sorted by node, as levels are by parent.
    node, now, weight = np.zeros(states, dtype=np.int64), np.arange(states), before
    tokens, marks = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    for level in known.levels:
        first = np.searchsorted(node, np.arange(int(level.parent.max(initial=-1)) + 2))
        count = first[level.parent + 1] - first[level.parent]
        child = np.repeat(np.arange(len(level.parent)), count)
        pair = first[level.parent][child] + np.arange(len(child)) - np.repeat(np.cumsum(count) - count, count)
        after = form.step[now[pair], level.byte[child]]
        alive = after >= 0
        key, weight = child[alive] * states + after[alive], weight[pair[alive]]
        if not len(key):
            break
        order = np.argsort(key, kind="stable")
        key, starts = _groups(key[order])
        weight = np.add.reduceat(weight[order], starts)
        node, now = np.divmod(key, states)
        reached, starts = _groups(node)
        mark = np.add.reduceat(weight * behind[now], starts)
        place = np.minimum(np.searchsorted(reached, level.at), len(reached) - 1)
        here = reached[place] == level.at
        tokens.append(level.tokens[here])
        marks.append(mark[place[here]])
    return np.concatenate(tokens), np.concatenate(marks)


def _groups(ordered: Numbers) -> tuple[Numbers, Numbers]:
    """The different numbers of a sorted list, and where each begins."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[starts], starts


def _classes(
    form: ByteDfa, known: Vocabulary, tokens: Numbers, marks: NDArray[np.uint64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The class of each token, and the moves [M, 3] (source, class, target) of the classes."""
    class_of = np.full(known.size, NO_CLASS, dtype=np.int32)
    _, first, number = np.unique(marks, return_index=True, return_inverse=True)
    class_of[tokens] = number
    dead = len(form.step)
    step = np.vstack([form.step, np.full((1, form.step.shape[1]), dead, dtype=form.step.dtype)])
    step[step < 0] = dead
    found = [np.zeros((0, 3), dtype=np.int64)]
    for numbers, texts in _texts(known, tokens[first]):
        for begin in range(0, len(numbers), _AT_ONCE):
            now = np.broadcast_to(np.arange(dead)[:, None], (dead, len(numbers[begin : begin + _AT_ONCE])))
            for byte in texts[begin : begin + _AT_ONCE].T:
                now = step[now, byte]
            source, column = np.nonzero(now < dead)
            found.append(np.column_stack([source, numbers[begin + column], now[source, column]]).astype(np.int64))
    return class_of, np.concatenate(found)


def _texts(known: Vocabulary, tokens: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Places among some tokens, and the bytes [N, length] of those, for each length."""
    place_of = np.full(known.size, -1, dtype=np.int64)
    place_of[tokens] = np.arange(len(tokens))
    for depth, level in enumerate(known.levels):
        here = place_of[level.tokens] >= 0
        node = level.at[here]
        texts = np.zeros((len(node), depth + 1), dtype=np.int64)
        for place in range(depth, -1, -1):
            texts[:, place] = known.levels[place].byte[node]
            node = known.levels[place].parent[node]
        yield place_of[level.tokens[here]], texts


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
