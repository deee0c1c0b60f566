"""`engines list | build | verify | prune`, on stand-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from app.base.paths import AppPaths
from app.commands.dispatch import run_command
from app.engines import texts
from app.engines.service import EngineService
from app.engines.tools import EngineTools
from tests.helpers.fake_engines import FakeEngines, build_error, detected
from trt_engines.building.builder import BuildError, BuildProgress, BuildRequest
from trt_engines.building.store import EngineStore

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEngines:
    """What lies below the commands."""
    made = FakeEngines()
    use(monkeypatch, made.tools())
    return made


def use(monkeypatch: pytest.MonkeyPatch, tools: EngineTools) -> None:
    """Let the commands work on these tools."""
    for module in ("engines_build", "engines_verify", "engines_list"):
        monkeypatch.setattr(f"app.commands.{module}.new_service", lambda: EngineService(AppPaths.resolve(), tools))


@pytest.fixture
def run(fake: FakeEngines, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command; its exit status and what it says."""

    def run_it(*arguments: str) -> tuple[int, str, str]:
        model = ["--model", str(tmp_path)] if arguments[0] in ("build", "verify") else []
        status = run_command(["engines", *arguments, *model])
        out = capsys.readouterr()
        return status, out.out, out.err

    return run_it


def test_build_says_each_part_and_the_verdict(run: Run) -> None:
    status, out, err = run("build")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "DiffusionGemma 26B-A4B in INT4 for RTX 4070, context 8,192 tokens"
    assert lines[1].startswith("Segment 1 of 35 (input) \u00b7 Building engine \u00b7 0 %")
    assert lines[2].startswith("Segment 2 of 35 (output) \u00b7 Building engine \u00b7 2 %, about")
    assert lines[36] == "input: error 0.001, allowed 0.02, passed"
    assert lines[-1] == texts.PASSED
    assert len(lines) == 1 + 35 + 35 + 2


def test_build_rewrites_one_line_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = run("build", "--gpu", "RTX 3060")
    pieces = out.split("\n")[1].split("\r")
    assert len(pieces) == 37
    assert max(len(piece) for piece in pieces) <= 59
    assert texts.TESTED_ELSEWHERE in out


def test_build_as_json(run: Run) -> None:
    status, out, _ = run("build", "--json", "--precision", "fp8")
    events = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [event["event"] for event in events[:2]] == ["progress", "progress"]
    assert events[-1]["event"] == "built"
    assert events[-1]["passed"] is True
    assert Path(events[-1]["folder"]).is_dir()


def test_a_part_that_computes_nonsense_is_exit_status_1(run: Run, fake: FakeEngines) -> None:
    fake.errors_of_test = {"stack01": float("nan")}
    status, out, _ = run("build")
    assert status == 1
    assert "layer 2: error nan, allowed 0.02, FAILED" in out
    assert "The self-test failed: layer 2 is off by nan" in out


def test_ctrl_c_keeps_what_is_finished(run: Run, fake: FakeEngines) -> None:
    fake.error = ("stack01", KeyboardInterrupt())
    status, out, err = run("build")
    assert (status, err) == (130, "")
    assert out.splitlines()[-1] == texts.kept(6, 35)
    fake.error = None
    status, out, _ = run("build")
    assert out.splitlines()[1].startswith("Segment 7 of 35")
    assert status == 0


def test_ctrl_c_as_json(run: Run, fake: FakeEngines) -> None:
    fake.error = ("head", KeyboardInterrupt())
    status, out, _ = run("build", "--json")
    assert status == 130
    assert json.loads(out.splitlines()[-1]) == {"event": "stopped", "finished": 1, "of": 35}


def locked(store: EngineStore, request: BuildRequest) -> Iterator[BuildProgress]:
    """The real builder, which refuses a set that another program builds."""
    from trt_engines.building.builder import build_engines

    folder = store.folder(request.identity)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "build.lock"):
        yield from build_engines(store, request)


