"""A Hub that does not answer: the question is cancelled, nothing else waits for it, and the window closes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.bridge.library import Library
from app.library.services import LibraryServices
from tests.app.bridge.test_library import Listener
from tests.helpers.hostile_server import HostileServer, drip, head, silence
from tests.helpers.tiny_models import NAME
from tests.helpers.waiting import WAIT_MS


@pytest.fixture(params=[silence, drip(head(None), b" ")], ids=["silence", "drip"])
def library(request: pytest.FixtureRequest, qtbot: QtBot, asking: LibraryServices, hostile: HostileServer) -> Library:
    """One whose question nobody answers."""
    hostile.places["/api/models/"] = request.param
    return Library(asking)


@pytest.fixture
def heard(library: Library, qtbot: QtBot, hostile: HostileServer) -> Iterator[Listener]:
    """What it says; it was asked, and is shut down at the end."""
    said = Listener(library)
    library.ask(NAME)
    qtbot.waitUntil(lambda: bool(hostile.seen), timeout=WAIT_MS)
    yield said
    assert library.shut_down()


def test_a_question_is_cancelled(qtbot: QtBot, library: Library, heard: Listener) -> None:
    library.stop_asking()
    qtbot.waitUntil(lambda: heard.asking == [True, False], timeout=WAIT_MS)
    assert not heard.problems, "whoever cancels knows why there is no answer"
    assert not heard.offers
    library.stop_asking()


def test_a_refresh_of_the_list_is_cancelled(qtbot: QtBot, library: Library, heard: Listener) -> None:
    library.refresh()
    library.stop_asking()
    qtbot.waitUntil(lambda: heard.asking[-1] is False, timeout=WAIT_MS)
    assert not heard.problems


def test_nothing_else_waits_for_it(qtbot: QtBot, library: Library, heard: Listener) -> None:
    library.look()
    qtbot.waitUntil(lambda: bool(heard.shelves), timeout=WAIT_MS)
    assert heard.asking == [True]


def test_the_window_closes(library: Library, heard: Listener) -> None:
    assert library.shut_down()
    assert heard.asking == [True], "nobody listens any more"
