"""A question with a few possible answers, read off a canvas: nothing is sampled, nothing is written.

All labels stand at the beginning of a canvas, each with its end behind it; the rest is padding. Each place's logits say
how likely the tokens of each label are there. The product over the places is the label's share; it is averaged over a
few reads, each of which starts from other noise. The shares say how the model divides its belief between the labels;
how often it is right with a share of 0.9 is another matter, which nobody has measured for a model of yours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.denoising.sampler import Draws
from inference.events import Decided
from inference.forms.errors import FormError
from inference.params import ChatTurn, GenerationRequest

if TYPE_CHECKING:
    from inference.session import Session

YES_NO = ("yes", "no")
MOST_LABELS = 26
MOST_READS = 32
_PASSES = 2  # the second one is told what the first one thought
_LABEL_TOKENS = 32


def decide(
    session: Session, text: str, question: str, labels: Sequence[str] = YES_NO, *, reads: int = 4, seed: int = 0
) -> Decided:
    """Which of some labels answers a question about a text.

    Args:
        session: The model.
        text: What the question is about; may be "".
        question: The question.
        labels: 2 to 26 different answers.
        reads: How many reads are averaged.
        seed: Of their noise.

    Raises:
        FormError: There are too few or too many labels, or one is too long.
        ValueError: `reads` is not within 1..32.
        KnownError: See `Session.generate`.
    """
    if not 1 <= reads <= MOST_READS:
        raise ValueError(f"reads must be within 1..{MOST_READS}, not {reads!r}")
    wanted = tuple(labels)
    if not 2 <= len(set(wanted)) == len(wanted) <= MOST_LABELS:
        raise FormError(f"{len(wanted)} labels cannot be decided between.", f"Give 2 to {MOST_LABELS} different ones.")
    listed = ", ".join(wanted[:-1]) + f" or {wanted[-1]}"
    asked = "\n\n".join(part for part in (text, f"{question} Answer {listed}.") if part)
    session.read(GenerationRequest(turns=(ChatTurn("user", asked),)))
    tokens = _label_tokens(session, wanted)
    draws = Draws(seed, session.config.vocab_size, session.config.canvas_length)
    shares = np.mean([_one_read(session, tokens, draws) for _ in range(reads)], axis=0)
    entropy = float(-(shares * np.log(np.maximum(shares, 1e-300))).sum())
    return Decided(question, wanted, tuple(shares.tolist()), wanted[int(shares.argmax())], entropy, reads)


def _label_tokens(session: Session, labels: Sequence[str]) -> NDArray[np.int64]:
    """int64 [labels, L]: the tokens of each label, its end, and padding."""
    config = session.config
    rows = [[*session.tokenizer.encode_parts([label]), config.eos_ids[-1]] for label in labels]
    longest = max(map(len, rows))
    if longest > min(_LABEL_TOKENS, config.canvas_length):
        raise FormError("A label is too long to be decided on.", f"Use fewer than {_LABEL_TOKENS} tokens.")
    return np.array([[*row, *[config.pad_id] * (longest - len(row))] for row in rows], dtype=np.int64)


def _one_read(session: Session, tokens: NDArray[np.int64], draws: Draws) -> NDArray[np.float64]:
    """float64 [labels]: their shares from one noise."""
    length, places = tokens.shape[1], session.config.canvas_length
    ids, number = np.unique(np.append(tokens, session.config.pad_id), return_inverse=True)
    columns, pad = number[:-1].reshape(tokens.shape), int(number[-1])
    state, shares = None, np.full(len(tokens), 1.0 / len(tokens))
    for _ in range(_PASSES):
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
