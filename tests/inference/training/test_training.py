"""The training pass sees what inference sees, the noise is the objective's, and a run goes on where it stopped."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from inference.backends.torch_reference import TorchBackend
from inference.model.experts import mix_exact
from inference.model.stack import DiffusionGemma
from inference.model_config import ModelConfig
from inference.training.balance import BalancedMix
from inference.training.batches import BLOCK, CANVAS_SIZES, ROUNDED, Canvas, Row, batch_of, corrupt, make_row, stack
from inference.training.card import write_card
from inference.training.corpus import load_intents
from inference.training.evaluate import Answered, report
from inference.training.forward import denoise_batch, encode_batch
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
    sizes = (30, 21, 29)

    def some(count: int) -> np.ndarray:
        return rng.integers(1, config.vocab_size, count)

    rows = [Row(some(30), (Canvas(17, some(12)), Canvas(5, some(12)))), Row(some(21), (Canvas(21, some(16)),))]
    rows.append(Row(some(29), (Canvas(8, some(12)),)))
    batch = stack(rows, config, rng)
    soft = rng.normal(size=(len(batch.noisy), 16)).astype(np.float32)
    encoded, past = encode_batch(model, batch, mix_exact)
    denoised = denoise_batch(model, batch, past, torch.from_numpy(soft), mix_exact)
    starts = np.cumsum([0, *sizes])
    at = 0
    for row, start in zip(rows, starts, strict=False):
        for canvas in row.canvases:
            backend = TorchBackend(model)
            prompt = row.known[: canvas.context_length]
            for begin in range(0, len(prompt), config.sliding_window):
                chunk = prompt[begin : begin + config.sliding_window]
                ours = encoded[start + begin : start + begin + len(chunk)].numpy()
                np.testing.assert_allclose(ours, backend.hidden_states(chunk, None, denoising=False), atol=2e-5)
                backend.encode(chunk)
            here = slice(at, at + len(canvas.clean))
            expected = backend.hidden_states(batch.noisy[here].numpy(), soft[here], denoising=True)
            np.testing.assert_allclose(denoised[here].numpy(), expected, atol=2e-5)
            at += len(canvas.clean)


def test_grouped_experts_give_what_each_token_alone_gives(config: ModelConfig) -> None:
    model = DiffusionGemma(config)
    initialise(model, 4)
    experts = model.layers[0].experts
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(70, 16, generator=generator)
    ids = torch.randint(0, 7, (70, 2), generator=generator)  # the last expert gets nothing
    weights = torch.rand(70, 2, generator=generator)
    found = []
    for mix in (mix_exact, BalancedMix()):
        parts = [each.detach().clone().requires_grad_() for each in (x, weights)]
        model.zero_grad()
        (mix(experts, parts[0], ids, parts[1]) * torch.linspace(0, 1, 16)).sum().backward()
        found.append([each.grad for each in (*parts, experts.gate_up_proj, experts.down_proj)])
    for exact, grouped in zip(*found, strict=True):
        torch.testing.assert_close(grouped, exact, rtol=0.05, atol=0.02 * float(exact.abs().max()))


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


def _row(prompt: int, answer: int, rng: np.random.Generator, full_canvas: float) -> Row:
    return make_row(np.arange(prompt) + 100, [(prompt, np.arange(answer) + 1000)], 0, rng, full_canvas)


def test_rows_of_long_answers_continue_behind_whole_blocks() -> None:
    rng = np.random.default_rng(1)
    canvases = [canvas for _ in range(200) for canvas in _row(10, 600, rng, 0.0).canvases]
    contexts = Counter(canvas.context_length for canvas in canvases)
    assert {context for context, count in contexts.items() if count > 20} == {10, 10 + BLOCK, 10 + 2 * BLOCK}
    assert 5 < sum(contexts[context] for context in contexts if (context - 10) % BLOCK) < 40, "some go on in mid-answer"
    for canvas in canvases:
        rest = np.arange(600)[canvas.context_length - 10 :][:BLOCK] + 1000
        np.testing.assert_array_equal(canvas.clean[: len(rest)], rest)
        assert not canvas.clean[len(rest) :].any()


def test_every_answer_of_a_chat_has_a_canvas_behind_what_came_before_it() -> None:
    rng = np.random.default_rng(4)
    prompt = np.arange(40) + 100
    answers = [(7, prompt[7:12]), (30, prompt[30:35]), (40, np.arange(5) + 900)]
    for _ in range(50):
        row = make_row(prompt, answers, 0, rng, 0.0)
        assert len(row.known) in (40, 45), "the encoder sees the last answer in some chats"
        for canvas, (start, answer) in zip(row.canvases, answers, strict=True):
            assert canvas.context_length == start
            np.testing.assert_array_equal(canvas.clean[:5], answer)


def test_canvas_length_says_nothing_about_the_answer() -> None:
    rng = np.random.default_rng(2)
    found = [{len(_row(5, size, rng, 0.1).canvases[0].clean) for _ in range(400)} for size in (4, 6, 22)]
    assert found == [{*CANVAS_SIZES, BLOCK}] * 3, "an answer of few words comes with every canvas"
    assert CANVAS_SIZES[0] > 20, "a short canvas does not give the size of a short answer away"


@pytest.mark.parametrize("length", [192, 193, 255, 256])
def test_an_answer_between_the_last_small_canvas_and_a_block_takes_a_block(length: int) -> None:
    rng = np.random.default_rng(1)
    whole = [row.canvases[0] for row in (_row(5, length, rng, 0.0) for _ in range(50))]
    sizes = {len(canvas.clean) for canvas in whole if canvas.context_length == 5}
    assert max(sizes) == (192 if length == 192 else BLOCK)


def test_batches_keep_within_their_budget_and_pad_behind(config: ModelConfig) -> None:
    rng = np.random.default_rng(3)

    def rows() -> Iterator[Row]:
        while True:
            known = np.full(int(rng.integers(5, 60)), 7)
            yield Row(known, (Canvas(4, np.full(int(rng.choice([32, 64])), 9)),) * int(rng.integers(1, 4)))

    for _ in range(30):
        batch = batch_of(rows(), config, rng, tokens=2000)
        known, clean = batch.known.tolist(), batch.clean.tolist()
        assert known.count(7) + clean.count(9) <= 2000
        assert len(known) % ROUNDED == len(clean) % ROUNDED == 0
        assert known == sorted(known, reverse=True), "padding stands behind"
        assert {known[place] for place in batch.causal.tolist()} == {7}
        queries = torch.cat([group.queries.flatten()[group.real] for group in batch.known_groups])
        assert sorted(queries.tolist()) == list(range(known.count(7))), "each token is a query of one group"


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (40, 12), (3, 8, 20)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, ...]) -> None:
    made = orthogonalised(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(made)
    assert 0.5 < float(values.min()) <= float(values.max()) < 1.5


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(config: ModelConfig, tmp_path: Path) -> None:
    save_tokenizer(train_tokenizer(load_intents(), samples=2000), tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    plan = TrainingPlan(steps=6, tokens=800, small_until=3, compiled=False, warmup=2)
    whole = TrainingRun(tmp_path / "whole", plan, config)
    before = whole.model.state_dict()["layers.0.mlp.up_proj.weight"].clone()
    whole.train(until=100)
    assert whole.step == 6, "the plan's last step ends it"
    assert not torch.equal(before, whole.model.state_dict()["layers.0.mlp.up_proj.weight"])
    run = TrainingRun(tmp_path / "killed", plan, config)
    run.train(until=3)
    with mock.patch.object(run, "save"):
        run.train(until=5)  # what a kill loses
    again = TrainingRun(tmp_path / "killed", replace(plan, tokens=10, seed=9), config)
    assert (again.step, again.plan) == (3, plan), "the run's own plan goes on"
    again.train(until=100)
    for kept in (lambda run: run.model.state_dict(), lambda run: run.average):
        for name, tensor in kept(whole).items():
            torch.testing.assert_close(kept(again)[name], tensor, rtol=0, atol=0)
    assert again.tokens == whole.tokens > 0
    assert not list(tmp_path.rglob("*.part"))


def test_the_card_says_what_was_measured(config: ModelConfig, tmp_path: Path) -> None:
    save_tokenizer(train_tokenizer(load_intents(), vocab_size=1500, samples=1000), tmp_path)
    run = TrainingRun(tmp_path, TrainingPlan(), config)
    asked = [
        Answered(name, kind, ("x",), "y", right, True, (4,), True)
        for name, kind, right in (("wordings", "help", True), ("skills", "story", False), ("strangers", "help", True))
    ]
    write_card(tmp_path, report(asked, {"canvas_1.0": 1.25}), run)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| how to do each thing in this program | 2 | 100% | 4.0 |" in text
    assert "| strangers' questions, untouched | 1 | 100% | 4.0 |" in text
    assert "canvas 1.0 1.25" in text
    assert not {"{", "}"} & set(text)


@pytest.mark.slow
def test_the_same_seed_trains_the_same_weights(config: ModelConfig, tmp_path: Path) -> None:
    states = []
    for name in ("one", "two"):
        folder = tmp_path / name
        save_tokenizer(train_tokenizer(load_intents(), samples=2000), folder)
        run = TrainingRun(folder, TrainingPlan(steps=3, tokens=600, compiled=False), config)
        run.train(until=3)
        states.append(run.averaged_model().state_dict())
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=0, atol=0)


def test_a_run_can_begin_with_published_weights(config: ModelConfig, tmp_path: Path) -> None:
    model = DiffusionGemma(config)
    initialise(model, 8)
    with mock.patch("inference.training.train.model_from_folder", return_value=model):
        save_tokenizer(train_tokenizer(load_intents(), vocab_size=1500, samples=1000), tmp_path)
        run = TrainingRun(tmp_path, TrainingPlan(steps=1), config)
        run.begin_with(tmp_path)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(run.averaged_model().state_dict()[name], tensor)
