"""What the starter model can do, on questions whose wording is not in the training data.

Every question goes through the program's own session and ONNX Runtime, as a user's would: 256-position canvas, default
sampler, fixed seeds. Losses are measured on held-out questions at fixed noise levels.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from inference.config import model_config_from_folder
from inference.events import BlockCommitted, Finished
from inference.model.weights import model_from_folder
from inference.opening import open_session
from inference.params import ChatTurn, GenerationRequest, SamplerParams
from inference.session import Session
from inference.training.balance import BalancedMix
from inference.training.batches import BLOCK
from inference.training.corpus import Example, HeldOutQuestion, held_out_questions, is_correct, load_intents
from inference.training.forward import Batch, denoise_batch, encode_batch
from inference.training.vocabulary import encode_example, load_tokenizer

NOISE_LEVELS = (0.3, 0.7, 1.0)


@dataclass(frozen=True, slots=True)
class Answered:
    """One held-out question and what came of it."""

    kind: str
    wording: str
    answer: str
    correct: bool
    ended: bool
    steps: tuple[int, ...]
    settled: bool


@dataclass(frozen=True, slots=True)
class KindResult:
    """Sums over the questions of one kind."""

    asked: int
    correct: int
    ended: int
    settled: int
    steps_per_block: float


def ask(session: Session, question: HeldOutQuestion, seed: int, sampler: SamplerParams) -> Answered:
    """Put one question to a fresh chat."""
    session.reset()
    request = GenerationRequest(turns=(ChatTurn("user", question.wording),), seed=seed, sampler=sampler)
    settled = True
    for event in session.generate(request):
        if isinstance(event, BlockCommitted):
            settled = settled and event.settled
        elif isinstance(event, Finished):
            ended = event.reason == "end_of_text"
            right = ended and is_correct(question, event.answer)
            steps = event.steps_per_block
            return Answered(question.kind, question.wording, event.answer, right, ended, steps, settled)
    raise RuntimeError("the session ended without a Finished event")


def chosen_questions(per_kind: int | None, seed: int) -> list[HeldOutQuestion]:
    """All held-out questions, or a seeded sample of `per_kind` of each kind."""
    by_kind: dict[str, list[HeldOutQuestion]] = defaultdict(list)
    for question in held_out_questions(load_intents()):
        by_kind[question.kind].append(question)
    rng = random.Random(seed)
    chosen = []
    for questions in by_kind.values():
        whole = per_kind is None or len(questions) <= per_kind
        chosen += questions if whole else rng.sample(questions, per_kind or 0)
    return chosen


def evaluate(folder: Path, per_kind: int | None, seed: int, sampler: SamplerParams) -> list[Answered]:
    """Ask the chosen questions of the model in `folder`."""
    with open_session(folder, "onnx") as session:
        questions = chosen_questions(per_kind, seed)
        return [ask(session, question, seed + number, sampler) for number, question in enumerate(questions)]


def by_kind(answers: Sequence[Answered]) -> dict[str, KindResult]:
    """Results by kind, in alphabetical order."""
    groups: dict[str, list[Answered]] = defaultdict(list)
    for answer in answers:
        groups[answer.kind].append(answer)
    results = {}
    for kind, group in sorted(groups.items()):
        steps = [count for answer in group for count in answer.steps]
        results[kind] = KindResult(
            asked=len(group),
            correct=sum(answer.correct for answer in group),
            ended=sum(answer.ended for answer in group),
            settled=sum(answer.settled for answer in group),
            steps_per_block=sum(steps) / max(1, len(steps)),
        )
    return results


@torch.inference_mode()
def held_out_losses(folder: Path, seed: int, limit: int = 200) -> dict[str, float]:
    """Cross-entropy, in nats a token, on held-out answers: causal, and on the canvas at fixed noise levels."""
    tokenizer = load_tokenizer(folder)
    config = model_config_from_folder(folder)
    model = model_from_folder(folder, config)
    rng = np.random.default_rng(seed)
    sums: dict[str, list[float]] = defaultdict(list)
    for question in random.Random(seed).sample(held_out_questions(load_intents()), limit):
        example = Example((("user", question.wording),), question.answers[0], question.kind, question.name)
        prompt, answer = encode_example(tokenizer, example)
        known = np.concatenate([prompt, answer])
        piece = answer[:BLOCK]
        clean = np.concatenate([piece, np.full(BLOCK - len(piece), config.pad_id)])
        for level in NOISE_LEVELS:
            noise = rng.integers(0, config.vocab_size, BLOCK)
            noisy = np.where(rng.random(BLOCK) < level, noise, clean)
            batch = Batch(
                known=torch.from_numpy(known)[None],
                known_length=torch.tensor([len(known)]),
                context_length=torch.tensor([len(prompt)]),
                clean=torch.from_numpy(clean)[None],
                noisy=torch.from_numpy(noisy)[None],
            )
            hidden, past = encode_batch(model, batch, BalancedMix())
            soft = torch.zeros(BLOCK, config.hidden_size)
            canvas = model.logits(denoise_batch(model, batch, past, soft, BalancedMix()))[: len(piece)]
            sums[f"canvas_{level}"].append(_cross_entropy(canvas, piece))
            if level == 1.0:
                causal = model.logits(hidden)[len(prompt) - 1 : -1]
                sums["causal_answer"].append(_cross_entropy(causal, answer))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _cross_entropy(logits: torch.Tensor, target: np.ndarray) -> float:
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(target)))


def report(answers: Sequence[Answered], losses: dict[str, float]) -> dict[str, object]:
    """Everything that `evaluate` prints, as one JSON-ready object."""
    kinds = by_kind(answers)
    right, asked = sum(k.correct for k in kinds.values()), sum(k.asked for k in kinds.values())
    return {
        "questions": asked,
        "correct": right,
        "share_correct": round(right / max(1, asked), 4),
        "share_ended": round(sum(k.ended for k in kinds.values()) / max(1, asked), 4),
        "kinds": {kind: asdict(result) for kind, result in kinds.items()},
        "losses": {name: round(value, 4) for name, value in losses.items()},
    }


def write_json(file: Path, value: object) -> None:
    """JSON with a final newline."""
    file.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
