"""The local hub, fresh for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.hub_server import Hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Both servers, running."""
    with Hub() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where downloads go; it does not exist yet."""
    return tmp_path / "models" / "one"
