"""A form on a canvas: marginals, samples and the best path are those of all canvases counted one by one."""

from __future__ import annotations

import itertools
import random
import re
import tracemalloc
from collections import Counter
from math import log

import numpy as np
import pytest

from inference.forms.bytes_dfa import compile_bytes
from inference.forms.canvas import Conditioned, best_path, ending
from inference.forms.compiling import byte_form
from inference.forms.errors import FormError
from inference.forms.nodes import choice
from inference.forms.regex import regex
from inference.forms.tokens_dfa import FAR, TokenDfa, compile_tokens
from inference.forms.vocabulary import Vocabulary, vocabulary
from inference.forms.wanted import Form

TEXTS = (b"a", b"b", b"ab", None, None)  # 3 ends, 4 pads
END, PAD, PLACES = 3, 4, 6


def _small() -> Vocabulary:
    return vocabulary(TEXTS, [END], PAD)


def _form(pattern: str, known: Vocabulary | None = None) -> TokenDfa:
    return compile_tokens(compile_bytes(regex(pattern)), known or _small())


def _by_class(form: TokenDfa, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Masses of classes, and logarithms of their likeliest tokens."""
    masses = np.zeros((len(shares), form.classes))
    best = np.full((len(shares), form.classes), -np.inf)
    for token, number in enumerate(form.class_of.tolist()):
        if number >= 0:
            masses[:, number] += shares[:, token]
            best[:, number] = np.maximum(best[:, number], np.log(shares[:, token]))
    return masses, best


def _allowed(pattern: str) -> list[tuple[int, ...]]:
    """Every canvas that has the form, found by trying all."""
    found = []
    for canvas in itertools.product(range(len(TEXTS)), repeat=PLACES):
        if END not in canvas:
            continue
        length = canvas.index(END)
        text = canvas[:length]
        if any(token >= END for token in text) or any(token != PAD for token in canvas[length + 1 :]):
            continue
        if re.fullmatch(pattern, b"".join(TEXTS[token] or b"" for token in text).decode()):
            found.append(canvas)
    return found


PATTERNS = ("(a|b)*ab?", "a{2,4}", "(ab)*", "b?a*b", "(?:a|ba){1,3}")


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("seed", [0, 1])
def test_marginals_chance_and_best_path_are_those_of_all_canvases(pattern: str, seed: int) -> None:
    form = _form(pattern)
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(TEXTS)), size=PLACES)
    masses, best = _by_class(form, shares)
    weights = {canvas: float(np.prod(shares[range(PLACES), canvas])) for canvas in _allowed(pattern)}
    total = sum(weights.values())
    expected = np.zeros((PLACES, form.classes))
    for canvas, weight in weights.items():
        expected[range(PLACES), form.class_of[list(canvas)]] += weight / total
    end = ending(form, form.start, 0)
    given = Conditioned(form, np.log(masses), best, end)
    assert given.chance == pytest.approx(log(total), abs=1e-9)
    np.testing.assert_allclose(given.marginals, expected, atol=1e-6)
    classes, states = best_path(form, best, end)
    for made, again in zip((classes, states), given.likeliest(), strict=True):
        assert np.array_equal(made, again)
    likeliest = max(weights, key=weights.__getitem__)
    score = best[range(PLACES), classes].sum()
    assert score == pytest.approx(log(weights[likeliest]), abs=1e-9)
    assert states[-1] == form.ended


def test_samples_are_drawn_as_often_as_they_are_likely() -> None:
    form = _form("(a|b)*ab?")
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(np.full(len(TEXTS), 2.0), size=PLACES)
    masses, best = _by_class(form, shares)
    given = Conditioned(form, np.log(masses), best, ending(form, form.start, 0))
    weights: Counter[tuple[int, ...]] = Counter()
    for canvas in _allowed("(a|b)*ab?"):
        weights[tuple(form.class_of[list(canvas)].tolist())] += float(np.prod(shares[range(PLACES), canvas]))
    total, draws = sum(weights.values()), 6_000
    drawn = Counter(tuple(given.sample(rng.random(PLACES, dtype=np.float32))[0].tolist()) for _ in range(draws))
    assert set(drawn) <= set(weights)
    often = [canvas for canvas in weights if weights[canvas] / total * draws >= 5]
    rest = draws - sum(drawn[canvas] for canvas in often)
    expected = [weights[canvas] / total * draws for canvas in often]
    square = sum((drawn[canvas] - mean) ** 2 / mean for canvas, mean in zip(often, expected, strict=True))
    left = draws - sum(expected)
    square += (rest - left) ** 2 / max(left, 1e-9) if left > 5 else 0.0
    freedom = len(often)
    assert square < freedom + 4.5 * (2 * freedom) ** 0.5, "chi-square, beyond four standard deviations"


def test_a_canvas_that_may_go_on_ends_where_the_rest_still_fits() -> None:
    form = _form("a{8}")
    masses = np.ones((4, form.classes)) / form.classes
    with pytest.raises(ValueError, match="no canvas has the form"):
        Conditioned(form, np.log(masses), np.log(masses), ending(form, form.start, 4))
    given = Conditioned(form, np.log(masses), np.log(masses), ending(form, form.start, 5))
    _, states = given.sample(np.full(4, 0.5, dtype=np.float32))
    following = Conditioned(form, *[np.zeros((5, form.classes))] * 2, ending(form, int(states[-1]), 0))
    classes, _ = following.sample(np.zeros(5, dtype=np.float32))
    assert classes.tolist() == [form.class_of[0]] * 4 + [form.class_of[END]]


def test_the_least_tokens_to_the_end_are_counted() -> None:
    form = _form("(?:ab){3}")
    assert form.shortest[form.start] == 4  # ab ab ab, and the end
    assert form.shortest[form.ended] == 0
    assert (form.shortest < FAR).all()


def test_tokens_cut_characters_anywhere_and_behave_as_their_bytes() -> None:
    rng = random.Random(7)
    text = "é漢🦊 né"
    pieces = {
        bytes(text.encode()[a:b]) for a in range(16) for b in range(a + 1, min(a + 4, 17)) if b <= len(text.encode())
    }
    known = vocabulary([*sorted(pieces), None, None], [len(pieces)], len(pieces) + 1)
    texts = sorted(pieces)
    bytes_form = compile_bytes(choice([text, "né", "漢漢"]))
    form = compile_tokens(bytes_form, known)
    for _ in range(2_000):
        state, place = rng.randrange(form.states - 1), rng.randrange(len(texts))
        expected = bytes_form.run(texts[place], state)
        found = form.step(state, place)
        assert found == expected or (found == -1 and expected >= 0 and form.shortest[expected] >= FAR)


def test_end_and_padding_may_be_one_token() -> None:
    form = compile_tokens(compile_bytes(regex("a")), vocabulary([b"a", None], [1], 1))
    assert form.step(form.step(0, 0), 1) == form.ended
    assert form.step(form.ended, 1) == form.ended


def test_a_vocabulary_that_cannot_write_the_form_is_refused() -> None:
    with pytest.raises(FormError, match="cannot write any text of this form"):
        _form("xyz")


def test_classes_are_tokens_that_behave_alike() -> None:
    rng = random.Random(9)
    letters = [bytes(rng.choices(b"abc", k=rng.randint(1, 4))) for _ in range(300)]
    known = vocabulary([*letters, None, None], [300], 301)
    form = compile_tokens(compile_bytes(regex("(?:a|bc)*b?")), known)
    rows = [tuple(form.step(state, token) for state in range(form.states - 1)) for token in range(300)]
    alike: dict[tuple[int, ...], int] = {}
    for row, number in zip(rows, form.class_of[:300].tolist(), strict=True):
        assert (number == -1) == (set(row) == {-1})
        if number >= 0:
            assert alike.setdefault(row, number) == number
    assert len(set(alike.values())) == len(alike)


def test_states_that_meet_are_walked_as_one() -> None:
    rng = random.Random(3)
    words = {
        ("" if rng.random() < 0.3 else " ") + "".join(rng.choices("etaoinshr", k=rng.randint(2, 7)))
        for _ in range(20_000)
    }
    known = vocabulary(
        [*(bytes([each]) for each in range(256)), *(word.encode() for word in sorted(words)), None, None], [0], 1
    )
    # A part that is written anew before a long text that is held: nearly every state takes every token.
    wanted = Form("otherwise", "river", ("The ", " runs past the old mill and the trees." * 8, ""))
    tracemalloc.start()
    try:
        form = compile_tokens(byte_form(wanted), known)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert form.states > 250
    assert most < 8 * form.states * known.size  # the pairs of states and tokens alone, walked one by one, are more
