"""The switch that keeps rows behind a settled end of text: which rows, what they keep, and what is seen of them."""

from __future__ import annotations

import numpy as np
import pytest

from inference import ChatTurn, GenerationRequest
from inference.backends.base import DenoiseStep
from inference.backends.native import NativeBackend
from inference.backends.settled_end import KEPT, ROWS_BEHIND_END_VARIABLE, SettledEnd
from inference.events import Finished
from inference.native.cores import Cores
from inference.opening import open_session
from tests.helpers.checkpoints import STARTER

PAD, EOS = 0, 1


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def step_of(argmax: list[int], number: int = 0) -> DenoiseStep:
    """A step that found these tokens; everything else of it is `number`."""
    ids = np.array(argmax)
    floats = np.full(len(ids), number, np.float32)
    return DenoiseStep(ids, ids, floats, ids[:, None], floats[:, None], floats[:, None])


@pytest.mark.parametrize(
    ("before", "found", "now", "rows"),
    [
        ([7, EOS, PAD, PAD, PAD], [7, EOS, PAD, PAD, PAD], [7, EOS, PAD, PAD, PAD], 2),
        ([7, EOS, PAD, 9, PAD], [7, EOS, PAD, PAD, PAD], [7, EOS, PAD, PAD, PAD], 4),  # noise went in
        ([7, EOS, PAD, PAD, PAD], [7, EOS, PAD, 9, PAD], [7, EOS, PAD, PAD, PAD], 4),  # something else came out
        ([7, EOS, PAD, PAD, PAD], [7, EOS, PAD, PAD, PAD], [7, EOS, 9, PAD, PAD], 3),  # it melted
        ([7, 8, PAD, PAD, PAD], [7, 8, PAD, PAD, PAD], [7, 8, PAD, PAD, PAD], 5),  # there is no end
        ([PAD] * 5, [PAD] * 5, [PAD] * 5, 5),
        ([7, EOS, PAD, PAD, 9], [7, EOS, PAD, PAD, 9], [7, EOS, PAD, PAD, 9], 5),
    ],
)
def test_rows_behind_an_end_that_did_not_change(before: list[int], found: list[int], now: list[int], rows: int) -> None:
    end = SettledEnd(PAD, (EOS, 5))
    assert end.rows(np.array(before), None, 20) == 5
    last = end.joined(np.array(before), step_of(found), 20)
    assert end.rows(np.array(now), last.state, 20) == rows


def test_another_canvas_is_computed_whole() -> None:
    end, canvas = SettledEnd(PAD, (EOS,)), np.array([7, EOS, PAD, PAD])
    last = end.joined(canvas, step_of(canvas.tolist()), 20)
    assert end.rows(canvas, last.state, 20) == 2
    assert end.rows(canvas, None, 20) == 4
    assert end.rows(canvas, last.state.copy(), 20) == 4
    assert end.rows(canvas, last.state, 24) == 4


def test_what_is_not_computed_is_what_it_was() -> None:
    end, canvas = SettledEnd(PAD, (EOS,)), np.array([7, EOS, PAD, PAD])
    end.joined(canvas, step_of(canvas.tolist(), 1), 20)
    joined = end.joined(canvas, step_of([8, EOS], 2), 20)
    assert joined.argmax.tolist() == [8, EOS, PAD, PAD]
    for values in (joined.entropy, joined.top_probs[:, 0], joined.state[:, 0]):
        assert values.tolist() == [2, 2, 1, 1]
    assert end.computed == 4 + 2


@pytest.mark.parametrize("cached", [1, 40])
def test_rows_see_the_places_behind_them_as_they_were(cached: int) -> None:
    """With nothing changed, the first rows alone give what they gave with all."""
    backend = NativeBackend.open(STARTER, _quiet, "int8", None, Cores(2, ()))
    rng = np.random.default_rng(cached)
    backend.encode(rng.integers(12, 2048, cached))
    count = backend.config.canvas_length
    canvas, uniforms = rng.integers(12, 2048, count), rng.random(count).astype(np.float32)
    first = backend.denoise(canvas, None, 0.8, uniforms)
    whole = backend.denoise(first.argmax, first.state, 0.6, uniforms)
    backend.end = SettledEnd(PAD, (EOS,))
    backend.end.rows = lambda canvas, state, cached: 70  # type: ignore[method-assign]
    backend.end.joined(first.argmax, whole, backend.length)
    part = backend.denoise(first.argmax, first.state, 0.6, uniforms)
    np.testing.assert_array_equal(part.argmax, whole.argmax)
    np.testing.assert_allclose(part.entropy, whole.entropy, atol=1e-6)
    np.testing.assert_allclose(part.state, whole.state, atol=1e-5)
    backend.close()


def test_the_switch_leaves_rows_out_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for value in ("", KEPT):
        monkeypatch.setenv(ROWS_BEHIND_END_VARIABLE, value)
        with open_session(STARTER, "native") as session:
            backend = session._backend
            assert isinstance(backend, NativeBackend)
            assert backend.device.endswith(", rows behind an end kept") == bool(value)
            for seed in range(3):
                request = GenerationRequest((ChatTurn("user", "How do I rename a chat?"),), seed=seed)
                answers.append(next(event.answer for event in session.generate(request) if isinstance(event, Finished)))
            if backend.end is not None:
                assert backend.end.computed < 0.9 * backend.end.asked
    assert answers[:3] == answers[3:]
