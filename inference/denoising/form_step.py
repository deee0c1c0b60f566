"""One step of a canvas that keeps a form, from logits to tokens: by our kernels, or by numpy where there are none.

Both compute the same from the same draws. Marginals agree to 1e-6 and entropies to 1e-4 (the kernels' exponentials are
float32), the likeliest canvas wherever two are not as likely as each other to about 1e-6, the sample wherever no draw
falls so close beside a border.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_int32
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.forms.canvas import Conditioned, Ending, Floats, Reals, moves
from inference.forms.live import LiveTokens, view_of
from inference.forms.tokens_dfa import TokenDfa
from inference.forms.vocabulary import Numbers
from inference.native.library import ISAS, best_isa, is_there, load, pointer

_NO_CANVAS = 1


@dataclass(frozen=True, slots=True, eq=False)
class FormStep:
    """What one step makes of a canvas of C places, L live tokens and K classes.

    Attributes:
        marginals: float64 [C, K], mass of each class in each place, given the form.
        best: float64 [C, K], natural logarithm of the share of each class's likeliest token, the form not looked at.
        shares: float32 [C, L], mass of each live token, given the form.
        entropy: float32 [C], of those in nats.
        unasked: float32 [C], entropy of the live tokens by the model alone, the form not looked at.
        sampled: int64 [C], ids of tokens drawn together.
        argmax: int64 [C], ids of the likeliest canvas.
        states: int64 [C + 1], states between the places of `argmax`.
    """

    marginals: Reals
    best: Reals
    shares: Floats
    entropy: Floats
    unasked: Floats
    sampled: Numbers
    argmax: Numbers
    states: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """What chance decides in a step: two numbers in [0, 1) a place, for its class and for the token in that.

    Attributes:
        classes: float32 [C].
        tokens: float32 [C].
    """

    classes: Floats
    tokens: Floats


def form_step(form: TokenDfa, live: LiveTokens, end: Ending, tempered: Floats, draw: Draw) -> FormStep:
    """One step.

    Args:
        form: The automaton.
        live: Its tokens.
        end: Where the canvas begins and may end.
        tempered: float32 [C, L], finite logits of the live tokens, divided by the temperature.
        draw: What chance decides.

    Raises:
        ValueError: No canvas has the form.
    """
    return (kernel_step if _kernels_there() else numpy_step)(form, live, end, tempered, draw)


@cache
def _kernels_there() -> bool:
    return is_there()


# -- numpy -----------------------------------------------------------------------------------------------------------


def numpy_step(form: TokenDfa, live: LiveTokens, end: Ending, tempered: Floats, draw: Draw) -> FormStep:
    """See `form_step`; the reference."""
    seen = view_of(live, tempered)
    given = Conditioned(form, seen.logs, seen.best, end)
    marginals = given.marginals
    entropy = (marginals * (seen.inner - np.log(np.maximum(marginals, 1e-300)))).sum(axis=1)
    classes, _ = given.sample(draw.classes)
    sampled = live.ids[_drawn(live, seen.shares, classes, draw.tokens)]
    likeliest, states = given.likeliest()
    argmax = likeliest_tokens(live, tempered, likeliest)
    shares = seen.shares * np.repeat(marginals.astype(np.float32), np.diff(live.starts), axis=1)
    unasked = (np.exp(seen.logs) * (seen.inner - seen.logs)).sum(axis=1)
    return FormStep(marginals, seen.best, shares, _entropy(entropy), _entropy(unasked), sampled, argmax, states)


def _entropy(found: Reals) -> Floats:
    """Rounding may lead below nothing."""
    return np.maximum(found, 0.0).astype(np.float32)


def likeliest_tokens(live: LiveTokens, tempered: Floats, classes: Numbers) -> Numbers:
    """int64 [C]: the likeliest token of each place's class."""
    starts, places = live.starts, np.empty(len(classes), dtype=np.int64)
    for place, (first, last) in enumerate(zip(starts[classes].tolist(), starts[classes + 1].tolist(), strict=True)):
        places[place] = first if last == first + 1 else first + int(tempered[place, first:last].argmax())
    return live.ids[places]


def _drawn(live: LiveTokens, shares: Floats, classes: Numbers, uniforms: Floats) -> Numbers:
    """int64 [C]: a token of each place's class, as a place among the live ones."""
    places = live.starts[classes]
    for place, (first, last) in enumerate(zip(places.tolist(), live.starts[classes + 1].tolist(), strict=True)):
        if last > first + 1:
            summed = np.cumsum(shares[place, first:last], dtype=np.float64)
            found = int(np.searchsorted(summed, uniforms[place] * summed[-1], side="right"))
            places[place] = first + min(found, last - first - 1)
    return places


# -- our kernels -----------------------------------------------------------------------------------------------------


def kernel_step(form: TokenDfa, live: LiveTokens, end: Ending, tempered: Floats, draw: Draw) -> FormStep:
    """See `form_step`.

    Raises:
        MemoryError: There is not enough.
        NativeError: There are no kernels.
    """
    shape, count = _shape(form, live), len(tempered)
    if tempered.shape != (count, len(live.ids)) or not len(draw.classes) == len(draw.tokens) == count:
        raise ValueError("logits and draws are not of one canvas")
    marginals, best = np.empty((count, form.classes)), np.empty((count, form.classes))
    shares, entropies = np.empty(tempered.shape, np.float32), np.empty((2, count), np.float32)
    sampled, argmax, states = (np.empty(count + extra, np.int64) for extra in (0, 0, 1))
    given: list[NDArray[Any]] = [
        np.ascontiguousarray(end.weights, np.float64),
        *(np.ascontiguousarray(each, np.float32) for each in (tempered, draw.classes, draw.tokens)),
    ]
    made: list[NDArray[Any]] = [marginals, best, shares, *entropies, sampled, argmax, states, np.empty(1)]
    found = load().dp_form_step(
        ISAS.index(best_isa()), ctypes.addressof(shape), count, end.start, *(pointer(each) for each in (*given, *made))
    )
    if found == _NO_CANVAS:
        raise ValueError("no canvas has the form")
    if found:
        raise MemoryError("a step of a form")
    return FormStep(marginals, best, shares, entropies[0], entropies[1], live.ids[sampled], live.ids[argmax], states)


class _Shape(Structure):
    """`FormShape` of native/source/forms.c; keeps its arrays alive."""

    _fields_ = (
        *((name, c_int32) for name in ("states", "pairs", "sets", "classes", "live", "ended", "pad_class", "longest")),
        *((name, POINTER(c_int32)) for name in ("first", "target", "set_of", "set_first", "set_classes", "live_first")),
    )
    arrays: list[NDArray[np.int32]]


@lru_cache(maxsize=16)
def _shape(form: TokenDfa, live: LiveTokens) -> _Shape:
    known = moves(form)
    arrays = [
        np.ascontiguousarray(each, np.int32)
        for each in (
            known.first_of, known.targets, known.set_of, known.classes_first, known.classes_of_sets, live.starts,
        )
    ]  # fmt: skip
    sizes = (
        form.states, len(known.targets), len(known.classes_first) - 1, form.classes, len(live.ids), form.ended,
        known.pad_class, known.longest or 0,
    )  # fmt: skip
    made = _Shape(*sizes, *(each.ctypes.data_as(POINTER(c_int32)) for each in arrays))
    made.arrays = arrays
    return made
