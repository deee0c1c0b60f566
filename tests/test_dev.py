"""dev.py: what it checks, what it says, and what it installs when. No network, no real pip."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

import dev

HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """dev.py at work in an empty folder with small locks."""
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    locks = {kind: root / "requirements" / f"{kind}.txt" for kind in ("run", "dev")}
    for kind, path in locks.items():
        path.write_text(f"# made by a test\nalpha==1 \\\n    {HASH}\n{kind}-set==2 \\\n    {HASH}\n", "utf-8")
    monkeypatch.setattr(dev, "ROOT", root)
    monkeypatch.setattr(dev, "VENV", root / ".venv")
    monkeypatch.setattr(dev, "MARKER", root / ".venv" / "dewpoint.json")
    monkeypatch.setattr(dev, "LOCKS", locks)
    monkeypatch.setattr(dev, "TORCH_CUDA", root / "requirements" / "torch-cuda.txt")
    dev.TORCH_CUDA.write_text(f"nvidia-x==3 \\\n    {HASH}\n", "utf-8")
    monkeypatch.setattr(dev, "DISK_BYTES", {"run": 0, "dev": 0})
    monkeypatch.setattr("inference.native.build.worth_trying", lambda: False)
    return root


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A venv that works and a pip that only notes what it is asked for."""
    calls: list[list[str]] = []
    python = dev.venv_program("python")
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setattr(dev, "venv_works", lambda: True)
    monkeypatch.setattr(dev, "pip_install", lambda arguments, _total: calls.append(arguments))
    monkeypatch.setattr(dev, "torch_lacks", list)
    monkeypatch.setattr(dev, "install_from_disk", lambda: None)
    return calls


def marker() -> dict[str, str]:
    return dict(json.loads(dev.MARKER.read_text("utf-8")))


@pytest.mark.parametrize("version", [(3, 11), (3, 12, 9), (3, 13, 0)])
def test_supported_pythons(version: tuple[int, ...]) -> None:
    dev.check_python(version)


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 13), (3, 14, 0), (4, 0)])
def test_other_pythons_are_refused_in_one_sentence(version: tuple[int, ...]) -> None:
    with pytest.raises(
        dev.SetupError, match=rf"^Dewpoint needs Python 3\.11.* this is Python {version[0]}\.{version[1]}\.$"
    ):
        dev.check_python(version)


@pytest.mark.parametrize("absent", ["venv", "ensurepip"])
def test_missing_venv_module_names_the_package(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == absent else object())
    monkeypatch.setattr(dev.os, "name", "posix")
    with pytest.raises(dev.SetupError, match="apt install python3-venv"):
        dev.check_venv_module()


def test_full_disk_is_found_before_the_installation(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "DISK_BYTES", {"run": 1_500_000_000, "dev": 4_000_000_000})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(9, 9, 2_000_000_000))
    dev.check_disk("run")
    with pytest.raises(dev.SetupError, match=r"needs 4\.0 GB .* only 2\.0 GB are free"):
        dev.check_disk("dev")
    monkeypatch.setattr(dev, "DISK_BYTES", {"dev": 2_000_000_500})
    (scratch / ".venv").mkdir()
    (scratch / ".venv" / "there.bin").write_bytes(bytes(1000))
    dev.check_disk("dev")


def test_run_installs_the_run_lock_once(installs: list[list[str]]) -> None:
    dev.prepare("run")
    dev.prepare("run")
    assert installs == [["-r", str(dev.LOCKS["run"])]]
    assert marker() == {"set": "run", "lock": dev.lock_hash("run"), "state": "done"}


def test_a_changed_lock_is_installed(installs: list[list[str]]) -> None:
    dev.prepare("run")
    dev.LOCKS["run"].write_text("alpha==2\n", "utf-8")
    dev.prepare("run")
    assert len(installs) == 2


