"""What a TensorRT backend notes and keeps around its passes; the passes themselves: `tests/trt_engines/runtime`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from inference.backends.fake import FakeBackend
from inference.backends.fake_model import fake_config
from inference.backends.tensorrt import TensorRtBackend, _resident_now
from inference.engines.usable import UsableEngines
from inference.errors import KnownError
from inference.events import CardReads
from inference.opening import open_session
from tests.inference.support import ask
from trt_engines.building.identity import Identity
from trt_engines.building.names import ATTEMPT
from trt_engines.building.store import EngineManifest, Part
from trt_engines.errors import EngineError
from trt_engines.planning.planner import always_bytes
from trt_engines.planning.shape import PUBLISHED
from trt_engines.runtime.runner import ModelRunner
from trt_engines.runtime.safe_mode import Attempt
from trt_engines.tensorrt.runtime_cache import RuntimeCache

MACHINE = "581.15 tensorrt_rtx 1.7.1"
IDS = np.arange(3, dtype=np.int64)


class _Runner:
    """Passes that compute nothing, and look at the note meanwhile."""

    context, length, streamed, capacity_reruns, given_back = 1024, 0, 0, 0, False
    weights_read = 7 * 10**9

    def __init__(self, folder: Path) -> None:
        self.file, self.pending, self.fails = folder / ATTEMPT, list[bool](), False

    def encode(self, ids: Any) -> None:
        self.pending.append(json.loads(self.file.read_text())["pending"] if self.file.exists() else False)
        if self.fails:
            raise EngineError("The card is full.", "Close other programs.")

    def denoise(self, *_: object) -> Any:
        self.encode(None)
        return type("Made", (), dict.fromkeys(("argmax", "sampled", "entropy", "top_ids", "top_probs", "state")))

    def close(self) -> None:
        pass


class _Kernels(RuntimeCache):
    """Counts how often they are kept."""

    saved = 0

    def save(self) -> bool:
        self.saved += 1
        return True


def opened(folder: Path, kernels: RuntimeCache | None = None) -> tuple[TensorRtBackend, _Runner, bool]:
    """A backend that has been loaded, its runner, and whether it is careful."""
    attempt, runner = Attempt(folder, MACHINE), _Runner(folder)
    with attempt:
        assert (folder / ATTEMPT).exists()
    backend = TensorRtBackend(fake_config(), cast("ModelRunner", runner), "card", 256, kernels, attempt)
    return backend, runner, attempt.safe


def one_step(backend: TensorRtBackend) -> None:
    backend.encode(IDS)
    backend.denoise(IDS, None, 1.0, np.zeros(3))


def test_a_model_that_is_opened_and_closed_unasked_never_becomes_careful(tmp_path: Path) -> None:
    careful = []
    for asked in (False, True, False, True, True, True):
        backend, _, safe = opened(tmp_path)
        careful.append(safe)
        if asked:
            one_step(backend)
        backend.close()
    assert careful == [False] * 6
    assert not (tmp_path / ATTEMPT).exists()


def test_only_passes_up_to_the_first_step_are_noted(tmp_path: Path) -> None:
    backend, runner, _ = opened(tmp_path)
    backend.encode(IDS)
    assert not (tmp_path / ATTEMPT).exists(), "a process that is killed now did nothing on the card"
    one_step(backend)
    one_step(backend)
    assert runner.pending == [True, True, True, False, False]


def test_a_first_pass_that_fails_makes_the_next_attempt_careful(tmp_path: Path) -> None:
    backend, runner, _ = opened(tmp_path)
    runner.fails = True
    with pytest.raises(KnownError, match="The card is full"):
        backend.encode(IDS)
    backend.close()
    backend, _, safe = opened(tmp_path)
    assert safe
    one_step(backend)
    backend.close()
    assert not opened(tmp_path)[2]


def test_kernels_are_kept_when_nobody_waits_and_not_before_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels, clock = _Kernels(None), iter(range(0, 100_000, 60))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    backend, _, _ = opened(tmp_path, kernels)
    for _ in range(3):
        one_step(backend)
    assert kernels.saved == 0, "a minute between all passes, and somebody waits"
    backend.keep_compiled()
    assert kernels.saved == 1
    backend.close()
    assert kernels.saved == 2


def test_a_session_that_rests_tells_its_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_session(None, "fake") as session:
        session.rest()  # nothing to keep
    told: list[str] = []
    monkeypatch.setattr(FakeBackend, "keep_compiled", lambda self: told.append("now"), raising=False)
    with open_session(None, "fake") as session:
        assert list(session.generate(ask()))
        assert not told
        session.rest()
        assert told == ["now"]


def test_what_a_step_reads_is_told_with_what_was_measured(tmp_path: Path) -> None:
    runner = cast("ModelRunner", _Runner(tmp_path))
    backend = TensorRtBackend(fake_config(), runner, "card", 256, rate=900e9)
    assert backend.work == CardReads(7 * 10**9, 900e9)
    assert opened(tmp_path)[0].work.rate == 0.0, "nobody measured"


@pytest.mark.parametrize(("context_bytes", "resident"), [(0, 10), (1, 7)])
def test_what_contexts_keep_is_no_room_for_weights(context_bytes: int, resident: int) -> None:
    """A set that just fits; with a byte less, two slots are needed, and what lies in them."""
    plan = SimpleNamespace(context=8192, head_rows=256)
    names = [f"stack{first:02}" for first in range(10)]
    parts = {name: Part(f"{name}.plan", 1, "", 1 << 30, 700 << 20, 1.0) for name in names}
    parts["embed"] = Part("embed.plan", 1, "", 0, 0, 1.0, context_bytes)
    free = always_bytes(PUBLISHED, 8192, 256, 700 << 20) + (10 << 30) + 5
    found = SimpleNamespace(
        choice=SimpleNamespace(plan=plan, request=SimpleNamespace(shape=PUBLISHED)), card=SimpleNamespace(free=free)
    )
    manifest = EngineManifest(cast("Identity", None), "m", "", tuple(parts), parts, "")
    assert _resident_now(cast("UsableEngines", found), manifest, 5) == resident
