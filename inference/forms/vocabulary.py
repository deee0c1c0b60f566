"""A vocabulary as a trie of bytes, so that all tokens are walked through an automaton at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
# Bytes from here on are in no UTF-8 text: in a form each of them is a sign, which stands for a control token.
SIGN_BYTE = 0xF8


@dataclass(frozen=True, slots=True, eq=False)
class TrieLevel:
    """The nodes of one depth: all beginnings of so many bytes.

    Attributes:
        parent: int64 [N], index of the node one byte shorter.
        byte: int64 [N], the last byte.
        tokens: int64 [T], ids of tokens that end at a node of this depth.
        at: int64 [T], the node of each.
    """

    parent: Numbers
    byte: Numbers
    tokens: Numbers
    at: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """What a form needs to know of a checkpoint's tokens.

    Attributes:
        size: How many ids there are.
        levels: The trie; depth 1 first.
        ends: Ids that end an answer.
        pad: The id that fills a canvas behind the end.
        digest: Of all that; equal for the same vocabulary on every computer.
    """

    size: int
    levels: tuple[TrieLevel, ...]
    ends: tuple[int, ...]
    pad: int
    digest: str


def vocabulary(texts: Sequence[bytes | None], ends: Iterable[int], pad: int, signs: Sequence[int] = ()) -> Vocabulary:
    """The trie of a vocabulary.

    Args:
        texts: The bytes of each id; None or nothing for ids without text, which no form lets through.
        ends: Ids that end an answer.
        pad: The id that fills a canvas behind the end.
        signs: Ids of the control tokens that a form may hold; bytes that no text has stand for them.
    """
    known = [(text, number) for number, text in enumerate(texts) if text and max(text) < SIGN_BYTE]
    known += [(bytes([SIGN_BYTE + place]), number) for place, number in enumerate(signs)]
    known.sort()
    lengths = np.array([len(text) for text, _ in known], dtype=np.int64)
    ids = np.array([number for _, number in known], dtype=np.int64)
    longest = int(lengths.max(initial=0))
    nodes = np.zeros(len(known), dtype=np.int64)  # of each token's beginning, at the depth that is looked at
    active = np.arange(len(known))
    levels = []
    for depth in range(longest):
        active = active[lengths[active] > depth]
        byte = np.fromiter((known[place][0][depth] for place in active.tolist()), np.int64, len(active))
        # Sorted texts with one beginning stand together: a node begins where parent or byte changes.
        key = nodes[active] * 256 + byte
        fresh = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=np.bool_)
        number = np.cumsum(fresh) - 1
        first = np.flatnonzero(fresh)
        parent = nodes[active][first]
        nodes[active] = number
        ending = lengths[active] == depth + 1
        levels.append(TrieLevel(parent, byte[first], ids[active[ending]], number[ending]))
    closing = tuple(sorted(set(ends)))
    digest = hashlib.sha256(repr((len(texts), closing, pad)).encode() + lengths.tobytes() + ids.tobytes())
    digest.update(b"".join(text for text, _ in known))
    return Vocabulary(len(texts), tuple(levels), closing, pad, digest.hexdigest())
