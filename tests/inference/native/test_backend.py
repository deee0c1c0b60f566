"""The native backend's own behaviour: stops, cut back caches, refusals, what it says of itself; the starter model."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from inference import ChatTurn, GenerationRequest
from inference.backends.auto import native_is_faster
from inference.backends.base import Interruptible
from inference.backends.native import NativeBackend
from inference.backends.onnx import OnnxBackend
from inference.backends.packed_memory import native_precision
from inference.config import model_config_from_dicts, model_config_from_folder
from inference.engines.planning import int8_work
from inference.errors import KnownError, ModelFolderError, OutOfMemoryError, PassStoppedError
from inference.events import Finished
from inference.model_config import ModelConfig
from inference.native import library
from inference.native.cores import Cores
from inference.native.library import Threads
from inference.native.model import NativeModel, check_sizes
from inference.native.packed import packed_bytes
from inference.native.weights import Precision
from inference.opening import open_session
from tests.helpers.checkpoints import STARTER
from tests.helpers.heads import head_agrees
from tests.helpers.published import published_config
from tests.helpers.waiting import wait_until

FIND = library.library_file  # before the tests put their own in its place


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def starter(precision: Precision = "int8", threads: int = 2) -> NativeBackend:
    return NativeBackend.open(STARTER, _quiet, precision, None, Cores(threads, ()))


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop is looked for all the time, not every 20 ms: the starter's passes are shorter."""
    monkeypatch.setattr("inference.native.model.LOOK_MILLISECONDS", 0)


class AfterLooks:
    """A flag that is set from the look number `count` on."""

    def __init__(self, count: int) -> None:
        self._left = count

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0


