"""Chats as a PDF: Qt makes it, in a process of its own, so that neither this one needs Qt nor a window waits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from app.chats.apart import ApartWork, worked_apart
from app.chats.backup import never
from app.chats.exporting.pages import ChatPage

PRINTER = "app.bridge.pdf:print_pages"  # by its name alone: this package knows no Qt
_MEMORY = 3 << 30


def write_pdf(pages: Sequence[ChatPage], title: str, path: Path, stopped: Callable[[], bool] = never) -> None:
    """Write a PDF of all pages to `path`, a name that nobody else knows yet.

    Raises:
        StoppedError: `stopped` said so; what is at `path` is of no use then, as after the others.
        ApartError: It could not be made, and why.
    """
    given = {"path": str(path), "title": title, "pages": [dataclasses.asdict(page) for page in pages]}
    for _ in worked_apart(ApartWork(PRINTER, given, title, _MEMORY), stopped):
        pass
