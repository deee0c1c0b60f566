"""Our own export, as anybody may have changed it: what makes no sense is put right and named, so that it comes in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

from app.chats.importing import texts
from app.chats.importing.building import ROLES, Asset, Fields, fields_of, list_of, made_id, text_of
from app.chats.recovery.rows import ALLOWED, FUTURE_MS, TIMES

SOURCE = "dewpoint"
_STATES = (*ALLOWED["state"], "streaming")
_CHAT_TEXTS, _MESSAGE_TEXTS = ("title", "unsent"), ("body", "thinking")
_STEERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # control characters and line separators

Trouble = Callable[[str], None]  # is told each thing that is not taken over as it stands


def is_chat(value: Any) -> bool:
    """Whether this is a chat of our own export."""
    return isinstance(value, dict) and isinstance(value.get("messages"), list) and bool(text_of(value.get("id")))


def read_chat(value: Fields, trouble: Trouble) -> Fields:
    """The chat; each message names a parent and a role that there is."""
    chat = dict(value)
    _look_at_fields(chat, _CHAT_TEXTS, "", trouble)
    title = text_of(chat.get("title"))
    if _STEERS.search(title):
        trouble(texts.TITLE_LINE)
        chat["title"] = _STEERS.sub(" ", title).strip()
    _look_at_lists(chat, trouble)
    messages: dict[str, Fields] = {}
    for number, each in enumerate(list_of(value["messages"])):
        if not isinstance(each, dict):
            trouble(texts.no_message(number + 1))
            continue
        message = dict(each)
        key = text_of(message.get("id")) or made_id(0, SOURCE, value["id"], str(number))
        if key in messages:
            trouble(texts.same_id(key))
            continue
        message["id"] = key
        _look_at_message(message, trouble)
        messages[key] = message
    chat["messages"] = _linked(messages, trouble)
    if chat.get("head_message_id") not in messages:
        if chat.pop("head_message_id", None) is not None:
            trouble(texts.HEAD_MISSING if messages else texts.HEAD_OF_NOTHING)
        if messages:
            chat["head_message_id"] = chat["messages"][-1]["id"]
    return chat


def _look_at_message(message: Fields, trouble: Trouble) -> None:
    _look_at_fields(message, _MESSAGE_TEXTS, message["id"], trouble)
    message["body"] = text_of(message.get("body"))
    message["thinking"] = text_of(message.get("thinking"))
    if message.get("role") not in ROLES:
        trouble(texts.of_message(message["id"], texts.unknown_role(str(message.get("role"))[:40])))
        message["role"] = "assistant"
    if message.get("state") not in _STATES:
        if message.get("state") is not None:
            trouble(texts.of_message(message["id"], texts.unknown_state(str(message["state"])[:40])))
        message["state"] = "stopped"
    elif message["state"] == "streaming":  # it was being written when it was exported
        message["state"] = "stopped"


def _look_at_fields(item: Fields, names: tuple[str, ...], message: str, trouble: Trouble) -> None:
    """Texts that are none go; of times that cannot be, only the fact is told: taking them in puts in another."""
    for name in names:
        if item.get(name) is not None and not isinstance(item[name], str):
            trouble(texts.of_message(message, texts.no_text(name)))
            del item[name]
    latest = int(time.time() * 1000) + FUTURE_MS
    for name in TIMES:
        value = item.get(name)
        if value is not None and not (type(value) is int and 0 < value <= latest):
            trouble(texts.of_message(message, texts.no_time(name, str(value)[:40])))
            del item[name]


def _look_at_lists(chat: Fields, trouble: Trouble) -> None:
    """The tags and folders that have a name."""
    for name in ("tags", "folder"):
        given = chat.get(name)
        if given is None:
            continue
        kept = [each for each in list_of(given) if text_of(each).strip()]
        if not isinstance(given, list) or len(kept) < len(given):
            trouble(texts.no_names(name))
        chat[name] = kept


def _linked(messages: dict[str, Fields], trouble: Trouble) -> list[Fields]:
    """The messages in their order; a parent that is not there is none, and circles are cut."""
    children: dict[str | None, list[Fields]] = {}
    for message in messages.values():
        parent = message.get("parent_id")
        if not isinstance(parent, str) or parent not in messages or parent == message["id"]:
            if message.pop("parent_id", None) is not None:
                trouble(texts.of_message(message["id"], texts.PARENT_MISSING))
            parent = None
        children.setdefault(parent, []).append(message)
    ordered: dict[str, Fields] = {}

    def follow(first: list[Fields]) -> None:
        waiting = list(reversed(first))
        while waiting:
            message = waiting.pop()
            if message["id"] not in ordered:
                ordered[message["id"]] = message
                waiting += reversed(children.get(message["id"], []))

    for family in children.values():
        _number(family)
    follow(children.get(None, []))
    for message in messages.values():  # in a circle, which nothing leads to
        if message["id"] not in ordered:
            message.pop("parent_id", None)
            trouble(texts.of_message(message["id"], texts.IN_A_CIRCLE))
            follow([message])
    return list(messages.values())


def _number(family: list[Fields]) -> None:
    """No two of a family may have the same number."""
    taken: set[int] = set()
    for message in family:
        number = message.get("sibling_no")
        if not isinstance(number, int) or isinstance(number, bool) or number < 0 or number in taken:
            number = max(taken, default=-1) + 1
        taken.add(number)
        message["sibling_no"] = number


def assets_of(message: Fields, trouble: Trouble) -> list[Asset]:
    """The files that a message of an export holds; they are taken out of it."""
    found = []
    for each in list_of(message.pop("attachments", None)):
        attachment = fields_of(each)
        name = text_of(attachment.get("name")) or "file"
        try:
            data = base64.b64decode(text_of(fields_of(attachment.get("data")).get("base64")))
        except (binascii.Error, ValueError):
            data = b""
        digest = text_of(attachment.get("digest"))
        if data and digest and digest.lower() != hashlib.sha256(data).hexdigest():
            trouble(texts.of_message(message["id"], texts.other_digest(name)))
        known = bool(data) or attachment.get("size") == 0
        found.append(Asset(name, text_of(attachment.get("media_type")), (), data if known else None))
    return found
