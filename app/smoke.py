"""`--smoke TEXT`: uses the very window as a user would, and says in one JSON object how it went."""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, qVersion
from PySide6.QtGui import QKeyEvent

from app import __version__
from app.bridge.chat import ChatController
from app.chats.messages import Message, MessageState
from app.ui.window import FIRST_SIZE, MainWindow
from inference.events import BlockCommitted, DraftUpdated, Finished

LIMIT_SECONDS = 120
PICTURE_AFTER_MS = 700
DRAFT_PICTURE_AFTER_MS = 90
HEAVY_MODULES = ("torch", "transformers")


class SmokeRun(QObject):
    """One message and its answer."""

    def __init__(self, window: MainWindow, controller: ChatController, text: str, started: float) -> None:
        super().__init__(window)
        self._window, self._controller, self._text = window, controller, text
        self._started = started
        self._picture: Path | None = None
        self._draft_folder: Path | None = None
        self._drafts = 0
        self._drafts_by_block: dict[int, int] = {}
        self._settled: list[bool] = []
        self._error = ""
        self._facts: dict[str, Any] = {"ok": False, "text": text}
        self._limit = QTimer(self)
        self._limit.setSingleShot(True)
        self._limit.setInterval(LIMIT_SECONDS * 1000)
        self._limit.timeout.connect(self.on_limit_reached)
        self._finish = QTimer(self)
        self._finish.setSingleShot(True)
        self._finish.setInterval(PICTURE_AFTER_MS)
        self._finish.timeout.connect(self.on_picture_due)
        self._shown: DraftUpdated | None = None
        self._draft_picture = QTimer(self)
        self._draft_picture.setSingleShot(True)
        self._draft_picture.setInterval(DRAFT_PICTURE_AFTER_MS)
        self._draft_picture.timeout.connect(self.on_draft_picture_due)
        window.input_ready.connect(self.on_input_ready, Qt.ConnectionType.QueuedConnection)
        controller.draft_updated.connect(self.on_draft)
        controller.answering.committed.connect(self.on_committed)
        controller.answer_ended.connect(self.on_ended)

    def save_pictures(self, picture: str | None, drafts: str | None) -> None:
        """Where pictures go; they have one size, whatever the screen."""
        if picture or drafts:
            self._window.resize(*FIRST_SIZE)
        self._picture = Path(picture) if picture else None
        self._draft_folder = Path(drafts) if drafts else None
        if self._draft_folder is not None:
            self._draft_folder.mkdir(parents=True, exist_ok=True)

    def report(self) -> int:
        """Print how it went; the exit status."""
        if self._error or not self._facts["ok"]:
            sys.stderr.write((self._error or "The window was closed before the answer was finished.") + "\n")
            return 1
        sys.stdout.write(json.dumps(self._facts) + "\n")
        return 0

    # -- slots ------------------------------------------------------------------------------------------------------

    def on_input_ready(self) -> None:
        """The window takes input: type and press Send."""
        self._facts["input_ready_seconds"] = round(time.monotonic() - self._started, 3)
        self._facts["input_ready_unix_time"] = time.time()
        self._limit.start()
        composer = self._window.pane.composer
        for character in self._text:
            self._type(composer.box, character)
        if composer.text != self._text:
            self._fail(f"the message box holds {composer.text!r} after {self._text!r} was typed")
            return
        self._facts["sent_seconds"] = round(time.monotonic() - self._started, 3)
        composer.button.click()

    def on_draft(self, draft: DraftUpdated) -> None:
        """A draft was shown."""
        self._drafts += 1
        self._drafts_by_block[draft.block] = self._drafts_by_block.get(draft.block, 0) + 1
        self._shown = draft
        if self._draft_folder is not None and not self._draft_picture.isActive():
            self._draft_picture.start()

    def on_draft_picture_due(self) -> None:
        """The draft has faded in."""
        if self._draft_folder is not None and self._shown is not None and self._controller.busy:
            self._save(self._draft_folder / f"block{self._shown.block}-step{self._shown.step:02}.png")

    def on_committed(self, event: BlockCommitted) -> None:
        """A block is final."""
        self._settled.append(event.settled)

    def on_ended(self, message: Message, finished: Finished | None) -> None:
        """The answer is complete."""
        if message.state != MessageState.DONE or finished is None:
            error = message.error
            self._fail(f"{error.user_text} {error.hint}\n{error.detail}".strip() if error else f"state {message.state}")
            return
        self._facts.update(_facts_of(finished))
        self._facts["settled"] = self._settled
        self._finish.start()

    def on_picture_due(self) -> None:
        """The window has come to rest."""
        if self._picture is not None:
            self._save(self._picture)
        model = self._controller.model.status
        self._facts.update(
            ok=True,
            drafts_seen=self._drafts,
            drafts_by_block=[self._drafts_by_block.get(block, 0) for block in range(len(self._settled))],
            total_seconds=round(time.monotonic() - self._started, 3),
            model=model.name,
            device=model.device,
            status_line=self._window.pane.status.text(),
            modules={name: name in sys.modules for name in HEAVY_MODULES},
            versions={"dewpoint": __version__, "python": platform.python_version(), "qt": qVersion()},
            platform=platform.platform(),
        )
        self._window.close()

    def on_limit_reached(self) -> None:
        """Too long."""
        self._fail(f"no finished answer within {LIMIT_SECONDS} seconds; the model is {self._controller.model.status}")

    # -- inside -----------------------------------------------------------------------------------------------------

    def _type(self, target: QObject, character: str) -> None:
        newline = character == "\n"
        key = Qt.Key.Key_Return if newline else 0
        modifiers = Qt.KeyboardModifier.ShiftModifier if newline else Qt.KeyboardModifier.NoModifier
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QCoreApplication.sendEvent(target, QKeyEvent(kind, key, modifiers, "" if newline else character))

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self._window.grab().save(str(path)):
            self._fail(f"the picture {path} could not be saved")

    def _fail(self, error: str) -> None:
        self._error = self._error or error
        self._window.close()


def _facts_of(finished: Finished) -> dict[str, Any]:
    return {
        "answer": finished.answer,
        "reason": finished.reason,
        "seed": finished.seed,
        "steps_per_block": list(finished.steps_per_block),
        "max_steps": finished.max_steps,
        "answer_tokens": finished.answer_tokens,
        "times": {
            "first_draft": finished.time_to_first_draft,
            "first_block": finished.time_to_first_block,
            "wall": finished.wall_seconds,
            "decode": finished.decode_seconds,
        },
        "tokens_per_second": {
            "wall": finished.wall_tokens_per_second,
            "decode": finished.decode_tokens_per_second,
        },
    }
