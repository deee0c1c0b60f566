"""The self-test in a process of its own, on a machine without a GPU: one sentence, and no certificate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.fake_engines import detected
from tests.trt_engines.building.support import STARTER, request_for
from trt_engines.building.names import MANIFEST
from trt_engines.building.state import read_certificate
from trt_engines.building.store import EngineManifest, EngineStore, Part, write_json
from trt_engines.errors import EngineError
from trt_engines.selftest.run import self_test

CARD = detected("RTX 4070", "580")
pytestmark = pytest.mark.skipif(
    os.path.exists("/dev/nvidia0"), reason="this machine has a GPU, and the case is one without"
)


def test_engines_that_are_not_complete(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not complete"):
        next(self_test(EngineStore(tmp_path), request_for(STARTER, tmp_path), CARD))


def test_without_a_gpu_nothing_is_certified(tmp_path: Path) -> None:
    store, request = EngineStore(tmp_path / "engines"), request_for(STARTER, tmp_path)
    folder = store.folder(request.identity)
    folder.mkdir(parents=True)
    names = tuple(job.name for job in request.jobs(folder))
    parts = {name: Part(f"{name}.plan", 4, "0" * 64, 1, 1, 1.0) for name in names}
    write_json(folder / MANIFEST, EngineManifest(request.identity, "Starter", str(STARTER), names, parts, "now"))
    with pytest.raises(EngineError) as caught:
        list(self_test(store, request, CARD))
    assert "CUDA" in caught.value.user_text
    assert "\n" not in caught.value.user_text
    assert read_certificate(store.find(request.identity)) is None
