"""What the starter model can do, on chats whose wording is not in the training data.

Every chat goes through the program's own session and ONNX Runtime, as a user's would: 256-position canvas, default
sampler, fixed seeds, the model's own answers between the user's turns. Losses are measured on unseen training chats at
fixed noise levels.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from inference.config import model_config_from_folder
from inference.events import BlockCommitted, Finished
from inference.model.stack import DiffusionGemma
from inference.model.weights import model_from_folder
from inference.opening import open_session
from inference.params import ChatTurn, GenerationRequest, SamplerParams
from inference.session import Session
from inference.training.balance import BalancedMix
from inference.training.batches import BLOCK, Canvas, Row, stack
from inference.training.corpus import load_intents, sample_chats
from inference.training.forward import denoise_batch, encode_batch
from inference.training.heldout import HeldOut, held_out
from inference.training.judging import is_right
from inference.training.vocabulary import encode_chat, load_tokenizer

NOISE_LEVELS = (0.3, 0.7, 1.0)
_UNSEEN_SEED = 987_654_321  # of chats that no run draws


@dataclass(frozen=True, slots=True)
class Answered:
    """One held-out chat and what came of its last turn."""

    set: str
    kind: str
    turns: tuple[str, ...]
    answer: str
    correct: bool
    ended: bool
    steps: tuple[int, ...]
    settled: bool


@dataclass(frozen=True, slots=True)
class KindResult:
    """Sums over the chats of one kind."""

    asked: int
    correct: int
    ended: int
    settled: int
    steps_per_block: float


def ask(session: Session, question: HeldOut, seed: int, sampler: SamplerParams) -> Answered:
    """Go through one chat from its beginning."""
    session.reset()
    turns: list[ChatTurn] = []
    answers: list[str] = []
    for number, text in enumerate(question.turns):
        turns.append(ChatTurn("user", text))
        request = GenerationRequest(turns=tuple(turns), seed=seed + 7919 * number, sampler=sampler)
        events = list(session.generate(request))
        finished = next(event for event in events if isinstance(event, Finished))
        settled = all(event.settled for event in events if isinstance(event, BlockCommitted))
        turns.append(ChatTurn("assistant", finished.answer))
        answers.append(finished.answer)
    ended = finished.reason == "end_of_text"
    right = ended and is_right(question.expected, answers[-1], answers[:-1])
    return Answered(
        question.set, question.kind, question.turns, answers[-1], right, ended, finished.steps_per_block, settled
    )


def chosen_questions(per_kind: int | None, seed: int) -> list[HeldOut]:
    """All held-out chats, or a seeded sample of `per_kind` of each set's kinds."""
    groups: dict[tuple[str, str], list[HeldOut]] = defaultdict(list)
    for question in held_out():
        groups[question.set, question.kind].append(question)
    rng = random.Random(seed)
    chosen = []
    for questions in groups.values():
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
    return {kind: _summed(group) for kind, group in sorted(groups.items())}


def by_set(answers: Sequence[Answered]) -> dict[str, KindResult]:
    """Results by set: what was written beside the patterns, and what a stranger asked."""
    groups: dict[str, list[Answered]] = defaultdict(list)
    for answer in answers:
        groups[answer.set].append(answer)
    return {name: _summed(group) for name, group in groups.items()}


def _summed(group: Sequence[Answered]) -> KindResult:
    steps = [count for answer in group for count in answer.steps]
    return KindResult(
        asked=len(group),
        correct=sum(answer.correct for answer in group),
        ended=sum(answer.ended for answer in group),
        settled=sum(answer.settled for answer in group),
        steps_per_block=sum(steps) / max(1, len(steps)),
    )


def held_out_losses(folder: Path, seed: int, limit: int = 200) -> dict[str, float]:
    """Cross-entropy, in nats a token, on answers of unseen chats: causal, and on the canvas at fixed noise levels."""
    tokenizer = load_tokenizer(folder)
    config = model_config_from_folder(folder)
    model = model_from_folder(folder, config)
    return losses_of(model, tokenizer, seed, limit)


@torch.inference_mode()
def losses_of(model: DiffusionGemma, tokenizer: Tokenizer, seed: int, limit: int = 200) -> dict[str, float]:
    """See `held_out_losses`."""
    config = model.config
    rng = np.random.default_rng(seed)
    sums: dict[str, list[float]] = defaultdict(list)
    for chat in islice(sample_chats(load_intents(), _UNSEEN_SEED + seed), limit):
        prompt, answer = encode_chat(tokenizer, chat)
        known = np.concatenate([prompt, answer])
        piece = answer[:BLOCK]
        clean = np.concatenate([piece, np.full(BLOCK - len(piece), config.pad_id)])
        row = Row(known, (Canvas(len(prompt), clean),))
        for level in NOISE_LEVELS:
            noise = rng.integers(0, config.vocab_size, BLOCK)
            noisy = np.where(rng.random(BLOCK) < level, noise, clean)
            batch = replace(stack([row], config, rng), noisy=torch.from_numpy(noisy))
            hidden, past = encode_batch(model, batch, BalancedMix())
            soft = torch.zeros(BLOCK, config.hidden_size)
            canvas = model.logits(denoise_batch(model, batch, past, soft, BalancedMix()))[: len(piece)]
            sums[f"canvas_{level}"].append(_cross_entropy(canvas, piece))
            if level == 1.0:
                causal = model.logits(hidden)[len(prompt) - 1 : len(known) - 1]
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
        "sets": {name: asdict(result) for name, result in by_set(answers).items()},
        "losses": {name: round(value, 4) for name, value in losses.items()},
    }


def write_json(file: Path, value: object) -> None:
    """JSON with a final newline."""
    file.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
