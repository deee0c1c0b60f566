"""From a folder to a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.backends.fake_model import NAME
from inference.errors import ModelFolderError
from inference.events import Finished
from inference.opening import open_session
from tests.inference.support import ask


def test_a_fake_session_needs_no_folder() -> None:
    seen: list[tuple[str, float]] = []
    with open_session(None, "fake", lambda stage, fraction: seen.append((stage, fraction))) as session:
        assert session.name == NAME
        events = list(session.generate(ask()))
    assert isinstance(events[-1], Finished)
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(stage for stage, _ in seen)


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="no model folder"):
        open_session(tmp_path / "nothing", "onnx")


def test_a_folder_that_holds_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "model-Q4_K_M.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelFolderError, match=r"is a GGUF file of llama\.cpp"):
        open_session(tmp_path, "onnx")


def test_no_folder_at_all_is_a_sentence() -> None:
    with pytest.raises(ModelFolderError, match="No model was chosen"):
        open_session(None, "onnx")
