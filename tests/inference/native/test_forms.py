"""A form's step by our kernels: what numpy computes, and what all canvases counted one by one say."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from inference.denoising import form_step as steps
from inference.denoising.form_step import Draw, FormStep, kernel_step, numpy_step
from inference.forms.bytes_dfa import compile_bytes
from inference.forms.canvas import ending
from inference.forms.live import live_tokens
from inference.forms.nodes import choice
from inference.forms.regex import regex
from inference.forms.tokens_dfa import TokenDfa, compile_tokens
from inference.forms.vocabulary import Vocabulary, vocabulary
from inference.native.library import usable_isas

ATOMS = ("a", "b", "c", "é", "[a-c]", "[^a]", ".", "ab", "漢", "x?")
COUNTS = ("*", "+", "?", "{2}", "{1,3}")


def random_pattern(rng: random.Random, depth: int) -> str:
    draw = rng.random()
    if depth == 0 or draw < 0.2:
        return rng.choice(ATOMS)
    if draw < 0.6:
        return random_pattern(rng, depth - 1) + random_pattern(rng, depth - 1)
    if draw < 0.8:
        return f"(?:{random_pattern(rng, depth - 1)}|{random_pattern(rng, depth - 1)})"
    return f"(?:{random_pattern(rng, depth - 1)}){rng.choice(COUNTS)}"


def pieces() -> Vocabulary:
    """Every byte, and words of up to five letters, so that classes have from one token to hundreds."""
    rng = random.Random(1)
    words = sorted({"".join(rng.choices("abcéx漢 .", k=rng.randint(1, 5))).encode() for _ in range(900)})
    texts = [bytes([byte]) for byte in range(256)] + [word for word in words if len(word) > 1]
    return vocabulary([*texts, None, None], [len(texts)], len(texts) + 1)


KNOWN = pieces()


def both(form: TokenDfa, seed: int, end_within: int = 0, start: int | None = None) -> tuple[FormStep, FormStep]:
    """What numpy and the kernels make of the same logits: of every sharpness, and from all but certain to even."""
    rng, live = np.random.default_rng(seed), live_tokens(form)
    places = int(rng.choice([9, 33, 64]))
    tempered = rng.normal(0, 4, (places, len(live.ids))) / rng.choice([1.0, 0.4, 0.13], (places, 1))
    draw = Draw(rng.random(places, dtype=np.float32), rng.random(places, dtype=np.float32))
    end = ending(form, form.start if start is None else start, end_within)
    inputs = form, live, end, tempered.astype(np.float32), draw
    return numpy_step(*inputs), kernel_step(*inputs)


def assert_same(reference: FormStep, made: FormStep) -> None:
    np.testing.assert_allclose(made.marginals, reference.marginals, atol=1e-6)
    np.testing.assert_allclose(made.best, reference.best, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(made.shares, reference.shares, atol=1e-5)
    np.testing.assert_allclose(made.entropy, reference.entropy, atol=1e-4)
    np.testing.assert_allclose(made.unasked, reference.unasked, atol=1e-4)
    assert np.array_equal(made.sampled, reference.sampled)
    assert np.array_equal(made.argmax, reference.argmax)
    assert np.array_equal(made.states, reference.states)


@pytest.mark.parametrize("isa", ["plain", "avx2", "avxvnni", "vnni256", "avx512"])
def test_random_forms_are_what_numpy_makes_of_them(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if isa not in usable_isas():
        pytest.skip(f"This processor has no {isa}.")
    monkeypatch.setattr(steps, "best_isa", lambda: isa)
    rng, done = random.Random(isa), 0
    for seed in range(30):
        form = compile_tokens(compile_bytes(regex(random_pattern(rng, 4))), KNOWN)
        if form.shortest[form.start] <= 9:
            assert_same(*both(form, seed, rng.choice([0, 3])))
            done += 1
    assert done > 15


def test_choices_end_before_the_canvas_does() -> None:
    form = compile_tokens(compile_bytes(choice(["a", "ab c", "xé漢"])), KNOWN)
    for seed in range(10):
        reference, made = both(form, seed)
        assert_same(reference, made)
        assert made.states[-1] == form.ended


def test_every_state_can_be_gone_on_from() -> None:
    form = compile_tokens(compile_bytes(regex("(?:ab|[^x]{2})*xc?")), KNOWN)
    for state in range(form.states):
        assert_same(*both(form, state, 1, state))


def test_marginals_are_those_of_all_canvases() -> None:
    form = compile_tokens(compile_bytes(regex("(?:a|ba){1,3}")), vocabulary((b"a", b"b", b"ab", None, None), [3], 4))
    live, rng = live_tokens(form), np.random.default_rng(3)
    logits = rng.normal(0, 2, (6, len(live.ids))).astype(np.float32)
    shares = np.exp(logits.astype(np.float64))
    expected = np.zeros(logits.shape)
    for canvas in itertools.product(range(len(live.ids)), repeat=6):
        state = form.start
        for token in canvas:
            state = -1 if state < 0 else form.step(state, int(live.ids[token]))
        if state == form.ended:
            expected[range(6), canvas] += np.prod(shares[range(6), canvas])
    made = kernel_step(form, live, ending(form, form.start, 0), logits, Draw(*rng.random((2, 6), dtype=np.float32)))
    np.testing.assert_allclose(made.shares, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


def test_what_a_double_cannot_hold_is_kept() -> None:
    """A form leaves only what the model finds all but impossible, place after place."""
    form = compile_tokens(compile_bytes(regex("(?:abc){4}|(?:cab){6}x")), KNOWN)
    live = live_tokens(form)
    logits = np.zeros((33, len(live.ids)), np.float32)
    logits[:, live.places[ord("a")]] = -600.0
    draw = Draw(np.full(33, 0.5, np.float32), np.full(33, 0.5, np.float32))
    end = ending(form, form.start, 0)
    assert_same(numpy_step(form, live, end, logits, draw), kernel_step(form, live, end, logits, draw))


def test_no_canvas_and_wrong_sizes_are_told() -> None:
    form = compile_tokens(compile_bytes(regex("a{40}")), vocabulary((b"a", None), [1], 1))
    live, draw = live_tokens(form), Draw(np.zeros(9, np.float32), np.zeros(9, np.float32))
    with pytest.raises(ValueError, match="no canvas has the form"):
        kernel_step(form, live, ending(form, form.start, 0), np.zeros((9, len(live.ids)), np.float32), draw)
    with pytest.raises(ValueError, match="not of one canvas"):
        kernel_step(form, live, ending(form, form.start, 0), np.zeros((8, len(live.ids)), np.float32), draw)
