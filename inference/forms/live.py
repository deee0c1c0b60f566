"""The tokens that a form allows anywhere, sorted by class, and what a step's logits say of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.forms.tokens_dfa import TokenDfa
from inference.forms.vocabulary import Numbers

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LiveTokens:
    """Tokens that have a class, those of one class beside each other.

    Attributes:
        ids: int64 [L].
        starts: int64 [K + 1], where each class begins, and the end.
        places: int64 [V], where each token stands in `ids`, -1 for none.
    """

    ids: Numbers
    starts: Numbers
    places: Numbers


def live_tokens(form: TokenDfa) -> LiveTokens:
    """The tokens of a form; every class has at least one."""
    order = np.argsort(form.class_of, kind="stable")
    ids = order[np.searchsorted(form.class_of[order], 0) :].astype(np.int64)
    starts = np.searchsorted(form.class_of[ids], np.arange(form.classes + 1))
    places = np.full(len(form.class_of), -1, dtype=np.int64)
    places[ids] = np.arange(len(ids))
    return LiveTokens(ids, starts.astype(np.int64), places)


@dataclass(frozen=True, slots=True, eq=False)
class ClassView:
    """What C places' logits say of K classes.

    Attributes:
        logs: float64 [C, K], natural logarithm of the share of each class among the live tokens, at the temperature.
        best: float64 [C, K], natural logarithm of the share of each class's likeliest token.
        inner: float64 [C, K], entropy within each class in nats.
        shares: float32 [C, L], share of each live token within its class.
    """

    logs: Reals
    best: Reals
    inner: Reals
    shares: Floats


def view_of(live: LiveTokens, tempered: Floats) -> ClassView:
    """Look at the logits [C, L] of the live tokens, divided by the temperature, class by class.

    Shares are taken within each class first: a class that a model rules out, of which the form leaves no other, still
    has its likeliest token.
    """
    first = live.starts[:-1]
    counts = np.diff(live.starts)
    top = np.maximum.reduceat(tempered, first, axis=1)
    shares = tempered - np.repeat(top, counts, axis=1)
    weighted = np.exp(shares)
    shares *= weighted
    total = np.add.reduceat(weighted, first, axis=1).astype(np.float64)
    inner = np.log(total) - np.add.reduceat(shares, first, axis=1) / total
    highest = top.max(axis=1, keepdims=True).astype(np.float64)
    relative = top - highest
    whole = np.log((np.exp(relative) * total).sum(axis=1, keepdims=True))
    weighted /= np.repeat(total.astype(np.float32), counts, axis=1)
    best = relative - whole
    return ClassView(best + np.log(total), best, np.maximum(inner, 0.0), weighted)
