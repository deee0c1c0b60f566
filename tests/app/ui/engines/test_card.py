"""The engine card: what it shows and what its buttons do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from app.library.answering import ModelChoice, ModelPhase
from app.main import Parts
from app.ui.engines import words
from app.ui.engines.card import EngineCard
from app.ui.engines.log import EngineLog
from app.ui.widgets.question import Question
from tests.app.ui.conftest import MakeWindow
from tests.helpers.fake_engines import FakeEngines, build_error, detected
from tests.helpers.waiting import WAIT_MS, steady

MODEL = ModelChoice(Path("/models/x"), "fake", "Big model")


def opened(qtbot: QtBot, parts: Parts) -> EngineCard:
    """The card of a model with files, after its first look."""
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.controller.model._choice = MODEL
    parts.window.actions_by_name["engines"].trigger()
    card = parts.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: card._status is not None, timeout=WAIT_MS)
    return card


def headline(card: EngineCard) -> str:
    """What the banner says."""
    return card.banner.headline.text()


def enabled(card: EngineCard) -> list[str]:
    """Texts of the buttons below that can be pressed."""
    buttons: list[QAbstractButton] = [card.delete, card.verify, card.build_button, card.prune]
    return [button.text() for button in buttons if button.isVisible() and button.isEnabled()]


def wait_idle(qtbot: QtBot, parts: Parts, text: str) -> None:
    """Until nothing is done any more and the banner says `text`."""
    card = parts.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: parts.engines.work is None and headline(card) == text, timeout=WAIT_MS)


def agree(card: EngineCard) -> Question:
    """Say yes to the question that is open."""
    question = next(each for each in card.findChildren(Question) if each.isVisible())
    question.agree.click()
    return question


def shown_text(card: EngineCard) -> str:
    """All that can be read."""
    return "\n".join(label.text() for label in card.findChildren(QLabel) if label.isVisible())


def test_nothing_is_built_yet(qtbot: QtBot, parts: Parts) -> None:
    card = opened(qtbot, parts)
    assert headline(card) == "Not built yet"
    assert enabled(card) == ["Build"]
    assert card.facts.precision.currentText() == "INT4 (4 bits) \u00b7 recommended"
    text = shown_text(card)
    for words_of in ("RTX 4070", "581.15", "TensorRT for RTX 1.7.1", "tokens/s", "estimate", "free", "BF16: In bf16"):
        assert words_of in text, words_of


def test_build_verify_delete(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    card = opened(qtbot, parts)
    card.build_button.click()
    wait_idle(qtbot, parts, "Ready")
    assert enabled(card) == ["Delete \u2026", "Verify", "Rebuild"]
    assert "passed on" in shown_text(card)
    assert "All engines on this disk: 1 set" in card.disk.text()
    fake_engines.errors_of_test = {"stack03": 1.5}
    card.verify.click()
    wait_idle(qtbot, parts, "The self-test failed")
    assert "Layer 4 off by 1.5, where 0.02 is allowed." in card.banner.detail.text()
    card.delete.click()
    question = next(each for each in card.findChildren(Question) if each.isVisible())
    assert "come free" in "\n".join(label.text() for label in question.findChildren(QLabel))
    question.cancel.click()
    assert enabled(card) == ["Delete \u2026", "Verify", "Rebuild"]
    card.delete.click()
    agree(card)
    wait_idle(qtbot, parts, "Not built yet")
    assert enabled(card) == ["Build"]


def test_rebuild_asks_and_begins_anew(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    card = opened(qtbot, parts)
    card.build_button.click()
    wait_idle(qtbot, parts, "Ready")
    card.build_button.click()
    assert parts.engines.work is None
    fake_engines.gate.clear()
    agree(card)
    qtbot.waitUntil(lambda: "Segment 2 of 35" in card.work.part.text(), timeout=WAIT_MS)
    fake_engines.gate.set()
    wait_idle(qtbot, parts, "Ready")
    assert fake_engines.tested == 2


def test_while_building(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    card = opened(qtbot, parts)
    fake_engines.gate.clear()
    card.build_button.click()
    qtbot.waitUntil(lambda: card.work.part.text() == "Segment 2 of 35 (output)", timeout=WAIT_MS)
    assert card.work.isVisible()
    assert not card.banner.isVisible()
    assert enabled(card) == []
    assert card.work.phase.full_text == "Building engine"
    assert "2 %" in card.work.left.text()
    assert card.work.bar.value() > 0
    card.work.log.click()
    (log,) = card.findChildren(EngineLog)
    assert log.box.toPlainText() == "building head\n"
    assert log.windowTitle() == "Log of output"
    log.reject()
    card.work.stop.click()
    assert not card.work.stop.isEnabled()
    wait_idle(qtbot, parts, "Unfinished")
    assert "1 of 35 segments are built" in card.banner.detail.text()
    assert enabled(card) == ["Delete \u2026", "Go on building"]
    fake_engines.gate.set()
    card.build_button.click()
    wait_idle(qtbot, parts, "Ready")


def test_closing_the_card_stops_nothing(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    card = opened(qtbot, parts)
    fake_engines.gate.clear()
    card.build_button.click()
    card.close_button.click()
    link = parts.window.engines.link
    qtbot.waitUntil(lambda: link.text() == "Building engines \u00b7 2 %", timeout=WAIT_MS)
    assert link.isVisible()
    assert parts.controller.send("Hello?")  # one may chat meanwhile
    link.click()
    assert card.isVisible()
    card.close_button.click()
    fake_engines.gate.set()
    qtbot.waitUntil(lambda: parts.engines.work is None, timeout=WAIT_MS)
    assert not link.isVisible()
    assert parts.window.pane.notice.text == words.ENGINES_TESTED
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)


def test_an_error_is_shown_with_its_log(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    card = opened(qtbot, parts)
    fake_engines.error = build_error("stack01")
    card.build_button.click()
    wait_idle(qtbot, parts, "The process that built stack01 was ended from outside.")
    assert card.banner.property("tone") == "bad"
    assert card.banner.log.isVisible()
    qtbot.waitUntil(lambda: card.build_button.text() == "Go on building", timeout=WAIT_MS)
    fake_engines.error = None
    card.build_button.click()
    wait_idle(qtbot, parts, "Ready")


@pytest.mark.parametrize(
    ("missing", "sentence"), [("card", "No NVIDIA driver"), ("version", "TensorRT cannot be used")]
)
def test_without_gpu_or_tensorrt_there_are_no_dead_buttons(
    qtbot: QtBot, parts: Parts, fake_engines: FakeEngines, missing: str, sentence: str
) -> None:
    setattr(fake_engines, missing, None if missing == "card" else "")
    card = opened(qtbot, parts)
    assert headline(card).startswith(sentence)
    assert card.banner.detail.text()
    visible = [button.text() for button in card.findChildren(QAbstractButton) if button.isVisible()]
    assert visible == ["Close"]


def test_a_model_without_files(qtbot: QtBot, parts: Parts) -> None:
    parts.window.engines.on_engines()
    card = parts.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: "no files" in headline(card), timeout=WAIT_MS)


def test_stale_engines_say_why_and_can_be_freed(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    card = opened(qtbot, parts)
    card.build_button.click()
    wait_idle(qtbot, parts, "Ready")
    fake_engines.version = "1.8.0"
    parts.window.engines.on_engines()
    wait_idle(qtbot, parts, "Out of date")
    assert "TensorRT version: built for 1.7.1, this is 1.8.0" in card.banner.detail.text()
    assert "Rebuild" in enabled(card)
    assert "Verify" not in enabled(card)
    card.prune.click()
    agree(card)
    wait_idle(qtbot, parts, "Not built yet")
    assert not card.disk.isVisible()


def test_a_deletion_that_the_system_refuses(
    qtbot: QtBot, parts: Parts, fake_engines: FakeEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = opened(qtbot, parts)
    card.build_button.click()
    wait_idle(qtbot, parts, "Ready")

    offer, delete_any = card.offer, os.unlink
    assert offer is not None
    assert offer.folder is not None

    def refuse(path: str | Path, *, dir_fd: int | None = None) -> None:
        if str(path).endswith(".plan"):
            raise PermissionError(13, "Permission denied", str(path))
        delete_any(path, dir_fd=dir_fd)

    card.delete.click()
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        agree(card)
        qtbot.waitUntil(lambda: "Permission denied" in headline(card), timeout=WAIT_MS)
    assert str(offer.folder / "beliefs.plan") in headline(card)
    assert "Close every program" in card.banner.detail.text()
    card.verify.click()
    wait_idle(qtbot, parts, "Ready")


def test_another_precision(qtbot: QtBot, parts: Parts) -> None:
    card = opened(qtbot, parts)
    card.build_button.click()
    wait_idle(qtbot, parts, "Ready")
    card.facts.precision.setCurrentIndex(0)
    card.facts.on_activated()
    assert card.facts.precision.currentData() == "fp8"
    assert headline(card) == "Not built yet"


def test_another_model_is_opened_while_the_first_is_built(
    qtbot: QtBot, parts: Parts, fake_engines: FakeEngines
) -> None:
    card = opened(qtbot, parts)
    fake_engines.gate.clear()
    card.build_button.click()
    qtbot.waitUntil(lambda: "Segment 2" in card.work.part.text(), timeout=WAIT_MS)
    fake_engines.weights, fake_engines.model = "others", "Other"
    parts.controller.model._choice = ModelChoice(Path("/models/y"), "fake", "Other model")
    parts.window.engines.look_again()
    qtbot.waitUntil(lambda: "Other model" in card.subject.text(), timeout=WAIT_MS)
    assert card.banner.isVisible()
    assert card.work.what.full_text == "Big model \u00b7 INT4"
    assert enabled(card) == []
    fake_engines.gate.set()
    wait_idle(qtbot, parts, "Not built yet")


def test_the_window_is_closed_while_building(qtbot: QtBot, make_window: MakeWindow, fake_engines: FakeEngines) -> None:
    parts = make_window()
    card = opened(qtbot, parts)
    fake_engines.gate.clear()
    card.build_button.click()
    qtbot.waitUntil(lambda: "Segment 2" in card.work.part.text(), timeout=WAIT_MS)
    parts.window.close()
    fake_engines.gate.set()
    again = make_window()
    card = opened(qtbot, again)
    assert headline(card) == "Unfinished"


def test_long_names_and_large_text_fit(qtbot: QtBot, parts: Parts, fake_engines: FakeEngines) -> None:
    fake_engines.card = detected("RTX PRO 6000 Blackwell")
    parts.preferences.set(text_scale=200)
    card = opened(qtbot, parts)
    card.resize(620, 420)

    def fits() -> None:
        for button in (card.delete, card.verify, card.build_button, card.close_button):
            assert card.rect().contains(button.geometry())
        right = card.facts.mapTo(card, card.facts.rect().topRight()).x()
        assert right <= card.width()

    qtbot.waitUntil(steady(card.facts.geometry), timeout=WAIT_MS)
    fits()
