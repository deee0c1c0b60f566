"""The training pass sees what inference sees, the noise is the objective's, and a run goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.backends.torch_reference import TorchBackend
from inference.model.experts import mix_exact
from inference.model.stack import DiffusionGemma
from inference.model_config import ModelConfig
from inference.training.batches import BLOCK, Row, batches, corrupt, make_row
from inference.training.corpus import load_intents
from inference.training.forward import Batch, denoise_batch, encode_batch
from inference.training.optimizer import orthogonalised
from inference.training.recipe import starter_config
from inference.training.train import TrainingPlan, TrainingRun, initialise
from inference.training.vocabulary import save_tokenizer, train_tokenizer


@pytest.fixture(autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """Tiny tensors: more threads only wait for each other."""


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """The starter's shape, much narrower, with a window shorter than the rows."""
    return replace(
        starter_config(),
        hidden_size=16,
        intermediate_size=16,
        moe_intermediate_size=8,
        heads=2,
        layers=tuple(replace(spec, head_dim=8, kv_heads=1) for spec in starter_config().layers),
        sliding_window=9,
    )


@torch.inference_mode()
def test_a_row_of_a_batch_sees_what_a_chat_sees(config: ModelConfig) -> None:
    model = DiffusionGemma(config).eval()
    initialise(model, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0) if parameter.dim() >= 2 else None
    rng = np.random.default_rng(0)
    known = rng.integers(0, config.vocab_size, (2, 30))
    noisy = rng.integers(0, config.vocab_size, (2, 12))
    soft = rng.normal(size=(2, 12, 16)).astype(np.float32)
    lengths, contexts = torch.tensor([30, 21]), torch.tensor([17, 13])
    as_tensors = (torch.from_numpy(known), lengths, contexts, torch.from_numpy(noisy), torch.from_numpy(noisy))
    batch = Batch(*as_tensors)
    encoded, past = encode_batch(model, batch, mix_exact)
    denoised = denoise_batch(model, batch, past, torch.from_numpy(soft).flatten(0, 1), mix_exact)
    for row in range(2):
        backend = TorchBackend(model)
        prompt = known[row, : int(contexts[row])]
        for start in range(0, len(prompt), config.sliding_window):
            chunk = prompt[start : start + config.sliding_window]
            ours = encoded.unflatten(0, (2, 30))[row, start : start + len(chunk)].numpy()
            np.testing.assert_allclose(ours, backend.hidden_states(chunk, None, denoising=False), atol=2e-5)
            backend.encode(chunk)
        expected = backend.hidden_states(noisy[row], soft[row], denoising=True)
        np.testing.assert_allclose(denoised.unflatten(0, (2, 12))[row].numpy(), expected, atol=2e-5)


def test_noise_replaces_tokens_uniformly_and_padding_may_be_cleaner() -> None:
    rng = np.random.default_rng(0)
    clean = np.concatenate([np.full(40, 77), np.zeros(88, np.int64)])
    shares = np.array([[(noisy[:40] != 77).mean(), (noisy[40:] != 0).mean()] for noisy in _noised(clean, rng, 600)])
    text, padding = shares.T
    assert (text > 0.95).mean() == pytest.approx(0.5, abs=0.1), "half of the rows is pure noise"
    assert text.min() < 0.2 < 0.9 < text.max()
    assert (padding < text - 0.3).any(), "some rows have cleaner padding"
    assert not (padding > text + 0.3).any(), "none has noisier padding"
    pure = np.concatenate([noisy for noisy in _noised(np.full(64, 5), rng, 400)])
    drawn = np.delete(np.bincount(pure, minlength=100), 5)
    assert drawn.min() > 0.5 * drawn.mean(), "every token is drawn alike"


def _noised(clean: np.ndarray, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    return [corrupt(clean, 0, 100, rng) for _ in range(count)]


def test_rows_of_long_answers_continue_behind_whole_blocks() -> None:
    prompt, answer = np.arange(10) + 100, np.arange(600) + 1000
    rng = np.random.default_rng(1)
    rows = [make_row(prompt, answer, 0, rng, 0.0) for _ in range(40)]
    assert {row.context_length for row in rows} == {10, 10 + BLOCK, 10 + 2 * BLOCK}
    for row in rows:
        assert len(row.clean) == BLOCK
        start = row.context_length - 10
        np.testing.assert_array_equal(row.clean[: 600 - start], answer[start : start + BLOCK])
        assert not row.clean[600 - start :].any()


def test_canvas_length_says_nothing_about_the_answer() -> None:
    rng = np.random.default_rng(2)
    sizes = {len(make_row(np.arange(5), np.arange(9) + 1, 0, rng, 0.1).clean) for _ in range(300)}
    assert sizes == {32, 48, 64, 96, 256}


def test_batches_keep_within_their_budget_and_pad_behind() -> None:
    rng = np.random.default_rng(3)

    def rows():  # type: ignore[no-untyped-def]
        while True:
            known = np.full(int(rng.integers(5, 60)), 7)
            yield Row(known, 4, np.full(int(rng.choice([32, 64])), 9))

    stream = batches(rows(), 0, 100, rng, tokens=1000, pool=200)
    for batch in (next(stream) for _ in range(30)):
        assert batch.known.numel() + batch.clean.numel() <= 1000
        real = torch.arange(batch.known.shape[1])[None] < batch.known_length[:, None]
        assert bool((batch.known[real] == 7).all())
        assert bool((batch.known[~real] == 0).all())


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (40, 12), (3, 8, 20)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, ...]) -> None:
    made = orthogonalised(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(made)
    assert 0.5 < float(values.min()) <= float(values.max()) < 1.5


@pytest.mark.slow
def test_a_run_learns_and_goes_on_where_it_stopped(config: ModelConfig, tmp_path: Path) -> None:
    save_tokenizer(train_tokenizer(load_intents(decline=False), samples=2000), tmp_path)
    plan = TrainingPlan(steps=12, tokens=600, compiled=False, warmup=2)
    run = TrainingRun(tmp_path, plan, config)
    before = run.model.state_dict()["layers.0.mlp.up_proj.weight"].clone()
    run.train(until=6)
    again = TrainingRun(tmp_path, plan, config)
    assert again.step == 6
    for name, tensor in run.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], tensor)
    assert not torch.equal(before, again.model.state_dict()["layers.0.mlp.up_proj.weight"])
    again.train(until=100)
    assert again.step == 12, "the plan's last step ends it"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_the_same_seed_trains_the_same_weights(config: ModelConfig, tmp_path: Path) -> None:
    states = []
    for name in ("one", "two"):
        folder = tmp_path / name
        save_tokenizer(train_tokenizer(load_intents(decline=False), samples=2000), folder)
        run = TrainingRun(folder, TrainingPlan(steps=3, tokens=600, compiled=False), config)
        run.train(until=3)
        states.append(run.averaged_model().state_dict())
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=0, atol=0)


@pytest.mark.slow
def test_a_run_can_begin_with_published_weights(tmp_path: Path) -> None:
    starter = Path(__file__).resolve().parents[3] / "resources" / "starter"
    (tmp_path / "tokenizer.json").write_bytes((starter / "tokenizer.json").read_bytes())
    run = TrainingRun(tmp_path, TrainingPlan(steps=1))
    run.begin_with(starter)
    published = TorchBackend.open(starter, lambda stage, fraction: None)._model
    for name, tensor in published.state_dict().items():
        torch.testing.assert_close(run.averaged_model().state_dict()[name], tensor)
