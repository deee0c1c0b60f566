"""Conversations of Claude: `chat_messages` with blocks; design chats, whose messages hold an object."""

from __future__ import annotations

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

SOURCE = "claude"
_SENDERS = {"human": "user"}


def is_chat(value: Any) -> bool:
    """Whether this is a conversation of Claude, or a design chat."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("chat_messages"), list):
        return True
    messages = value.get("messages")
    return isinstance(messages, list) and any(
        isinstance(fields_of(fields_of(each).get("content")).get("contentBlocks"), list) for each in messages
    )


def read_chat(value: Fields) -> ChatDraft:
    """A conversation."""
    chat = ChatDraft(
        SOURCE,
        text_of(value.get("uuid")) or text_of(value.get("id")) or text_of(value.get("created_at")),
        text_of(value.get("name")) or text_of(value.get("title")),
        moment(value.get("created_at")),
        moment(value.get("updated_at")),
        extra=without(value, "chat_messages", "messages", "name", "created_at", "updated_at"),
    )
    found = list_of(value.get("chat_messages")) or list_of(value.get("messages"))
    messages = [each for each in found if isinstance(each, dict)]
    keys = [text_of(each.get("uuid")) or text_of(each.get("id")) or str(at) for at, each in enumerate(messages)]
    is_tree = any(text_of(each.get("parent_message_uuid")) in keys for each in messages)
    before: str | None = None
    for key, message in zip(keys, messages, strict=True):
        parent = text_of(message.get("parent_message_uuid")) if is_tree else before
        chat.messages.append(_message(key, parent or None, message, chat))
        before = key
    chat.shown = text_of(value.get("current_leaf_message_uuid")) or (before if not is_tree else None)
    return chat


def _message(key: str, parent: str | None, message: Fields, chat: ChatDraft) -> Draft:
    sender = text_of(message.get("sender")) or text_of(message.get("role"))
    role = chat.role_of(_SENDERS.get(sender, sender))
    content = message.get("content")
    blocks = list_of(content) or list_of(fields_of(content).get("contentBlocks"))
    draft = Draft(
        key, parent, role, "", at=moment(message.get("created_at")), extra=without(message, "text", "created_at")
    )
    parts: list[str] = []
    thoughts: list[str] = []
    for each in blocks:
        _block(fields_of(each), draft, chat, parts, thoughts)
    if blocks and all(fields_of(each).get("type") == "text" for each in blocks):
        draft.extra.pop("content", None) if not _has_more(blocks) else None
    draft.body = joined(parts) or text_of(message.get("text")) or text_of(content)
    draft.thinking = joined(thoughts)
    _add_files(message, draft, chat)
    return draft


def _has_more(blocks: list[Any]) -> bool:
    """Whether blocks of text hold more than text and times."""
    usual = {"type", "text", "start_timestamp", "stop_timestamp"}
    return any(value for each in blocks for name, value in fields_of(each).items() if name not in usual)


def _block(block: Fields, draft: Draft, chat: ChatDraft, parts: list[str], thoughts: list[str]) -> None:
    kind = text_of(block.get("type")) or text_of(block.get("kind"))
    match kind:
        case "text" | "user_interjection":
            parts.append(text_of(block.get("text")) or text_of(block.get("content")))
        case "thinking":
            thoughts.append(text_of(block.get("thinking")) or text_of(block.get("text")))
        case "tool_use" | "tool_call":
            given = block.get("input") if "input" in block else block.get("arguments")
            parts.append(tool_call(text_of(block.get("name")), given))
        case "tool_result":
            parts.append(tool_result(_result(block.get("content"))))
        case "error":
            draft.state = "error"
            draft.error = text_of(block.get("message")) or text_of(block.get("text")) or kind
        case _:
            chat.trouble.append(texts.unknown_kind(kind[:40]))
            parts.append(text_of(block.get("text")))


def _result(content: Any) -> Any:
    """The texts of a result; all of it where there is something else, too."""
    parts = list_of(content)
    words = [text_of(fields_of(each).get("text")) for each in parts]
    return joined(words) if parts and all(words) else content


def _add_files(message: Fields, draft: Draft, chat: ChatDraft) -> None:
    for each in list_of(message.get("attachments")):
        found = fields_of(each)
        name = text_of(found.get("file_name")) or "attachment.txt"
        text = found.get("extracted_content")
        media_type = text_of(found.get("file_type"))
        data = text.encode("utf-8", "replace") if isinstance(text, str) else None
        draft.assets.append(Asset(name, media_type if "/" in media_type else "", (name,), data))
    for each in list_of(message.get("files")):
        found = fields_of(each)
        name = text_of(found.get("file_name")) or text_of(found.get("name"))
        if name:
            keys = (text_of(found.get("file_uuid")), text_of(found.get("uuid")), name)
            draft.assets.append(Asset(name, "", tuple(key for key in keys if key)))
