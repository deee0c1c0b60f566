"""A question with a few possible answers, read off a canvas: nothing is sampled, nothing is written.

All labels stand at the beginning of a canvas, each with its end behind it; the rest is padding. Each place's logits say
how likely the tokens of each label are there. The product over the places is the label's share; it is averaged over a
few reads, each of which starts from other noise. The shares say how the model divides its belief between the labels;
how often it is right with a share of 0.9 is another matter: that is measured with known answers (`calibrate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.denoising.sampler import Draws
from inference.errors import PassStoppedError
from inference.events import Calibration, Decided
from inference.forms.errors import FormError
from inference.operations.requests import DecideRequest
from inference.params import ChatTurn, GenerationRequest

if TYPE_CHECKING:
    from inference.backends.base import CancelFlag
    from inference.session import Session

MOST_LABELS = 26
LEAST_SHARE = 1e-12  # that is told from none
_PASSES = 2  # the second one is told what the first one thought
_LABEL_TOKENS = 32


def decide(session: Session, asked: DecideRequest, cancel: CancelFlag | None = None) -> Decided:
    """Which of some labels answers a question about a text.

    Raises:
        FormError: There are too few or too many labels, or one is empty, too long, or there twice.
        PassStoppedError: It was cancelled.
        KnownError: See `Session.generate`.
    """
    labels = asked.labels
    if not 2 <= len(labels) <= MOST_LABELS:
        number = f"{len(labels)} label{'' if len(labels) == 1 else 's'}"
        raise FormError(f"{number} cannot be decided between.", f"Give 2 to {MOST_LABELS} different ones.")
    bare = [label.strip() for label in labels]
    if not all(bare):
        raise FormError("One of the labels is empty.", "Write something, or leave it out.")
    if twice := [label for place, label in enumerate(bare) if label in bare[:place]]:
        raise FormError(f"Two of the labels are the same: {twice[0]!r}.", "Give each one once.")
    listed = ", ".join(labels[:-1]) + f" or {labels[-1]}"
    prompt = "\n\n".join(part for part in (asked.text, f"{asked.question} Answer {listed}.") if part)
    tokens = _label_tokens(session, labels)
    draws = Draws(asked.seed, session.config.vocab_size, session.config.canvas_length)
    with session.stoppable(cancel):
        read = session.read(GenerationRequest(turns=(ChatTurn("user", prompt),)), cancel)
        shares = np.mean([_one_read(session, tokens, draws, cancel) for _ in range(asked.reads)], axis=0)
    entropy = float(-(shares * np.log(np.maximum(shares, 1e-300))).sum())
    mean = float(shares @ np.array([int(label) for label in labels])) if asked.score else None
    return Decided(
        asked.question, labels, tuple(shares.tolist()), labels[int(shares.argmax())], entropy, asked.reads, mean,
        None if asked.calibration is None else _confidence(session, shares, asked.calibration), read,
    )  # fmt: skip


def _confidence(session: Session, shares: NDArray[np.float64], known: Calibration) -> float:
    if known.model != session.name:
        raise FormError(
            f"The calibration is that of {known.model}, not of {session.name}.",
            "Calibrate this model, or leave it out.",
        )
    logs = np.log(np.maximum(shares, LEAST_SHARE)) / known.temperature
    return float(1.0 / np.exp(logs - logs.max()).sum())


def _label_tokens(session: Session, labels: Sequence[str]) -> NDArray[np.int64]:
    """int64 [labels, L]: the tokens of each label, its end, and padding."""
    config = session.config
    rows = [[*session.tokenizer.encode_parts([label]), config.eos_ids[-1]] for label in labels]
    longest = max(map(len, rows))
    if longest > min(_LABEL_TOKENS, config.canvas_length):
        raise FormError("A label is too long to be decided on.", f"Use fewer than {_LABEL_TOKENS} tokens.")
    return np.array([[*row, *[config.pad_id] * (longest - len(row))] for row in rows], dtype=np.int64)


def _one_read(
    session: Session, tokens: NDArray[np.int64], draws: Draws, cancel: CancelFlag | None
) -> NDArray[np.float64]:
    """float64 [labels]: their shares from one noise."""
    length, places = tokens.shape[1], session.config.canvas_length
    ids, number = np.unique(np.append(tokens, session.config.pad_id), return_inverse=True)
    columns, pad = number[:-1].reshape(tokens.shape), int(number[-1])
    state, shares = None, np.full(len(tokens), 1.0 / len(tokens))
    for _ in range(_PASSES):
        if cancel is not None and cancel.is_set():
            raise PassStoppedError
        canvas = draws.noise()
        canvas[length:] = session.config.pad_id
        logits = session.logits(canvas, state, ids)[:length].astype(np.float64)
        scores = logits[np.arange(length), columns].sum(axis=1)
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        told = np.zeros((places, len(ids)), np.float32)
        for share, row in zip(shares.tolist(), columns, strict=True):
            told[np.arange(length), row] += share
        told[length:, pad] = 1.0
        state = session.conditioned(state, places, np.arange(places), ids, told)
    return shares
