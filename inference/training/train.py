"""The training loop: steps, schedule, moving average of the weights, stop and go on.

A run lives in one folder: `tokenizer.json`, `state.pt` (everything needed to go on), `log.jsonl`. The learning rate
warms up, stays, and falls linearly over the last part; steps, not hours, drive it, so that a seed reproduces a run.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from inference.model.stack import DiffusionGemma
from inference.model.weights import model_from_folder
from inference.model_config import ModelConfig
from inference.training.batches import Row, batches, make_row
from inference.training.corpus import load_intents, sample_examples
from inference.training.losses import training_losses
from inference.training.optimizer import make_optimizers
from inference.training.recipe import starter_config
from inference.training.vocabulary import encode_example
from trt_engines.files import sync_file

LOG = logging.getLogger("dewpoint.training")


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What defines a run.

    Attributes:
        steps: Optimiser steps of the whole run.
        seed: Seed of weights, data and noise.
        tokens: Tokens a batch, known and canvas together.
        muon_lr: Peak learning rate of the hidden matrices.
        adam_lr: Peak learning rate of everything else.
        warmup: Steps until the peak.
        decay_from: Share of the run at which the learning rate begins to fall.
        full_canvas: Share of rows on the full 256 positions.
        ema: Decay of the moving average of the weights.
        compiled: Whether layers are compiled: a minute or two at the start, a third less time a step.
    """

    steps: int = 7000
    seed: int = 1
    tokens: int = 4096
    muon_lr: float = 0.012
    adam_lr: float = 0.003
    warmup: int = 60
    decay_from: float = 0.5
    full_canvas: float = 0.04
    ema: float = 0.998
    compiled: bool = True

    def rate(self, step: int) -> float:
        """Share of the peak learning rate at `step`."""
        start = self.decay_from * self.steps
        falling = max(0.0, min(1.0, (step - start) / max(1.0, self.steps - start)))
        return min(1.0, (step + 1) / self.warmup) * (1.0 - 0.98 * falling)


def initialise(model: DiffusionGemma, seed: int) -> None:
    """Normal weights (0.02); attention norms start so that scores begin with unit variance."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, std=0.02, generator=generator)
        elif name.endswith(("q_norm.weight", "k_norm.weight")):
            torch.nn.init.constant_(parameter, parameter.shape[0] ** -0.25)


class TrainingRun:
    """One training run in `folder`; made anew or taken up where it stopped."""

    def __init__(self, folder: Path, plan: TrainingPlan, config: ModelConfig | None = None) -> None:
        self.folder = folder
        self.plan = plan
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.model = DiffusionGemma(config or starter_config())
        initialise(self.model, plan.seed)
        self.average = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.optimizers = make_optimizers(self.model, plan.muon_lr, plan.adam_lr)
        self.step = 0
        self.seconds = 0.0
        if (folder / "state.pt").exists():
            self._restore(torch.load(folder / "state.pt", weights_only=True))

    def train(self, until: int, save_every: int = 50) -> None:
        """TrainingRun optimiser steps until step `until` (or the end of the plan), saving now and then."""
        data = self._batches()
        random = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.step)
        # One layer class serves every layer, both phases and with and without gradient: more variants than the default.
        torch._dynamo.config.recompile_limit = 64
        for layer in self.model.layers if self.plan.compiled else ():
            layer.compile(dynamic=True)
        sums = np.zeros(3)
        started = time.monotonic()
        while self.step < min(until, self.plan.steps):
            with torch.autocast("cpu", torch.bfloat16):
                losses = training_losses(self.model, next(data), self.model.config.pad_id, random)
            self._update(losses.total)
            sums += (losses.canvas, losses.causal, losses.accuracy)
            if self.step % 25 == 0:
                self.seconds += time.monotonic() - started
                started = time.monotonic()
                self._log(sums / 25)
                sums[:] = 0
            if self.step % save_every == 0:
                self.save()
        self.save()

    def _batches(self) -> Iterator[Any]:
        config, rng = self.model.config, np.random.default_rng([self.plan.seed, self.step])
        return batches(self._rows(rng), config.pad_id, config.vocab_size, rng, self.plan.tokens)

    def _rows(self, rng: np.random.Generator) -> Iterator[Row]:
        intents = load_intents()
        for example in sample_examples(intents, self.plan.seed * 1_000_003 + self.step):
            prompt, answer = encode_example(self.tokenizer, example)
            yield make_row(prompt, answer, self.model.config.pad_id, rng, self.plan.full_canvas)

    def _update(self, loss: torch.Tensor) -> None:
        if not math.isfinite(float(loss.detach())):
            raise FloatingPointError(f"the loss is {float(loss.detach())} at step {self.step}")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        peaks = (self.plan.muon_lr, self.plan.adam_lr)
        for optimizer, peak in zip(self.optimizers, peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * self.plan.rate(self.step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        keep = min(self.plan.ema, self.step / (self.step + 20))
        with torch.no_grad():
            for name, tensor in self.model.state_dict().items():
                self.average[name].lerp_(tensor, 1 - keep)

    def _log(self, means: np.ndarray[Any, Any]) -> None:
        entry = {
            "step": self.step,
            "canvas_loss": round(float(means[0]), 4),
            "causal_loss": round(float(means[1]), 4),
            "canvas_sure": round(float(means[2]), 4),
            "seconds": round(self.seconds, 1),
        }
        LOG.info("%s", json.dumps(entry))
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def save(self) -> None:
        """Write `state.pt` whole or not at all."""
        state = {
            "plan": asdict(self.plan),
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        part = self.folder / "state.pt.part"
        torch.save(state, part)
        sync_file(part)
        part.replace(self.folder / "state.pt")

    def _restore(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = state["step"], state["seconds"]
        self.plan = replace(self.plan, seed=state["plan"]["seed"])
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def begin_with(self, folder: Path) -> None:
        """Take the weights of a published checkpoint as the start of a run that has done no step yet."""
        self.model.load_state_dict(model_from_folder(folder, self.model.config).state_dict())
        self.average = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def averaged_model(self) -> DiffusionGemma:
        """The model with the averaged weights, for evaluation and export."""
        model = DiffusionGemma(self.model.config)
        model.load_state_dict(self.average)
        return model.eval().requires_grad_(False)
