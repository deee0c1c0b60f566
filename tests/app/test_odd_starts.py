"""Programs started where something is missing: an output, an encoding, a home, a screen, a reader, patience."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.base import texts
from app.base.paths import AppPaths, FolderError, named_path
from app.commands.console import TextReporter
from app.commands.dispatch import run_command
from app.commands.models_download import follow_transfer
from app.machine import checks
from app.transfers import verify
from app.transfers.pace import RateMeter
from tests.helpers.scale import sized
from trt_engines.streams import CANNOT_WRITE, CLOSED, INTERRUPTED, PIPE_CLOSED, STOPPED, run_program

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sized(
    [("models", "list", "--json"), ("doctor", "--json"), ("gpu", "status")],
    [("models", "list"), ("models", "list", "--json"), ("models", "network"), ("doctor", "--json"),
     ("engines", "list"), ("gpu", "status"), ("gpu", "status", "--json")],
)  # fmt: skip
posix = pytest.mark.skipif(os.name != "posix", reason="closed descriptors and early signals are POSIX's")


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, without anybody at a keyboard."""
    return subprocess.run(
        arguments, cwd=ROOT, env=os.environ | environment, capture_output=True, stdin=subprocess.DEVNULL,
        encoding="utf-8", errors="surrogateescape", check=False,
    )  # fmt: skip


# -- outputs -----------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_that_has_gone_is_no_trouble(command: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "app", *command], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (PIPE_CLOSED, b"")


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("arguments", ["models list --json", "no-such-command", "--version", "--no-such-option"])
def test_without_an_output(closed: str, arguments: str) -> None:
    prints = arguments in ("models list --json", "--version")
    done = started("sh", "-c", f'exec "$0" -m app {arguments} {closed}', sys.executable)
    assert done.returncode == (2 if not prints else 1 if ">&-" in closed.split() else 0), done.stderr
    assert "Traceback" not in done.stderr
    if prints and closed == ">&-":
        assert done.stderr == f"{CANNOT_WRITE}{CLOSED}.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", sized([""], ["", "1"]))
