"""What "auto" chooses, and why; engines are used only when every check about them is good."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.backends import tensorrt
from inference.backends.auto import choose_backend
from inference.backends.onnx import OnnxBackend
from inference.backends.registry import open_backend
from inference.backends.tensorrt import open_tensorrt
from inference.config import model_config_from_folder
from inference.engines import usable
from inference.engines.choice import EngineChoice, best_choice, engine_choices
from inference.engines.usable import UsableEngines, usable_engines
from inference.errors import KnownError, ModelFolderError, NoWayOnCardError, OutOfMemoryError
from inference.failures import failed_from_error
from inference.host.messages import ModelProcessOptions
from inference.model_config import ModelConfig
from inference.opening import open_session
from tests.helpers.checkpoints import STARTER
from tests.helpers.published import published_config
from trt_engines.building.names import MANIFEST
from trt_engines.building.state import Certificate, Check, write_certificate
from trt_engines.building.store import EngineManifest, EngineStore, Part, write_json
from trt_engines.errors import EngineError
from trt_engines.planning.hardware import GIB, Gpu, find_card
from trt_engines.planning.planner import Refusal
from trt_engines.planning.probe import DetectedGpu, NoGpuError
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import DeviceError, DeviceMemoryError
from trt_engines.runtime.safe_mode import Attempt
from trt_engines.tensorrt.flavour import Flavour, installed_flavour

CONFIG = model_config_from_folder(STARTER)


def card(name: str = "RTX 4070") -> DetectedGpu:
    gpu = find_card(name)
    assert isinstance(gpu, Gpu)
    return DetectedGpu(gpu, gpu.memory - GIB, "580.1")


def one_card() -> tuple[DetectedGpu, ...]:
    return (card(),)


def with_one_card(folder: Path, engines: Path | None, config: ModelConfig) -> UsableEngines:
    return usable_engines(folder, engines, one_card, config=config)


@pytest.fixture(autouse=True)
def _kernels_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are built differs from clone to clone; a test that wants them says so."""
    monkeypatch.setattr("inference.native.library.is_there", lambda: False)


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


def choices(tmp_path: Path, flavour: Flavour | None = None) -> tuple[EngineChoice | Refusal, ...]:
    return engine_choices(STARTER, card(), 100 * GIB, flavour or installed_flavour(), tmp_path / "graphs")


def put(store: EngineStore, choice: EngineChoice, driver: str = "580.1", error: float = 0.001) -> None:
    """A set of plans that are no plans, with a certificate."""
    folder = store.folder(choice.identity)
    folder.mkdir(parents=True)
    names = tuple(job.name for job in choice.request.jobs(folder))
    for name in names:
        (folder / f"{name}.plan").write_bytes(b"plan")
    parts = {name: Part(f"{name}.plan", 4, "0" * 64, 1000, 1000, 1.0) for name in names}
    write_json(folder / MANIFEST, EngineManifest(choice.identity, "Starter", str(STARTER), names, parts, "now"))
    checks = (Check("embed", error, 0.03),)
    write_certificate(store.find(choice.identity), Certificate(choice.identity.key, "now", driver, "now", checks))


def test_ready_engines_are_used(store: EngineStore, tmp_path: Path) -> None:
    best = best_choice(choices(tmp_path))
    assert isinstance(best, EngineChoice)
    put(store, best)
    chosen = choose_backend(STARTER, CONFIG, store.root, with_one_card)
    assert chosen.name == "tensorrt"
    assert chosen.engines is not None
    assert chosen.engines.choice.identity == best.identity


