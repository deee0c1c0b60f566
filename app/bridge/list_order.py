"""Changes of where chats stand in the list, for the window: what fails is told, what works is shown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from app.base.errors import AppError
from app.chats.history import HistoryStore
from app.chats.messages import Conversation
from app.chats.options import SystemPrompt
from app.chats.order import ChatOrder, Folder


class ListOrder:
    """Folders, pins, tags, the archive; every change shows the list anew."""

    def __init__(
        self,
        store: HistoryStore,
        publish: Callable[[], object],
        reporting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Nothing is read yet.

        Args:
            store: The history.
            publish: Shows the list anew.
            reporting: In this block errors of the store are shown, not raised.
        """
        self._store, self._publish, self._reporting = store, publish, reporting

    @property
    def order(self) -> ChatOrder:
        """What `arrange` is given changes of."""
        return self._store.order

    def arrange(self, change: Callable[[], tuple[Conversation, ...]]) -> tuple[Conversation, ...]:
        """Change where chats stand; gives them as they were, for `restore`; () if it failed."""
        before: tuple[Conversation, ...] = ()
        with self._reporting():
            before = change()
        self._publish()
        return before

    def restore(self, before: tuple[Conversation, ...]) -> None:
        """Put chats back where they stood."""
        with self._reporting():
            self.order.restore(before)
        self._publish()

    def title(self, chat: str) -> str | None:
        """The title of a chat, also of one in the bin; None if there is none any more, or it cannot be read."""
        with contextlib.suppress(AppError):
            return self._store.conversation(chat).title
        return None

    def bin(self) -> tuple[Conversation, ...]:
        """The chats that were deleted and are not removed yet."""
        found: tuple[Conversation, ...] = ()
        with self._reporting():
            found = self._store.bin()
        return found

    def remove_for_good(self, chats: Sequence[str]) -> None:
        """Remove chats of the bin now."""
        with self._reporting():
            self._store.remove_for_good(chats)

    def prompts(self) -> tuple[SystemPrompt, ...]:
        """The library of system prompts."""
        found: tuple[SystemPrompt, ...] = ()
        with self._reporting():
            found = self.order.prompts()
        return found

    def keep_prompt(self, name: str, text: str) -> str:
        """Put a prompt into the library; gives the name that it has there."""
        kept = ""
        with self._reporting():
            kept = self.order.keep_prompt(name, text).name
        return kept

    def remove_prompt(self, prompt: str) -> None:
        """Take a prompt out of the library."""
        with self._reporting():
            self.order.remove_prompt(prompt)

    def folders(self) -> tuple[Folder, ...]:
        """All folders, each behind the one that it lies in."""
        found: tuple[Folder, ...] = ()
        with self._reporting():
            found = self.order.folders()
        return found

    def add_folder(self, name: str, parent: str | None) -> Folder | None:
        """A new folder; None if it could not be made."""
        made: list[Folder] = []
        with self._reporting():
            made.append(self.order.add_folder(name, parent))
        self._publish()
        return made[0] if made else None

    def rename_folder(self, folder: str, name: str) -> None:
        """Another name."""
        with self._reporting():
            self.order.rename_folder(folder, name)
        self._publish()

    def move_folder(self, folder: str, parent: str | None) -> None:
        """Into another one, or to the top."""
        with self._reporting():
            self.order.move_folder(folder, parent)
        self._publish()

    def remove_folder(self, folder: str, *_: object) -> None:
        """Its chats stay."""
        with self._reporting():
            self.order.remove_folder(folder)
        self._publish()
