"""The dialogs around the models window: nothing is fetched or deleted before the user agrees."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.library.values import FoundAdapter, ModelState, ModelWork
from app.main import Parts
from app.ui.help.network_dialog import NetworkDialog
from app.ui.models import words
from app.ui.models.add_dialogs import AdapterDialog, NameDialog
from app.ui.models.leftovers_dialog import LeftoversDialog
from app.ui.models.licence_dialog import LicenceDialog
from app.ui.models.removal_dialog import RemovalDialog
from app.ui.models.token_dialog import TokenDialog
from app.ui.widgets.question import Question
from app.updates.source import shown_address
from tests.app.ui.test_window_controls import nameless
from tests.helpers.scripted_library import (
    GB,
    MODELS,
    ScriptedLibrary,
    leftovers,
    library_of,
    mine,
    offer_of,
    removal_of,
)
from tests.helpers.waiting import WAIT_MS

Kind = TypeVar("Kind", bound=QDialog)


def opened(parts: Parts, kind: type[Kind]) -> Kind:
    """The dialog of this kind that is open; every control of it has a name."""
    dialog = next(each for each in parts.window.findChildren(kind) if each.isVisible())
    assert not list(nameless(dialog))
    return dialog


def shown(dialog: QDialog) -> str:
    """All that can be read."""
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisible())


def test_the_licence_comes_before_the_download(scripted: Parts, library: ScriptedLibrary) -> None:
    library.show(library_of())
    offer = offer_of()
    library.offered.emit(offer)
    dialog = opened(scripted, LicenceDialog)
    text = shown(dialog)
    for part in (
        "DiffusionGemma 26B, NVFP4 by NVIDIA", "licence: apache-2.0", "Gemma Terms of Use", "about 49 tokens/s",
        "18.9 GB to download", "about 5 min", "412.0 GB free", str(MODELS),
    ):  # fmt: skip
        assert part in text, part
    assert "You may read this." in dialog.text.toPlainText()
    assert dialog.text.isReadOnly()
    assert not dialog.download.isEnabled()
    dialog.download.click()
    assert library.asked_for() == []
    dialog.box.click()
    dialog.download.click()
    assert library.asked_for() == [("accept", offer)]
    assert not dialog.isVisible()


def test_declining_a_licence_asks_for_nothing(scripted: Parts, library: ScriptedLibrary) -> None:
    library.offered.emit(offer_of())
    dialog = opened(scripted, LicenceDialog)
    dialog.box.click()
    dialog.cancel.click()
    assert library.asked_for() == []


def test_an_offer_that_cannot_be_downloaded_has_no_button(scripted: Parts, library: ScriptedLibrary) -> None:
    problem = ErrorReport("known", "This needs 18.9 GB more.", "Make room.")
    library.offered.emit(offer_of(problem=problem, free_disk=3 * GB))
    dialog = opened(scripted, LicenceDialog)
    assert "This needs 18.9 GB more.\nMake room." in shown(dialog)
    assert not dialog.download.isVisible()
    assert not dialog.box.isVisible()


def test_removal_says_what_goes_and_what_stays(scripted: Parts, library: ScriptedLibrary) -> None:
    model = mine("m", ModelState.INSTALLED)
    kept = tuple(MODELS / f"note{number}.txt" for number in range(6))
    removal = removal_of(model, engines=(Path("e"),), engine_size=16_700_000_000, kept=kept)
    library.removal_known.emit(removal)
    dialog = opened(scripted, RemovalDialog)
    text = shown(dialog)
    assert "2 files that Dewpoint wrote, 18.9 GB, will be deleted" in text
    assert "6 files stay" in text
    assert "note3.txt and 2 more" in text
    assert dialog.engines.isChecked()
    assert "16.7 GB" in dialog.engines.text()
    assert dialog.free.text() == "35.6 GB come free."
    dialog.engines.click()
    assert dialog.free.text() == "18.9 GB come free."
    assert dialog.cancel.isDefault()
    dialog.agree.click()
    assert library.asked_for() == [("remove", removal, False)]


def test_removal_lists_every_file_by_name(scripted: Parts, library: ScriptedLibrary, qtbot: QtBot) -> None:
    model = mine("m", ModelState.INSTALLED)
    assert model.folder is not None
    goes = tuple(model.folder / f"part-{number}.safetensors" for number in range(30))
    kept = (model.folder / "sub" / "notes.txt", model.folder / "a\nb.txt")
    library.removal_known.emit(removal_of(model, files=goes, kept=kept))
    dialog = opened(scripted, RemovalDialog)
    assert dialog.files is not None
    assert not dialog.files.box.isVisible()
    folded = dialog.height()
    dialog.files.button.click()
    assert dialog.files.box.isVisible()
    lines = [line.strip() for line in dialog.files.box.toPlainText().split("\n")]
    names = [file.name for file in goes]
    assert lines == [words.GOES, *names, words.STAYS, str(Path("sub") / "notes.txt"), "a b.txt"]
    qtbot.waitUntil(lambda: dialog.height() > folded, timeout=WAIT_MS)


def test_with_its_engines_by_default(scripted: Parts, library: ScriptedLibrary) -> None:
    removal = removal_of(mine("m", ModelState.INSTALLED), engines=(Path("e"),), engine_size=GB)
    library.removal_known.emit(removal)
    opened(scripted, RemovalDialog).agree.click()
    assert library.asked_for() == [("remove", removal, True)]


def test_the_users_own_folder_loses_no_file(scripted: Parts, library: ScriptedLibrary) -> None:
    library.removal_known.emit(removal_of(mine("m", ModelState.READY, kind="folder"), files=(), size=0))
    dialog = opened(scripted, RemovalDialog)
    assert words.OWN_FOLDER in shown(dialog)
    assert "deleted from" not in shown(dialog)
    assert not dialog.engines.isVisible()
    assert dialog.agree.text() == "Remove from list"
    dialog.cancel.click()
    assert library.asked_for() == []


@pytest.mark.parametrize("text", ["google/diffusiongemma-26B-A4B-it", " https://huggingface.co/a/b/tree/main "])
def test_adding_by_name(scripted: Parts, library: ScriptedLibrary, text: str) -> None:
    scripted.window.models.buttons.do("add_name", None)
    dialog = opened(scripted, NameDialog)
    assert not dialog.ask.isEnabled()
    dialog.edit.setText(text)
    dialog.ask.click()
    assert library.asked_for() == [("ask", text.strip())]


def test_adding_a_folder(
    scripted: Parts, library: ScriptedLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path))
    scripted.window.models.buttons.do("add_folder", None)
    assert library.asked_for() == [("add_folder", tmp_path)]


def test_moving_asks_where_to(
    scripted: Parts, library: ScriptedLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chosen in ("", str(tmp_path)):
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args, chosen=chosen: chosen)
        scripted.window.models.buttons.do("move", mine("m", ModelState.READY))
    assert library.asked_for() == [("move", "m", tmp_path)]


def test_an_adapter_and_the_base_it_names(scripted: Parts, library: ScriptedLibrary) -> None:
    base = mine("b", ModelState.INSTALLED, "google-bf16")
    library.show(library_of(mine("a", ModelState.READY), base, mine("p", ModelState.PAUSED, "redhat-fp8")))
    library.adapter_found.emit(FoundAdapter(Path("/x/lora"), "Poems", base.repo))
    dialog = opened(scripted, AdapterDialog)
    assert f"It was made for {base.repo}." in shown(dialog)
    assert [dialog.base.itemText(at) for at in range(dialog.base.count())] == [
        "Starter model (small, for trying things out)", "DiffusionGemma 26B, NVFP4 by NVIDIA", base.title,
    ]  # fmt: skip
    assert dialog.chosen == base
    assert not dialog.get_base.isVisible()
    dialog.base.setCurrentIndex(1)
    assert "Another base fits only" in dialog.note.text()
    dialog.base.setCurrentIndex(2)
    dialog.edit.setText(" ")
    assert not dialog.merge.isEnabled()
    dialog.edit.setText("My poems")
    dialog.merge.click()
    assert library.asked_for() == [("merge", Path("/x/lora"), base, "My poems")]


def test_a_merge_waits_for_other_work(scripted: Parts, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("b", ModelState.INSTALLED)))
    library.show_work(ModelWork("verify", "b"))
    library.adapter_found.emit(FoundAdapter(Path("/x/lora"), "Poems", ""))
    dialog = opened(scripted, AdapterDialog)
    dialog.base.setCurrentIndex(0)
    dialog.merge.click()
    assert library.asked_for() == []
    assert scripted.window.pane.notice.text == words.ONE_AT_A_TIME


def test_an_adapter_whose_base_is_not_here(scripted: Parts, library: ScriptedLibrary) -> None:
    library.show(library_of())
    library.adapter_found.emit(FoundAdapter(Path("/x/lora"), "Poems", "google/other"))
    dialog = opened(scripted, AdapterDialog)
    assert not dialog.merge.isEnabled()
    assert dialog.note.text() == "google/other is not on this computer."
    dialog.get_base.click()
    assert library.asked_for() == [("ask", "google/other")]


def test_leftovers(qtbot: QtBot, scripted: Parts, library: ScriptedLibrary) -> None:
    whole, half = leftovers()
    scripted.window.models.show_page()
    window = scripted.window.models.page
    assert window is not None
    library.show(library_of(leftovers=(whole, half)))
    assert window.leftovers.text() == "2 leftovers, 53.0 GB"
    window.show_leftovers.click()
    dialog = opened(scripted, LeftoversDialog)
    buttons = {button.accessibleName(): button for button in dialog.findChildren(QPushButton)}
    assert "Take back: x.moving" not in buttons
    buttons["Take back: me--my-merge"].click()
    buttons["Delete \u2026: x.moving"].click()
    question = opened(scripted, Question)
    assert "2.0 GB come free" in shown(question)
    assert library.asked_for() == [("adopt", whole)]
    question.agree.click()
    assert library.asked_for() == [("adopt", whole), ("clear", half)]
    library.show(library_of())
    assert dialog.text.text() == words.NO_LEFTOVERS
    assert not window.leftovers.isVisible()


class Tokens(QObject):
    """A token store with or without a keyring."""

    def __init__(self, keyring: bool) -> None:
        super().__init__()
        self.keyring, self.kept = keyring, None

    def get(self) -> str | None:
        """The token."""
        return self.kept

    def set(self, token: str) -> bool:
        """Keep it."""
        self.kept = token  # type: ignore[assignment]
        return self.keyring

    def remove(self) -> None:
        """Forget it."""
        self.kept = None


@pytest.mark.parametrize(("keyring", "sentence"), [(True, words.TOKEN_SAVED), (False, words.TOKEN_SESSION)])
def test_the_access_token(scripted: Parts, keyring: bool, sentence: str) -> None:
    tokens = Tokens(keyring)
    dialog = TokenDialog(tokens, scripted.themes.theme, scripted.window)  # type: ignore[arg-type]
    dialog.open()
    assert opened(scripted, TokenDialog).state.text() == words.TOKEN_NONE
    assert dialog.edit.echoMode() == QLineEdit.EchoMode.Password
    assert not dialog.save.isEnabled()
    assert not dialog.forget.isEnabled()
    dialog.edit.setText("hf_secret")
    dialog.save.click()
    assert tokens.kept == "hf_secret"
    assert dialog.state.text() == sentence
    assert dialog.edit.text() == ""
    dialog.forget.click()
    assert tokens.kept is None
    assert dialog.state.text() == words.TOKEN_FORGOTTEN
    assert not dialog.forget.isEnabled()


def test_what_the_network_is_asked(scripted: Parts, library: ScriptedLibrary) -> None:
    scripted.window.actions_by_name["network"].trigger()
    dialog = opened(scripted, NetworkDialog)
    text = shown(dialog)
    for use in library.services.network.uses(shown_address()):
        for part in (use.name, use.when, use.host, use.sends):
            assert part in text, part
    assert "Nothing else is ever asked" in text
    dialog.offline.click()
    assert scripted.preferences.settings.offline
    assert library.services.network.offline
    scripted.preferences.set(offline=False)
    assert not dialog.offline.isChecked()
    assert not library.services.network.offline


def test_a_line_break_in_a_name_breaks_no_sentence() -> None:
    text = words.kept_files((Path("x") / "a\nb.txt",))
    assert "\n" not in text
    assert "a\\nb.txt" in text
    assert "\n" not in words.own_files(2, 1000, Path("mod\nel"))
