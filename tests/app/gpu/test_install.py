"""The add-on from nothing to removed; the same code path as with the real packages, on wheels of some hundred bytes."""

from __future__ import annotations

import re
import shutil
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.gpu import fetcher, texts
from app.gpu.fetcher import Fetcher, found_fetcher
from app.gpu.manifest import read_manifest
from app.gpu.recipe import shipped_recipe
from app.gpu.service import GpuService
from app.gpu.start import start_addon
from app.gpu.values import GpuFreed, GpuState, GpuStep
from app.network.client import Network
from tests.app.gpu.conftest import Install, names
from tests.helpers.fake_engines import detected
from tests.helpers.tiny_wheels import LIBRARY, VERSION, TinyWheels
from trt_engines.errors import EngineError
from trt_engines.tensorrt.addon import GOING, MANIFEST

ROOT = Path(__file__).resolve().parents[3]


def test_from_nothing_to_installed_to_removed(addon: GpuService, wheels: TinyWheels) -> None:
    wheels.card = detected("RTX 4070")
    before = addon.status()
    assert (before.state, before.card, before.wanted) == (GpuState.ABSENT, "RTX 4070", True)
    assert not addon.folder.parent.exists(), "a look writes nothing"
    offer = addon.offer()
    assert (offer.problem, offer.licence_text, offer.card) == (None, "Read this licence.", "RTX 4070")
    steps = list(addon.install(threading.Event()))
    assert [stage for stage in dict.fromkeys(step.stage for step in steps)] == ["fetching", "checking", "trying"]
    shares = [step.fraction for step in steps if step.stage == "fetching"]
    assert shares == sorted(shares)
    status = addon.status()
    assert (status.state, status.version) == (GpuState.INSTALLED, VERSION)
    assert status.size == sum(file.stat().st_size for file in addon.folder.rglob("*") if _is_wheels(file))
    assert (addon.folder / LIBRARY).read_bytes() == b"no library"
    assert [(job.sm, job.folder) for job in wheels.tried] == [(89, addon.folder)]
    assert names(addon) == {"gpu", "gpu.lock"}
    freed = addon.remove()
    assert freed.count >= status.size
    assert freed.stays == ()
    assert names(addon) == {"gpu.lock"}
    assert addon.status().state is GpuState.ABSENT
    with pytest.raises(KnownAppError, match="nothing to remove"):
        addon.remove()


def _is_wheels(file: Path) -> bool:
    ours = file.name.startswith("dewpoint-") or file.name in ("INSTALLER", "REQUESTED", "direct_url.json")
    return file.is_file() and not ours and "__pycache__" not in file.parts


def test_every_file_is_in_the_manifest(addon: GpuService, install: Install) -> None:
    install()
    manifest = read_manifest(addon.folder)
    assert manifest is not None
    assert {file.path for file in manifest.files} == {
        file.relative_to(addon.folder).as_posix() for file in addon.folder.rglob("*") if _is_wheels(file)
    }
    assert manifest.packages == {"tensorrt-rtx-cu13-libs": VERSION, "tensorrt-rtx-cu13-bindings": VERSION}


def test_uv_does_the_same(addon: GpuService, wheels: TinyWheels, install: Install) -> None:
    program = shutil.which("uv")
    if program is None:
        pytest.skip("uv is not installed here")
    wheels.program = Fetcher("uv", (program,), ("--no-index", "--find-links", str(wheels.folder)))
    install()
    assert addon.status().state is GpuState.INSTALLED


def test_a_folder_with_a_space_and_letters_of_the_world(tmp_path: Path, wheels: TinyWheels, install: Install) -> None:
    addon = GpuService(AppPaths(tmp_path / "Zażółć 日本 data"), Network(), wheels.tools())
    install(addon)
    assert addon.status().state is GpuState.INSTALLED
    assert addon.remove().count > 0


def test_stopped(addon: GpuService) -> None:
    cancel = threading.Event()
    for step in addon.install(cancel):
        assert step.stage == "fetching"
        cancel.set()
    assert names(addon) == {"gpu.lock"}
    with closing(addon.install(threading.Event())) as steps:
        next(steps)
    assert names(addon) == {"gpu.lock"}, "the same when the window closes"


def test_stopped_while_files_are_checked(addon: GpuService) -> None:
    cancel = threading.Event()
    for step in addon.install(cancel):
        if step.stage == "checking":
            cancel.set()
    assert addon.status().state is GpuState.ABSENT
    assert names(addon) == {"gpu.lock"}


def test_damaged_files_are_found_and_mended(addon: GpuService, install: Install) -> None:
    install()
    library = addon.folder / LIBRARY
    library.write_bytes(b"wr library")  # the same size: only hashing sees it
    assert addon.status().state is GpuState.INSTALLED
    assert _verified(addon) == (LIBRARY,)
    library.unlink()
    status = addon.status()
    assert (status.state, status.damaged) == (GpuState.DAMAGED, (LIBRARY,))
    assert _verified(addon) == (LIBRARY,)
    install()
    assert addon.status().state is GpuState.INSTALLED
    assert _verified(addon) == ()


def _verified(addon: GpuService) -> tuple[str, ...]:
    steps = addon.verify()
    while True:
        try:
            assert isinstance(next(steps), GpuStep)
        except StopIteration as end:
            return tuple(end.value)


