"""The torch backend for cards, run on a processor: the same tokens as the reference, whatever the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.backends.base import DenoiseStep
from inference.backends.memory import check_card_memory
from inference.backends.torch_cuda import TorchCudaBackend, memory_rate
from inference.backends.torch_reference import TorchBackend
from inference.config import model_config_from_folder
from inference.errors import OutOfMemoryError
from inference.model.device_pass import ExpertsWay, Ways
from inference.model.experts import mix_exact
from inference.model.grouped import can_group, grouped_product, mix_grouped
from inference.model.layers import Experts, Norm, fused_norm
from inference.model.weights import model_from_folder
from tests.helpers.random_models import Setting, random_settings, random_shape, save_with, transformers_model

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TOLERANCE = 1e-4  # as against transformers: rounding grows from step to step
EVERY_WAY: list[tuple[ExpertsWay, bool]] = [("grouped", True), ("grouped", False), ("capacity", True), ("exact", False)]


def quiet(stage: str, fraction: float) -> None:
    """Nobody looks."""


def ways(number: int, room: int = 8, slack: int = 5) -> Ways:
    """One of the ways in turn, with a small cache that grows, and rings that go round."""
    experts, fused = EVERY_WAY[number % len(EVERY_WAY)]
    return Ways(capture=False, experts=experts, fused=fused, least_past=4, room=room, slack=slack)


def opened(folder: Path, number: int, setting: Setting, slack: int = 5) -> tuple[TorchBackend, TorchCudaBackend]:
    """Reference and the backend for cards over one random checkpoint."""
    save_with(transformers_model(random_shape(number)), folder, setting)
    with torch.inference_mode():
        return TorchBackend.open(folder, quiet), TorchCudaBackend.open(folder, quiet, "cpu", ways(number, slack=slack))


def same_step(found: DenoiseStep, truth: DenoiseStep) -> None:
    """Same tokens, and same numbers up to rounding."""
    np.testing.assert_array_equal(found.argmax, truth.argmax)
    np.testing.assert_array_equal(found.sampled, truth.sampled)
    np.testing.assert_allclose(found.entropy, truth.entropy, atol=TOLERANCE, rtol=TOLERANCE)
    np.testing.assert_allclose(found.top_probs, truth.top_probs, atol=TOLERANCE, rtol=TOLERANCE)
    np.testing.assert_allclose(found.state.numpy(), truth.state, atol=5 * TOLERANCE, rtol=5 * TOLERANCE)


def three_steps(found: TorchCudaBackend, truth: TorchBackend, rng: np.random.Generator) -> np.ndarray:
    """Three steps with self-conditioning on both; returns the last argmax canvas."""
    count, states = truth.config.canvas_length, (None, None)
    for temperature in (0.8, 0.55, 0.4):
        canvas, uniforms = rng.integers(0, truth.config.vocab_size, count), rng.random(count).astype(np.float32)
        ours = found.denoise(canvas, states[0], temperature, uniforms)
        theirs = truth.denoise(canvas, states[1], temperature, uniforms)
        same_step(ours, theirs)
        states = (ours.state, theirs.state)
    return theirs.argmax


@pytest.mark.parametrize("seed", range(32))
def test_same_tokens_as_the_reference(seed: int, tmp_path: Path) -> None:
    """Two turns with a commit each; windows shorter and longer than the prompt, canvases up to 256."""
    setting = random_settings(seed)[seed % 5]
    truth, found = opened(tmp_path, seed, setting)
    rng = np.random.default_rng([5, seed])
    for prompt in setting.prompts:
        ids = rng.integers(0, truth.config.vocab_size, prompt)
        for backend in (truth, found):
            backend.encode(ids)
        canvas = three_steps(found, truth, rng)
        for backend in (truth, found):
            backend.encode(canvas)
        assert (found.length, found.prefilled) == (truth.length, truth.prefilled)
    ids = rng.integers(0, truth.config.vocab_size, min(7, truth.config.sliding_window))
    ours, theirs = (backend.hidden_states(ids, None, denoising=False) for backend in (found, truth))
    np.testing.assert_allclose(ours, theirs, atol=5 * TOLERANCE, rtol=5 * TOLERANCE)
    found.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_chat_can_be_cut_back_by_what_the_rings_still_hold(seed: int, tmp_path: Path) -> None:
    setting = Setting(window=9, canvas=8, prompts=(30,))
    truth, found = opened(tmp_path, seed, setting, slack=16)
    rng = np.random.default_rng(seed)
    for backend in (truth, found):
        backend.encode(np.arange(40) % truth.config.vocab_size)
    assert found.truncate(50) == 40
    for length in (33, 30):  # the rings hold 24 positions, 16 to 39, and the window reaches 8 back
        assert found.truncate(length) == truth.truncate(length) == length
        three_steps(found, truth, rng)
        for backend in (truth, found):
            backend.encode(np.arange(3))
        three_steps(found, truth, rng)
    sliding = any(spec.sliding for spec in truth.config.layers)
    kept = found.truncate(5)
    assert kept == (0 if sliding else 5)
    truth.truncate(kept)
    for backend in (truth, found):
        backend.encode(np.arange(20))
    three_steps(found, truth, rng)
    found.reset()
    assert found.length == 0


def test_capacity_grows_until_every_load_fits(tmp_path: Path) -> None:
    """A canvas of one token goes to few experts, which overflow a fair share."""
    save_with(transformers_model(random_shape(2)), tmp_path, Setting(window=20, canvas=64, prompts=(3,)))
    truth = TorchBackend.open(tmp_path, quiet)
    found = TorchCudaBackend.open(tmp_path, quiet, "cpu", Ways(capture=False, experts="capacity", least_past=4))
    canvas, uniforms = np.full(64, 5), np.linspace(0, 0.99, 64, dtype=np.float32)
    same_step(found.denoise(canvas, None, 0.7, uniforms), truth.denoise(canvas, None, 0.7, uniforms))
    assert found._capacity is not None
    assert found._capacity.reruns


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", range(20))
def test_grouped_experts_are_the_exact_ones(seed: int, dtype: torch.dtype, exported: Path) -> None:
    """Also where experts get no token at all, or one gets them all."""
    generator = torch.Generator().manual_seed(seed)
    experts = Experts(model_config_from_folder(exported))
    for weight in experts.parameters():
        torch.nn.init.normal_(weight, generator=generator)
    experts.to(dtype).requires_grad_(False)
    count, k, number = 1 + 13 * (seed % 3), 1 + seed % 3, experts.gate_up_proj.shape[0]
    used = torch.randperm(number, generator=generator)[: 1 + seed % number]
    ids = used[torch.randint(len(used), (count, k), generator=generator)]
    x, shares = torch.randn(count, 16, generator=generator), torch.rand(count, k, generator=generator)
    found, truth = mix_grouped(experts, x, ids, shares), mix_exact(experts, x, ids, shares)
    assert found.dtype == truth.dtype
    torch.testing.assert_close(found, truth, atol=1e-5 if dtype == torch.float32 else 0.2, rtol=1e-2)


def test_groups_may_be_empty() -> None:
    rows, matrices = torch.randn(5, 8), torch.randn(4, 16, 8)
    made = grouped_product(rows, matrices, torch.tensor([0, 3, 3, 5], dtype=torch.int32))
    torch.testing.assert_close(made, torch.cat([rows[:3] @ matrices[1].T, rows[3:] @ matrices[3].T]))


@pytest.mark.parametrize("scale", [True, False])
def test_the_norm_of_cards_is_the_norm(scale: bool) -> None:
    norm, x = Norm(24, 1e-6, scale), torch.randn(7, 3, 24) * 5
    if norm.weight is not None:
        torch.nn.init.uniform_(norm.weight)
    torch.testing.assert_close(fused_norm(x, norm.weight, 1e-6), norm(x))


def test_lowered_weights_load_tensor_by_tensor_in_their_own_types(exported: Path) -> None:
    shares: list[float] = []
    config = model_config_from_folder(exported)
    lowered = model_from_folder(exported, config, lowered=torch.bfloat16, progress=shares.append)
    truth = model_from_folder(exported, config).lower(torch.bfloat16)
    assert lowered.scale == truth.scale
    for (name, found), (_, expected) in zip(lowered.state_dict().items(), truth.state_dict().items(), strict=True):
        assert found.dtype == expected.dtype, name
        assert torch.equal(found, expected), name
    assert {tensor.dtype for tensor in lowered.state_dict().values()} == {torch.float32, torch.bfloat16}
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    backend = TorchCudaBackend(lowered, Ways(capture=False, experts="grouped"))
    backend.encode(np.arange(9))
    step = backend.denoise(np.arange(16), None, 0.7, np.full(16, 0.5, np.float32))
    assert np.isfinite(step.entropy).all()


def test_no_memory_is_said_in_a_sentence(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = TorchCudaBackend.open(exported, quiet, "cpu")
    backend.encode(np.arange(9))

    def full(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(backend._passes, "step", full)
    with pytest.raises(OutOfMemoryError, match="not enough free memory for a context of 9 tokens"):
        backend.denoise(np.arange(16), None, 0.7, np.zeros(16, np.float32))
    monkeypatch.setattr("inference.backends.torch_cuda.DeviceKv", full)
    with pytest.raises(OutOfMemoryError, match="not enough free memory for this model"):
        TorchCudaBackend.open(exported, quiet, "cpu")


def test_a_card_with_too_little_memory_is_named(exported: Path) -> None:
    config = model_config_from_folder(exported)
    with pytest.raises(OutOfMemoryError, match="and Small has 0 GB free"):
        check_card_memory(config, 1000, "Small")
    check_card_memory(config, 10**9, "Large")


def test_what_cannot_be_captured_runs_eagerly(
    exported: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backend = TorchCudaBackend.open(exported, quiet, "cpu")
    monkeypatch.setattr(backend, "_ways", Ways(capture=True, experts="grouped"))
    monkeypatch.setattr("inference.backends.torch_cuda.captured", _cannot)
    with caplog.at_level("CRITICAL"):
        step = backend.denoise(np.arange(16), None, 0.7, np.zeros(16, np.float32))
    assert step.argmax.shape == (16,)
    assert backend.capture_error == "operation not permitted when stream is capturing"


def _cannot(run: object, pool: object) -> None:
    raise RuntimeError("operation not permitted when stream is capturing\nmore")


def test_grouped_products_need_a_card_that_has_them(exported: Path) -> None:
    config = model_config_from_folder(exported)
    assert [can_group(config, capability) for capability in ((8, 0), (9, 0), (10, 0), (12, 0))] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_devices_memory_is_timed_and_where_there_is_no_room_nothing_is_said() -> None:
    assert memory_rate(torch.device("cpu"), 1 << 16) > 0
    assert memory_rate(torch.device("cpu"), 1 << 60) == 0.0
