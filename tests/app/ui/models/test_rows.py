"""The rows of the models window: what they show of each model, which buttons there are, and what they ask for."""

from __future__ import annotations

import dataclasses

import pytest

from app.base.errors import ErrorReport
from app.library.answering import ModelChoice
from app.library.texts import weights_unread
from app.library.values import ModelState, ModelStatus, ModelWork, Transferring
from app.main import Parts
from app.ui.models import words
from app.ui.models.models_window import ModelsWindow
from tests.app.ui.models.support import labels, lines, press, texts
from tests.helpers.scripted_library import (
    MACHINE,
    MODELS,
    NVIDIA,
    PROBLEM,
    PROCESSOR,
    REFUSED,
    RESIDENT,
    ScriptedLibrary,
    library_of,
    mine,
)

DAMAGE = ErrorReport("known", "1 file is missing or damaged.", "Repair fetches only what is wrong.")


def test_a_model_that_is_not_here(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of())
    row = models.list.rows["catalogue:nvidia-nvfp4"]
    shown = texts(row)
    for part in (
        NVIDIA.title, "NVIDIA \u00b7 nvidia/diffusiongemma", "Not downloaded", "Suits this computer",
        "about 49 tokens/s", "streamed", NVIDIA.good_for, "About 18.9 GB to download", "about 5 min at 61.3 MB/s",
        "16.7 GB more", "412.0 GB free",
    ):  # fmt: skip
        assert part in shown, part
    assert labels(row) == ["Download \u2026"]
    assert row.buttons()[0].property("role") == "primary"
    assert lines(row) == ["Details", "Open its page in the browser"]
    assert row.bar.isHidden()
    press(row, "Download \u2026")
    assert library.asked_for() == [("ask", "nvidia/diffusiongemma-26B-A4B-it-NVFP4")]


def test_the_speed_of_the_line_is_not_guessed(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(machine=dataclasses.replace(MACHINE, rate=0.0)))
    assert "MB/s" not in texts(models.list.rows["catalogue:nvidia-nvfp4"])


def test_two_sets_of_weights_in_a_folder_are_told(models: ModelsWindow, library: ScriptedLibrary) -> None:
    note = weights_unread("model.safetensors", ["model-00001-of-00002.safetensors"], 1)
    library.show(library_of(dataclasses.replace(mine("m", ModelState.READY), note=note)))
    assert note in texts(models.list.rows["m"])


STATES = [
    (mine("m", ModelState.QUEUED), "Paused", ["Resume", "Remove \u2026"]),  # nothing runs: after a restart
    (mine("m", ModelState.PAUSED, problem=PROBLEM), "Paused", ["Resume", "Remove \u2026"]),
    (mine("m", ModelState.ELSEWHERE), "Another Dewpoint downloads it", []),
    (mine("m", ModelState.INSTALLED), "Installed, no engines yet", ["Use", "Build engines \u2026"]),
    (mine("m", ModelState.INSTALLED, fit=REFUSED), "Installed", ["Use"]),
    (mine("m", ModelState.READY), "Ready", ["Use"]),
    (mine("m", ModelState.READY, fit=PROCESSOR, kind="folder", repo=""), "Ready", ["Use"]),
    (mine("m", ModelState.DAMAGED, problem=DAMAGE), "Damaged", ["Repair", "Verify"]),
    (mine("m", ModelState.DAMAGED, problem=DAMAGE, checkable=False), "Damaged", ["Download again \u2026"]),
    (mine("m", ModelState.DAMAGED, problem=DAMAGE, kind="merged", repo=""), "Damaged", ["Verify", "Remove \u2026"]),
    (
        mine("m", ModelState.DAMAGED, problem=DAMAGE, kind="folder", repo="", checkable=False),
        "Damaged",
        ["Remove from list \u2026"],
    ),
    (mine("m", ModelState.MISSING, problem=DAMAGE), "Not there", ["Remove from list \u2026"]),
]


@pytest.mark.parametrize(("model", "state", "buttons"), STATES)
def test_every_state_has_its_words_and_buttons(
    models: ModelsWindow, library: ScriptedLibrary, model: ModelStatus, state: str, buttons: list[str]
) -> None:
    library.show(library_of(model))
    row = models.list.rows["m"]
    assert row.state.text() == state
    assert labels(row) == buttons
    assert row.trouble.isHidden() == (model.problem is None)
    if model.problem is not None:
        assert row.trouble.text.text() == model.problem.text
        assert row.trouble.hint.text() == model.problem.hint


CALLS = [
    (ModelState.PAUSED, "Resume", ("resume", "m")),
    (ModelState.DAMAGED, "Repair", ("resume", "m")),
    (ModelState.DAMAGED, "Verify", ("verify", "m")),
    (ModelState.INSTALLED, "Verify again", ("verify", "m")),
]


@pytest.mark.parametrize(("state", "label", "call"), CALLS)
def test_what_buttons_ask_for(
    models: ModelsWindow, library: ScriptedLibrary, state: ModelState, label: str, call: tuple[str, str]
) -> None:
    library.show(library_of(mine("m", state)))
    press(models.list.rows["m"], label)
    assert library.asked_for() == [call]


