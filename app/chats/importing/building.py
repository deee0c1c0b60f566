"""Chats of other programs as our own export has them (`app.chats.exporting.portable`), built piece by piece.

Ids are made of the source and its own ids, so that the same chat has the same id whenever and wherever it is imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from app.chats.importing import texts
from app.chats.messages import title_from_text

Fields = dict[str, Any]
ROLES = ("user", "assistant", "system", "tool")
_TITLE = 200
_MOST_MS = 253_402_300_799_000  # the end of the year 9999
_SECONDS_BELOW = 100_000_000_000  # a number below it counts seconds, not milliseconds


@dataclass(slots=True)
class Asset:
    """A file that belongs to a message, and where it can be had.

    Attributes:
        name: As the user knows it.
        media_type: "image/png"; "" if nobody says.
        keys: Names under which the export may have it, the best first.
        data: Its bytes, where they stand in the message itself.
    """

    name: str
    media_type: str = ""
    keys: tuple[str, ...] = ()
    data: bytes | None = None


@dataclass(slots=True)
class Draft:
    """A message while its chat is built.

    Attributes:
        key: The source's own id, or what stands for it: no two of a chat have the same.
        parent: Key of the message before it; None for a first one.
        role: One of `ROLES`.
        body: Markdown.
        thinking: What was thought before.
        at: Milliseconds since 1970; 0 if nobody says.
        model: Which model wrote it; "" if nobody says.
        state: "done", "stopped" or "error".
        error: Why it failed.
        assets: Files of it.
        extra: What of the source has no place here; kept beside it.
    """

    key: str
    parent: str | None
    role: str
    body: str
    thinking: str = ""
    at: int = 0
    model: str = ""
    state: str = "done"
    error: str = ""
    assets: list[Asset] = field(default_factory=list)
    extra: Fields = field(default_factory=dict)


@dataclass(slots=True)
class ChatDraft:
    """A chat while it is built.

    Attributes:
        source: "chatgpt" and so on.
        key: The source's own id.
        title: As the source has it.
        at, updated: Milliseconds since 1970; 0 if nobody says.
        shown: Key of the last message of the branch that is shown; None for the newest.
        messages: In an order in which siblings follow each other as they were made.
        pinned, archived: As the source has it.
        tags: Names.
        folder: Names, the outermost first.
        extra: What has no place here.
        trouble: What could not be taken over, in words.
    """

    source: str
    key: str
    title: str
    at: int = 0
    updated: int = 0
    shown: str | None = None
    messages: list[Draft] = field(default_factory=list)
    pinned: bool = False
    archived: bool = False
    tags: list[str] = field(default_factory=list)
    folder: list[str] = field(default_factory=list)
    extra: Fields = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)

    def role_of(self, role: str) -> str:
        """One of `ROLES`: what the source calls otherwise is the model's, and is told."""
        if role in ROLES:
            return role
        self.trouble.append(texts.unknown_role(role[:40]))
        return "assistant"


def in_order(messages: dict[str, Fields], children: str) -> list[str]:
    """The messages' keys, siblings as their parent lists them under `children`."""
    order: dict[str, None] = {}
    for message in messages.values():
        for child in list_of(message.get(children)):
            if isinstance(child, str) and child in messages:
                order[child] = None
    return [*order, *(key for key in messages if key not in order)]


def portable(chat: ChatDraft) -> Fields:
    """The chat as our export has it; its files are still to be put in."""
    drafts = _tidied(chat)
    ids = {draft.key: made_id(draft.at, chat.source, chat.key, draft.key) for draft in drafts}
    numbers: dict[str | None, int] = {}
    messages = []
    for draft in drafts:
        number = numbers[draft.parent] = numbers.get(draft.parent, -1) + 1
        messages.append(_message(draft, chat, ids, number))
    shown = chat.shown if chat.shown in ids else _newest_leaf(drafts)
    first = next((draft.body for draft in drafts if draft.role == "user" and draft.body.strip()), "")
    title = title_from_text(chat.title, _TITLE) or title_from_text(first) or texts.UNTITLED
    found: Fields = {
        "id": made_id(chat.at, chat.source, chat.key),
        "title_source": "user" if title_from_text(chat.title) else "first_message",
        "created_at": chat.at,
        "updated_at": max(chat.updated, chat.at),
        "title": title,
        "pinned": int(chat.pinned),
        "archived": int(chat.archived),
        "origin": {"source": chat.source, "source_id": chat.key, "extra": chat.extra},
        "messages": messages,
    }
    if shown is not None:
        found["head_message_id"] = ids[shown]
    if chat.tags:
        found["tags"] = list(dict.fromkeys(name for name in chat.tags if name.strip()))
    if chat.folder:
        found["folder"] = chat.folder
    return found


