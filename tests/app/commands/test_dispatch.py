"""Which command runs, on which data folder, and what `--help` says of them."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.base import texts
from app.base.paths import BASE_DIR_VARIABLE, AppPaths, split_base_dir
from app.commands.dispatch import run_command

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
    assert "doctor, engines, gpu, models, update" in capsys.readouterr().err


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


def test_commands_of_the_core_are_the_cores_own(capsys: pytest.CaptureFixture[str]) -> None:
    for name in texts.CORE_COMMANDS:
        with pytest.raises(SystemExit) as raised:
            run_command([name, "--help"])
        assert raised.value.code == 0
        assert f"inference {name}" in capsys.readouterr().out
    assert run_command(["generate", "--prompt", "Hi", "--backend", "fake", "--form", "choice:yes,no"]) == 0
    assert capsys.readouterr().out.strip() in ("yes", "no")