def test_line_ends_do_not_change_the_hash() -> None:
    before = dev.lock_hash("run")
    dev.LOCKS["run"].write_bytes(dev.LOCKS["run"].read_bytes().replace(b"\n", b"\r\n"))
    assert dev.lock_hash("run") == before


def test_test_makes_a_run_venv_larger_and_run_never_makes_it_smaller(installs: list[list[str]]) -> None:
    dev.prepare("run")
    dev.prepare("test")
    dev.prepare("run")
    assert [Path(call[1]).name for call in installs] == ["run.txt", "dev.txt"]
    assert marker()["set"] == "dev"


def test_an_interrupted_installation_goes_on(
    installs: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_arguments: list[str], _total: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dev, "pip_install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            dev.prepare("test")
    assert marker()["state"] == "installing"

    def damaged(*_args: Any, **_kwargs: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, "Dev_Set==2\nalpha==0.9\nnot-ours==1.0\n", "")

    monkeypatch.setattr(subprocess, "run", damaged)
    dev.prepare("run")
    assert "interrupted; going on" in capsys.readouterr().out
    again = dev.VENV / "damaged.txt"
    assert installs == [["--force-reinstall", "-r", str(again)], ["-r", str(dev.LOCKS["dev"])]]
    entries = dev.locked(dev.LOCKS["dev"])
    assert again.read_text("utf-8").split("\n") == "\n".join(entries).split("\n"), "with the lock's versions and hashes"
    assert marker()["state"] == "done"


def test_pip_is_told_to_check_hashes_and_to_build_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    popen = subprocess.Popen

    def fake(command: list[str], **options: Any) -> subprocess.Popen[str]:
        asked.append(command)
        return popen([sys.executable, "-c", ""], **options)

    monkeypatch.setattr(subprocess, "Popen", fake)
    dev.pip_install(["-r", "run.txt"], 2)
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(asked[0])


@pytest.mark.parametrize("lock", ["run", "dev", "torch-cuda", "other-builds"])
def test_every_line_of_a_lock_has_hashes(lock: str) -> None:
    text = (Path(dev.__file__).parent / "requirements" / f"{lock}.txt").read_text("utf-8")
    body = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    assert re.fullmatch(r"([a-z0-9-]+==[\w.+]+( ; [^\n]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n)+", body)
    assert "://" not in text


def test_a_torch_that_needs_more_gets_it(installs: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The package index's torch for Linux; the CPU build and that for Windows need nothing."""
    monkeypatch.setattr(dev, "torch_lacks", lambda: ["nvidia-x"])
    monkeypatch.setattr(dev, "CUDA_BYTES", 0)
    dev.prepare("run")
    assert len(installs) == 1, "the program itself has no torch"
    dev.prepare("test")
    assert installs[1:] == [["-r", str(dev.LOCKS["dev"])], ["-r", str(dev.TORCH_CUDA)]]


def test_a_build_on_the_disk_comes_first_and_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def fake(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, len(asked) - 1)

    monkeypatch.setattr(subprocess, "run", fake)
    dev.install_from_disk()
    assert {"--require-hashes", "--no-index", str(dev.OTHER_BUILDS)} <= set(asked[0])
    assert "on its disk" in capsys.readouterr().out
    dev.install_from_disk()
    assert not capsys.readouterr().out, "there is none: nothing is wrong"


def test_a_torch_that_needs_more_than_the_disk_has(installs: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "torch_lacks", lambda: ["nvidia-x"])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(9, 9, 2_000_000_000))
    with pytest.raises(dev.SetupError, match=r"8\.0 GB more, but only 2\.0 GB are free"):
        dev.prepare("test")


def test_what_a_torch_lacks_is_read_from_its_own_words(tmp_path: Path) -> None:
    info = tmp_path / "torch-9.dist-info"
    info.mkdir()
    needs = ["nvidia-cublas==1", "numpy; extra == 'more'", "never-there; sys_platform == 'nowhere'", "packaging"]
    lines = [f"Requires-Dist: {need}" for need in needs]
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.1", "Name: torch", "Version: 9", *lines, ""]), "utf-8"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + dev.TORCH_LACKS
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["nvidia-cublas"]


def test_damaged_packages_are_found(tmp_path: Path) -> None:
    """The program that looks for what an interrupted pip left behind, on one whole and two damaged packages."""
    site = tmp_path / "site"
    for name, size, record in (("whole", 3, True), ("short", 4, True), ("unrecorded", 3, False)):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}.py").write_text("abc", "utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
        if record:
            (info / "RECORD").write_text(f"{name}.py,sha256=x,{size}\n{name}.pyc,,\n", "utf-8")
    code = (
        f"import sys; sys.path[:] = [{str(site)!r}] + [p for p in sys.path if 'site-packages' not in p]\n" + dev.DAMAGED
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert sorted(found.stdout.split()) == ["short==1.0", "unrecorded==1.0"]


@pytest.mark.parametrize("code", [0, 1, -9])
def test_kernels_are_built_where_that_may_work_and_are_never_missed(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def fake(command: list[str], check: bool, cwd: Path) -> subprocess.CompletedProcess[str]:
        asked.append(command[1:])
        assert not check
        assert cwd == dev.ROOT
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", fake)
    dev.build_kernels()
    assert asked == []
    monkeypatch.setattr("inference.native.build.worth_trying", lambda: True)
    for machine, wanted in (("x86_64", 1), ("aarch64", 1)):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        dev.build_kernels()
        assert asked == [["-m", "inference.native", "--once"]] * wanted


def test_a_broken_marker_counts_as_none(installs: list[list[str]]) -> None:
    dev.MARKER.write_text("[1, 2", "utf-8")
    assert dev.read_marker() == {}
    dev.MARKER.write_text("[1, 2]", "utf-8")
    assert dev.read_marker() == {}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("NewConnectionError('...: Failed to establish a new connection')", "The package server cannot be reached"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "is not the one that the lock names",
        ),
        ("ERROR: something else", "something else\npip failed; its last lines stand above"),
    ],
)
def test_failures_are_told_in_plain_words(line: str, sentence: str) -> None:
    assert sentence in str(dev.failure("pip failed", ["Collecting x", line]))


