"""A window that never rests, to be killed: it sends, adds, downloads, moves, merges, removes, and tells what is done.

    python -m tests.hostile.busy DATA_FOLDER SEED PLACES

PLACES is a JSON object: "mine" (folders of the user's), "adapter", "base", "drives" (folders to move to) and "repo";
with "session": "chats" the starter model answers, and it is done what `chatting` has, with files of its own in "root".
Each line on its standard output is a JSON list: what has come to be, and cannot be lost from then on.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.hostile.acts import Wait
    from tests.hostile.stage import Stage

POLL_MS = 5


def main(base: str, seed: str, places: str) -> int:
    """Work until killed, or until standard input ends."""
    told = os.dup(1)
    os.dup2(2, 1)
    from PySide6.QtCore import QCoreApplication, QTimer

    from app.base.errors import AppError
    from app.main import new_application
    from tests.hostile.stage import Stage

    def tell(*words: Any) -> None:
        os.write(told, (json.dumps(words) + "\n").encode())

    application = new_application()
    known = json.loads(places)
    chats = known.get("session") == "chats"
    stage = Stage(application, base, "auto" if chats else "fake:long")
    work = _kind(chats)(stage, random.Random(int(seed)), known, tell)
    steps, wait = work.forever(), None

    def on_poll() -> None:
        nonlocal steps, wait
        if stage.bugs:
            tell("bug", stage.bugs.pop())
        if stage.said:
            tell("said", stage.said.pop())
        try:
            if wait is None or wait.reached():
                wait = next(steps)
        except AppError:  # a question of ours met the bad disk
            steps, wait = work.forever(), None

    timer = QTimer()
    timer.setInterval(POLL_MS)
    timer.timeout.connect(on_poll)
    timer.start()
    QCoreApplication.exec()
    return 0


def _kind(chats: bool) -> type[Work]:
    if not chats:
        return Work
    from tests.hostile.chatting import Chatting

    return Chatting


class Work:
    """What the window is made to do, in an order that the seed gives."""

    def __init__(self, stage: Stage, chance: random.Random, places: dict[str, Any], tell: Callable[..., None]) -> None:
        self._stage, self._chance, self._places, self._tell = stage, chance, places, tell
        self._numbers = itertools.count(1)
        controller = stage.parts.controller
        controller.message_added.connect(self.on_message_added)
        controller.answering.committed.connect(self.on_committed)

    def on_message_added(self, message: Any) -> None:
        """The user's text is on the disk before anything else happens."""
        if message.role == "user":
            self._tell("message", message.id, message.body)

    def on_committed(self) -> None:
        """A block is; if it could not be stored, it is not told."""
        ask = self._stage.parts.controller.answering._ask
        if ask is not None and not ask.recorder.unsaved:
            self._tell("block", ask.recorder.message_id, ask.recorder.answer)

    def forever(self) -> Iterator[Wait]:
        """One thing after another."""
        from tests.hostile import acts

        yield acts.ready(self._stage)
        self._tell("ready")
        while True:
            self._stage.begin()
            yield from self._chance.choice(self.acts())()

    def acts(self) -> Sequence[Callable[[], Iterator[Wait]]]:
        """All that is done, the ordinary more often."""
        return (self.send, self.send, self.add, self.remove, self.download, self.move, self.merge)

    def send(self) -> Iterator[Wait]:
        """A message in a new chat, or in the one that is open."""
        from tests.hostile import acts

        self._tell("begin", "send")
        if self._chance.random() < 0.3:
            self._stage.parts.controller.open_chat(None)
        yield from acts.send(self._stage, f"message {next(self._numbers)} " + "word " * self._chance.choice([1, 2_000]))

    def add(self) -> Iterator[Wait]:
        """A folder of the user's."""
        yield from self._library(
            "add_folder", Path(self._chance.choice(self._places["mine"])), end=("added", "problem")
        )
        self._record("added")

    def remove(self) -> Iterator[Wait]:
        """Any model of the list."""
        from tests.hostile import acts

        model = yield from self._any_model(lambda record: True)
        if model is not None:
            self._tell("begin", "remove", model.id)
            yield from acts.forget(self._stage, model.id)

    def download(self) -> Iterator[Wait]:
        """From the local hub."""
        from app.ui.models.licence_dialog import LicenceDialog

        yield from self._library("ask", self._places["repo"], end=("offered", "problem"))
        for dialog in self._stage.dialogs(LicenceDialog):
            before = len(self._stage.news)
            dialog.accept()
            yield self._news(before, ("download_ended", "problem"), "the end of the download")
            self._record("downloaded")

    def move(self) -> Iterator[Wait]:
        """A model of ours, to another folder or another drive."""
        model = yield from self._any_model(lambda record: record.kind != "folder" and record.download is None)
        if model is not None:
            target = Path(self._chance.choice(self._places["drives"]))
            yield from self._library("move", model.id, target, end=("work_ended", "problem"))
            self._record("moved")

    def merge(self) -> Iterator[Wait]:
        """The adapter, into the base."""
        yield from self._library("add_folder", Path(self._places["base"]), end=("added", "problem"))
        yield from self._look()
        status = self._stage.parts.library.status
        base = (
            next((each for each in status.models if str(each.folder) == self._places["base"]), None) if status else None
        )
        if base is not None:
            title = f"Merged {next(self._numbers)}"
            yield from self._library("merge", Path(self._places["adapter"]), base, title, end=("work_ended", "problem"))
            self._record("merged")

    # -- inside -----------------------------------------------------------------------------------------------------

    def _record(self, what: str) -> None:
        """What the list says now; it was read from the disk."""
        records = self._stage.parts.library.services.library.models()
        self._tell(
            "models", what, [[each.id, each.kind, str(each.folder), each.download is not None] for each in records]
        )

    def _any_model(self, good: Callable[[Any], bool]) -> Iterator[Wait]:
        yield from self._look()
        records = [each for each in self._stage.parts.library.services.library.models() if good(each)]
        return self._chance.choice(records) if records else None

    def _look(self) -> Iterator[Wait]:
        yield from self._library("look", end=("status_changed", "problem"))

    def _library(self, name: str, *arguments: Any, end: tuple[str, ...]) -> Iterator[Wait]:
        from app.ui.models.add_dialogs import AdapterDialog
        from app.ui.models.licence_dialog import LicenceDialog

        before = len(self._stage.news)
        self._tell("begin", name)
        getattr(self._stage.parts.library, name)(*arguments)
        yield self._news(before, end, name)
        for dialog in self._stage.dialogs(AdapterDialog) if name != "ask" else ():
            dialog.reject()
        for dialog in self._stage.dialogs(LicenceDialog) if name != "ask" else ():
            dialog.reject()

    def _news(self, before: int, names: tuple[str, ...], what: str) -> Wait:
        from tests.hostile.acts import Wait

        return Wait(lambda: any(name in names for name, _ in self._stage.news[before:]), what)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
