"""The quiet card on the page of a new chat, as long as only the starter model is there."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton

from app.library import texts
from app.library.values import ModelState
from app.main import Parts
from app.ui.help.doctor_dialog import DoctorDialog
from app.ui.models import words
from tests.app.ui.conftest import MakeWindow
from tests.helpers.scripted_library import NO_CARD, REFUSED, ScriptedLibrary, library_of, mine


def test_the_first_advice(scripted: Parts, library: ScriptedLibrary) -> None:
    card = scripted.window.models.advice
    assert not card.isVisible()
    library.show(library_of())
    assert card.isVisible()
    assert card.card.text() == "Found: RTX 4070, 12 GiB"
    assert "suits this computer" in card.advice.text()
    card.show_button.click()
    assert scripted.window.models.page is not None
    assert scripted.window.models.page.isVisible()
    library.show(library_of(mine("m", ModelState.PAUSED)))  # the user has begun: no advice any more
    assert not card.isVisible()


def test_not_now_is_remembered(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.main.Library", ScriptedLibrary)
    for again in (False, True):
        parts = make_window()
        assert isinstance(parts.library, ScriptedLibrary)
        parts.library.show(library_of())
        assert parts.window.models.advice.isVisible() == (not again)
        parts.window.models.advice.refuse.click()
        assert not parts.window.models.advice.isVisible()
        parts.window.close()


def test_without_a_card_it_says_so_and_what_can_be_done(scripted: Parts, library: ScriptedLibrary) -> None:
    library.show(library_of(machine=NO_CARD, fit=REFUSED))
    card = scripted.window.models.advice
    assert card.card.text() == "No NVIDIA card found"
    assert card.advice.text() == texts.NOTHING_WITHOUT_CARD
    buttons = [each.text() for each in card.findChildren(QPushButton) if each.isVisible()]
    assert buttons == [words.HIDE, words.CHECK_COMPUTER, words.SHOW_MODELS]
    card.check_button.click()
    (doctor,) = scripted.window.findChildren(DoctorDialog)
    assert doctor.isVisible()
    doctor.reject()
    card.show_button.click()
    assert scripted.window.models.page is not None
    assert scripted.window.models.page.isVisible()
