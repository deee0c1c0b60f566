"""After a driver update engines are tested again without being asked; once, and never in a machine without the card."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.library.answering import ModelChoice, ModelPhase
from app.main import Parts
from tests.helpers.fake_engines import FakeEngines, detected
from tests.helpers.waiting import WAIT_MS

MODEL = ModelChoice(Path("/models/x"), "fake", "Big model")


def built(qtbot: QtBot, parts: Parts, fake: FakeEngines) -> None:
    """A complete set that passed its self-test; the card is closed again."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.controller.model._choice = MODEL
    parts.window.engines.on_engines()
    card = parts.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: card.offer is not None, timeout=WAIT_MS)
    card.build_button.click()
    qtbot.waitUntil(lambda: fake.tested == 1 and parts.engines.work is None, timeout=WAIT_MS)
    card.close()


def test_a_new_driver(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    built(qtbot, parts, fake_engines)
    fake_engines.card = detected(driver="590.10")
    with qtbot.waitSignal(parts.engines.work_ended, timeout=WAIT_MS) as ended:
        parts.window.engines.look_again()
    assert ended.args[0].ready
    assert not ended.args[0].work.build
    assert fake_engines.tested == 2
    with qtbot.waitSignal(parts.engines.looked, timeout=WAIT_MS):
        parts.window.engines.look_again()
    assert parts.engines.work is None
    assert fake_engines.tested == 2


def test_engines_that_fail_with_the_new_driver_are_tested_once(
    qtbot: QtBot, parts: Parts, fake_engines: FakeEngines
) -> None:
    built(qtbot, parts, fake_engines)
    fake_engines.card = detected(driver="590.10")
    fake_engines.errors_of_test = {"stack03": 1.5}
    with qtbot.waitSignal(parts.engines.work_ended, timeout=WAIT_MS) as ended:
        parts.window.engines.look_again()
    assert ended.args[0].failed
    fake_engines.card = detected(driver="600.10")
    with qtbot.waitSignal(parts.engines.looked, timeout=WAIT_MS):
        parts.window.engines.look_again()
    assert parts.engines.work is None
    assert fake_engines.tested == 2


def test_without_engines_nobody_looks(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    looks: list[object] = []
    monkeypatch.setattr(parts.engines, "look", lambda *what: looks.append(what))
    parts.window.engines.look_again()
    assert not looks
