"""The training loop: steps, schedule, moving average of the weights, stop and go on.

A run lives in one folder: `tokenizer.json`, `state.pt` (everything needed to go on), `log.jsonl`. The learning rate
warms up, stays, and falls linearly over the last part; steps, not hours, drive it. The chats and the noise of a step
follow from the seed and its number alone: a run that was killed goes on as if it had not been (a test compares).
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from inference.model.stack import DiffusionGemma
from inference.model.weights import model_from_folder
from inference.model_config import ModelConfig
from inference.training.batches import Row, batch_of, make_row
from inference.training.corpus import load_intents, sample_chats
from inference.training.forward import Batch
from inference.training.losses import Losses, training_losses
from inference.training.optimizer import make_optimizers
from inference.training.recipe import starter_config
from inference.training.vocabulary import encode_turns
from trt_engines.files import sync_file

LOG = logging.getLogger("dewpoint.training")
LOGGED_EVERY = 25  # steps
SAVED_EVERY = 180.0  # seconds


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What defines a run.

    Attributes:
        steps: Optimiser steps of the whole run.
        seed: Seed of weights, data and noise.
        tokens: Tokens a batch, known and canvas together.
        small_until: The step until which batches are half as large: at first many steps teach more than large ones.
        muon_lr: Peak learning rate of the hidden matrices.
        adam_lr: Peak learning rate of everything else.
        warmup: Steps until the peak.
        decay_from: Share of the run at which the learning rate begins to fall.
        full_canvas: Share of rows on the full 256 positions.
        ema: Decay of the moving average of the weights.
        compiled: Whether layers are compiled: a minute at each start, a sixth less time a step.
    """

    steps: int = 9_000
    seed: int = 1
    tokens: int = 8192
    small_until: int = 2_000
    muon_lr: float = 0.012
    adam_lr: float = 0.003
    warmup: int = 60
    decay_from: float = 0.6
    full_canvas: float = 0.05
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
    """One training run in `folder`; made anew (`fresh`: in any case) or taken up where it stopped."""

    def __init__(
        self, folder: Path, plan: TrainingPlan, config: ModelConfig | None = None, fresh: bool = False
    ) -> None:
        self.folder = folder
        self.plan = plan
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.model = DiffusionGemma(config or starter_config())
        initialise(self.model, plan.seed)
        self.average = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.optimizers = make_optimizers(self.model, plan.muon_lr, plan.adam_lr)
        self._intents = load_intents()
        self.step = 0
        self.seconds = 0.0
        self.tokens = self.canvases = 0
        if (folder / "state.pt").exists() and not fresh:
            self._restore(torch.load(folder / "state.pt", weights_only=True))

    def train(self, until: int, save_every: float = SAVED_EVERY) -> None:
        """Optimiser steps until step `until` (or the end of the plan), saving every so many seconds and at the end."""
        self.prepare()
        sums = np.zeros(3)
        since = self.tokens, self.seconds, self.step
        started, saved = time.process_time(), time.monotonic()
        while self.step < min(until, self.plan.steps):
            losses = self.advance()
            self.seconds, started = self.seconds + time.process_time() - started, time.process_time()
            sums += (losses.canvas, losses.causal, losses.accuracy)
            if self.step % LOGGED_EVERY == 0:
                self._log(sums / (self.step - since[2]), (self.tokens - since[0]) / (self.seconds - since[1]))
                since = self.tokens, self.seconds, self.step
                sums[:] = 0
            if time.monotonic() - saved > save_every:
                self.save()
                saved = time.monotonic()
        self.save()

    def advance(self) -> Losses:
        """One step."""
        batch = self.batch(self.step)
        random = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.step)
        with torch.autocast("cpu", torch.bfloat16):
            losses = training_losses(self.model, batch, random)
        self._update(losses.total)
        self.tokens += len(batch.known) + len(batch.noisy)
        self.canvases += sum(len(group.queries) for group in batch.canvas_groups)
        return losses

    def prepare(self) -> None:
        """Compile the layers, if the plan says so; the variants: two kinds, two phases, with and without gradient."""
        if not self.plan.compiled:
            return
        torch._dynamo.config.recompile_limit = 64
        for layer in self.model.layers:
            layer.compile(dynamic=True)

    def batch(self, step: int) -> Batch:
        """The chats of a step, the same whenever it is done."""
        rng = np.random.default_rng([self.plan.seed, step])
        tokens = self.plan.tokens // (2 if step < self.plan.small_until else 1)
        return batch_of(self._rows(step, rng), self.model.config, rng, tokens)

    def _rows(self, step: int, rng: np.random.Generator) -> Iterator[Row]:
        for chat in sample_chats(self._intents, self.plan.seed * 1_000_003 + step):
            yield make_row(*encode_turns(self.tokenizer, chat), self.model.config.pad_id, rng, self.plan.full_canvas)

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

    def _log(self, means: np.ndarray[Any, Any], tokens_a_second: float) -> None:
        entry = {
            "step": self.step,
            "canvas_loss": round(float(means[0]), 4),
            "causal_loss": round(float(means[1]), 4),
            "canvas_sure": round(float(means[2]), 4),
            "seconds": round(self.seconds, 1),
            "tokens_a_second": round(tokens_a_second),
            "canvases": self.canvases,
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
            "tokens": self.tokens,
            "canvases": self.canvases,
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
        self.tokens, self.canvases = state["tokens"], state["canvases"]
        self.plan = TrainingPlan(**state["plan"] | {"steps": self.plan.steps})
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