@pytest.mark.parametrize(
    ("state", "label"), [(ModelState.PAUSED, "Remove \u2026"), (ModelState.MISSING, "Remove from list \u2026")]
)
def test_removing_asks_what_would_go(
    models: ModelsWindow, library: ScriptedLibrary, state: ModelState, label: str
) -> None:
    model = mine("m", state)
    library.show(library_of(model))
    press(models.list.rows["m"], label)
    assert library.asked_for() == [("ask_removal", model)]


def test_a_download(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.ELSEWHERE), mine("q", ModelState.QUEUED, "redhat-fp8")))
    library.show_transfer(Transferring("m", 8_120_000_000, 18_865_000_000, 61.3e6, 175.0, "x.safetensors"))
    row, waits = models.list.rows["m"], models.list.rows["q"]
    assert row.state.text() == "Downloading"
    assert row.progress.text() == "8.1 GB of 18.9 GB \u00b7 43 % \u00b7 61.3 MB/s \u00b7 about 3 min left"
    assert row.bar.value() == 430
    assert labels(row) == ["Pause"]
    assert "(Remove \u2026)" in lines(row)
    assert waits.state.text() == "Waits for another download"
    assert labels(waits) == ["Pause"]
    library.show_transfer(Transferring("m", 8_120_000_000, 18_865_000_000, waiting="No network; it goes on by itself."))
    assert row.note.text() == "No network; it goes on by itself."
    assert "MB/s" not in row.progress.text()
    press(row, "Pause")
    assert library.asked_for() == [("pause", "m")]
    assert labels(row) == ["(Pausing \u2026)"]
    library.show_transfer(None)
    library.show(library_of(mine("m", ModelState.PAUSED)))
    assert labels(row) == ["Resume", "Remove \u2026"]
    assert row.note.isHidden()


def test_a_row_stays_as_it_is_between_the_end_of_a_download_and_the_next_look(
    models: ModelsWindow, library: ScriptedLibrary
) -> None:
    library.show(library_of(mine("m", ModelState.QUEUED)))
    library.show_transfer(Transferring("m", 18_865_000_000, 18_865_000_000, checking=True))
    row = models.list.rows["m"]
    assert row.state.text() == "Verifying"
    library.show_transfer(None)
    assert row.state.text() == "Verifying"
    library.show(library_of(mine("m", ModelState.INSTALLED)))
    assert row.state.text() == "Installed, no engines yet"
    assert row.bar.isHidden()


@pytest.mark.parametrize(
    ("task", "state"), [("verify", "Verifying"), ("move", "Moving"), ("merge", "Merging an adapter")]
)
def test_one_check_move_or_merge_at_a_time(
    models: ModelsWindow, library: ScriptedLibrary, task: str, state: str
) -> None:
    library.show(library_of(mine("m", ModelState.READY), mine("o", ModelState.READY, "redhat-fp8")))
    work = ModelWork(task, "m", 0.41, "model-2.safetensors")  # type: ignore[arg-type]
    library.show_work(work)
    row, other = models.list.rows["m"], models.list.rows["o"]
    assert row.state.text() == state
    assert row.progress.text() == "41 % \u00b7 model-2.safetensors"
    assert labels(row) == ["Stop"]
    for line in other.menu.actions():
        if line.text() in ("Verify again", "Move to another drive \u2026"):
            assert not line.isEnabled()
            assert line.toolTip() == words.ONE_AT_A_TIME
    press(row, "Stop")
    assert library.asked_for() == [("stop_work",)]
    library.show_work(dataclasses.replace(work, stopping=True))
    assert labels(row) == ["(Stopping \u2026)"]
    library.show_work(None)
    assert labels(row) == ["Use"]
    assert "Verify again" in lines(other)


def test_the_model_in_use_is_marked_and_stays(scripted: Parts, models: ModelsWindow, library: ScriptedLibrary) -> None:
    model = mine("m", ModelState.READY)
    library.show(library_of(model))
    scripted.controller.model._choice = ModelChoice(model.folder, "fake", model.title)
    scripted.window.models.on_answering_changed()
    row = models.list.rows["m"]
    assert row.mark.text() == "In use"
    assert labels(row) == []
    for name in ("Move to another drive \u2026", "Remove \u2026"):
        line = next(line for line in row.menu.actions() if line.text() == name)
        assert not line.isEnabled()
        assert line.toolTip() == words.IN_USE_WHY


def test_details_on_demand(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.READY, engines=16_000_000_000)))
    row = models.list.rows["m"]
    assert row.facts.isHidden()
    press(row, "Details")
    shown = texts(row)
    for part in (
        NVIDIA.repo, "8f3c1d2a", "apache-2.0", "Gemma Terms of Use", "NVFP4, 4 bits", NVIDIA.good_for, str(MODELS),
        "18.9 GB", "16.0 GB on the disk", "8.0 GB of the computer's memory", "have not run on a GPU yet",
    ):  # fmt: skip
        assert part in shown, part
    press(row, "Hide details")
    assert row.facts.isHidden()


def test_screen_readers_hear_what_matters(models: ModelsWindow, library: ScriptedLibrary) -> None:
    library.show(library_of(mine("m", ModelState.READY, fit=RESIDENT)))
    spoken = models.list.rows["m"].accessibleName()
    assert spoken.startswith(f"{NVIDIA.title}. Ready.")
    assert "all of it on the card" in spoken
    assert models.list.rows["m"].dot.accessibleName() == "fits"