@pytest.mark.parametrize(
    "arguments",
    ["app models list", "app doctor --json", "app --version", "inference --help"]
    + [f"inference generate --prompt Hi --backend fake:long {form}" for form in ("", "--json", "--events")],
)
def test_an_output_that_is_full(arguments: str, unbuffered: str) -> None:
    command = f'exec "$0" -m {arguments} > /dev/full'
    done = started("sh", "-c", command, sys.executable, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (1, f"{CANNOT_WRITE}No space left on device.\n")


def test_a_file_that_cannot_be_written_is_not_taken_for_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> int:
        raise OSError(28, "No space left on device", "history.db")

    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(OSError, match="history"):
        run_program(failing)


@posix
def test_what_is_opened_later_is_not_taken_for_the_output() -> None:
    code = (
        "import os, sys\nfrom trt_engines.streams import run_program\n"
        "def run():\n    sys.exit(0 if os.open(os.devnull, os.O_RDONLY) > 2 else 7)\n"
        "run_program(run)"
    )
    assert started("sh", "-c", 'exec "$0" -c "$1" >&- 2>&- <&-', sys.executable, code).returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_an_encoding_that_lacks_characters(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    text = "caf\u00e9 \u2026 \U0001f600 \udcff"
    assert run_program(lambda: 0 if out.write(text) else 1) == 0
    assert raw.getvalue().startswith(b"caf")
    assert b"\\udcff" in raw.getvalue()


def test_ascii_alone_in_a_command() -> None:
    done = started(sys.executable, "-m", "app", "models", "network", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


# -- paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no path has such bytes")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_data_folder_that_is_no_utf8(tmp_path: Path, command: tuple[str, ...]) -> None:
    folder = tmp_path / os.fsdecode(b"by\xfftes")
    done = started(sys.executable, "-m", "app", *command, DEWPOINT_HOME=str(folder))
    assert done.returncode == 0, done.stderr
    if "--json" in command:
        assert json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no path has such bytes")
@pytest.mark.parametrize("arguments", [("models", "import"), ("models", "verify"), ("models", "plan"), ()])
def test_an_argument_that_is_no_utf8(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    name = str(tmp_path / os.fsdecode(b"mo\xffdel"))
    done = started(sys.executable, "-m", "app", *arguments, name)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "\\xff" in done.stderr or "\\udcff" in done.stderr


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def none(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DEWPOINT_HOME")
    monkeypatch.setattr("platformdirs.user_data_path", none)
    monkeypatch.setattr(Path, "home", none)
    monkeypatch.setattr(Path, "expanduser", none)
    with pytest.raises(FolderError):
        AppPaths.resolve()
    assert run_command(["doctor"]) == 1
    assert texts.NO_HOME in capsys.readouterr().err
    assert named_path("~/model") == Path("~/model")
    finding = checks.Finding("Memory", "pass", "enough")
    assert checks._without_names(finding) == finding


@posix
def test_a_home_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "home")
    command = [sys.executable, "-m", "app", "models", "list"]
    done = started("env", "-u", "DEWPOINT_HOME", "-u", "XDG_DATA_HOME", f"HOME={nowhere}", *command)
    assert "Traceback" not in done.stderr
    doctor = started("env", "-u", "DEWPOINT_HOME", "-u", "XDG_DATA_HOME", f"HOME={nowhere}", *command[:3], "doctor")
    assert "cannot write its data folder" in doctor.stdout


# -- Ctrl+C, and no screen ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        *((("app", *each), "trt_engines.streams app.base.paths app.gpu.start") for each in
          (("models", "list"), ("doctor",), ("--backend", "fake"))),
        (("inference", "generate", "--prompt", "Hi"), "trt_engines.streams inference.cli inference.text.tokenizer"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", sized((0, 2), (0, 1, 2)))
def test_interrupted_while_it_is_still_importing(
    tmp_path: Path, arguments: tuple[str, ...], modules: str, place: int
) -> None:
    module = modules.split()[place]
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nclass Finder:\n    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\nsys.meta_path.insert(0, Finder())\n",
        encoding="utf-8",
    )
    done = started(sys.executable, "-m", *arguments, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", f"{STOPPED}\n")


def test_interrupted_while_a_class_is_made(capfd: pytest.CaptureFixture[str]) -> None:
    class Named:
        def __set_name__(self, owner: type, name: str) -> None:
            raise KeyboardInterrupt

    def run() -> int:
        type("Made", (), {"it": Named()})
        return 0

    assert run_program(run) == INTERRUPTED
    assert capfd.readouterr().err == f"{STOPPED}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has X11 and Wayland")
@pytest.mark.parametrize(
    "environment", [{"QT_QPA_PLATFORM": "xcb", "DISPLAY": ""}, {"QT_QPA_PLATFORM": "no-such-platform"}]
)
def test_without_a_screen(environment: dict[str, str]) -> None:
    done = started(sys.executable, "-m", "app", "--smoke", "Hello", WAYLAND_DISPLAY="", **environment)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{texts.NO_SCREEN} {texts.NO_SCREEN_HINT}\n")
    assert len(done.stderr.splitlines()) == 2, "and Qt's own reason"


# -- how far something is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("done", "said"), [(0, "0 %"), (996, "99 %"), (999, "99 %"), (1000, "100 %")])
def test_all_of_it_is_said_when_all_of_it_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, done: int, said: str
) -> None:
    monkeypatch.setattr(RateMeter, "rate", lambda *_: 100.0)
    follow_transfer((event for event in [verify._progress(RateMeter(), done, 1000, "file")]), TextReporter())
    line = capsys.readouterr().out
    assert f" {said} " in line
    assert ("left" in line) == (done < 1000)