def test_a_folder_without_a_manifest_is_damaged_and_can_go(addon: GpuService, install: Install) -> None:
    install()
    (addon.folder / MANIFEST).write_text("{", "utf-8")
    (addon.folder / "x").write_bytes(b"abc")
    status = addon.status()
    assert (status.state, status.others) == (GpuState.DAMAGED, ("x",))
    assert addon.remove() == GpuFreed(status.size, ("x",))
    assert [path.name for path in addon.folder.iterdir()] == ["x"]


def test_what_does_not_work_says_why_until_it_does(addon: GpuService, wheels: TinyWheels, install: Install) -> None:
    wheels.trial_error = EngineError("The driver is too old.", "Update it.")
    install()
    status = addon.status()
    assert status.state is GpuState.BROKEN
    assert status.report is not None
    assert (status.report.text, status.report.hint) == ("The driver is too old.", "Update it.")
    wheels.trial_error = None
    list(addon.tried())
    assert addon.status().state is GpuState.INSTALLED


def test_offline_refuses(addon: GpuService) -> None:
    addon.network.offline = True
    problem = addon.offer().problem
    assert problem is not None
    with pytest.raises(KnownAppError, match="set to stay offline"):
        list(addon.install(threading.Event()))
    assert not addon.folder.exists()


def test_one_place_starts_programs_that_use_the_network(tmp_path: Path) -> None:
    with pytest.raises(KnownAppError, match="set to stay offline"), (tmp_path / "log").open("wb") as log:
        Network(offline=True).start_program([sys.executable, "-c", "raise SystemExit(3)"], {}, log)
    starts = re.compile(
        r"\b(Popen\(|subprocess\.(run|call|check_call|check_output)\(|os\.(system|spawn\w*|exec\w*)\(|QProcess\b)"
    )
    files = [path for path in (ROOT / "app").rglob("*.py") if starts.search(path.read_text("utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in files] == ["app/network/client.py"]


def test_offline_in_the_middle_ends_it(addon: GpuService) -> None:
    steps = addon.install(threading.Event())
    next(steps)
    addon.network.offline = True
    with pytest.raises(KnownAppError, match="set to stay offline"):
        list(steps)
    assert names(addon) == {"gpu.lock"}


def test_no_card_of_another_kind_is_offered_it(addon: GpuService, wheels: TinyWheels) -> None:
    assert not addon.status().wanted
    wheels.card = detected("RTX 4070")
    wheels.elsewhere = True
    assert not addon.status().wanted


def test_in_use_on_windows_it_goes_at_the_next_start(addon: GpuService, install: Install) -> None:
    install()
    (addon.folder / GOING).touch()  # what `remove` leaves where the system refuses the rename
    assert addon.status().state is GpuState.ABSENT
    start_addon(addon.folder)
    assert not addon.folder.exists()


def test_what_is_shipped_is_what_installers_lock() -> None:
    recipe = shipped_recipe()
    assert recipe.download > 90_000_000
    assert recipe.installed > 2 * recipe.download
    assert recipe.packages["tensorrt-rtx-cu13-libs"] == recipe.version
    assert "NVIDIA" in recipe.licences
    for system in ("linux", "windows"):
        ours = (ROOT / "resources" / "gpu" / f"lock-{system}.txt").read_text("utf-8")
        assert ours == (ROOT / "installers" / "locks" / f"gpu-{system}.txt").read_text("utf-8"), "requirements/gpu.py"
        assert "://" not in ours
        assert all("--hash=sha256:" in block for block in ours.replace("\\\n", " ").splitlines() if "==" in block)


def test_which_program_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = tmp_path / "bin"
    beside.mkdir()
    monkeypatch.setattr(sys, "executable", str(beside / "dewpoint"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert found_fetcher().name == "pip"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(KnownAppError, match="nothing can be installed"):
        found_fetcher()
    uv = beside / "_internal" / ("uv.exe" if sys.platform == "win32" else "uv")
    uv.parent.mkdir()
    uv.touch(mode=0o755)
    found = found_fetcher()
    assert found == Fetcher("uv", (str(uv),))
    with pytest.raises(KnownAppError, match="needs a Python"):
        found.command(shipped_recipe(), tmp_path)
    environment = found.environment(
        tmp_path, {"HTTPS_PROXY": "http://p", "LD_LIBRARY_PATH": "/bundle", "PYTHONPATH": "x"}
    )
    assert environment["HTTPS_PROXY"] == "http://p"
    assert environment["UV_CACHE_DIR"] == str(tmp_path / "cache")
    assert not {"LD_LIBRARY_PATH", "PYTHONPATH"} & set(environment)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("error: Failed to download\n  cause: Hash mismatch for `a==1`", texts.WRONG_HASH),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", texts.WRONG_HASH),
        ("cause: failed to write to file `x`: No space left on device (os error 28)", texts.DISK_FULL),
        ("cause: There is not enough space on the disk. (os error 112)", texts.DISK_FULL),
        ("error: Request failed after 1 retry\n cause: error sending request for url (x)", texts.UNREACHABLE),
        ("WARNING: Retrying after ProxyError\nERROR: No matching distribution found for a==1", texts.UNREACHABLE),
        ("ERROR: No matching distribution found for a==1", texts.NOT_OFFERED),
        ("WARNING: x\nerror: something new\n", texts.failed("error: something new")),
        ("", texts.failed("it gave no reason.")),
    ],
)  # fmt: skip
def test_last_words_of_a_fetcher(output: str, text: str) -> None:
    assert fetcher.trouble(output, 1000).user_text == text
