"""Conversations of LM Studio: messages with versions, of one step or several."""

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

SOURCE = "lm-studio"


def is_chat(value: Any) -> bool:
    """Whether this is a conversation of LM Studio."""
    messages = fields_of(value).get("messages")
    return isinstance(messages, list) and (
        any(isinstance(fields_of(each).get("versions"), list) for each in messages)
        or (not messages and "usePerChatPredictionConfig" in value)
    )


def read_chat(value: Fields, name: str) -> ChatDraft:
    """A conversation; `name` is that of its file, in folders that are the chat's."""
    at = moment(value.get("createdAt"))
    stem = name.rsplit("/", 1)[-1].removesuffix(".json").removesuffix(".conversation")
    chat = ChatDraft(
        SOURCE,
        stem or str(at),
        text_of(value.get("name")),
        at,
        pinned=bool(value.get("pinned")),
        folder=_folders(name),
        extra=without(value, "messages", "name", "createdAt", "pinned"),
    )
    system = text_of(value.get("systemPrompt"))
    before: str | None = None
    if system.strip():
        before = "system"
        chat.messages.append(Draft(before, None, "system", system, at=at))
    for number, each in enumerate(list_of(value.get("messages"))):
        versions = [fields_of(version) for version in list_of(fields_of(each).get("versions"))]
        selected = fields_of(each).get("currentlySelected")
        chosen = selected if isinstance(selected, int) and 0 <= selected < len(versions) else len(versions) - 1
        parent = before
        for at_version, version in enumerate(versions):
            key = f"{number}.{at_version}"
            chat.messages.append(_version(key, parent, version, chat))
            if at_version == chosen:
                before = key
    chat.shown = before
    return chat


def _folders(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return parts[parts.index("conversations") + 1 :] if "conversations" in parts else []


def _version(key: str, parent: str | None, version: Fields, chat: ChatDraft) -> Draft:
    role = chat.role_of(text_of(version.get("role")))
    draft = Draft(
        key, parent, role, "", extra=without(version, "content") if version.get("type") != "multiStep" else {}
    )
    parts: list[str] = []
    thoughts: list[str] = []
    _read(list_of(version.get("content")), draft, chat, parts)
    steps = [fields_of(each) for each in list_of(version.get("steps"))]
    for step in steps:
        _step(step, draft, chat, parts, thoughts)
    if steps:
        draft.extra = dict(version)
    if role == "assistant":
        draft.model = text_of(fields_of(version.get("senderInfo")).get("senderName"))
    draft.body, draft.thinking = joined(parts), joined(thoughts)
    return draft


def _step(step: Fields, draft: Draft, chat: ChatDraft, parts: list[str], thoughts: list[str]) -> None:
    kind = text_of(step.get("type"))
    if kind == "contentBlock":
        thinking = fields_of(step.get("style")).get("type") == "thinking"
        _read(list_of(step.get("content")), draft, chat, thoughts if thinking else parts)
    elif kind not in ("toolStatus", "debugInfoBlock"):
        chat.trouble.append(texts.unknown_kind(kind[:40]))


def _read(content: list[Any], draft: Draft, chat: ChatDraft, parts: list[str]) -> None:
    for each in content:
        part = fields_of(each)
        match part.get("type"):
            case "text":
                parts.append(text_of(part.get("text")))
            case "toolCallRequest":
                parts.append(tool_call(text_of(part.get("name")), part.get("parameters")))
            case "toolCallResult":
                parts.append(tool_result(part.get("content")))
            case "file":
                name = text_of(part.get("name")) or text_of(part.get("fileIdentifier")) or "file"
                keys = tuple(key for key in (text_of(part.get("fileIdentifier")), name) if key)
                draft.assets.append(Asset(name, "", keys))
            case _:
                chat.trouble.append(texts.unknown_kind(str(part.get("type"))[:40]))
                parts.append(text_of(part.get("text")))