def _message(draft: Draft, chat: ChatDraft, ids: dict[str, str], number: int) -> Fields:
    at = draft.at or chat.at
    message: Fields = {
        "id": ids[draft.key],
        "sibling_no": number,
        "role": draft.role if draft.role in ROLES else "assistant",
        "state": draft.state,
        "created_at": at,
        "updated_at": at,
        "body": draft.body,
        "thinking": draft.thinking,
        "origin": {"source": chat.source, "source_id": f"{chat.key}/{draft.key}", "extra": draft.extra},
    }
    if draft.parent is not None:
        message["parent_id"] = ids[draft.parent]
    if draft.error:
        message["error"] = {"user_text": draft.error, "hint": "", "known": True, "detail": ""}
    if draft.model:
        message["generation"] = {"backend": chat.source, "model": draft.model, "params": {}}
    return message


def _tidied(chat: ChatDraft) -> list[Draft]:
    """The messages, each behind its parent; parents that are not there are None, and circles are cut."""
    known = {draft.key: draft for draft in chat.messages}
    children: dict[str | None, list[Draft]] = {}
    for draft in known.values():
        if draft.parent not in known or draft.parent == draft.key:
            draft.parent = None
        children.setdefault(draft.parent, []).append(draft)
    ordered: list[Draft] = []
    done: set[str] = set()

    def follow(first: list[Draft]) -> None:
        waiting = list(reversed(first))
        while waiting:
            draft = waiting.pop()
            if draft.key not in done:
                done.add(draft.key)
                ordered.append(draft)
                waiting += reversed(children.get(draft.key, []))

    follow(children.get(None, []))
    for draft in known.values():  # in a circle, which nothing leads to
        if draft.key not in done:
            draft.parent = None
            follow([draft])
    return ordered


def _newest_leaf(drafts: list[Draft]) -> str | None:
    parents = {draft.parent for draft in drafts}
    leaves = [draft for draft in drafts if draft.key not in parents]
    return max(leaves, key=lambda draft: draft.at).key if leaves else None


def leaves(messages: list[Fields]) -> int:
    """How many ways lead through a chat."""
    parents = {message.get("parent_id") for message in messages}
    return sum(message["id"] not in parents for message in messages)


def made_id(moment: int, *parts: str) -> str:
    """An id that sorts by time, and is the same for the same parts (a version 8 UUID)."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
    noise = int.from_bytes(digest[:10], "big")
    stamp = min(max(moment, 0), (1 << 48) - 1)
    value = stamp << 80 | 0x8 << 76 | (noise >> 62 & 0xFFF) << 64 | 0b10 << 62 | noise & ((1 << 62) - 1)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


# -- what sources write in many ways ---------------------------------------------------------------------------------


def moment(value: Any) -> int:
    """A time in milliseconds since 1970: of seconds, milliseconds, or ISO 8601; 0 if it is none."""
    from datetime import datetime

    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
            aware = found if found.tzinfo else found.replace(tzinfo=UTC)
            return _within(aware.timestamp() * 1000)
        except (ValueError, OverflowError):
            try:
                value = float(value)
            except ValueError:
                return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return _within(value * 1000 if abs(value) < _SECONDS_BELOW else value)


def _within(milliseconds: float) -> int:
    return round(milliseconds) if 0 < milliseconds < _MOST_MS else 0  # not a number is not, either


def text_of(value: Any) -> str:
    """A text; of anything else nothing."""
    return value if isinstance(value, str) else ""


def fields_of(value: Any) -> Fields:
    """An object; of anything else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A list; of anything else an empty one."""
    return value if isinstance(value, list) else []


def joined(parts: list[str] | Iterator[str]) -> str:
    """Parts of a text, one below the other."""
    return "\n\n".join(part for part in parts if part.strip())


def fenced(text: str, language: str = "") -> str:
    """A text as a code block, whatever marks it holds."""
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    marks = "`" * max(3, longest + 1)
    word = language.split()[0] if language.split() else ""
    return f"{marks}{word}\n{text}\n{marks}"


def tool_call(name: str, arguments: Any) -> str:
    """A call of a tool, to be read."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, indent=1)
    return f"*{texts.TOOL_CALL}: {name or '?'}*\n\n{fenced(text, 'json')}"


def tool_result(value: Any) -> str:
    """What a tool gave, to be read."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return f"*{texts.TOOL_RESULT}*\n\n{fenced(text)}"


def without(value: Fields, *names: str) -> Fields:
    """What is left of an object."""
    return {name: each for name, each in value.items() if name not in names}
