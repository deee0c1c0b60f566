"""Conversations of ChatGPT: a `mapping` of nodes, `current_node`, and content of many kinds."""

from __future__ import annotations

from typing import Any

from app.chats.importing import texts
from app.chats.importing.building import (
    Asset,
    ChatDraft,
    Draft,
    Fields,
    fenced,
    fields_of,
    in_order,
    joined,
    list_of,
    moment,
    text_of,
    without,
)

SOURCE = "chatgpt"
_THOUGHTS = ("thoughts", "reasoning_recap")
_POINTERS = ("image_asset_pointer", "audio_asset_pointer", "video_container_asset_pointer")


def is_chat(value: Any) -> bool:
    """Whether this is a conversation of ChatGPT."""
    return isinstance(value, dict) and isinstance(value.get("mapping"), dict)


def read_chat(value: Fields) -> ChatDraft:
    """A conversation."""
    mapping = {str(key): fields_of(node) for key, node in fields_of(value.get("mapping")).items()}
    key = text_of(value.get("conversation_id")) or text_of(value.get("id")) or _stand_in(mapping)
    chat = ChatDraft(
        SOURCE,
        key,
        text_of(value.get("title")),
        moment(value.get("create_time")),
        moment(value.get("update_time")),
        pinned=bool(value.get("pinned_time")) or bool(value.get("is_starred")),
        archived=bool(value.get("is_archived")),
        extra=without(value, "mapping", "title", "create_time", "update_time", "current_node", "is_archived"),
    )
    for name in in_order(mapping, "children"):
        node = mapping[name]
        message = node.get("message")
        if isinstance(message, dict):
            chat.messages.append(_message(name, _parent(mapping, name), message, chat))
    chat.shown = _with_message(mapping, text_of(value.get("current_node")))
    return chat


def _stand_in(mapping: dict[str, Fields]) -> str:
    return "nodes " + min(mapping, default="")


def _parent(mapping: dict[str, Fields], name: str) -> str | None:
    """The nearest node above that holds a message."""
    return _with_message(mapping, text_of(mapping[name].get("parent")))


def _with_message(mapping: dict[str, Fields], name: str) -> str | None:
    seen: set[str] = set()
    while name in mapping and name not in seen:
        seen.add(name)
        if isinstance(mapping[name].get("message"), dict):
            return name
        name = text_of(mapping[name].get("parent"))
    return None


def _message(name: str, parent: str | None, message: Fields, chat: ChatDraft) -> Draft:
    author, metadata = fields_of(message.get("author")), fields_of(message.get("metadata"))
    role = chat.role_of(text_of(author.get("role")))
    draft = Draft(
        name,
        parent,
        role,
        "",
        at=moment(message.get("create_time")),
        model=text_of(metadata.get("model_slug")) if role == "assistant" else "",
        state="stopped" if message.get("status") in ("in_progress", "finished_partial_completion") else "done",
        extra=without(message, "content", "create_time"),
    )
    content = fields_of(message.get("content"))
    kind = text_of(content.get("content_type"))
    draft.body, draft.thinking = _content(kind, content, draft, chat)
    if kind != "text":
        draft.extra["content"] = content
    for each in list_of(metadata.get("attachments")):
        found = fields_of(each)
        file_id, file_name = text_of(found.get("id")), text_of(found.get("name"))
        if file_id and not any(file_id in asset.keys for asset in draft.assets):
            media_type = text_of(found.get("mime_type")) or text_of(found.get("mimeType"))
            draft.assets.append(Asset(file_name or file_id, media_type, (file_id, file_name)))
    return draft


def _content(kind: str, content: Fields, draft: Draft, chat: ChatDraft) -> tuple[str, str]:
    """What is read, and what was thought."""
    match kind:
        case "text" | "multimodal_text" | "":
            return joined([_part(part, draft, chat) for part in list_of(content.get("parts"))]), ""
        case "code":
            language = text_of(content.get("language"))
            text = text_of(content.get("text"))
            return fenced(text, "" if language == "unknown" else language) if text else "", ""
        case "execution_output":
            text = text_of(content.get("text"))
            return fenced(text) if text else "", ""
        case "thoughts":
            return "", joined([_thought(each) for each in list_of(content.get("thoughts"))])
        case "reasoning_recap":
            return "", text_of(content.get("content"))
        case "user_editable_context":
            return joined([text_of(content.get("user_profile")), text_of(content.get("user_instructions"))]), ""
        case "model_editable_context":
            return text_of(content.get("model_set_context")), ""
        case "tether_browsing_display":
            return joined([text_of(content.get("summary")), text_of(content.get("result"))]), ""
        case "tether_quote" | "sonic_webpage":
            names = ("title", "url", "domain", "snippet", "text")
            return joined([text_of(content.get(name)) for name in names]), ""
        case "system_error":
            draft.state, draft.error = "error", joined([text_of(content.get("name")), text_of(content.get("text"))])
            return text_of(content.get("text")), ""
    chat.trouble.append(texts.unknown_kind(kind[:40]))
    return joined([text_of(content.get(name)) for name in ("text", "content", "result")]), ""


def _thought(value: Any) -> str:
    thought = fields_of(value)
    chunks = joined([text_of(each) for each in list_of(thought.get("chunks"))])
    return joined([text_of(thought.get("summary")), text_of(thought.get("content")) or chunks])


def _part(part: Any, draft: Draft, chat: ChatDraft) -> str:
    """A part of a text with pictures in it; those become files of the message."""
    if isinstance(part, str):
        return part
    found = fields_of(part)
    kind = text_of(found.get("content_type"))
    if kind in _POINTERS:
        _add_pointer(found, kind, draft)
        return ""
    if kind == "audio_transcription":
        return text_of(found.get("text"))
    if kind == "real_time_user_audio_video_asset_pointer":
        for name, inner in (("audio_asset_pointer", "audio"), ("video_container_asset_pointer", "video")):
            if isinstance(found.get(name), dict):
                _add_pointer(found[name], inner, draft)
        for frame in list_of(found.get("frames_asset_pointers")):
            _add_pointer(fields_of(frame), "image", draft)
        return ""
    if kind or found:
        chat.trouble.append(texts.unknown_kind(kind[:40]))
    return text_of(found.get("text"))


def _add_pointer(found: Fields, kind: str, draft: Draft) -> None:
    """A file that a text points to: "file-service://file-AbC" or "sediment://file_0123"."""
    name = text_of(found.get("asset_pointer")).rpartition("://")[2].partition("?")[0].partition("#")[0]
    if name:
        draft.assets.append(Asset(name, "", (name,)))
    elif isinstance(found.get("audio_asset_pointer"), dict):
        _add_pointer(found["audio_asset_pointer"], kind, draft)
