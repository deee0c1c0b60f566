"""Which command runs, on which data folder, and what `--help` says of them."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.base import settings_file, texts
from app.base.errors import KnownAppError
from app.base.paths import BASE_DIR_VARIABLE, AppPaths, split_base_dir
from app.base.settings import Settings
from app.base.settings_file import SettingsFile
from app.commands.dispatch import run_command
from app.commands.models_choice import new_services
from app.commands.settings import settings_in_use
from trt_engines.arguments import NO_TEXT
from trt_engines.planning.probe import CARD_VARIABLE

ROOT = Path(__file__).resolve().parents[3]


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m app` to its end."""
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)


def test_help_names_every_command_with_a_line() -> None:
    done = program("--help")
    assert done.returncode == 0
    modules = {path.stem for path in (ROOT / "app" / "commands").glob("*.py") if "def main(" in path.read_text("utf-8")}
    assert modules == set(texts.COMMANDS)
    for name, what in texts.COMMANDS.items():
        assert any(line.split(maxsplit=1) == [name, what] for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--base-dir", "{}", "models", "list", "--json"),
        ("models", "--base-dir", "{}", "list", "--json"),
        ("models", "list", "--json", "--base-dir={}"),
    ],
)
def test_the_program_takes_the_folder_before_and_after_a_command(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = program(*(argument.format(tmp_path / "data") for argument in arguments))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"]
    assert (tmp_path / "data").is_dir()


def test_an_empty_folder_is_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word the folder of the environment, or the current one, was used."""
    for arguments in (["--base-dir", "", "models", "list"], ["models", "list", "--base-dir="]):
        assert run_command(arguments) == 2
        assert capsys.readouterr().err == texts.BASE_DIR_MISSING + "\n"
    monkeypatch.chdir(tmp_path)
    for arguments in (["engines", "plan", "--gpu", "RTX 4070", "--model", ""], ["engines", "build", "--model", ""]):
        assert run_command(arguments) == 1
        assert capsys.readouterr().err == texts.NO_NAME + "\n"
    with pytest.raises(SystemExit):
        run_command(["generate", "--prompt", "x", "--model", ""])
    assert "must name a folder" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--base-dir", ""), ("--model", ""), ("--smoke", "x", "--screenshot", "")])
def test_an_empty_name_opens_no_window(arguments: tuple[str, ...]) -> None:
    done = program(*arguments)
    said = texts.BASE_DIR_MISSING if "--base-dir" in arguments else texts.NO_NAME
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said + "\n")


def test_an_error_is_one_line_whatever_a_name_holds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(arguments: Sequence[str]) -> int:
        raise KnownAppError("a\nb\tc cannot be fetched.")

    monkeypatch.setattr("app.commands.update.main", fail)
    assert run_command(["update"]) == 1
    assert capsys.readouterr().err == "a\\nb\\tc cannot be fetched.\n"


@pytest.mark.parametrize("name", texts.COMMANDS)
@pytest.mark.parametrize("before", [True, False])
def test_every_command_works_on_the_folder_that_is_named(
    name: str, before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Path, Sequence[str]]] = []

    def main(arguments: Sequence[str]) -> int:
        seen.append((AppPaths.resolve().base, arguments))
        return 0

    monkeypatch.setattr(importlib.import_module(f"app.commands.{name}"), "main", main)
    usual = os.environ.get(BASE_DIR_VARIABLE)
    option = ["--base-dir", str(tmp_path)]
    assert run_command([*option, name, "--json"] if before else [name, "--json", *option]) == 0
    assert seen == [(tmp_path, ["--json"])]
    assert os.environ.get(BASE_DIR_VARIABLE) == usual


def test_a_folder_that_is_missing_or_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", "--base-dir"]) == 2
    assert capsys.readouterr().err == texts.BASE_DIR_MISSING + "\n"
    assert run_command(["doctor", "--base-dir", "--json"]) == 2
    assert capsys.readouterr().err == texts.BASE_DIR_MISSING + "\n"
    assert run_command(["--base-dir", "x", "nothing"]) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in ("bench", "chats", "doctor", "engines", "gpu", "models", "serve", "update"))


def test_what_stands_behind_two_dashes_is_left_alone() -> None:
    assert split_base_dir(["a", "--base-dir", "x", "--", "--base-dir", "y"]) == ("x", ["a", "--", "--base-dir", "y"])


@pytest.mark.parametrize("what", [["verify", "starter"], ["move", "STARTER", "."], ["remove", "starter", "--yes"]])
def test_the_starter_model_comes_with_the_program(what: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["models", *what]) == 1
    said = capsys.readouterr().err
    assert "comes with the program" in said
    assert "Download or import" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no folder that a program is in")
@pytest.mark.parametrize("folder", ["base", "/x"])
def test_a_current_folder_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    """The system gave no name, and so the data folder was blamed; for a whole path, the process that did not start."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run_command(["--base-dir", str(tmp_path / "data"), "models", "import", folder]) == 1
    assert capsys.readouterr().err.strip() == f"{texts.CURRENT_FOLDER_GONE} {texts.CURRENT_FOLDER_GONE_HINT}"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """A command that notes which settings what works with the library has."""
    seen: list[Settings] = []

    def main(arguments: Sequence[str]) -> int:
        services = new_services()
        seen.append(dataclasses.replace(settings_in_use(), offline=services.network.offline))
        return 0

    monkeypatch.setattr(importlib.import_module("app.commands.models"), "main", main)
    return seen


@pytest.mark.parametrize("content", [b"{", b"[]", b"[" * 100_000, b"\xff\xfe\x00"])
def test_a_command_says_that_settings_are_damaged_and_leaves_them(
    dewpoint_home: Path, command: list[Settings], capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    """Each command set the file aside without a word: the window started with defaults, and nobody knew why."""
    file = AppPaths(dewpoint_home).ensure().settings_file
    file.write_bytes(content)
    for _ in range(2):
        assert run_command(["models", "list"]) == 0
        said = capsys.readouterr().err
        assert said.count(f"{texts.settings_not_used(file, texts.SETTINGS_ARE_DAMAGED)} {texts.SETTINGS_LEFT}") == 1
    assert file.read_bytes() == content
    assert [path.name for path in file.parent.glob("settings*")] == [file.name]
    assert command == [Settings(offline=True)] * 2
    assert "kept as" in SettingsFile(file).load().notice, "the window tells it and sets it aside"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes with a name in a folder")
def test_a_command_leaves_settings_that_are_a_pipe(
    dewpoint_home: Path, command: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    file = AppPaths(dewpoint_home).ensure().settings_file
    os.mkfifo(file)
    assert run_command(["models", "list"]) == 0
    assert str(file) in capsys.readouterr().err
    assert file.is_fifo()


def test_a_command_reads_the_settings_once(
    dewpoint_home: Path,
    command: list[Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv(CARD_VARIABLE, raising=False)
    wanted = Settings(offline=True, card="2")
    SettingsFile(AppPaths(dewpoint_home).ensure().settings_file).save(wanted)
    reads: list[Path] = []
    real = settings_file.read_regular

    def counted(path: Path, most: int) -> bytes:
        reads.append(path)
        return real(path, most)

    monkeypatch.setattr(settings_file, "read_regular", counted)
    assert run_command(["models", "list"]) == 0
    assert command == [wanted]
    assert len(reads) == 1
    assert os.environ[CARD_VARIABLE] == "2"
    assert capsys.readouterr().err == ""


def test_commands_of_the_core_are_the_cores_own(capsys: pytest.CaptureFixture[str]) -> None:
    for name in texts.CORE_COMMANDS:
        with pytest.raises(SystemExit) as raised:
            run_command([name, "--help"])
        assert raised.value.code == 0
        assert f"inference {name}" in capsys.readouterr().out
    assert run_command(["generate", "--prompt", "Hi", "--backend", "fake", "--form", "choice:yes,no"]) == 0
    assert capsys.readouterr().out.strip() in ("yes", "no")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["chats", "search", "\udcff\udcfe", "--json"], "TEXT"),
        (["chats", "export", "one", "\udcff", "--out", "x.json"], "CHAT"),
        (["models", "plan", "--gpu", "\udcff"], "--gpu"),
        (["infill", "--text", "\udcff {word}"], "--text"),
        (["generate", "--prompt", "x", "--hold", "a", "--hold", "\udcff"], "--hold"),
        (["generate", "--prompt", "x", "--form", "regex:\udcff"], "argument --form:"),
    ],
)
def test_an_argument_that_is_no_text_is_refused(
    arguments: list[str], name: str, dewpoint_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run_command(arguments)
    assert end.value.code == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.endswith(f": error: {name} {NO_TEXT}\n")


def test_a_path_may_have_any_bytes(dewpoint_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["chats", "import", "no\udcff.json"]) == 1
    assert "cannot be read" in capsys.readouterr().err