def test_pip_shows_a_line_a_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "Collecting alpha==1 (from -r run.txt)",
        "  Downloading alpha-1-py3-none-any.whl (82.2 MB)",
        "Processing /wheels/run-2-py3-none-any.whl",
        "Installing collected packages: alpha, run",
    ]
    monkeypatch.setattr(dev, "venv_program", lambda _name: sys.executable)
    popen = subprocess.Popen

    def fake(_command: list[str], **options: Any) -> subprocess.Popen[str]:
        return popen([sys.executable, "-c", f"print({chr(10).join(lines)!r})"], **options)

    monkeypatch.setattr(subprocess, "Popen", fake)
    dev.pip_install(["-r", "run.txt"], 2)
    shown = capsys.readouterr().out
    for words in ("[1/2] alpha==1", "downloading 82.2 MB", "[2/2] run-2", "unpacking 2 packages", "installed in"):
        assert words in shown


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux programs can lack a screen")
@pytest.mark.parametrize(
    ("arguments", "platform"),
    [(["--smoke", "Hello"], "offscreen"), (["--help"], None), (["doctor"], None), (["chats", "--json"], None)],
)
def test_without_a_screen(arguments: list[str], platform: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert dev.run_environment(arguments).get("QT_QPA_PLATFORM") == platform
    with pytest.raises(dev.SetupError, match="no screen"):
        dev.run_environment(["--model", "somewhere"])


@pytest.mark.skipif(sys.platform != "linux", reason="system libraries are Linux's")
def test_missing_libraries_name_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "missing_libraries", lambda: ["libegl1", "libxcb-cursor0"])
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/apt-get")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(dev.SetupError, match=r"libEGL\.so\.1.*sudo apt-get install .*libegl1 libxcb-cursor0"):
        dev.check_libraries()


