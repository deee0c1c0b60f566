"""Whatever lies in a folder: it is opened, looked at, merged and asked, or there is one sentence and what to do.

Seeded: a failure names its number, and that number alone makes it again.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from inference.backends import onnx_graphs
from inference.checkpoint.adapters import merge_adapter
from inference.checkpoint.folder import inspect_folder
from inference.checkpoint.name import model_name
from inference.config import model_config_from_folder
from inference.graphs.made import remember
from inference.graphs.manifest import read_manifest
from inference.opening import open_session
from inference.params import ChatTurn, GenerationRequest, SamplerParams
from tests.helpers.adapters import OUTPUT, QUERY, factors, write_adapter
from tests.helpers.checkpoints import STARTER, random_tensors, small_config, write_model
from tests.helpers.hostile_checkpoints import CHANGES, change_adapter
from trt_engines.errors import DewpointError
from trt_engines.weights.index import index_checkpoint

_HANGS = 300  # seconds; nothing takes one
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes in folders")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good model."""
    config = small_config() | {"canvas_length": 8}
    folder = write_model(tmp_path_factory.mktemp("hostile") / "base", random_tensors(config), config)
    shutil.copyfile(STARTER / "generation_config.json", folder / "generation_config.json")
    (folder / "dewpoint.json").write_text('{"display_name": "Dew"}')
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    """A good adapter for it."""
    tensors = {**factors(QUERY, 64, 64), **factors(OUTPUT, 64, 128, seed=1)}
    patterns = {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {r".*\.o_proj": 3}}
    return write_adapter(base.parent / "adapter", tensors, **patterns, target_modules=["q_proj", "o_proj"])


@pytest.fixture(scope="module")
def with_graphs(base: Path) -> Path:
    """The model with its graphs, so that it can be asked."""
    from inference.model.export_graphs import write_graphs

    folder = Path(shutil.copytree(base, base.parent / "with-graphs"))
    write_graphs(folder, model_config_from_folder(folder), index_checkpoint(folder), lambda stage, fraction: None)
    return folder


@contextmanager
def _ends() -> Iterator[None]:
    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("it does not come to an end")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(_HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _outcome(what: str, work: Callable[[], Any]) -> str:
    """What came of it, "fine" or "known"; anything else fails the test with what was changed."""
    try:
        with _ends():
            work()
        return "fine"
    except BaseException as exc:
        problem = exc
    if not isinstance(problem, DewpointError) or not problem.known:
        raise AssertionError(f"{what}: {type(problem).__name__}: {problem}") from problem
    assert problem.hint, f"{what}: {problem}"
    assert len(problem.user_text) <= 1200, f"{what}: {problem}"
    return "known"


def _ask(folder: Path) -> None:
    turns, sampler = (ChatTurn("user", "What is dew? <bos>"),), SamplerParams(max_denoising_steps=2)
    with open_session(folder, "onnx") as session:
        list(session.generate(GenerationRequest(turns, seed=1, max_new_tokens=4, sampler=sampler)))


def _models(base: Path, adapter: Path, work: Path, seed: int, asked: bool) -> Counter[str]:
    rng = random.Random(seed)
    model = Path(shutil.copytree(base, work / "model"))
    what = f"{seed}: {rng.choice(CHANGES)(model, rng)}"
    found = Counter((_outcome(what, lambda: inspect_folder(model)), _outcome(what, lambda: model_name(model))))
    found[_outcome(what, lambda: inspect_folder(model, texts=True))] += 1
    if asked:
        found[_outcome(what, lambda: _ask(model))] += 1
    else:
        found[_outcome(what, lambda: list(merge_adapter(model, adapter, work / "merged")))] += 1
    return found


def _adapters(base: Path, adapter: Path, work: Path, seed: int) -> Counter[str]:
    rng = random.Random(seed)
    changed = Path(shutil.copytree(adapter, work / "adapter"))
    what = f"{seed}: {change_adapter(changed, rng)}"
    found = Counter((_outcome(what, lambda: inspect_folder(changed)),))
    found[_outcome(what, lambda: list(merge_adapter(base, changed, work / "merged")))] += 1
    return found


def _all(seeds: range, tmp_path: Path, work: Callable[[Path, int], Counter[str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in seeds:
        folder = tmp_path / "work"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        found += work(folder, seed)
    return found


def test_some_odd_folders(base: Path, adapter: Path, tmp_path: Path) -> None:
    found = _all(range(30), tmp_path, lambda work, seed: _models(base, adapter, work, seed, asked=False))
    found += _all(range(20), tmp_path, lambda work, seed: _adapters(base, adapter, work, seed))
    assert min(found["fine"], found["known"]) > 20, "some changes do no harm, some do"


@pytest.mark.slow
def test_odd_models_that_are_asked(
    with_graphs: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(with_graphs)
    assert manifest is not None
    remember(manifest)
    monkeypatch.setattr(onnx_graphs, "can_export", lambda: False)  # a changed configuration would be exported
    found = _all(range(1000, 1040), tmp_path, lambda work, seed: _models(with_graphs, adapter, work, seed, asked=True))
    assert min(found["fine"], found["known"]) > 15


@pytest.mark.slow
def test_odd_models_and_adapters_that_are_merged(base: Path, adapter: Path, tmp_path: Path) -> None:
    found = _all(range(2000, 2030), tmp_path, lambda work, seed: _models(base, adapter, work, seed, asked=False))
    found += _all(range(3000, 3050), tmp_path, lambda work, seed: _adapters(base, adapter, work, seed))
    assert min(found["fine"], found["known"]) > 15
