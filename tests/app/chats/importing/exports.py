"""Synthetic exports of five programs, with every kind of content that is known of them."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

from app.chats.exporting.snapshot import snapshot

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CONTEXT = {"content_type": "user_editable_context", "user_profile": "I am", "user_instructions": "Be"}
THOUGHT = '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> One\n> two\n</details>\n'
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode('ascii')}"


def node(name: str, parent: str | None, role: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A node of a conversation of ChatGPT."""
    message = {
        "id": name,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1_700_000_000.5,
        "content": content,
        "status": "finished_successfully",
        "weight": 1.0,
        "recipient": "all",
        "channel": None,
        "metadata": {"model_slug": "gpt-x"},
    }
    return {"id": name, "message": message | more, "parent": parent, "children": []}


def text(*parts: Any, kind: str = "text") -> dict[str, Any]:
    """Content of a message of ChatGPT."""
    return {"content_type": kind, "parts": list(parts)}


def mapping(*nodes: dict[str, Any]) -> dict[str, Any]:
    """Nodes by their ids, each known to its parent, below a root without a message."""
    found = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    found |= {each["id"]: each for each in nodes}
    for each in nodes:
        found[each["parent"]]["children"].append(each["id"])
    return found


def chatgpt_chat(number: int = 0, **more: Any) -> dict[str, Any]:
    """12 messages, 3 branches, 3 files, every kind of content; the shown branch is not the newest one."""
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_00ab", "size_bytes": 70}
    audio = {"content_type": "audio_asset_pointer", "asset_pointer": "file-service://file-Sound1"}
    attachment = {"id": "file-Doc7", "name": "notes.txt", "mime_type": "text/plain", "size": 5}
    picture = text("Look at", pointer, kind="multimodal_text")
    spoken = {"content_type": "audio_transcription", "text": "spoken"}
    nodes = (
        node("sys", "root", "system", text(""), weight=0.0),
        node(
            "ctx",
            "sys",
            "user",
            {"content_type": "user_editable_context", "user_profile": "I am", "user_instructions": "Be"},
        ),
        node("q", "ctx", "user", picture, metadata={"attachments": [attachment]}),
        node("think", "q", "assistant", {"content_type": "thoughts", "thoughts": [{"summary": "S", "chunks": ["C1"]}]}),
        node("recap", "think", "assistant", {"content_type": "reasoning_recap", "content": "Thought for 3 s"}),
        node("code", "recap", "assistant", {"content_type": "code", "language": "python", "text": "print(1)"}),
        node("run", "code", "tool", {"content_type": "execution_output", "text": "1"}),
        node("a1", "run", "assistant", text("First ```answer```")),
        node(
            "a2",
            "q",
            "assistant",
            text("Second answer", spoken, audio),
        ),
        node("web", "a2", "tool", {"content_type": "tether_quote", "url": "https://x.org", "text": "quoted"}),
        node("odd", "web", "assistant", {"content_type": "hologram", "text": "seen"}),
        node("a3", "q", "assistant", text("Third")),
    )
    return {
        "id": f"conv-{number}",
        "conversation_id": f"conv-{number}",
        "title": f"Chat {number}",
        "create_time": 1_700_000_000.25 + number,
        "update_time": 1_700_000_100.0 + number,
        "mapping": mapping(*nodes),
        "current_node": "a1",
        "is_archived": False,
        "default_model_slug": "gpt-x",
        "gizmo_id": None,
    } | more


def write_chatgpt(path: Path, chats: int = 3, shard: int = 2) -> Path:
    """A zip of zips: conversations in shards behind a list, one of which is missing; files in a zip of their own."""
    inner = path.with_name("inner.zip")
    shards = [list(range(chats))[at : at + shard] for at in range(0, chats, shard)]
    names = [f"conversations-{number:03}.json" for number in range(len(shards))]
    manifest = {"version": 1, "logical_files": {"conversations.json": {"files": [*names, "conversations-999.json"]}}}
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("export_manifest.json", json.dumps(manifest))
        for name, numbers in zip(names, shards, strict=True):
            made.writestr(name, json.dumps([chatgpt_chat(number) for number in numbers]))
        made.writestr("conversation_asset_file_names.json", json.dumps({"file_00ab.dat": "picture.png"}))
        made.writestr("user.json", '{"id": "user-1"}')
    files = path.with_name("files.zip")
    with zipfile.ZipFile(files, "w", zipfile.ZIP_STORED) as made:
        made.writestr("file_00ab.dat", PNG)
        made.writestr("file-Doc7-notes.txt", "notes")
        made.writestr("file-Sound1.wav", b"RIFF")
        made.writestr("file-Nobody.dat", b"nobody")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.write(inner, "Conversations__x-part-000.zip")
        made.write(files, "Files__x.zip", compress_type=zipfile.ZIP_STORED)
    return path


