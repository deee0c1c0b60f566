"""The doctor: every line it can say, and what it never says."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.chats.history import HistoryStore
from app.commands import doctor as command
from app.gpu.service import GpuService
from app.library.services import LibraryServices
from app.machine.checks import Finding, checks, report
from app.network.client import Network
from tests.app.conftest import MakeServices
from tests.helpers.fake_engines import detected
from tests.helpers.tiny_models import MemoryKeyring
from tests.helpers.tiny_wheels import TinyWheels
from trt_engines.errors import EngineError
from trt_engines.tensorrt.addon import MANIFEST
from trt_engines.tensorrt.trial import Trial, TrialJob

NAMES = [
    "System", "Python", "Memory", "Free disk", "Data folder", "Chats", "Keyring", "Models", "Graphics card",
    "TensorRT for RTX", "Small engine", "Engines",
]  # fmt: skip


@pytest.fixture
def wheels(tmp_path: Path) -> TinyWheels:
    """What lies below the add-on."""
    return TinyWheels(tmp_path / "wheels").write()


@pytest.fixture
def addon(wheels: TinyWheels, dewpoint_home: Path) -> GpuService:
    """The add-on of the data folder."""
    return GpuService(AppPaths(dewpoint_home), Network(), wheels.tools())


@pytest.fixture
def services(make_services: MakeServices, memory_keyring: MemoryKeyring) -> LibraryServices:
    """What works with the library, and asks nobody."""
    return make_services(offline=True)


def found(services: LibraryServices, addon: GpuService) -> dict[str, Finding]:
    """What it says, by name."""
    return {check.name: check for check in checks(services, addon) if check is not None}


def test_a_computer_without_a_card(services: LibraryServices, addon: GpuService) -> None:
    said = found(services, addon)
    assert list(said) == NAMES
    assert all(check.status != "fail" for check in said.values())
    assert said["Graphics card"].status == "note"
    assert said["Chats"].text == "There are none yet."
    assert said["Small engine"].text == "Not tried, because TensorRT is not installed."
    assert not services.paths.data_file.exists(), "nothing was made"


def test_a_computer_with_everything(services: LibraryServices, addon: GpuService, wheels: TinyWheels) -> None:
    wheels.card, wheels.elsewhere = detected("RTX 4070"), True
    with HistoryStore.open(services.paths.data_file, services.paths.backups):
        pass
    said = found(services, addon)
    assert said["Graphics card"].text == "RTX 4070, SM 8.9, 12 GiB (12 GiB free), driver 581.15"
    assert said["Small engine"].text == "TensorRT for RTX 9.9.1 built one for SM 8.9."
    assert said["Chats"].text.startswith("The chat file opens")
    assert {check.status for check in said.values()} <= {"pass", "note"}


def test_what_is_wrong_is_said_with_what_to_do(
    services: LibraryServices, addon: GpuService, wheels: TinyWheels
) -> None:
    wheels.card, wheels.elsewhere = detected("RTX 4070"), True
    wheels.trial_error = EngineError("The driver is too old.")
    addon.folder.mkdir()
    (addon.folder / MANIFEST).write_text("{", "utf-8")
    services.paths.data_file.write_bytes(b"my secret diary " * 100)
    said = found(services, addon)
    for name in ("Chats", "TensorRT for RTX", "Small engine"):
        assert said[name].status == "fail"
        assert said[name].hint
    assert "secret" not in report(list(said.values()))


def test_ctrl_c_at_the_end_of_the_trial_is_heard(
    services: LibraryServices, wheels: TinyWheels, dewpoint_home: Path
) -> None:
    def trial(job: TrialJob) -> Iterator[Trial | None]:
        try:
            yield Trial("tensorrt_rtx", "1.0", 1)
        finally:
            raise KeyboardInterrupt  # while the child is waited for

    wheels.elsewhere = True
    addon = GpuService(AppPaths(dewpoint_home), Network(), wheels.tools(trial))
    with pytest.raises(KeyboardInterrupt):
        found(services, addon)


def test_a_card_of_another_kind(services: LibraryServices, addon: GpuService, wheels: TinyWheels) -> None:
    other = detected("RTX 4070")
    wheels.card = dataclasses.replace(other, gpu=dataclasses.replace(other.gpu, name="H100", sm=90))
    said = found(services, addon)
    assert said["Graphics card"].hint == "TensorRT for RTX is not made for this card."


def test_no_user_name_in_paths(services: LibraryServices, addon: GpuService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: services.paths.base.parent)
    assert found(services, addon)["Data folder"].text == f"~/{services.paths.base.name} can be written"


def test_a_look_that_fails_is_a_finding(
    services: LibraryServices, addon: GpuService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Finding:
        raise PermissionError(13, "Permission denied", "/home/somebody/x")

    monkeypatch.setattr("app.machine.checks._memory", broken)
    memory = found(services, addon)["Memory"]
    assert memory == Finding("Memory", "fail", "It cannot be looked at (PermissionError: Permission denied).")


def test_the_command(
    capsys: pytest.CaptureFixture[str],
    wheels: TinyWheels,
    memory_keyring: MemoryKeyring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(command, "GpuService", lambda paths, network: GpuService(paths, network, wheels.tools()))
    assert command.main([]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Dewpoint ")
    assert "[pass] Python: " in text
    assert command.main(["--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["passed"] is True
    assert [check["name"] for check in facts["checks"]] == NAMES


def test_the_command_tells_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def one(services: LibraryServices, addon: GpuService) -> Iterator[Finding | None]:
        yield None
        yield Finding("Chats", "fail", "The chat file is damaged.", "Start Dewpoint again.")

    monkeypatch.setattr(command, "checks", one)
    assert command.main([]) == 1
    assert "[fail] Chats: The chat file is damaged.\n       Start Dewpoint again." in capsys.readouterr().out


def test_a_librarys_own_words_stand_in_the_report_alone() -> None:
    text = report([Finding("Graphics card", "note", "No NVIDIA card found.", "Install it.", "Library Not Found")])
    assert text.endswith("[note] Graphics card: No NVIDIA card found.\n       Install it.\n       Library Not Found")
