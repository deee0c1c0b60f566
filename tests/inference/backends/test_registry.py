"""Backends by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.backends.fake import FakeBackend
from inference.backends.registry import BACKEND_NAMES, is_fake, open_backend
from inference.errors import KnownError, ModelFolderError


def no_progress(stage: str, fraction: float) -> None:
    """Nobody looks."""


@pytest.mark.parametrize("name", ["fake", "fake:slow", "fake:slow,long", "fake:thinking", "fake:instant"])
def test_fakes_open_without_a_folder(name: str) -> None:
    assert isinstance(open_backend(None, name, no_progress), FakeBackend)


def test_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="no backend named quantum") as caught:
        open_backend(tmp_path, "quantum", no_progress)
    assert all(name in caught.value.hint for name in BACKEND_NAMES)
    with pytest.raises(KnownError, match="no mode named fast") as caught:
        open_backend(None, "fake:fast", no_progress)
    assert "slow" in caught.value.hint


def test_the_unloadable_fake_cannot_be_loaded() -> None:
    with pytest.raises(ModelFolderError, match="cannot be loaded"):
        open_backend(None, "fake:unloadable", no_progress)


def test_fakes_are_known_by_name() -> None:
    assert [name for name in ("fake", "fake:slow", "faker", "onnx", "auto") if is_fake(name)] == ["fake", "fake:slow"]
