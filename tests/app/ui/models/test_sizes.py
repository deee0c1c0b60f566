"""The models window with large text, in narrow windows, and with very long names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.library.values import ModelState, ModelStatus
from app.main import Parts
from tests.helpers.scripted_library import ScriptedLibrary, library_of, mine
from tests.helpers.waiting import WAIT_MS, steady


def long_ones() -> tuple[ModelStatus, ...]:
    """Very long names and very large numbers."""
    name = "DiffusionGemma-26B-A4B-it-" + "ultra-long-" * 12
    folder = Path("/media/somebody") / ("a_folder_without_a_single_place_to_break_" * 4)
    report = ErrorReport("known", f"The folder {folder} is not there.", "Connect the drive.")
    big = dataclasses.replace(
        mine("big", ModelState.PAUSED, problem=report), title=name, size=987 * 10**9, repo=f"o/{name}"
    )
    return big, dataclasses.replace(mine("gone", ModelState.DAMAGED, "redhat-fp8", problem=report), folder=folder)


@pytest.mark.parametrize("scale", [100, 200])
@pytest.mark.parametrize("width", [600, 760])
def test_everything_fits_in_narrow_windows(
    qtbot: QtBot, scripted: Parts, library: ScriptedLibrary, scale: int, width: int
) -> None:
    scripted.preferences.set(text_scale=scale)
    scripted.window.models.show_page()
    window = scripted.window.models.page
    assert window is not None
    library.show(library_of(*long_ones()))
    window.resize(width, 640)
    area = window.list
    rows = area.rows.values
    qtbot.waitUntil(steady(lambda: [row.geometry() for row in rows()]), timeout=WAIT_MS)
    assert window.width() == width
    assert area.widget() is not None
    assert area.widget().width() <= area.viewport().width()
    for row in area.rows.values():
        for control in (*row.buttons(), row.more, row.state):
            right = control.mapTo(row, control.rect().bottomRight())
            assert row.rect().contains(right), (row.title.full_text, control.text())
    for control in (window.add, window.refresh_list, window.token, window.network, window.close_button):
        assert window.rect().contains(control.mapTo(window, control.rect().bottomRight())), control.text()