def test_another_program_builds_the_same_set(run: Run, fake: FakeEngines, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = fake.tools()
    use(monkeypatch, EngineTools(tools.detect, tools.flavour, tools.choices, locked, tools.self_test))
    status, _, err = run("build")
    assert status == 1
    assert err == "Another program is building these engines. Wait until it is done; they can be used then.\n"


@pytest.mark.parametrize(
    ("change", "arguments", "sentence"),
    [
        ({"card": None}, (), "No NVIDIA driver answers on this computer."),
        ({"version": ""}, (), "TensorRT cannot be used: it is not installed."),
        ({"error": build_error("head")}, (), "The process that built head was ended from outside."),
        (
            {"error": ("head", BuildError("The disk became full.", "Make room."))},
            (),
            "The disk became full. Make room.",
        ),
        ({"error": ("head", OSError(28, "No space left on device", "/x"))}, (), "No space left on device"),
        ({}, ("--precision", "bf16"), "In bf16, 41.5 GiB of weights do not fit"),
        ({}, ("--precision", "nvfp4"), "RTX 4070 cannot compute with NVFP4 weights."),
        ({}, ("--precision", "fp16"), "The model does not run in 'fp16' on this card."),
        ({}, ("--context", "0"), "--context must be a whole number within 1"),
        ({}, ("--gpu", "RTX 1"), "There is no card 'RTX 1' in the table."),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    run: Run, fake: FakeEngines, change: dict[str, object], arguments: tuple[str, ...], sentence: str
) -> None:
    for name, value in change.items():
        setattr(fake, name, value)
    status, _, err = run("build", *arguments)
    assert status == 1
    assert sentence in err
    assert err.count("\n") == 1


def test_verify(run: Run, fake: FakeEngines) -> None:
    status, _, err = run("verify")
    assert status == 1
    assert texts.NOT_BUILT in err
    run("build")
    fake.errors_of_test = {"stack00": 0.5}
    status, out, _ = run("verify")
    assert status == 1
    assert out.splitlines()[5] == "layer 1: error 0.5, allowed 0.02, FAILED"
    assert out.splitlines()[-1].startswith("The self-test failed: layer 1 is off by 0.5")
    fake.errors_of_test = {}
    status, out, _ = run("verify", "--json")
    result = json.loads(out)
    assert (status, result["passed"], len(result["checks"])) == (0, True, 35)
    passed = {"part": "embed", "error": 0.001, "tolerance": 0.02, "passed": True, "overflow": False}
    assert result["checks"][0] == passed


def test_verify_of_a_card_that_is_not_here(run: Run) -> None:
    run("build", "--gpu", "RTX 3060")
    status, _, err = run("verify", "--gpu", "RTX 3060")
    assert status == 1
    assert texts.TESTED_ELSEWHERE in err


def test_list_and_prune(run: Run, fake: FakeEngines, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("list")[1].strip() == texts.NO_SETS
    assert run("prune")[1].strip() == texts.NOTHING_TO_PRUNE
    run("build")
    fake.card = detected("RTX 4090")
    run("build")
    out = run("list")[1]
    assert "\u00b7 int4 \u00b7 RTX 4070 \u00b7" in out
    assert "out of date: GPU: built for RTX 4070, this is RTX 4090" in out
    assert "  ready\n" in out
    assert [each["state"] for each in json.loads(run("list", "--json")[1])].count("stale") == 1
    out = run("prune")[1]
    assert out.startswith("1 engine set, ")
    assert out.strip().endswith(texts.NOT_ASKED)
    assert json.loads(run("prune", "--json")[1])["freed"] == 0
    out = run("prune", "--yes")[1]
    assert "1 engine set was removed" in out
    assert len(json.loads(run("list", "--json")[1])) == 1


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("\n", 1), ("no\n", 1)])
def test_prune_asks_on_a_terminal(
    run: Run, fake: FakeEngines, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    run("build")
    fake.version = "1.8.0"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", Keyboard(answer))
    run("prune")
    assert len(json.loads(run("list", "--json")[1])) == left


class Keyboard:
    """Someone who types one line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        """A terminal."""
        return True

    def readline(self) -> str:
        """What is typed."""
        return self._line
