"""Exports in which some values are others, and what has to hold when one is imported."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from app.base.errors import KnownAppError
from app.chats.importing.importer import Imported, import_chats
from tests.app.chats.importing.exports import chatgpt_chat, claude_chat, lm_studio_chat, open_webui_row

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """An export in which some values are others, and now and then some bytes, too."""
    made = draw(st.sampled_from([chatgpt_chat, claude_chat, open_webui_row, lm_studio_chat]))
    value: Any = json.loads(json.dumps(made()))
    for _ in range(draw(st.integers(1, 4))):
        at = value
        for _ in range(draw(st.integers(1, 7))):
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and at[key] and draw(st.integers(0, 3)):
                at = at[key]
                continue
            at[key] = draw(ODD)
            break
    text = json.dumps(value if draw(st.booleans()) else [value], ensure_ascii=draw(st.booleans()))
    data = bytearray(text, "utf-8", "surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


def import_anything(data: bytes, folder: Path) -> bool:
    """Import it twice: chats or a sentence, and nothing the second time; whether there were chats."""
    (folder / "x.json").write_bytes(data)
    try:
        take(folder / "x.json", folder / "data")
    except KnownAppError as exc:
        if not exc.user_text:
            raise AssertionError("an error must have a sentence") from exc
        return False
    added = take(folder / "x.json", folder / "data").added.plain()
    assert set(added.values()) == {0}, added
    return True


def take(path: Path, base: Path) -> Imported:
    """Import a file."""
    with closing(import_chats(path, base / "chats.sqlite3", base / "backups")) as steps:
        last = list(steps)[-1]
    assert isinstance(last, Imported)
    return last