def test_engines_with_a_longer_context_are_found(
    store: EngineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for context in (1024, 2048):
        found = engine_choices(STARTER, card(), 100 * GIB, installed_flavour(), tmp_path / "graphs", context)
        best = best_choice(found)
        assert isinstance(best, EngineChoice)
        put(store, best)
    usable = usable_engines(STARTER, store.root, one_card)
    assert usable.choice.plan.context == 2048
    # Whoever has read the configuration has it read no more, however many contexts are looked at.
    monkeypatch.setattr("inference.config.model_config_from_dicts", None)
    assert usable_engines(STARTER, store.root, one_card, config=CONFIG).choice.plan.context == 2048


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "not built yet"),
        ({"driver": "575"}, "driver changed from 575 to 580.1"),
        ({"error": 0.5}, "embed is off by 0.5"),
    ],
)
def test_engines_that_are_not_ready_leave_a_reason(
    store: EngineStore, tmp_path: Path, change: dict[str, str | float], sentence: str
) -> None:
    best = best_choice(choices(tmp_path))
    assert isinstance(best, EngineChoice)
    if change:
        put(store, best, **change)  # type: ignore[arg-type]
    chosen = choose_backend(STARTER, CONFIG, store.root, with_one_card)
    assert chosen.name == "onnx"
    assert "The engines for RTX 4070 are not ready" in chosen.why
    assert sentence in chosen.why
    assert "Model > Engines" in chosen.why


def no_card() -> tuple[DetectedGpu, ...]:
    raise NoGpuError("No NVIDIA driver answers on this computer.", "Install it.")


def with_no_card(folder: Path, engines: Path | None, config: ModelConfig) -> UsableEngines:
    return usable_engines(folder, engines, no_card, config=config)


def test_no_card_is_a_reason_and_the_starter_still_answers(store: EngineStore) -> None:
    chosen = choose_backend(STARTER, CONFIG, store.root, with_no_card)
    assert (chosen.name, chosen.why) == ("onnx", "No NVIDIA driver answers on this computer. Install it.")
    backend = open_backend(STARTER, "auto", lambda stage, done: None)
    assert isinstance(backend, OnnxBackend)
    assert backend.why
    backend.close()
    backend = open_backend(STARTER, "onnx", lambda stage, done: None)
    assert isinstance(backend, OnnxBackend)
    assert backend.why == ""
    backend.close()


