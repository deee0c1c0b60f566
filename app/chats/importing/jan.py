"""Threads of Jan: `thread.json`, and `messages.jsonl` beside it, one message a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.chats.importing import texts
from app.chats.importing.building import (
    Asset,
    ChatDraft,
    Draft,
    Fields,
    fields_of,
    joined,
    list_of,
    moment,
    text_of,
    tool_call,
    tool_result,
    without,
)
from app.chats.importing.open_webui import data_of, type_of

SOURCE = "jan"
THREAD, MESSAGES = "thread.json", "messages.jsonl"
_STATES = {"error": "error", "stopped": "stopped", "pending": "stopped"}


def is_thread(value: Any) -> bool:
    """Whether this is a thread of Jan."""
    found = fields_of(value)
    return found.get("object") == "thread" or (isinstance(found.get("assistants"), list) and "id" in found)


def read_thread(value: Fields, lines: Iterable[tuple[int, Any]], name: str) -> ChatDraft:
    """A thread and its messages; `name` is that of its folder. A bad line hides no other."""
    assistants = [fields_of(each) for each in list_of(value.get("assistants"))]
    model = next(
        (text_of(each.get("model")) or text_of(fields_of(each.get("model")).get("id")) for each in assistants), ""
    )
    chat = ChatDraft(
        SOURCE,
        text_of(value.get("id")) or name,
        text_of(value.get("title")),
        moment(value.get("created")),
        moment(value.get("updated")),
        extra=without(value, "title", "created", "updated"),
    )
    before: str | None = None
    known: set[str] = set()
    for number, line in lines:
        if not isinstance(line, dict):
            chat.trouble.append(texts.bad_line(number))
            continue
        key = text_of(line.get("id")) or f"line {number}"
        key = key if key not in known else f"{key} {number}"
        known.add(key)
        draft = _message(key, before, line, chat)
        if draft.role == "assistant":
            draft.model = text_of(fields_of(line.get("metadata")).get("modelId")) or model
        chat.messages.append(draft)
        before = key
    chat.shown = before
    return chat


def _message(key: str, parent: str | None, message: Fields, chat: ChatDraft) -> Draft:
    role = chat.role_of(text_of(message.get("role")))
    draft = Draft(
        key,
        parent,
        role,
        "",
        at=moment(message.get("created_at")),
        state=_STATES.get(text_of(message.get("status")), "done"),
        extra=without(message, "content", "created_at"),
    )
    if draft.state == "error":
        draft.error = text_of(message.get("error_code")) or "error"
    parts: list[str] = []
    thoughts: list[str] = []
    kinds = set()
    for each in list_of(message.get("content")):
        part = fields_of(each)
        kind = text_of(part.get("type"))
        kinds.add(kind)
        words = text_of(fields_of(part.get("text")).get("value")) or text_of(part.get("text"))
        match kind:
            case "text":
                parts.append(words)
            case "reasoning":
                thoughts.append(words)
            case "image_url":
                url = text_of(fields_of(part.get("image_url")).get("url"))
                data = data_of(url)
                keys = () if data is not None else (url.rsplit("/", 1)[-1],)
                draft.assets.append(Asset("image", type_of(url), keys, data))
            case "tool_call":
                parts.append(tool_call(text_of(part.get("tool_name")), part.get("input")))
                if part.get("output") is not None:
                    parts.append(tool_result(part.get("output")))
            case _:
                chat.trouble.append(texts.unknown_kind(kind[:40]))
                parts.append(words)
    if kinds - {"text", "image_url"}:
        draft.extra["content"] = message.get("content")
    for each in list_of(message.get("attachments")):
        file_id = text_of(fields_of(each).get("file_id"))
        if file_id:
            draft.assets.append(Asset(file_id, "", (file_id,)))
    draft.body, draft.thinking = joined(parts), joined(thoughts)
    return draft
