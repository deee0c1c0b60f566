"""Settings are declared once, checked, and survive a damaged file, a full disk and other versions."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.settings import DECLARATIONS, Settings, preset_params
from app.base.settings_file import SettingsError, SettingsFile
from app.base.texts import OFFLINE_ODD, settings_odd
from inference.model_config import SamplerDefaults


def test_defaults_are_allowed_and_every_field_is_declared() -> None:
    assert [declaration.name for declaration in DECLARATIONS] == [f.name for f in dataclasses.fields(Settings)]
    for declaration in DECLARATIONS:
        assert declaration.default == getattr(Settings(), declaration.name)
        assert declaration.allows(declaration.default)
        assert declaration.in_dialog == bool(declaration.description)
        assert len({choice.label for choice in declaration.choices}) == len(declaration.choices)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appearance", "pink"),
        ("text_scale", 99),
        ("text_scale", 201),
        ("text_scale", True),
        ("text_scale", 120.0),
        ("reduce_motion", 1),
        ("seed", -1),
        ("seed", 2**31),
        ("preset", None),
        ("last_chat", 5),
    ],
)
def test_wrong_values_are_refused_and_the_message_names_them(name: str, value: Any) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} must be .* not {value!r}"):
        Settings(**changes)


def test_they_come_back(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "new" / "settings.json")
    assert file.load().settings == Settings()
    wanted = Settings(appearance="dark", text_scale=150, seed_mode="fixed", seed=0, model_folder="/m/\udc80ü")
    file.save(wanted)
    loaded = SettingsFile(file.path).load()
    assert (loaded.settings, loaded.notice) == (wanted, "")
    assert wanted.fixed_seed == 0
    assert Settings().fixed_seed is None
    assert [entry.name for entry in file.path.parent.iterdir()] == ["settings.json"]


def test_unknown_keys_are_kept_and_wrong_values_fall_back(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.path.write_text('\ufeff{"later": {"a": 1}, "text_scale": 900, "drafts": "calm"}', "utf-8")
    loaded = file.load()
    assert loaded == type(loaded)(Settings(drafts="calm"), settings_odd(["Text size"]))
    file.save(dataclasses.replace(loaded.settings, text_scale=125))
    written = json.loads(file.path.read_text("ascii"))
    assert (written["later"], written["text_scale"], written["drafts"]) == ({"a": 1}, 125, "calm")


@pytest.mark.parametrize("content", [b"", bytes(500), b"[1, 2]", b'{"text_scale": 1', b"\xff\xfe\x00", b"[" * 100_000])
def test_a_damaged_file_is_kept_beside(tmp_path: Path, content: bytes) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    for number in range(2):
        file.path.write_bytes(content)
        loaded = file.load()
        assert loaded.settings == Settings(offline=True)
        assert SettingsFile(file.path).load() == type(loaded)(Settings(offline=True)), "also after a kill"
        kept = list(tmp_path.glob("settings-damaged-*.json"))
        assert len(kept) == number + 1
        assert any(path.name in loaded.notice for path in kept)
        assert all(path.read_bytes() == content for path in kept)
    file.save(Settings())
    assert file.load().notice == ""


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_of_any_key_loads(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "settings.json"
    path.write_text(json.dumps({declaration.name: value for declaration in DECLARATIONS}), "utf-8")
    loaded = SettingsFile(path).load()
    assert loaded.settings.offline == (value if isinstance(value, bool) else True)
    assert loaded.notice.startswith(OFFLINE_ODD) != isinstance(value, bool)
    assert "are not allowed" in loaded.notice  # no value is allowed for all of them
    SettingsFile(path).save(loaded.settings)


CLOSED = [
    b"", b"{}}", b'{"offline": true', b'{"offline": false,\n"text_scale": 15', b'{\n  "offline": "no"\n}',
    b'{"offline": 0}', b'{"offline": null}', b'{"offline": [false]}', b"\x00" * 900, b"[false]",
]  # fmt: skip


@pytest.mark.parametrize("content", CLOSED)
@pytest.mark.parametrize("how", ["load", "look"])
def test_what_does_not_say_whether_the_network_is_allowed_closes_it(tmp_path: Path, content: bytes, how: str) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.path.write_bytes(content)
    loaded = getattr(file, how)()
    assert loaded.settings.offline
    assert "offline" in loaded.notice
    if how == "load":
        file.save(dataclasses.replace(loaded.settings, offline=False))
        assert file.load() == type(loaded)(dataclasses.replace(loaded.settings, offline=False)), "the user decided"


def test_every_setting_of_a_damaged_file_falls_back_by_itself(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    wanted = Settings(appearance="dark", text_scale=150, seed_mode="fixed", seed=7, model_folder='/m/"ü')
    file.save(wanted)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole.replace(b'"seed": 7', b'"seed": 7\x00').replace(b'"dark"', b'"da') + b"}")
    assert file.load().settings == dataclasses.replace(wanted, offline=True, appearance="system", seed=1)


@pytest.mark.parametrize("links", [True, False])
def test_a_full_disk_leaves_the_damaged_file_that_closes_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.path.write_bytes(b"{")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    if not links:
        monkeypatch.setattr(os, "link", full)
    loaded = file.load()
    assert loaded.settings.offline
    assert "No space left" in loaded.notice
    assert not links or file.load().settings.offline


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.save(Settings())
    before = file.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError) as caught:
        file.save(Settings(text_scale=200))
    assert "No space left" in caught.value.user_text
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]
    assert file.path.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="needs pipes and devices")
@pytest.mark.parametrize("kind", ["pipe", "device", "large"])
def test_what_is_no_settings_file_is_set_aside(tmp_path: Path, kind: str) -> None:
    """To open a pipe waits for ever; to read a device or some gigabytes fills the memory."""
    file = SettingsFile(tmp_path / "settings.json")
    if kind == "pipe":
        os.mkfifo(file.path)
    elif kind == "device":
        file.path.symlink_to("/dev/zero")
    else:
        with file.path.open("wb") as stream:
            stream.truncate(3 << 30)
    loaded = file.load()
    kept, _ = sorted(tmp_path.iterdir())
    assert kept.name.startswith("settings-damaged-")
    assert (loaded.settings, kept.name in loaded.notice) == (Settings(offline=True), True)
    file.save(Settings(text_scale=150))
    assert file.load() == type(loaded)(Settings(text_scale=150), "")


def test_an_unreadable_file_is_left_alone(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    file.path.mkdir()
    loaded = file.load()
    assert loaded.settings == Settings(offline=True)
    assert "could not be opened" in loaded.notice
    assert file.path.is_dir()


@pytest.mark.parametrize(("steps", "fast"), [(48, 16), (47, 15), (2, 1), (1, 1)])
def test_presets(steps: int, fast: int) -> None:
    defaults = SamplerDefaults(max_denoising_steps=steps, confidence_threshold=0.01)
    assert defaults.merged(preset_params("fast")) == dataclasses.replace(defaults, max_denoising_steps=fast)
    assert defaults.merged(preset_params("balanced")) == defaults
    assert defaults.merged(preset_params("careful")) == dataclasses.replace(defaults, confidence_threshold=0.002)
    with pytest.raises(ValueError, match="preset"):
        preset_params("wild")


def test_each_value_that_is_not_allowed_is_named_and_has_its_default_and_the_others_hold(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"text_scale": 9000, "pace": "quick", "drafts": "calm", "sidebar_width": "wide"}))
    loaded = SettingsFile(file).load()
    assert loaded.settings == Settings(drafts="calm")
    assert (
        loaded.notice == "The settings Text size, Pace have values that are not allowed, so they have their defaults."
    )
    file.write_text(json.dumps({"seed": -1, "offline": "perhaps"}))
    loaded = SettingsFile(file).load()
    assert loaded.settings.offline
    assert loaded.notice.startswith(OFFLINE_ODD)
    assert loaded.notice.endswith("The setting Fixed seed has a value that is not allowed, so it has its default.")
    assert file.exists()