def canvas_of(backend: NativeBackend, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = backend.config.canvas_length
    return rng.integers(12, backend.config.vocab_size, count), rng.random(count).astype(np.float32)


def test_it_says_where_and_in_what_it_runs() -> None:
    two = starter("int8", 2)
    assert two.device == "processor, 2 threads, INT8"
    assert two.work == int8_work(two.config)
    assert starter("float32", 1).work is None, "no int8 product is in it"
    one = starter("int4", 1)
    assert (one.name, one.device, one.length) == ("native", "processor, 1 thread, INT4", 0)
    assert isinstance(one, Interruptible)
    one.close()


def test_the_starter_is_as_near_to_float_as_the_shipped_graphs() -> None:
    """Real weights and a real prompt's length: entropies and argmax against the float path."""
    rng = np.random.default_rng(3)
    prompt = rng.integers(12, 2048, 300)
    backends = {"float32": starter("float32"), "int8": starter("int8"), "onnx": OnnxBackend.open(STARTER, _quiet)}
    canvas, uniforms = canvas_of(backends["float32"])  # type: ignore[arg-type]
    made = {}
    for name, backend in backends.items():
        backend.encode(prompt)
        first = backend.denoise(canvas, None, 0.8, uniforms)
        made[name] = backend.denoise(first.argmax, first.state, 0.6, uniforms)
        backend.close()
    truth = made.pop("float32")
    errors = {name: float(np.abs(step.entropy - truth.entropy).mean()) for name, step in made.items()}
    agreed = {name: float((step.argmax == truth.argmax).mean()) for name, step in made.items()}
    assert errors["int8"] <= max(errors["onnx"], 1e-3)
    assert agreed["int8"] >= min(agreed["onnx"], 0.99)


def test_exchanged_and_grown_caches_are_read_where_they_lie_now() -> None:
    """What a layer points to is set once, and again as soon as the cache's arrays are others."""
    rng = np.random.default_rng(5)
    prompts = [rng.integers(12, 2048, 40) for _ in range(2)]
    backend, other = starter(), starter()
    canvas, uniforms = canvas_of(backend)

    def step_of(own: NativeBackend) -> np.ndarray:
        return own.denoise(canvas, None, 0.8, uniforms).entropy

    backend.encode(prompts[0])
    first = step_of(backend)
    kept = backend.lay_aside(0)
    backend.encode(prompts[1])
    second = step_of(backend)
    other.encode(prompts[1])
    np.testing.assert_array_equal(step_of(other), second)
    put_by = backend.lay_aside(0)
    backend.take_back(kept)
    np.testing.assert_array_equal(step_of(backend), first)
    backend.take_back(put_by)
    backend.encode(np.tile(prompts[0], 40))  # grows
    backend.truncate(40)
    np.testing.assert_array_equal(step_of(backend), second)
    backend.close()
    other.close()


def test_a_stop_in_the_midst_of_a_pass_keeps_what_was_done_before(eager: None) -> None:
    backend = starter()
    ids = np.arange(12, 1200)
    backend.encode(ids[:512])
    backend.stop_when(AfterLooks(50))
    with pytest.raises(PassStoppedError):
        backend.encode(np.tile(ids, 3))
    assert 512 <= backend.length < 4000
    assert backend.length % 512 == 0
    assert backend.length == backend.prefilled
    backend.stop_when(threading.Event())
    kept = backend.length
    canvas, uniforms = canvas_of(backend)
    again = backend.denoise(canvas, None, 0.8, uniforms)
    assert backend.length == kept
    assert np.isfinite(again.entropy).all()
    backend.close()


def test_a_flag_that_fails_ends_the_pass_and_nothing_else(eager: None) -> None:
    backend = starter()

    class Broken:
        def is_set(self) -> bool:
            raise RuntimeError("no flag")

    backend.stop_when(Broken())
    with pytest.raises(RuntimeError, match="no flag"):
        backend.encode(np.arange(12, 524))
    backend.stop_when(threading.Event())
    backend.encode(np.arange(12, 40))
    backend.close()


def test_a_step_of_a_stopped_pass_is_as_any_other(eager: None) -> None:
    """What a stopped pass left in the scratch changes nothing."""
    backend = starter("int8", 3)
    backend.encode(np.arange(12, 200))
    canvas, uniforms = canvas_of(backend)
    first = backend.denoise(canvas, None, 0.8, uniforms)
    flag = threading.Event()
    flag.set()
    backend.stop_when(flag)
    with pytest.raises(PassStoppedError):
        backend.denoise(canvas[::-1], first.state, 0.5, uniforms)
    backend.stop_when(threading.Event())
    again = backend.denoise(canvas, None, 0.8, uniforms)
    np.testing.assert_array_equal(again.entropy, first.entropy)
    np.testing.assert_array_equal(again.state, first.state)
    backend.close()


def test_cut_back_cache_equals_a_fresh_one() -> None:
    ids = np.random.default_rng(0).integers(12, 2048, 700)
    backend, fresh = starter(), starter()
    backend.encode(ids)
    assert backend.truncate(333) == 333
    backend.encode(ids[400:450])
    fresh.encode(ids[:333])
    fresh.encode(ids[400:450])
    for pair, other in zip(backend.kv(), fresh.kv(), strict=True):
        for one, two in zip(pair, other, strict=True):
            # the first 333 were computed in another chunk: the same numbers but for the order of sums
            np.testing.assert_allclose(one, two, atol=2e-2)
    backend.reset()
    assert backend.length == 0
    backend.close()
    fresh.close()


def test_a_long_context_grows_as_it_goes() -> None:
    backend = starter("int8")
    for start in range(0, 2600, 130):
        backend.encode(np.arange(130) % 2000 + 12)
        assert backend.length == start + 130
    at_once = starter("int8")
    at_once.encode(np.tile(np.arange(130) % 2000 + 12, 20))
    canvas, uniforms = canvas_of(backend)
    pieces, whole = (each.denoise(canvas, None, 0.8, uniforms) for each in (backend, at_once))
    np.testing.assert_allclose(pieces.entropy, whole.entropy, atol=0.05)
    backend.close()
    at_once.close()


def test_tokens_and_states_that_cannot_be_are_refused() -> None:
    backend = starter()
    canvas, uniforms = canvas_of(backend)
    for bad in (-1, 2048, 2**40):
        with pytest.raises(ValueError, match="token ids"):
            backend.encode(np.array([12, bad]))
    with pytest.raises(ValueError, match="rows"):
        backend.denoise(canvas, np.zeros((256, 7), np.float32), 0.8, uniforms)
    with pytest.raises(ValueError, match="uniforms"):
        backend.denoise(canvas, None, 0.8, uniforms[:5])
    backend.close()
    backend.close()


def test_sizes_beyond_any_model_never_reach_the_kernels() -> None:
    config = starter().config
    for change in (
        {"hidden_size": 1 << 20},
        {"vocab_size": 1 << 30},
        {"experts": 60_000},
        {"intermediate_size": 1 << 22},
    ):
        with pytest.raises(ModelFolderError, match="sizes that no model has"):
            check_sizes(dataclasses.replace(config, **change))
    wide = dataclasses.replace(config.layers[0], head_dim=1 << 20)
    with pytest.raises(ModelFolderError, match="sizes that no model has"):
        check_sizes(dataclasses.replace(config, layers=(wide,)))


@pytest.mark.parametrize(("heads", "kv_heads"), [(1, 2), (3, 2), (4, 0), (0, 1)])
def test_heads_that_cannot_be_dealt_out_never_reach_the_kernels(heads: int, kv_heads: int) -> None:
    """The kernels divide one by the other."""
    config = model_config_from_folder(STARTER)
    layers = tuple(dataclasses.replace(spec, kv_heads=kv_heads) for spec in config.layers)
    threads = Threads(Cores(1, ()))
    with pytest.raises(ModelFolderError, match=f"{heads} attention heads over {kv_heads} key heads"):
        NativeModel(dataclasses.replace(config, heads=heads, layers=layers), "plain", threads, 1.0)
    threads.close()


def test_too_little_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = starter()

    def none(*sizes: object) -> None:
        raise MemoryError

    monkeypatch.setattr("inference.native.kv_blocks.aligned", none)
    with pytest.raises(OutOfMemoryError, match="context of"):
        backend.encode(np.arange(12, 40))
    monkeypatch.undo()
    backend.encode(np.arange(12, 40))
    backend.close()


def test_a_system_that_refuses_threads_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.load(), "dp_threads_new", lambda *numbers: None)
    with pytest.raises(KnownError, match=r"cannot be used: the system refuses 2 threads\. .* choose the backend onnx"):
        starter()