def test_all_checks_run_after_one_fails(
    installs: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []

    def fake(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        assert options["env"]["QT_QPA_PLATFORM"] == "offscreen"
        return subprocess.CompletedProcess(command, 1 if "mypy" in command else 0)

    monkeypatch.setattr(dev, "check_libraries", lambda: None)
    monkeypatch.setattr(subprocess, "run", fake)
    assert dev.main(["test", "-k", "words"]) == 1
    assert len(ran) == 5
    assert ran[-1][-2:] == ["-k", "words"]
    assert not any("installers" in argument for command in ran for argument in command)
    shown = capsys.readouterr().out
    assert shown.count("passed ") == 4
    assert shown.count("FAILED ") == 1


@pytest.fixture
def pytest_runs(installs: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What dev.py gives to pytest, run by run, and nothing runs."""
    runs: list[list[str]] = []

    def fake(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        if "pytest" in command:
            runs.append(command[command.index("pytest") + 1 :])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(dev, "check_libraries", lambda: None)
    monkeypatch.setattr(dev, "worker_count", lambda: 3)
    monkeypatch.setattr(subprocess, "run", fake)
    return runs


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], ["-n", "3", "--dist", "worksteal"]),
        (["--fast"], ["-n", "3", "--dist", "worksteal", "-m", "not slow"]),
        (["--fast", "-k", "words"], ["-m", "not slow", "-k", "words"]),
        (["--full", "-k", "words"], ["-k", "words"]),
        (["tests/test_dev.py", "--pdb"], ["tests/test_dev.py", "--pdb"]),
    ],
)
def test_the_whole_suite_takes_all_cores_and_what_is_picked_one_process(
    arguments: list[str], given: list[str], pytest_runs: list[list[str]]
) -> None:
    dev.main(["test", *arguments])
    assert pytest_runs == [given]


@pytest.mark.parametrize(("arguments", "full"), [([], None), (["--fast"], None), (["--full"], "1")])
def test_all_cases_are_taken_only_when_asked_for(
    installs: list[list[str]], monkeypatch: pytest.MonkeyPatch, arguments: list[str], full: str | None
) -> None:
    told: list[str | None] = []

    def fake(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if "pytest" in command:
            told.append(options["env"].get("DEWPOINT_TEST_FULL"))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.delenv("DEWPOINT_TEST_FULL", raising=False)
    monkeypatch.setattr(dev, "check_libraries", lambda: None)
    monkeypatch.setattr(subprocess, "run", fake)
    dev.main(["test", *arguments])
    assert told == [full]


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="only a Unix tells its memory so")
@pytest.mark.parametrize(("cores", "gigabytes", "workers"), [(2, 24, 2), (16, 32, 8), (8, 3, 1), (None, 64, 1)])
def test_as_many_test_processes_as_cores_and_memory_carry(
    cores: int | None, gigabytes: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": gigabytes * 1_000_000}.__getitem__)
    assert dev.worker_count() == workers


def test_the_installers_are_tested_only_when_asked_for(
    installs: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []

    def fake(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 1 if "installers/tests" in command else 0)

    monkeypatch.setattr(dev, "check_libraries", lambda: None)
    monkeypatch.setattr(subprocess, "run", fake)
    assert dev.main(["test", "--installers", "-x"]) == 1
    assert ran[-2][-2:] == ["pytest", "-x"]
    assert ran[-1][-3:] == ["pytest", "installers/tests", "-x"]
    assert "installers     FAILED" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="Windows ends no program for a closed pipe")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_no_trouble(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, dev.__file__, "--help"], stdout=writing, stderr=subprocess.PIPE, check=False,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_is_full() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, dev.__file__, "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "This step failed: [Errno 28] No space left on device\n")
