"""The same weights in the library that they were published with: `transformers`' own generate, timed for a benchmark.

It runs in a process of its own (`trt_engines.process.messages`). Ids of the prompts are ours, made by the checkpoint's
template, so both sides read the same; seeds are the same numbers and draw other noise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

NEEDED = ("torch", "transformers")


@dataclass(frozen=True, slots=True)
class PublishedQuestion:
    """One answer: what is asked, the seed, the most tokens, and the sampler's limits in terms of the model's own.

    Attributes:
        text: The question.
        seed: Of torch.
        tokens: The most of the answer.
        steps_divisor: The model's own limit of steps is divided by it.
        confidence_divisor: The same for its threshold of confidence.
    """

    text: str
    seed: int
    tokens: int
    steps_divisor: int = 1
    confidence_divisor: float = 1.0


@dataclass(frozen=True, slots=True)
class PublishedJob:
    """What the process is given: the checkpoint's folder, and all questions."""

    folder: Path
    questions: tuple[PublishedQuestion, ...]


@dataclass(frozen=True, slots=True)
class PublishedAnswer:
    """What one answer took.

    Attributes:
        tokens: Up to its end.
        first_draft: Seconds to the first draft, None if there was none.
        first_block: Seconds to the first committed canvas.
        seconds: All of it.
        steps: Denoising steps of each canvas.
    """

    tokens: int
    first_draft: float | None
    first_block: float | None
    seconds: float
    steps: tuple[int, ...]


def is_there() -> bool:
    """Whether the library is installed."""
    return all(find_spec(name) is not None for name in NEEDED)


class _Watch:
    """A streamer that notes when drafts and blocks come."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.first_draft: float | None = None
        self.first_block: float | None = None
        self.steps: list[int] = []
        self._open, self._blocks = 0, -1  # the prompt is put first

    def put(self, value: Any) -> None:
        self._blocks += 1
        if self._blocks:
            self.first_block = self.first_block or time.perf_counter() - self.began
            self.steps.append(self._open)
        self._open = 0

    def put_draft(self, value: Any) -> None:
        self._open += 1
        self.first_draft = self.first_draft or time.perf_counter() - self.began

    def end(self) -> None:
        pass


def measure_published(job: PublishedJob, connection: Connection) -> None:
    """Entry of the process.

    Sends ("ready", device, seconds), for each question ("answer", PublishedAnswer), at last ("done", peak memory); or
    ("error", text, hint, detail).
    """
    from inference.failures import failed_from_error
    from inference.peak import peak_memory

    try:
        began = time.perf_counter()
        answer, device = _loaded(job.folder)
        connection.send(("ready", device, time.perf_counter() - began))
        for question in job.questions:
            connection.send(("answer", answer(question)))
        connection.send(("done", peak_memory(os.getpid())))
    except ConnectionError:
        raise
    except Exception as error:  # the process's border
        failed = failed_from_error(error)
        connection.send(("error", failed.user_text, failed.hint, failed.detail))


def _loaded(folder: Path) -> tuple[Callable[[PublishedQuestion], PublishedAnswer], str]:
    import torch
    from transformers import DiffusionGemmaForBlockDiffusion
    from transformers.utils import logging

    from inference.config import model_config_from_folder
    from inference.params import ChatTurn
    from inference.text.chat_template import tried_template
    from inference.text.prompt import PromptEncoder
    from inference.text.tokenizer import first_index, tokenizer_from_folder

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    card = torch.cuda.is_available()
    kind = torch.bfloat16 if card else torch.float32
    model = DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=kind).eval().to("cuda" if card else "cpu")
    config = model_config_from_folder(folder)
    tokenizer = tokenizer_from_folder(folder, config)
    encoder = PromptEncoder(tried_template(folder), tokenizer)
    own = config.sampler

    @torch.inference_mode()
    def answer(question: PublishedQuestion) -> PublishedAnswer:
        watch = _Watch()
        ids = torch.as_tensor([encoder.ids([ChatTurn("user", question.text)])], device=model.device)
        torch.manual_seed(question.seed)
        out = model.generate(
            input_ids=ids, max_new_tokens=question.tokens, streamer=watch,
            max_denoising_steps=max(1, own.max_denoising_steps // question.steps_divisor),
            confidence_threshold=own.confidence_threshold / question.confidence_divisor,
        )  # fmt: skip
        seconds = time.perf_counter() - watch.began
        written = getattr(out, "sequences", out)[0, ids.shape[1] :].tolist()
        tokens = min(first_index(written, tokenizer.eos_ids), question.tokens)
        return PublishedAnswer(tokens, watch.first_draft, watch.first_block, seconds, tuple(watch.steps))

    where = torch.cuda.get_device_name() if card else f"CPU, {torch.get_num_threads()} threads"
    return answer, f"{where}, {str(kind).removeprefix('torch.')}"
