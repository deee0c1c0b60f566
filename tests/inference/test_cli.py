"""The command line, in a process of its own as a user runs it, and in this one for the odd ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inference.backends.base import Progress
from inference.backends.fake_model import SHORT_ANSWER
from inference.cli import main
from inference.errors import KnownError
from inference.opening import open_model
from inference.session import Session
from tests.helpers.waiting import WAIT_SECONDS
from trt_engines.arguments import NO_TEXT
from trt_engines.streams import PIPE_CLOSED

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m inference ARGUMENTS`."""
    command = [sys.executable, "-m", "inference", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_plain_prints_the_answer_alone() -> None:
    result = run("generate", "--prompt", "What is dew?", "--seed", "1", "--backend", "fake")
    assert (result.returncode, result.stdout, result.stderr) == (0, SHORT_ANSWER + "\n", "")


def test_events_are_lines_of_json_in_order() -> None:
    result = run("generate", "--prompt", "Hi", "--backend", "fake", "--seed", "4", "--events", "--steps", "5")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "ModelLoading"
    drafts = ["NoiseDrawn", *["DraftUpdated"] * 5]
    assert names[-10:] == ["ModelReady", "PromptEncoded", *drafts, "BlockCommitted", "Finished"]
    assert events[-1]["seed"] == 4
    assert events[-1]["max_steps"] == 5
    assert result.stderr == ""


def test_an_answer_that_was_cut_off_says_so_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["generate", "--prompt", "Hi", "--backend", "fake:long", "--max-new-tokens", "40"]
    assert main(asked) == 0
    first = capsys.readouterr()
    assert "cut off at --max-new-tokens" in first.err
    assert main([*asked, "--answer-start", first.out.strip("\n"), "--json"]) == 0
    longer, plain = json.loads(capsys.readouterr().out), len(first.out)
    assert longer["prompt"]["prompt_tokens"] > plain // 8
    assert main([*asked[:5], "--max-new-tokens", "4000"]) == 0
    assert capsys.readouterr().err == ""


def test_no_heavy_module_is_imported() -> None:
    code = (
        "import sys; from inference.cli import main\n"
        "main(['generate', '--prompt', 'Hi', '--backend', 'fake'])\n"
        "print([name for name in ('torch', 'transformers', 'onnx', 'PySide6') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--prompt", "Hi", "--system", "Be brief.", "--backend", "fake", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["answer"] == SHORT_ANSWER
    assert whole["model"]["backend"] == "fake"
    assert whole["prompt"]["prompt_tokens"] > 10
    assert len(whole["token_ids"]) == 256


def test_the_same_seed_gives_the_same_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    ids = []
    for _ in range(2):
        main(
            ["generate", "--prompt", "Hi", "--backend", "fake:long", "--seed", "9", "--max-new-tokens", "300", "--json"]
        )
        ids.append(json.loads(capsys.readouterr().out)["token_ids"])
    assert ids[0] == ids[1]
    assert len(ids[0]) == 512


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--backend", "fake:unloadable"], "The fake model cannot be loaded. Choose another model.\n"),
        (["--backend", "fake:oom"], "The memory is not enough for this model. Close other programs, then try again.\n"),
        (["--model", "/nowhere/at/all"], "There is no model folder at"),
        (["--model", "a" * 5_000], "The name of the model's folder is too long"),
        (["--model", f"/tmp/{'a' * 300}/model"], "The name of the model's folder is too long"),
    ],
)
def test_known_errors_are_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--prompt", "Hi", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(sentence)
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


@pytest.mark.parametrize("option", ["--prompt", "--system", "--answer-start"])
def test_bytes_that_are_no_text_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["generate", "--prompt", "Hi", "--backend", "fake", "--seed", "1"]
    with pytest.raises(SystemExit) as end:
        main([*asked, option, "\udcff"])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(f"{option} {NO_TEXT}\n")


def test_the_environment_names_the_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`DEWPOINT_ENGINES=FOLDER python -m inference generate --backend tensorrt`, as README.md has it."""
    asked: list[tuple[str, Path | None]] = []

    def opened(folder: Path, backend: str, progress: object, engines: Path | None, cancel: object) -> None:
        asked.append((backend, engines))
        raise KnownError("No engines.", "Build them.")

    monkeypatch.setattr("inference.opening.open_session", opened)
    for value in (str(tmp_path / "engines"), ""):
        monkeypatch.setenv("DEWPOINT_ENGINES", value)
        assert main(["generate", "--prompt", "Hi", "--backend", "tensorrt"]) == 1
    assert asked == [("tensorrt", tmp_path / "engines"), ("tensorrt", None)]
    assert capsys.readouterr().err == "No engines. Build them.\n" * 2


def test_ctrl_c_while_the_model_is_loading_ends_the_loading(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packing a large model takes many minutes."""

    def interrupted(folder: Path, backend: str, progress: Progress, cancel: threading.Event) -> Session:
        signal.raise_signal(signal.SIGINT)
        return open_model(folder, backend, progress, cancel=cancel)

    monkeypatch.setattr("inference.cli.open_model", interrupted)
    assert main(["generate", "--prompt", "Hi", "--backend", "fake"]) == 1
    assert capsys.readouterr() == ("", "Stopped before the answer was complete.\n")


def test_bugs_come_with_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--prompt", "Hi", "--backend", "fake:failing", "--events"]) == 1
    captured = capsys.readouterr()
    assert "This is a bug" in captured.err
    assert "Traceback" in captured.err
    assert json.loads(captured.out.splitlines()[-1])["event"] == "Failed"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["generate"],
        ["generate", "--prompt", "Hi", "--seed", "-1"],
        ["generate", "--prompt", "Hi", "--steps", "0"],
        ["generate", "--prompt", "Hi", "--max-new-tokens", "many"],
        ["generate", "--prompt", "Hi", "--events", "--json"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--seed", "--steps", "--max-new-tokens"])
def test_a_number_of_thousands_of_digits(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["generate", "--prompt", "Hi", option, "1" * 5_000])
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"argument {option}: must have at most 1000 digits, not 5000 characters")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one child")
def test_ctrl_c_stops_between_two_steps() -> None:
    command = [
        sys.executable,
        "-m",
        "inference",
        "generate",
        "--prompt",
        "Hi",
        "--backend",
        "fake:slow,long",
        "--events",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if "DraftUpdated" in line:
                os.kill(process.pid, signal.SIGINT)
                break
        rest = process.stdout.read().splitlines()
        assert process.wait(WAIT_SECONDS) == 1
        assert json.loads(rest[-1])["reason"] == "cancelled"
        assert "Stopped" in process.stderr.read()


def test_a_reader_that_leaves_early_is_no_crash() -> None:
    command = [sys.executable, "-m", "inference", "generate", "--prompt", "Hi", "--backend", "fake:long", "--events"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(WAIT_SECONDS) == PIPE_CLOSED
        assert process.stderr.read() == ""
