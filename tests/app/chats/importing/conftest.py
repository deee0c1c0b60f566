"""What tests of imports share."""

from __future__ import annotations

import pytest

from app.chats.importing import importer
from app.chats.importing.reading import read_apart


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece of an import is as small as can be."""
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    monkeypatch.setattr(importer, "HOLD_SECONDS", 0.0)