def test_without_the_library_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "library_file", lambda: tmp_path / "dewpoint-native-0.so")
    library.load.cache_clear()
    try:
        assert not library.is_there()
        with pytest.raises(KnownError, match=r"dewpoint-native-0\.so is not built\. Build them with"):
            starter()
        (tmp_path / "dewpoint-native-0.so").write_bytes(b"no library")
        with pytest.raises(KnownError, match="cannot be loaded"):
            starter()
    finally:
        monkeypatch.undo()
        library.load.cache_clear()


def test_an_installed_program_has_a_library_and_no_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One without it, of another processor for example, fails for want of nothing."""
    own = library.library_file()
    for module in ("build", "library"):
        monkeypatch.setattr(f"inference.native.{module}.SOURCE", tmp_path / "none")
        monkeypatch.setattr(f"inference.native.{module}.BUILT", tmp_path)
    monkeypatch.setattr(library, "library_file", FIND)
    monkeypatch.setattr("inference.backends.native.SOURCE", tmp_path / "none")
    library.load.cache_clear()
    try:
        assert not library.is_there()
        assert not native_is_faster(model_config_from_folder(STARTER))
        with pytest.raises(KnownError, match=r"comes without them\. Choose the backend onnx"):
            starter()
        shutil.copyfile(own, tmp_path / f"dewpoint-native-0{own.suffix}")
        assert library.is_there()
        starter().close()
    finally:
        monkeypatch.undo()
        library.load.cache_clear()


@pytest.mark.parametrize("name", ["auto", "native", "onnx", "torch"])
def test_the_configuration_is_read_once_on_the_way_to_a_session(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(config: dict[str, Any], generation: dict[str, Any], folder: Path) -> ModelConfig:
        read.append(folder)
        return model_config_from_dicts(config, generation, folder)

    monkeypatch.setattr("inference.config.model_config_from_dicts", counted)
    open_session(STARTER, name).close()
    assert read == [STARTER]


def test_small_models_get_eight_bits() -> None:
    assert native_precision(model_config_from_folder(STARTER)) == "int8"
    large = model_config_from_dicts(published_config(), {}, Path())
    assert native_precision(large) == "int4"
    assert 15e9 < packed_bytes(large, "int4") < 17e9


def test_threads_end_with_the_model() -> None:
    """Asked of the system by number: others' threads may come and go meanwhile."""
    process = psutil.Process()
    before = {thread.id for thread in process.threads()}
    backend = starter("int8", 7)
    ours = {thread.id for thread in process.threads()} - before
    assert len(ours) >= 7
    backend.close()
    wait_until(lambda: not ours & {thread.id for thread in process.threads()}, "threads of a closed model end")


def test_a_session_stops_in_the_midst_of_a_step_and_answers_the_next_question(eager: None) -> None:
    """Looked at all the time, the hundredth look falls into a pass: between steps there is one look each."""
    request = GenerationRequest(turns=(ChatTurn("user", "What is Dewpoint?"),), seed=3)
    with open_session(STARTER, "native") as session:
        whole = list(session.generate(request))
        cancelled = list(session.generate(request, AfterLooks(100)))
        again = list(session.generate(request))
    ends = [events[-1] for events in (whole, cancelled, again)]
    assert [end.reason for end in ends if isinstance(end, Finished)] == ["end_of_text", "cancelled", "end_of_text"]
    assert ends[2].answer == ends[0].answer  # type: ignore[union-attr]
    assert len(cancelled) < len(whole)


def test_logits_and_states_are_those_of_the_head(exported: Path) -> None:
    backend = NativeBackend.open(exported, _quiet, "float32")
    backend.encode(np.arange(7))
    head_agrees(backend)
    backend.close()
