"""The service: what it says of a model, builds, lists, and what may be removed."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.engines.service import EngineService
from app.engines.values import EngineOffer, EngineStatus
from tests.helpers.fake_engines import FakeEngines, build_error, detected
from trt_engines.building.builder import BuildError, BuildProgress
from trt_engines.building.names import MANIFEST
from trt_engines.building.state import Check
from trt_engines.building.store import EngineStoreError
from trt_engines.errors import EngineError

MODEL = Path("/models/x")


@pytest.fixture
def fake() -> FakeEngines:
    """What lies below."""
    return FakeEngines()


@pytest.fixture
def service(fake: FakeEngines) -> EngineService:
    """On the test's own data folder."""
    return EngineService(AppPaths.resolve(), fake.tools())


def best(service: EngineService) -> tuple[EngineStatus, EngineOffer]:
    """The status of the model, and the recommended offer."""
    status = service.status(MODEL, "Big model")
    assert status.recommended is not None
    return status, status.recommended


def build(service: EngineService) -> EngineOffer:
    """Build and test the recommended offer; what is then offered."""
    status, offer = best(service)
    list(service.build(status, offer))
    return best(service)[1]


def test_a_view_says_what_runs_and_what_does_not(service: EngineService) -> None:
    status, offer = best(service)
    assert (status.model, status.here, status.flavour) == ("Big model", True, "TensorRT for RTX 1.7.1")
    assert [each.precision for each in status.offers] == ["fp8", "int4"]
    assert [each.precision for each in status.refused] == ["bf16", "nvfp4"]
    assert "machine's memory" in status.refused[0].reason
    assert "cannot compute" in status.refused[1].reason
    assert (offer.precision, offer.state.name, offer.folder) == ("int4", "absent", None)
    assert status.problem is None


def test_what_is_in_the_way_is_one_sentence(service: EngineService, fake: FakeEngines) -> None:
    fake.card = None
    status = service.status(MODEL)
    assert status.problem is not None
    assert status.problem.kind == "known"
    assert "No NVIDIA driver" in status.problem.text
    fake.card, fake.version = detected(), ""
    status = service.status(MODEL)
    assert status.problem is not None
    assert "not installed" in status.problem.text
    assert status.card is not None
    fake.card, fake.version = detected("H100 80GB HBM3"), "1.7.1"
    problem = service.status(MODEL).problem
    assert problem is not None
    assert "cannot build engines for H100" in problem.text
    fake.card, fake.ram = detected("RTX 2060"), 1 << 30
    status = service.status(MODEL)
    assert status.problem is not None
    assert not status.offers
    assert service.status(None, "Fake").problem is not None


def test_a_card_by_name(service: EngineService, fake: FakeEngines) -> None:
    assert service.card("nvidia geforce rtx 4070") == (detected(), True)
    card, here = service.card("rtx 3060")
    assert (card.gpu.name, here) == ("RTX 3060", False)
    fake.card = None
    assert service.card("RTX 4070")[1] is False
    with pytest.raises(KnownAppError, match="no card 'RTX 1'"):
        service.card("RTX 1")


def test_a_build_is_followed_by_the_self_test(service: EngineService, fake: FakeEngines) -> None:
    status, offer = best(service)
    events = list(service.build(status, offer))
    progress = [event for event in events if isinstance(event, BuildProgress)]
    assert progress[-1].fraction == 1
    assert any(isinstance(event, Check) for event in events)
    _, offer = best(service)
    assert offer.state.name == "ready"
    assert offer.size > 35 * fake.part_bytes


def test_published_models_are_compared_with_the_original(fake: FakeEngines) -> None:
    asked: list[Path] = []
    for published in (True, False):
        service = EngineService(
            AppPaths.resolve(), fake.tools(), published=lambda folder, known=published: asked.append(folder) or known
        )
        status, offer = best(service)
        list(service.build(status, offer))
        certificate = best(service)[1].state.certificate
        assert certificate is not None
        assert (certificate.oracle is not None) == published
    assert asked == [MODEL, MODEL]


def test_a_card_that_is_not_here_is_built_for_but_not_tested(service: EngineService, fake: FakeEngines) -> None:
    status = service.status(MODEL, gpu="RTX 3060")
    assert status.recommended is not None
    list(service.build(status, status.recommended))
    assert fake.tested == 0
    assert [each.state for each in service.sets()] == ["stale"]
    fake.card = None
    assert [each.state for each in service.sets()] == ["untested"]


def test_a_build_that_is_closed_keeps_what_is_finished(service: EngineService, fake: FakeEngines) -> None:
    status, offer = best(service)
    events = service.build(status, offer)
    for event in events:
        if isinstance(event, BuildProgress) and event.number == 4:
            break
    events.close()
    assert service.finished_parts(offer.request) == (3, 35)
    assert best(service)[1].state.name == "partial"
    numbers = {event.number for event in service.build(status, offer) if isinstance(event, BuildProgress)}
    assert min(numbers) == 4
    assert fake.tested == 1


def test_an_error_leaves_what_is_finished(service: EngineService, fake: FakeEngines) -> None:
    status, offer = best(service)
    fake.error = build_error("stack02")
    with pytest.raises(BuildError, match="stack02"):
        list(service.build(status, offer))
    assert service.finished_parts(offer.request) == (7, 35)
    assert service.log(offer.request) == ("stack02", "building stack02\n")


def test_building_anew_removes_the_old_set_first(service: EngineService, fake: FakeEngines) -> None:
    offer = build(service)
    status, offer = best(service)
    numbers = [e.number for e in service.build(status, offer, anew=True) if isinstance(e, BuildProgress)]
    assert numbers[0] == 1
    assert fake.tested == 2


