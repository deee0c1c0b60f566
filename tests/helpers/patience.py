"""Threads get all the time that a busy machine needs to end; a test in which one hangs says so by `hurried`."""

from __future__ import annotations

import pytest

from app.bridge import engines, gpu, library, model_process, updates
from tests.helpers.waiting import WAIT_SECONDS

SOON = 10.0  # seconds, before a model process is killed that does not end by itself


@pytest.fixture(autouse=True)
def patient_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of the product are for users who wait; what is tested here is that threads end, not how soon."""
    for module in (gpu, library, updates):
        monkeypatch.setattr(module, "POLITE_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(engines, "POLITE_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(engines, "FORCED_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(model_process, "POLITE_SECONDS", SOON)
    monkeypatch.setattr(model_process, "FORCED_SECONDS", WAIT_SECONDS)


@pytest.fixture
def hurried(patient_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hangs is killed soon."""
    monkeypatch.setattr(engines, "POLITE_SECONDS", 0.1)
    monkeypatch.setattr(model_process, "POLITE_SECONDS", 0.1)