def claude_chat() -> dict[str, Any]:
    """3 messages, 1 branch, 1 file in it and one that the export does not hold."""
    times = {"start_timestamp": "2026-01-01T00:00:00Z", "stop_timestamp": "2026-01-01T00:00:01Z", "flags": None}
    blocks = [
        {"type": "thinking", "thinking": "Hmm", **times},
        {"type": "text", "text": "Hello", "citations": [], **times},
        {"type": "tool_use", "name": "search", "input": {"q": "x"}, **times},
        {"type": "tool_result", "content": [{"type": "text", "text": "found"}], **times},
    ]
    attachment = {"file_name": "a.txt", "file_size": 3, "file_type": "txt", "extracted_content": "abc"}
    common = {"created_at": "2026-01-01T00:00:00.123456Z", "updated_at": "2026-01-01T00:00:00Z"}
    return {
        "uuid": "c-1",
        "name": "From Claude",
        "summary": "A summary",
        **common,
        "account": {"uuid": "u"},
        "chat_messages": [
            {
                "uuid": "m1",
                "text": "Hi",
                "content": [{"type": "text", "text": "Hi"}],
                "sender": "human",
                "attachments": [attachment],
                "files": [{"file_name": "photo.png"}],
                **common,
            },
            {
                "uuid": "m2",
                "text": "Hello",
                "content": blocks,
                "sender": "assistant",
                "attachments": [],
                "files": [],
                **common,
            },
            {"uuid": "m3", "text": "Bye", "content": [], "sender": "human", "attachments": [], "files": [], **common},
        ],
    }


