"""Each piece of news has a button of its own: what another subject said since never changes what it does."""

from __future__ import annotations

from functools import partial

from pytestqt.qtbot import QtBot

from app.library.queue import Ended
from app.library.values import ModelState
from app.main import Parts
from app.ui.models import words as model_words
from app.ui.updates import words as update_words
from app.updates.release import Release
from app.updates.values import Found
from tests.app.ui.models.test_coordinator import SMALL, in_use, opened
from tests.helpers.fake_engines import FakeEngines
from tests.helpers.scripted_library import NVIDIA, ScriptedLibrary, library_of, mine
from tests.helpers.waiting import WAIT_MS

FOUND = Found(Release("9.0.0", "2027-01-01", (), ()), None, None, "http://127.0.0.1/")


def test_build_engines_stays_build_engines_when_an_update_is_told(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary, fake_engines: FakeEngines
) -> None:
    window = opened(qtbot, scripted)
    library.show(library_of(mine("m", ModelState.INSTALLED)))
    library.download_ended.emit(Ended("m", True, None))
    scripted.updates.found_unasked.emit(FOUND)
    assert window.strip.action.text() == model_words.BUILD
    window.strip.action.click()
    card = scripted.window.engines.card
    assert card is not None
    qtbot.waitUntil(lambda: NVIDIA.title in card.subject.text(), timeout=WAIT_MS)
    assert scripted.window.updates.dialog is None


def test_the_update_stays_the_update_when_a_model_is_installed(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary
) -> None:
    window = opened(qtbot, scripted)
    scripted.updates.found_unasked.emit(FOUND)
    notice = scripted.window.pane.notice
    assert notice.action.text() == update_words.TELL
    library.show(library_of(mine("m", ModelState.INSTALLED)))
    window.say("Something else.", action="Do it", do=window.close)
    notice.action.click()
    assert scripted.window.updates.dialog is not None
    assert window.isVisible()
    assert scripted.window.engines.card is None


def test_a_notice_in_the_place_of_another_has_its_own_button(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary
) -> None:
    library.show(library_of(SMALL))
    scripted.updates.found_unasked.emit(FOUND)
    library.download_ended.emit(Ended("m", True, None))
    notice = scripted.window.pane.notice
    assert notice.action.text() == model_words.USE_IT
    notice.action.click()
    in_use(qtbot, scripted, SMALL.folder)
    assert scripted.window.updates.dialog is None


def test_news_without_a_button_does_nothing(scripted: Parts) -> None:
    done: list[str] = []
    scripted.window.notices.show("One.", action="Do it", do=lambda: done.append("one"))
    scripted.window.notices.show("Two.")
    scripted.window.pane.notice.on_acted()
    assert done == []
    assert scripted.window.pane.notice.text == "One."


def test_what_has_a_button_comes_back_after_what_was_said_later(scripted: Parts) -> None:
    done: list[str] = []
    notices, notice = scripted.window.notices, scripted.window.pane.notice
    notices.show("An update.", action="Tell", do=partial(done.append, "update"))
    notices.show("Installed.", action="Use it", do=partial(done.append, "use"))
    notices.show("Passing.")
    notice._timer.timeout.emit()  # its time is over
    assert (notice.text, notice.action.text()) == ("Installed.", "Use it")
    notices.show("Must be read.", stays=True)
    notices.show("Also passing.")
    notice.button.click()
    assert notice.text == "Must be read."
    notice.button.click()
    notice.action.click()
    assert (notice.text, notice.action.text()) == ("An update.", "Tell")
    assert not notice._timer.isActive()
    notice.action.click()
    assert done == ["use", "update"]
    assert notice.isHidden()


def test_an_offer_goes_when_it_was_taken_elsewhere(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    library.show(library_of(SMALL))
    library.download_ended.emit(Ended("m", True, None))
    scripted.window.notices.show("Something else.", stays=True)
    scripted.window.models.use_model(SMALL)
    in_use(qtbot, scripted, SMALL.folder)
    scripted.window.pane.notice.button.click()
    assert scripted.window.pane.notice.isHidden()


def test_the_same_news_is_kept_once(scripted: Parts) -> None:
    for _ in range(3):
        scripted.window.notices.show("The same.", stays=True)
    scripted.window.pane.notice.button.click()
    assert scripted.window.pane.notice.isHidden()


def test_news_of_the_models_window_waits_too(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    window = opened(qtbot, scripted)
    done: list[str] = []
    window.say("Installed.", action="Build engines", do=partial(done.append, "build"))
    window.say("Checked.", "All is right.", "good")
    library.show(library_of(SMALL))
    window.refresh_list.click()  # something else is done
    assert (window.strip.text.text(), window.strip.action.text()) == ("Installed.", "Build engines")
    window.reject()
    opened(qtbot, scripted)
    assert window.strip.isVisible()
    window.strip.action.click()
    assert done == ["build"]
    assert window.strip.isHidden()