def test_our_kernels_answer_where_they_are_faster(store: EngineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built, on a processor with the instructions they were measured with."""
    monkeypatch.setattr("inference.native.library.is_there", lambda: True)
    for isa, name in (("avx512", "native"), ("avxvnni", "native"), ("avx2", "onnx"), ("plain", "onnx")):
        monkeypatch.setattr("inference.native.library.best_isa", lambda isa=isa: isa)
        chosen = choose_backend(STARTER, CONFIG, store.root, with_no_card)
        assert (chosen.name, chosen.why) == (name, "No NVIDIA driver answers on this computer. Install it.")


def not_ready(folder: Path, engines: Path | None, config: ModelConfig) -> UsableEngines:
    raise KnownError("The engines for RTX 4070 are not ready: they are not built yet.", "Build them.")


def too_small(folder: Path, engines: Path | None, config: ModelConfig) -> UsableEngines:
    raise NoWayOnCardError("RTX 2050 has not enough memory.")


@pytest.mark.parametrize("isa", ["avx512", "avxvnni", "avx2"])
def test_large_models_run_on_our_kernels_where_no_card_could(
    isa: str, store: EngineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packing takes long: it is not begun where the engines are merely not built yet."""
    monkeypatch.setattr("inference.native.library.is_there", lambda: True)
    monkeypatch.setattr("inference.native.library.best_isa", lambda: isa)
    memory = SimpleNamespace(total=32 * GIB)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    (tmp_path / "config.json").write_text(json.dumps(published_config()), "utf-8")
    published = model_config_from_folder(tmp_path)
    for finds, why in ((with_no_card, "No NVIDIA driver answers on this computer."), (too_small, "RTX 2050 has")):
        chosen = choose_backend(tmp_path, published, store.root, finds)
        assert chosen.name == "native"
        assert chosen.why.startswith(why)
    with pytest.raises(OutOfMemoryError, match="needs 101 GB"):
        choose_backend(tmp_path, published, store.root, not_ready)
    (tmp_path / "packed" / "int4").mkdir(parents=True)  # it was packed before
    assert choose_backend(tmp_path, published, store.root, not_ready).name == "native"
    memory.total = 16 * GIB
    with pytest.raises(OutOfMemoryError, match=r"needs 17\.. GB of memory .* beside 2 GB .* has 17\.2 GB") as caught:
        choose_backend(tmp_path, published, store.root, with_no_card)
    assert caught.value.hint.startswith("On a graphics card: No NVIDIA driver answers")


@pytest.mark.parametrize("why", ["no card", "refused"])
def test_a_card_that_never_could_is_told_from_engines_that_are_not_built(
    why: str, store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Refusal("It does not fit.", "")
    monkeypatch.setattr(usable, "engine_choices", lambda *arguments: (refusal,))
    with pytest.raises(NoWayOnCardError, match="No NVIDIA driver" if why == "no card" else "It does not fit"):
        usable_engines(STARTER, store.root, no_card if why == "no card" else one_card)


def test_a_model_too_large_for_the_processor_says_why_not_on_the_card(store: EngineStore, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(published_config()), "utf-8")
    published = model_config_from_folder(tmp_path)
    with pytest.raises(OutOfMemoryError) as caught:
        choose_backend(tmp_path, published, store.root, not_ready)
    assert "25.3 billion weights" in caught.value.user_text
    assert caught.value.hint == (
        "On a graphics card: The engines for RTX 4070 are not ready: they are not built yet. Build them."
    )
    with pytest.raises(ModelFolderError, match="no weights"):
        choose_backend(tmp_path, published, store.root, with_one_card)


def test_without_a_folder_of_engines_the_sentence_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEWPOINT_ENGINES", "/read/at/the/command/line/only")
    with pytest.raises(KnownError) as caught:
        usable_engines(STARTER, None, one_card)
    assert str(caught.value) == "No folder of engines is named. Set DEWPOINT_ENGINES to it."


@pytest.mark.parametrize("name", ["auto", "tensorrt"])
def test_the_folder_of_engines_goes_down_to_where_they_are_opened(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path | None] = []

    def none_there(folder: Path, engines: Path | None, *_: object, **__: object) -> UsableEngines:
        asked.append(engines)
        raise KnownError("No engines.", "Build them.")

    monkeypatch.setattr(usable, "usable_engines", none_there)
    monkeypatch.setattr("inference.backends.auto.detected_gpus", one_card)
    options = pickle.loads(pickle.dumps(ModelProcessOptions(str(STARTER), name, None, 1, tmp_path)))
    with contextlib.suppress(KnownError), open_session(options.model_dir, name, None, options.engines) as session:
        assert session.ready_event(0.0).why == "No engines. Build them."
    assert asked == [tmp_path]


def test_streaming_needs_a_tensorrt_that_can(tmp_path: Path) -> None:
    module = type("Classic", (), {"__version__": "11.4", "ICudaEngine": object})
    found = choices(tmp_path, Flavour("tensorrt", "11.4", module))
    assert all(isinstance(choice, EngineChoice) for choice in found)  # the starter needs no streaming
    assert {c.identity.flavour for c in found if isinstance(c, EngineChoice)} == {"tensorrt"}


def test_a_full_card_at_load_is_a_sentence_and_not_tried_again(
    store: EngineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer segments stay on the card without reading anything again; if nothing helps, TensorRT's words are told."""
    tried: list[bool] = []

    def never(
        folder: Path,
        config: ModelConfig,
        found: UsableEngines,
        manifest: EngineManifest,
        attempt: Attempt,
        progress: object,
    ) -> str:
        tried.append(attempt.safe)
        raise DeviceMemoryError("The card has not enough free memory.", "Close other programs.", "OutOfMemory")

    best = best_choice(choices(tmp_path))
    assert isinstance(best, EngineChoice)
    put(store, best)
    usable = usable_engines(STARTER, store.root, one_card)
    monkeypatch.setattr(tensorrt, "_opened", never)
    with pytest.raises(OutOfMemoryError, match="not enough free memory") as caught:
        open_tensorrt(STARTER, lambda stage, done: None, usable)
    assert tried == [False]
    with pytest.raises(OutOfMemoryError):
        open_tensorrt(STARTER, lambda stage, done: None, usable)
    assert tried == [False, True], "after an attempt that came to nothing the next one is careful"
    assert failed_from_error(caught.value).detail == "OutOfMemory"


@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="this machine has a GPU, and the case is one without")
def test_without_a_driver_cuda_says_one_sentence() -> None:
    with pytest.raises(DeviceError) as caught:
        CudaDevice()
    assert isinstance(caught.value, EngineError)
    assert "\n" not in caught.value.user_text