def test_a_failed_self_test_says_so(service: EngineService, fake: FakeEngines) -> None:
    fake.errors_of_test = {"stack03": 1.5}
    assert build(service).state.name == "failed"


def test_a_set_that_is_being_built_is_not_removed(service: EngineService) -> None:
    offer = build(service)
    assert offer.folder is not None
    with FileLock(offer.folder / "build.lock"), pytest.raises(EngineError, match="being built"):
        service.delete(offer.folder)
    size = offer.size
    assert service.delete(offer.folder) >= size
    assert best(service)[1].state.name == "absent"


def test_a_file_that_cannot_be_deleted(service: EngineService, monkeypatch: pytest.MonkeyPatch) -> None:
    offer = build(service)
    original = os.unlink

    def refuse(path: str | Path, *, dir_fd: int | None = None) -> None:
        if Path(path).suffix == ".plan":
            raise PermissionError(13, "Permission denied", str(path))
        original(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    assert offer.folder is not None
    with pytest.raises(EngineStoreError, match="cannot be deleted: Permission denied"):
        service.delete(offer.folder)
    assert (offer.folder / MANIFEST).exists()


def test_only_what_engines_consist_of_goes_with_them(service: EngineService, tmp_path: Path) -> None:
    offer = build(service)
    assert offer.folder is not None
    mine = {"notes.json": "mine", "head.txt": "mine", "my.plan": "mine"}
    for name, text in mine.items():
        (offer.folder / name).write_text(text, encoding="utf-8")
    if sys.platform != "win32":
        (tmp_path / "thesis.odt").write_text("mine", encoding="utf-8")
        (offer.folder / "stack99.plan").symlink_to(tmp_path / "thesis.odt")
    service.delete(offer.folder)
    assert {file.name for file in offer.folder.iterdir()} - {"stack99.plan"} == set(mine)


def test_own_engines_are_no_reason_against_themselves(
    service: EngineService, fake: FakeEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.part_bytes = 600_000_000
    build(service)
    monkeypatch.setattr("app.engines.service.free_bytes", lambda folder: 10**9)
    status, offer = best(service)
    assert status.free_disk == 10**9
    assert offer.state.name == "ready"


def test_other_machines_sets_are_useless(service: EngineService, fake: FakeEngines) -> None:
    build(service)
    fake.card = detected("RTX 4090")
    build(service)
    listed = {each.card: each for each in service.sets()}
    assert (listed["RTX 4070"].state, listed["RTX 4070"].useless) == ("stale", True)
    assert any("built for RTX 4070, this is RTX 4090" in reason for reason in listed["RTX 4070"].reasons)
    assert (listed["RTX 4090"].state, listed["RTX 4090"].useless) == ("ready", False)
    freed = service.prune(service.sets())
    assert freed == listed["RTX 4070"].size
    assert [each.card for each in service.sets()] == ["RTX 4090"]


def test_without_driver_or_tensorrt_nothing_is_judged_by_them(service: EngineService, fake: FakeEngines) -> None:
    build(service)
    fake.card, fake.version = None, ""
    (only,) = service.sets()
    assert (only.state, only.useless) == ("ready", False)
    fake.version = "1.8.0"
    (only,) = service.sets()
    assert only.useless
    assert only.reasons == ("TensorRT version: built for 1.7.1, this is 1.8.0",)


def test_damaged_and_superseded_sets_are_useless(service: EngineService, fake: FakeEngines) -> None:
    offer = build(service)
    assert offer.folder is not None
    longer = service.status(MODEL, context=16384)
    assert longer.recommended is not None
    list(service.build(longer, longer.recommended))
    old = {each.folder: each for each in service.sets()}[offer.folder]
    assert not old.useless  # built in the same second
    fake.day = 25
    other = next(each for each in service.sets() if each.folder != offer.folder)
    service.delete(other.folder)
    list(service.build(longer, longer.recommended))
    old = {each.folder: each for each in service.sets()}[offer.folder]
    assert old.useless
    assert "a newer one was built" in old.reasons[-1]
    (offer.folder / MANIFEST).write_text("{", "utf-8")
    broken = {each.folder: each for each in service.sets()}[offer.folder]
    assert (broken.state, broken.useless) == ("damaged", True)
    assert service.prune([broken]) > 0


def test_a_newer_set_that_is_not_finished_replaces_nothing(service: EngineService, fake: FakeEngines) -> None:
    build(service)
    fake.day = 25
    longer = service.status(MODEL, context=16384)
    fake.error = build_error("stack02")
    assert longer.recommended is not None
    with pytest.raises(BuildError):
        list(service.build(longer, longer.recommended))
    assert not any(each.useless for each in service.sets())


def test_any_thread_may_ask(service: EngineService) -> None:
    found: list[EngineStatus] = []
    threads = [threading.Thread(target=lambda: found.append(service.status(MODEL))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(status.problem is None for status in found)


def test_a_driver_that_is_too_old_is_told_before_a_build(service: EngineService, fake: FakeEngines) -> None:
    fake.card = dataclasses.replace(detected("RTX 4070", "572.16"), cuda=12080)
    status = service.status(MODEL)
    assert status.problem is not None
    assert "572.16 knows CUDA 12.8" in status.problem.text
    assert "580" in status.problem.hint
    assert not status.offers
    other = service.status(MODEL, gpu="RTX 3090")  # a plan for another computer's card asks for no driver here
    assert other.problem is None
