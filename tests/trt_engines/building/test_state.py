"""What can be said of engines on disk: every reason for which they must not be used."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from trt_engines.building.identity import ENGINE_VERSION, Identity, weights_identity
from trt_engines.building.names import CERTIFICATE, LOCK, MANIFEST, WRITTEN
from trt_engines.building.profiles import Limits
from trt_engines.building.state import (
    Certificate,
    Check,
    Oracle,
    SetState,
    read_certificate,
    state_of,
    write_certificate,
)
from trt_engines.building.store import (
    EngineManifest,
    EngineStore,
    EngineStoreError,
    Part,
    other_names,
    read_manifest,
    write_json,
)
from trt_engines.files import write_whole
from trt_engines.weights.index import TensorRecord

IDENTITY = Identity(
    ENGINE_VERSION, "weights", "templates", "int4", ((0, 2), (2, 4)), Limits(256, 512, 8192, 575, 24), "tensorrt_rtx",
    "1.7.1", "RTX 4070", 89, 12, "Linux x86_64",
)  # fmt: skip
PLAN = b"a plan"


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


def put(store: EngineStore, identity: Identity = IDENTITY, built: str = "2026-11-24T20:00:00+00:00") -> Path:
    """A complete set of tiny plans."""
    folder = store.folder(identity)
    folder.mkdir(parents=True)
    parts = {}
    for name in ("embed", "head"):
        (folder / f"{name}.plan").write_bytes(PLAN)
        parts[name] = Part(f"{name}.plan", len(PLAN), "0" * 64, 1, 1, 1.0)
    write_json(folder / MANIFEST, EngineManifest(identity, "Model", "/model", ("embed", "head"), parts, built))
    return folder


def certify(store: EngineStore, driver: str = "580.1", error: float = 0.01) -> None:
    found = store.find(IDENTITY)
    assert found.manifest is not None
    checks = (Check("embed", 0.001, 0.1), Check("head", error, 0.1))
    write_certificate(found, Certificate(IDENTITY.key, found.manifest.built, driver, "now", checks))


def state(store: EngineStore, driver: str = "580.1") -> SetState:
    return state_of(store, IDENTITY, driver)


def test_ready_only_after_a_passed_self_test(store: EngineStore) -> None:
    assert state(store).name == "absent"
    put(store)
    assert state(store).name == "untested"
    certify(store)
    assert state(store).name == "ready"
    certify(store, error=0.5)
    assert (state(store).name, state(store).reasons) == ("failed", ("head is off by 0.5, 0.1 is allowed",))
    certify(store, error=float("nan"))
    assert state(store).name == "failed"
    set_found = store.find(IDENTITY)
    before = read_certificate(set_found)
    assert before is not None
    write_certificate(set_found, dataclasses.replace(before, checks=(Check("stack00", float("inf"), 0.1, True),)))
    assert "too large for this precision" in state(store).reasons[0]


def test_the_comparison_with_the_original_is_kept_and_decides_nothing(store: EngineStore) -> None:
    folder = put(store)
    certify(store)
    found = store.find(IDENTITY)
    before = read_certificate(found)
    assert before is not None
    assert before.oracle is None
    raw = json.loads((folder / CERTIFICATE).read_text())
    del raw["oracle"]  # as versions before wrote it
    (folder / CERTIFICATE).write_text(json.dumps(raw))
    assert read_certificate(found) == before
    for oracle in (Oracle(0.3, 1.0, 0.5, True), Oracle(0.6, 1.0, 0.5, True), Oracle(0.3, 1.0, 0.5, False)):
        write_certificate(found, dataclasses.replace(before, oracle=oracle))
        assert read_certificate(found) == dataclasses.replace(before, oracle=oracle)
        assert oracle.passed == (oracle.mean < 0.5 and oracle.same)
        assert state(store).name == "ready"


def test_a_new_driver_asks_for_a_new_self_test(store: EngineStore) -> None:
    put(store)
    certify(store, driver="575.0")
    found = state(store)
    assert (found.name, found.reasons) == ("untested", ("the driver changed from 575.0 to 580.1",))


def test_a_certificate_of_an_earlier_build_does_not_count(store: EngineStore) -> None:
    folder = put(store)
    certify(store)
    manifest = read_manifest(folder)
    assert manifest is not None
    write_json(folder / MANIFEST, dataclasses.replace(manifest, built="2026-11-25T00:00:00+00:00"))
    assert state(store).name == "untested"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gpu": "RTX 3060", "sm": 86}, "GPU: built for RTX 3060, this is RTX 4070"),
        ({"flavour_version": "1.6.0"}, "TensorRT version: built for 1.6.0, this is 1.7.1"),
        ({"system": "Windows AMD64"}, "operating system: built for Windows AMD64, this is Linux x86_64"),
        ({"templates": "others"}, "other graphs"),
        ({"vram": 8}, "GPU memory: built for 8 GiB, this is 12 GiB"),
    ],
)
def test_engines_for_something_else_are_stale(store: EngineStore, change: dict[str, object], reason: str) -> None:
    put(store, dataclasses.replace(IDENTITY, **change))  # type: ignore[arg-type]
    found = state(store)
    assert found.name == "stale"
    assert reason in found.reasons


@pytest.mark.parametrize("change", [{"weights": "a fine-tune"}, {"precision": "fp8"}])
def test_engines_of_other_weights_or_precision_are_not_meant(store: EngineStore, change: dict[str, str]) -> None:
    put(store, dataclasses.replace(IDENTITY, **change))  # type: ignore[arg-type]
    assert state(store).name == "absent"


def test_a_manifest_that_was_copied_from_another_card_does_not_count(store: EngineStore) -> None:
    folder = put(store)
    certify(store)
    raw = json.loads((folder / MANIFEST).read_text("utf-8"))
    raw["identity"]["gpu"] = "RTX 3060"
    (folder / MANIFEST).write_text(json.dumps(raw), "utf-8")
    assert state(store).name == "stale"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"identity": 3}', "null"])
def test_a_damaged_manifest_or_certificate_is_never_trusted(store: EngineStore, damage: str) -> None:
    folder = put(store)
    certify(store)
    (folder / CERTIFICATE).write_text(damage, "utf-8")
    assert state(store).name == "untested"
    (folder / MANIFEST).write_text(damage, "utf-8")
    assert state(store).name == "absent"


def test_a_plan_that_is_cut_short_or_gone_is_damage(store: EngineStore) -> None:
    folder = put(store)
    certify(store)
    (folder / "head.plan").write_bytes(PLAN[:-1])
    assert state(store).name == "damaged"
    (folder / "head.plan").unlink()
    assert state(store).name == "damaged"


def test_removing_touches_only_our_files(store: EngineStore, tmp_path: Path) -> None:
    folder = put(store)
    (folder / "letter.txt").write_text("mine", "utf-8")
    (folder / "stack0.plan").symlink_to(folder / "letter.txt")
    assert other_names(folder) == ("letter.txt", "stack0.plan")
    assert store.remove(folder) > 2 * len(PLAN)
    assert sorted(path.name for path in folder.iterdir()) == ["letter.txt", "stack0.plan"]
    assert (folder / "letter.txt").read_text("utf-8") == "mine"
    other = tmp_path / "photos"
    other.mkdir()
    (other / "a.json").write_text("{}", "utf-8")
    with pytest.raises(EngineStoreError, match="holds no engines"):
        store.remove(other)
    assert (other / "a.json").exists()


@pytest.mark.parametrize("name", WRITTEN)
def test_removing_takes_what_running_engines_wrote_and_what_a_kill_left_of_it(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = put(store)
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda part, target: target)  # it gets its name a moment too late
        write_whole(folder / name, "x")
    assert sum(path.name.endswith(".tmp") for path in folder.iterdir()) == 1
    if name != MANIFEST:
        write_whole(folder / name, "x")
    (folder / LOCK).touch()
    assert other_names(folder) == ()
    assert store.remove(folder) > 2 * len(PLAN)
    assert not folder.exists()


@pytest.mark.parametrize("name", [".{}", "{}.0123abcd.tmp", ".{}.0123abcd.tmp.txt", ".{}.01234567z.tmp"])
def test_names_like_ours_are_the_users(store: EngineStore, name: str) -> None:
    folder = put(store)
    mine = sorted(name.format(ours) for ours in WRITTEN)
    for each in mine:
        (folder / each).write_text("mine", "utf-8")
    assert other_names(folder) == tuple(mine)
    store.remove(folder)
    assert sorted(path.name for path in folder.iterdir()) == mine


def test_a_fine_tune_of_the_same_layout_is_another_model(tmp_path: Path) -> None:
    def identity(data: bytes) -> str:
        file = tmp_path / "model.safetensors"
        file.write_bytes(data)
        return weights_identity({"w": TensorRecord("w", file, "F32", (100_000,), 0, len(data))})

    data = bytes(400_000)
    tuned = bytearray(data)
    tuned[100_001] = 1
    first = identity(data)
    assert identity(data) == first
    assert identity(bytes(tuned)) != first
    assert identity(data + b"x") != first
