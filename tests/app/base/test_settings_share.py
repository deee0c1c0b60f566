"""Settings as a file, what is said of values, and the table in docs/using.md: all from one declaration."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.base.settings import DECLARATIONS, TABS, Settings
from app.base.settings_share import MARK, SharedSettings, ShareError, export_settings, import_settings

ROOT = Path(__file__).resolve().parents[3]
BEGIN, END = "| setting | values | what it does |\n|---|---|---|\n", "\n\n"


def test_what_is_exported_comes_back_on_another_computer(tmp_path: Path) -> None:
    file, here = tmp_path / "a.json", Settings(text_scale=150, drafts="calm", offline=True, last_chat="mine")
    export_settings(file, here)
    found = json.loads(file.read_text("ascii"))
    assert set(found) == {MARK, *(each.name for each in DECLARATIONS if each.in_dialog)}
    there = import_settings(file, Settings(text_scale=120))
    assert there == SharedSettings({"text_scale": 150, "drafts": "calm", "offline": True})
    assert import_settings(file, here) == SharedSettings({})


def test_a_settings_file_of_a_data_folder_will_do_and_what_is_remembered_is_left(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"pace": "full", "model_folder": "/somewhere", "window_geometry": "x", "unknown": 1}))
    assert import_settings(file, Settings()) == SharedSettings({"pace": "full"})


def test_values_that_are_not_allowed_are_named_and_left(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"text_scale": 9000, "offline": "no", "pace": "full", "seed": True}))
    found = import_settings(file, Settings())
    assert found == SharedSettings({"pace": "full"}, ("Text size", "Fixed seed", "Stay offline"))


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"x": 1}', b"1" * 5000, b" " * (2 << 20)]
)
def test_what_holds_no_settings_changes_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(ShareError):
        import_settings(file, Settings())


def test_what_cannot_be_read_or_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ShareError, match="cannot be read"):
        import_settings(tmp_path / "none", Settings())
    with pytest.raises(ShareError, match="cannot be written"):
        export_settings(tmp_path / "no" / "folder", Settings())
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ShareError):
            import_settings(tmp_path / "pipe", Settings())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("text_scale", 150, "150 %"), ("answer_tokens", 0, "Four blocks"), ("answer_tokens", 1, "1 token"),
        ("answer_tokens", 2, "2 tokens"), ("speed_limit", 0, "No limit"), ("offline", True, "on"),
        ("pace", "watch", "Watchable"),
    ],
)  # fmt: skip
def test_values_are_said_as_the_dialog_shows_them(name: str, value: Any, said: str) -> None:
    (declaration,) = (each for each in DECLARATIONS if each.name == name)
    assert declaration.say(value) == said


def test_every_setting_of_the_dialog_has_a_tab_and_a_description() -> None:
    shown = [each for each in DECLARATIONS if each.in_dialog]
    assert {each.tab for each in shown} <= set(TABS)
    assert all(each.description.endswith(".") for each in shown)


def table() -> str:
    """What docs/using.md has to say; `DEWPOINT_WRITE_TABLE=1` writes it there."""
    shown = sorted((each for each in DECLARATIONS if each.in_dialog), key=lambda each: list(TABS).index(each.tab))
    rows = [f"| {TABS[each.tab]}: {each.title} | {each.say_allowed()} | {each.description} |" for each in shown]
    return BEGIN + "\n".join(rows)


def test_the_table_of_the_documentation_is_the_declaration() -> None:
    file = ROOT / "docs" / "using.md"
    text = file.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    assert rest
    if os.environ.get("DEWPOINT_WRITE_TABLE"):
        file.write_text(before + table() + END + rest.partition(END)[2], encoding="utf-8")
    assert BEGIN + rest.partition(END)[0] == table()