def write_claude(path: Path) -> Path:
    """A batch with a project, memories, a design chat and a conversation with branches."""
    tree = claude_chat() | {"uuid": "c-2", "name": "A tree"}
    tree["chat_messages"] = [
        {"uuid": name, "text": name, "content": [], "sender": "human", "parent_message_uuid": parent, "created_at": ""}
        for name, parent in (("t1", "00000000"), ("t2", "t1"), ("t3", "t1"))
    ]
    design = {
        "uuid": "d-1",
        "title": "Design",
        "messages": [
            {"uuid": "d1", "role": "user", "content": {"contentBlocks": [{"type": "text", "text": "Draw"}]}},
            {"uuid": "d2", "role": "assistant", "content": {"contentBlocks": [{"type": "error", "message": "No"}]}},
        ],
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("conversations.json", json.dumps([claude_chat(), tree]))
        made.writestr("projects/p1.json", json.dumps({"uuid": "p1", "docs": [{"content": "x"}], "prompt_template": ""}))
        made.writestr("design_chats/d1.json", json.dumps(design))
        made.writestr("memories.json", json.dumps([{"conversations_memory": "x", "memory_files": []}]))
        made.writestr("users.json", "[]")
        made.writestr("login_history.json", "[]")
    return path


def open_webui_messages() -> dict[str, Any]:
    """4 messages, 2 branches, 2 files."""
    return {
        "u1": {
            "id": "u1",
            "parentId": None,
            "childrenIds": ["x2", "x1"],
            "role": "user",
            "content": "Hi",
            "timestamp": 1_700_000_000,
            "files": [
                {"type": "image", "url": DATA_URL},
                {"type": "file", "name": "t.md", "file": {"filename": "t.md", "data": {"content": "# T"}}},
            ],
        },
        "x1": {
            "id": "x1",
            "parentId": "u1",
            "childrenIds": ["u2"],
            "role": "assistant",
            "model": "m:7b",
            "done": True,
            "content": THOUGHT + "Yes",
            "timestamp": 1_700_000_001,
            "usage": {"total_tokens": 3},
        },
        "x2": {
            "id": "x2",
            "parentId": "u1",
            "childrenIds": [],
            "role": "assistant",
            "content": "",
            "error": {"content": "Failed"},
            "timestamp": 1_700_000_002,
        },
        "u2": {
            "id": "u2",
            "parentId": "x1",
            "childrenIds": [],
            "role": "user",
            "content": "More",
            "timestamp": 1_700_000_003,
        },
    }


def open_webui_row() -> dict[str, Any]:
    """A chat as an export has it."""
    return {
        "id": "w-1",
        "user_id": "me",
        "title": "From Open WebUI",
        "updated_at": 1_700_000_005,
        "created_at": 1_700_000_000,
        "archived": False,
        "pinned": True,
        "meta": {"tags": ["work"]},
        "folder_id": None,
        "chat": {
            "title": "From Open WebUI",
            "models": ["m:7b"],
            "history": {"messages": open_webui_messages(), "currentId": "u2"},
            "messages": [],
            "timestamp": 1_700_000_000_000,
        },
    }


def write_open_webui(path: Path) -> Path:
    """An array of rows."""
    path.write_text(json.dumps([open_webui_row()]), "utf-8")
    return path


def lm_studio_chat() -> dict[str, Any]:
    """A system prompt and 4 versions of 2 messages: 5 messages, 3 branches."""
    steps = [
        {"type": "contentBlock", "style": {"type": "thinking"}, "content": [{"type": "text", "text": "Hmm"}]},
        {
            "type": "contentBlock",
            "content": [{"type": "text", "text": "Answer"}],
            "genInfo": {"stats": {"stopReason": "eos"}},
        },
        {"type": "contentBlock", "roleOverride": "tool", "content": [{"type": "toolCallResult", "content": "ok"}]},
        {"type": "toolStatus"},
        {"type": "debugInfoBlock"},
    ]
    single = [
        {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": name}]} for name in ("a", "b")
    ]
    single[0]["content"].append({"type": "file", "fileIdentifier": "1.png"})
    multi = [{"type": "multiStep", "role": "assistant", "senderInfo": {"senderName": "qwen"}, "steps": steps}] * 2
    return {
        "name": "From LM Studio",
        "pinned": False,
        "createdAt": 1_700_000_000_000,
        "systemPrompt": "Be brief",
        "tokenCount": 3,
        "messages": [{"versions": single, "currentlySelected": 1}, {"versions": multi, "currentlySelected": 0}],
        "usePerChatPredictionConfig": True,
        "lastUsedModel": {"identifier": "qwen"},
        "notes": [],
    }


def write_lm_studio(folder: Path) -> Path:
    """A folder of folders."""
    inner = folder / "conversations" / "Work"
    inner.mkdir(parents=True)
    (inner / "1700000000000.conversation.json").write_text(json.dumps(lm_studio_chat()), "utf-8")
    return folder


def write_jan(folder: Path) -> Path:
    """A thread of 3 messages with a bad line between them, 1 file."""
    thread = folder / "threads" / "01H"
    thread.mkdir(parents=True)
    about = {
        "id": "01H",
        "object": "thread",
        "title": "From Jan",
        "created": 1_700_000_000,
        "updated": 1_700_000_001_000,
        "assistants": [{"assistant_id": "jan", "model": {"id": "llama"}, "instructions": "x"}],
    }
    (thread / "thread.json").write_text(json.dumps(about), "utf-8")
    call = {"type": "tool_call", "tool_name": "t", "input": {"a": 1}, "output": "done"}
    messages = [
        {
            "id": "j1",
            "object": "thread.message",
            "role": "user",
            "status": "ready",
            "created_at": 1_700_000_000_000,
            "content": [
                {"type": "text", "text": {"value": "Hi", "annotations": []}},
                {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "auto"}},
            ],
        },
        {
            "id": "j2",
            "role": "assistant",
            "status": "ready",
            "created_at": 1_700_000_001_000,
            "content": [
                {"type": "reasoning", "text": {"value": "Hm"}},
                {"type": "text", "text": {"value": "Yo"}},
                call,
            ],
        },
        {"id": "j3", "role": "tool", "status": "stopped", "content": [{"type": "text", "text": {"value": "out"}}]},
    ]
    lines = [json.dumps(each) for each in messages]
    (thread / "messages.jsonl").write_text("\n".join([lines[0], "{bad", *lines[1:]]), "utf-8")
    return folder


def ours(*chats: dict[str, Any], **head: Any) -> str:
    """An export of our own."""
    return json.dumps({"format": "dewpoint-chats", "version": 1, "program": "1", **head, "chats": list(chats)})


def our_chat(number: int, **fields: Any) -> dict[str, Any]:
    """A chat of it with two messages."""
    message = {"state": "done", "created_at": 1_700_000_000_000, "updated_at": 1_700_000_000_000}
    return {
        "id": f"chat-{number}",
        "title": f"Title {number}",
        "title_source": "user",
        "created_at": 1_700_000_000_000,
        "updated_at": 1_700_000_000_000,
        "messages": [
            {"id": f"m{number}a", "role": "user", "body": "a question", **message},
            {"id": f"m{number}b", "role": "assistant", "body": "an answer", "parent_id": f"m{number}a", **message},
        ],
        **fields,
    }


def exported_lines(history: Path) -> list[str]:
    """All chats as an export has them."""
    with snapshot(history) as found:
        return sorted(json.dumps(found.portable(each.id), sort_keys=True) for each in found.conversations())
