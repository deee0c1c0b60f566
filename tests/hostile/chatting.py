"""What `busy` does in a session of chats: sends, edits, tries again, branches, imports, attaches, and types.

It tells what cannot be lost from then on: messages, blocks, imports, files of messages, and text that was typed for
more than a second. What is about to change is told before ("typing").
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.app.chats.documents.samples import write_pdf
from tests.app.chats.importing.exports import chatgpt_chat
from tests.hostile.busy import Work

if TYPE_CHECKING:
    from app.chats.messages import Message
    from tests.hostile.acts import Wait

TYPED_SECONDS = 1.1
MOST_IMPORTED = 30
QUESTIONS = ("Tell me a tiny story about a lamp.", "What happens in every step?", "Hello!", "What is a canvas?")


class Chatting(Work):
    """A session of chats."""

    def acts(self) -> Sequence[Callable[[], Iterator[Wait]]]:
        """All that is done, the ordinary more often."""
        return (
            self.ask,
            self.ask,
            self.edit,
            self.again,
            self.branch,
            self.bring_in,
            self.attach,
            self.type,
            self.type,
        )

    def ask(self) -> Iterator[Wait]:
        """A message in a new chat, or in the one that is open."""
        if self._chance.random() < 0.3:
            self._stage.parts.controller.open_chat(None)
        yield from self._sent(f"{self._chance.choice(QUESTIONS)} ({next(self._numbers)})")

    def edit(self) -> Iterator[Wait]:
        """Another version of a message."""
        from tests.hostile import acts

        asked = [each for each in self._shown() if each.role == "user"]
        if asked:
            controller = self._stage.parts.controller
            controller.send_edited(self._chance.choice(asked).id, f"Edited {next(self._numbers)}: hello!")
            self._tell_messages()
            yield acts.not_busy(self._stage)

    def again(self) -> Iterator[Wait]:
        """Another answer."""
        from tests.hostile import acts

        if self._stage.parts.controller.can_try_again():
            self._stage.parts.controller.try_again()
            yield acts.not_busy(self._stage)

    def branch(self) -> Iterator[Wait]:
        """A chat that goes off from any message."""
        from tests.hostile import acts

        shown = self._shown()
        if shown:
            self._stage.parts.controller.branch_off(self._chance.choice(shown).id)
            self._tell_messages()
            yield acts.at_rest(self._stage)

    def bring_in(self) -> Iterator[Wait]:
        """Some chats of another program."""
        from tests.hostile.acts import Wait

        key, count = f"s{self._chance.randrange(10**9)}-", self._chance.randint(1, MOST_IMPORTED)
        chats = [
            chatgpt_chat(number) | {"conversation_id": f"{key}{number}", "id": f"{key}{number}"}
            for number in range(count)
        ]
        path = Path(self._places["root"]) / f"{key}.json"
        path.write_text(json.dumps(chats))
        exchange, ended = self._stage.parts.window._exchange, []
        for signal in (exchange.counted, exchange.failed, exchange.imported):
            signal.connect(ended.append)
        self._tell("importing", key, count)
        exchange.read_import(path)
        yield Wait(lambda: ended, "the import counted")
        exchange.take_import()
        yield Wait(lambda: len(ended) > 1, "the import taken in")
        if getattr(ended[1], "done", False):
            self._tell("imported", key)
        path.unlink()

    def attach(self) -> Iterator[Wait]:
        """A text and a document, and a question about them."""
        from tests.hostile.acts import Wait

        number, root = next(self._numbers), Path(self._places["root"])
        word = f"word{self._chance.randrange(10**9)}"
        plain = root / f"notes-{word}.txt"
        plain.write_text(f"The first line.\nThe word is {word}.\n")
        files = [plain, write_pdf(root / f"report-{word}.pdf", [f"Page of {word}", "The end"])]
        composer = self._stage.parts.window.pane.composer
        self._typing()
        composer.set_text(f"Question {number}")
        composer.box.files_given.emit([str(each) for each in files])
        yield Wait(lambda: composer.text.count(word) > 2, "the files in the box")
        yield from self._sent(composer.text)
        for path in files:
            path.unlink()

    def type(self) -> Iterator[Wait]:
        """Something that is not sent."""
        from tests.hostile.acts import Wait

        text = f"typed {next(self._numbers)} {self._chance.randrange(10**9)}"
        self._typing()
        self._stage.parts.window.pane.composer.set_text(text)
        since, slot = time.monotonic(), self._slot
        yield Wait(lambda: time.monotonic() > since + TYPED_SECONDS, "some time")
        if self._slot == slot and self._stage.parts.window.pane.composer.text == text:
            self._tell("typed", slot, text)

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    def _slot(self) -> str:
        return self._stage.parts.controller.chat_id or ""

    def _typing(self) -> None:
        self._tell("typing", self._slot)

    def _sent(self, text: str) -> Iterator[Wait]:
        from tests.hostile import acts

        self._typing()
        yield from acts.send(self._stage, text)
        for message in self._shown():
            if message.files:
                self._tell("attached", message.id, [file.digest for file in message.files])

    def _shown(self) -> tuple[Message, ...]:
        chat = self._stage.parts.controller.chat_id
        return self._stage.parts.store.messages(chat) if chat is not None else ()

    def _tell_messages(self) -> None:
        for message in self._shown():
            if message.role == "user":
                self._tell("message", message.id, message.body)
