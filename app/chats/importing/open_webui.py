"""Chats of Open WebUI: an array of rows with a `chat` in each, or such a chat alone."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from app.chats.importing import texts
from app.chats.importing.building import (
    Asset,
    ChatDraft,
    Draft,
    Fields,
    fields_of,
    in_order,
    joined,
    list_of,
    moment,
    text_of,
    without,
)

SOURCE = "open-webui"
_REASONING = re.compile(r'<details type="reasoning"[^>]*>\s*(?:<summary>[^<]*</summary>)?(.*?)</details>\s*', re.DOTALL)
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,", re.ASCII)


def is_chat(value: Any) -> bool:
    """Whether this is a chat of Open WebUI, with or without the row around it."""
    chat = fields_of(value).get("chat", value)
    return isinstance(fields_of(fields_of(chat).get("history")).get("messages"), dict)


def read_chat(value: Fields) -> ChatDraft:
    """A chat."""
    row, inner = (value, fields_of(value["chat"])) if isinstance(value.get("chat"), dict) else ({}, value)
    history = fields_of(inner.get("history"))
    at = moment(row.get("created_at")) or moment(inner.get("timestamp"))
    key = text_of(row.get("id")) or text_of(inner.get("id")) or f"{at} {text_of(inner.get('title'))}"
    folder = text_of(fields_of(row.get("folder")).get("name"))
    chat = ChatDraft(
        SOURCE,
        key,
        text_of(row.get("title")) or text_of(inner.get("title")),
        at,
        moment(row.get("updated_at")),
        shown=text_of(history.get("currentId")) or None,
        pinned=bool(row.get("pinned")),
        archived=bool(row.get("archived")),
        tags=_tags(fields_of(row.get("meta")).get("tags")) or _tags(inner.get("tags")),
        folder=[folder] if folder else [],
        extra={**without(row, "chat", "title"), "chat": without(inner, "history", "messages", "title")},
    )
    messages = {str(key): fields_of(each) for key, each in fields_of(history.get("messages")).items()}
    for name in in_order(messages, "childrenIds"):
        chat.messages.append(_message(name, messages[name], chat))
    return chat


def _tags(value: Any) -> list[str]:
    found = [each if isinstance(each, str) else text_of(fields_of(each).get("name")) for each in list_of(value)]
    return [name for name in found if name]


def _message(name: str, message: Fields, chat: ChatDraft) -> Draft:
    role = chat.role_of(text_of(message.get("role")))
    draft = Draft(
        name,
        text_of(message.get("parentId")) or None,
        role,
        "",
        at=moment(message.get("timestamp")),
        model=text_of(message.get("model")) if role == "assistant" else "",
        extra=without(message, "content", "timestamp"),
    )
    _read_content(message.get("content"), draft, chat)
    error = message.get("error")
    if error:
        draft.state, draft.error = "error", text_of(fields_of(error).get("content")) or text_of(error) or "error"
    elif message.get("done") is False:
        draft.state = "stopped"
    files = list_of(message.get("files"))
    for each in files:
        _add_file(fields_of(each), draft)
    if files:
        draft.extra["files"] = [_without_data(fields_of(each)) for each in files]
    return draft


def _read_content(content: Any, draft: Draft, chat: ChatDraft) -> None:
    if isinstance(content, str):
        thoughts = [match[1] for match in _REASONING.finditer(content)] if "<details" in content else []
        draft.body = _REASONING.sub("", content) if thoughts else content
        unquoted = ["\n".join(re.sub(r"^> ?", "", line) for line in each.strip().split("\n")) for each in thoughts]
        draft.thinking = joined(unquoted)
        return
    parts = []
    for each in list_of(content):
        part = fields_of(each)
        if part.get("type") == "image_url":
            _add_file({"type": "image", "url": fields_of(part.get("image_url")).get("url")}, draft)
        elif part.get("type") not in ("text", None):
            chat.trouble.append(texts.unknown_kind(str(part.get("type"))[:40]))
        parts.append(text_of(part.get("text")))
    draft.body = joined(parts)


def _add_file(found: Fields, draft: Draft) -> None:
    inner = fields_of(found.get("file"))
    name = text_of(found.get("name")) or text_of(inner.get("filename")) or text_of(found.get("type")) or "file"
    media_type = text_of(found.get("content_type")) or text_of(fields_of(inner.get("meta")).get("content_type"))
    url = text_of(found.get("url"))
    if (data := data_of(url)) is not None:
        draft.assets.append(Asset(name, media_type or type_of(url), (), data))
        return
    text = fields_of(inner.get("data")).get("content")
    if isinstance(text, str) and text:
        draft.assets.append(Asset(name, "text/plain", (), text.encode("utf-8", "replace")))
        return
    keys = (text_of(found.get("id")), text_of(inner.get("id")), url.rsplit("/", 1)[-1], name)
    draft.assets.append(Asset(name, media_type, tuple(key for key in keys if key)))


def _without_data(found: Fields) -> Fields:
    """What is said of a file, without its bytes, which are a file of ours."""
    return without(found, "url") if data_of(text_of(found.get("url"))) is not None else found


def data_of(url: str) -> bytes | None:
    """The bytes of a `data:` address; None if it is none."""
    match = _DATA.match(url[:200])
    if match is None:
        return None
    try:
        return base64.b64decode(url[match.end() :])
    except (binascii.Error, ValueError):
        return None


def type_of(url: str) -> str:
    """The media type that a `data:` address names."""
    match = _DATA.match(url[:200])
    return match[1] or "" if match is not None else ""
