"""`python -m app engines plan`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.base.paths import starter_model_folder
from app.commands.dispatch import run_command
from tests.helpers.waiting import WAIT_SECONDS

ROOM = ["--ram", "28", "--disk", "100"]


def test_a_plan_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["engines", "plan", "--gpu", "rtx 4070", *ROOM]) == 0
    text = capsys.readouterr().out
    assert "DiffusionGemma 26B-A4B on RTX 4070" in text
    assert "* int4" in text
    assert "GiB streamed" in text
    assert "have not run on a GPU" in text
    assert "The longest context that would run: 131,072 tokens." in text


def test_a_plan_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["engines", "plan", "--gpu", "RTX 5090", "--context", "131072", "--json", *ROOM]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["best"]["precision"]["name"] == "fp8"
    assert result["best"]["resident"] == result["best"]["segments"]
    assert [plan["runs"] for plan in result["all"]] == [False, True, True, True]
    assert result["longest_context"] == 262_144


def test_a_model_that_does_not_fit_is_exit_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["engines", "plan", "--gpu", "RTX 3060", "--vram", "3.5", *ROOM]) == 1
    assert "does not run: RTX 3060 has 3.5 GiB free" in capsys.readouterr().out


def test_a_model_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["engines", "plan", "--gpu", "RTX 3060", "--context", "4096", *ROOM, "--model"]
    assert run_command([*arguments, str(starter_model_folder())]) == 0
    assert "starter on RTX 3060" in capsys.readouterr().out
    assert run_command([*arguments, str(tmp_path / "none")]) == 1
    assert "There is no model folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["engines", "plan", "--gpu", "RTX 1"], 1, "There is no card 'RTX 1'"),
        (["engines", "plan", "--gpu", "RTX 3060", "--context", "0"], 1, "--context must be a whole number within 1"),
        (["engines", "plan", "--gpu", "RTX 3060", "--context", "999999999"], 1, "The context must be within 1"),
        (["engines", "plan", "--gpu", "RTX 3060", "--context", "9" * 5000], 1, "--context must be a whole number"),
        (["engines", "plan", "--gpu", "RTX 3060", "--context", "4k"], 1, "--context must be a whole number"),
        (["nonsense"], 2, "There is no command 'nonsense'"),
    ],
)
def test_wrong_words_are_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    assert run_command(arguments) == status
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--vram", "--ram", "--disk"])
@pytest.mark.parametrize("given", ["inf", "-inf", "nan", "1e308", "1e400", "-1", "much", "", "9" * 5000])
def test_a_size_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture[str], option: str, given: str) -> None:
    assert run_command(["engines", "plan", "--gpu", "RTX 4070", f"{option}={given}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{option} must be a number within 0 and 1,000,000, not ")
    assert error.count("\n") == 1
    assert len(error) < 200


def test_the_card_of_this_computer_is_looked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert run_command(["engines", "plan"]) == 1
    assert "management library" in capsys.readouterr().err


def test_the_command_needs_neither_qt_nor_torch() -> None:
    code = (
        "import sys\n"
        "sys.modules['PySide6'] = sys.modules['torch'] = sys.modules['onnxruntime'] = None\n"
        "sys.argv = ['app', 'engines', 'plan', '--gpu', 'RTX 4090', '--ram', '32', '--disk', '100']\n"
        "from app.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stderr
    assert "all on the card" in done.stdout
