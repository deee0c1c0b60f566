"""A backend without a model: it "denoises" a scripted answer, instantly and always the same way.

Window, session and model process are developed and tested on it. Places settle roughly from left to right, some
melt once and settle again, entropies fall as they do in a real run. Modes make it slow or make it fail:

    fake            a short answer of one block, at once
    fake:long       an answer of several blocks
    fake:thinking   an answer with a thinking channel
    fake:slow       waits in each step
    fake:failing    raises RuntimeError in the third step (a bug of ours)
    fake:oom        raises OutOfMemoryError in the third step
    fake:crash      ends the process without a word in the third step
    fake:hang       never returns from the third step
    fake:unloadable cannot be loaded

Modes can be combined: "fake:slow,long".
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np

from inference.backends.base import Beliefs, DenoiseStep, Floats, Ids
from inference.backends.fake_model import LONG_ANSWER, SHORT_ANSWER, THINKING_ANSWER, fake_config, fake_tokenizer
from inference.errors import KnownError, ModelFolderError, OutOfMemoryError
from inference.model_config import ModelConfig

MODES = ("instant", "long", "thinking", "slow", "failing", "oom", "crash", "hang", "unloadable")
_TROUBLE = ("failing", "oom", "crash", "hang")
_ANSWERS = {"long": LONG_ANSWER, "thinking": THINKING_ANSWER}
_SLOW_SECONDS = 0.1
_TROUBLE_STEP = 3
_CANDIDATES = 4
_LIKELIEST_LOGIT = 20.0
_SURE, _UNSURE = 1e-4, 2.5  # entropies in nats


def fake_from_name(name: str) -> FakeBackend:
    """The fake backend that a name like "fake:slow,long" asks for.

    Raises:
        KnownError: There is no such mode.
        ModelFolderError: The mode is "unloadable".
    """
    modes = [mode for mode in name.partition(":")[2].split(",") if mode]
    for mode in modes:
        if mode not in MODES:
            raise KnownError(f"The fake backend has no mode named {mode}.", f"Choose one of: {', '.join(MODES)}.")
    if "unloadable" in modes:
        raise ModelFolderError("The fake model cannot be loaded.", "Choose another model.")
    answer = next((_ANSWERS[mode] for mode in modes if mode in _ANSWERS), SHORT_ANSWER)
    trouble = next((mode for mode in modes if mode in _TROUBLE), "")
    return FakeBackend(answer, seconds_per_step=_SLOW_SECONDS if "slow" in modes else 0.0, trouble=trouble)


class FakeBackend:
    """Scripted `Backend`.

    Attributes:
        steps: Denoising steps after which a canvas is settled (the stopping criterion needs one more).
        encoded_tokens: All tokens ever encoded, for tests.
        denoise_calls: All denoising steps ever run, for tests.
    """

    def __init__(
        self,
        answer: str = SHORT_ANSWER,
        *,
        config: ModelConfig | None = None,
        steps: int = 8,
        seconds_per_step: float = 0.0,
        trouble: str = "",
        can_truncate: bool = True,
    ) -> None:
        """Prepare the script.

        Args:
            answer: Text that every request is answered with; it may hold special tokens.
            config: Another configuration than `fake_config()`.
            steps: 4 or more.
            seconds_per_step: Time that each step takes.
            trouble: "failing", "oom", "crash", "hang" or "".
            can_truncate: False behaves like sliding layers that no longer hold what is needed.
        """
        if steps < 4:
            raise ValueError(f"steps must be 4 or more, not {steps!r}")
        self.steps = steps
        self.encoded_tokens = 0
        self.denoise_calls = 0
        self._config = config or fake_config()
        self._script = [*fake_tokenizer().encode(answer), self._config.eos_ids[0]]
        self._seconds_per_step = seconds_per_step
        self._trouble = trouble
        self._can_truncate = can_truncate
        self._length = 0
        self._block = 0
        self._argmax: Ids | None = None  # of the step before: what a commit would encode
        self._step = 0  # the newest one

    @property
    def name(self) -> str:
        """Always "fake"."""
        return "fake"

    @property
    def device(self) -> str:
        """In words."""
        return "no device"

    @property
    def config(self) -> ModelConfig:
        """The pretended configuration."""
        return self._config

    @property
    def length(self) -> int:
        """Tokens in the pretended KV cache."""
        return self._length

    def reset(self) -> None:
        """Empty the KV cache and begin the script anew."""
        self._length = self._block = 0
        self._argmax = None

    def truncate(self, length: int) -> int:
        """Keep the first `length` tokens, or none where `can_truncate` is off."""
        kept = length if self._can_truncate else 0
        self._length, self._block, self._argmax = kept, 0, None
        return kept

    def encode(self, token_ids: Ids) -> None:
        """A canvas that was just denoised goes on with the script; anything else is a prompt and begins it anew."""
        commit = self._argmax is not None and np.array_equal(token_ids, self._argmax)
        self._block = self._block + 1 if commit else 0
        self._argmax = None
        self._length += len(token_ids)
        self.encoded_tokens += len(token_ids)

    def denoise(self, canvas: Ids, state: Any, temperature: float, uniforms: Floats) -> DenoiseStep:
        """One step of the script; `state` is the number of the step before."""
        step, argmax, entropy = self._next_step(state, len(canvas))
        # Like a real draw: the less certain the place, the more often another token than the likeliest.
        other = np.random.Generator(np.random.PCG64(step)).integers(5, self._config.vocab_size, len(argmax))
        sampled = np.where(uniforms < 1.0 - np.minimum(entropy / 5.0, 0.9), argmax, other)
        top_ids = (argmax[:, None] + np.arange(_CANDIDATES)) % self._config.vocab_size
        top_probs = np.repeat(np.array([[0.7, 0.2, 0.06, 0.04]], dtype=np.float32), len(argmax), axis=0)
        return DenoiseStep(argmax, sampled, entropy, top_ids, top_probs, step)

    def logits(self, canvas: Ids, state: Any, ids: Ids | None = None) -> Floats:
        """Logits that have the script's likeliest token, and are the more even the less certain it is."""
        _, argmax, entropy = self._next_step(state, len(canvas))
        found = np.zeros((len(canvas), self._config.vocab_size), np.float32)
        found[np.arange(len(canvas)), argmax] = np.maximum(0.0, _LIKELIEST_LOGIT - 4.0 * entropy)
        return found if ids is None else found[:, ids]

    def beliefs(self, canvas: Ids, state: Any, places: Ids, ids: Ids, count: int) -> Beliefs:
        """What `logits` says of some places."""
        logits = self.logits(canvas, state)[places].astype(np.float64)
        logs = logits - logits.max(axis=1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        best = np.argsort(-logs, axis=1, kind="stable")[:, :count]
        rows = np.arange(len(places))
        return Beliefs(logs[rows, ids], best, logs[rows[:, None], best], -(np.exp(logs) * logs).sum(axis=1))

    def conditioned(self, state: Any, count: int, places: Ids, ids: Ids, shares: Floats) -> Any:
        """The newest step's number: the script goes on, whatever the places hold."""
        return self._step

    def close(self) -> None:
        """Nothing to free."""

    def _next_step(self, state: Any, count: int) -> tuple[int, Ids, Floats]:
        """Number, argmax [count] and entropy [count] of the step behind `state`, with the time and trouble it takes."""
        self._step = step = 1 if state is None else int(state) + 1
        self.denoise_calls += 1
        if self._seconds_per_step:
            time.sleep(self._seconds_per_step)
        if step == _TROUBLE_STEP and self._trouble:
            _make_trouble(self._trouble)
        argmax, entropy = self._scripted_step(step, count)
        self._argmax = argmax
        return step, argmax, entropy

    def _scripted_step(self, step: int, size: int) -> tuple[Ids, Floats]:
        """Argmax int64 [C] and entropy float32 [C] of a step on `size` places.

        1. The wanted canvas is the script's part for this block, then padding.
        2. Each place has a step at which it settles; one place in eight melts in the step after that, once.
        3. From step `steps` on, every place is right and certain.
        """
        chance = np.random.Generator(np.random.PCG64(self._block))
        # 1.
        part = self._script[self._block * size : (self._block + 1) * size]
        wanted = np.full(size, self._config.pad_id, dtype=np.int64)
        wanted[: len(part)] = part
        if not part:
            wanted[0] = self._config.eos_ids[0]
        # 2.
        latest = self.steps - 2
        ramp = np.linspace(1, latest, size) + chance.normal(0.0, 1.0, size)
        settles = np.clip(np.rint(ramp), 1, latest).astype(np.int64)
        melts = chance.random(size) < 1 / 8
        settles[wanted == self._config.pad_id] = 1  # the tail settles first, as in real runs
        right = (step >= settles) & ~(melts & (step == settles + 1))
        noise = np.random.Generator(np.random.PCG64((self._block + 1) * 1000 + step))
        argmax = np.where(right, wanted, noise.integers(5, self._config.vocab_size, size))
        # 3.
        unsure = _UNSURE + noise.random(size)
        entropy = np.where(right, np.maximum(_SURE, np.exp(settles - step - 1.0)), unsure)
        if step >= self.steps:
            entropy = np.full(size, _SURE)
        return argmax, entropy.astype(np.float32)


def _make_trouble(kind: str) -> None:
    if kind == "failing":
        raise RuntimeError("the fake backend fails, as it was told to")
    if kind == "oom":
        raise OutOfMemoryError("The memory is not enough for this model.", "Close other programs, then try again.")
    if kind == "crash":
        _end_process()
    while kind == "hang":
        time.sleep(3600)


def _end_process() -> None:
    """End without a word, as the kernel's out-of-memory killer would."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(1)
