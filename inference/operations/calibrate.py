"""From questions whose answers are known to how far a model's shares can be believed.

The shares of `decide` divide a model's belief; a model that says 0.9 may be right six times in ten. One number mends
that in most cases, a temperature that all log-shares are divided by (Guo and others, arXiv 1706.04599): the one under
which the known answers are likeliest. How well it holds is measured on examples that it was not taken from, fifth by
fifth: the expected calibration error, the mean distance of confidence and truth over ten bins of confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.errors import KnownError
from inference.events import Calibrated, Calibration
from inference.operations.decide import LEAST_SHARE, decide
from inference.operations.requests import CalibrateRequest, DecideRequest

if TYPE_CHECKING:
    from inference.backends.base import CancelFlag
    from inference.session import Session

Reals = NDArray[np.float64]
LEAST_EXAMPLES = 20
_FOLDS, _BINS = 5, 10
_COLDEST, _HOTTEST = 0.05, 1000.0
_GOLDEN = (5**0.5 - 1) / 2


def calibrate(session: Session, asked: CalibrateRequest, cancel: CancelFlag | None = None) -> Calibrated:
    """Decide each example, and find the temperature.

    Raises:
        KnownError: There are too few examples; see also `decide`.
        PassStoppedError: It was cancelled.
    """
    examples = asked.examples
    if len(examples) < LEAST_EXAMPLES:
        raise KnownError(
            f"{len(examples)} examples are too few to calibrate with.", f"Give {LEAST_EXAMPLES} or more, better 100."
        )
    shares, right = [], []
    for number, each in enumerate(examples):
        question = DecideRequest(each.text, each.question, each.labels, asked.reads, asked.seed + number)
        shares.append(np.array(decide(session, question, cancel).shares))
        right.append(each.labels.index(each.answer))
    return Calibrated(calibration_of(shares, right, session.name))


def calibration_of(shares: Sequence[Reals], right: Sequence[int], model: str) -> Calibration:
    """The calibration of a model that gave these shares to the labels of examples.

    Args:
        shares: Of each example, one a label.
        right: Which label was right.
        model: Its name.
    """
    logs = np.full((len(shares), max(map(len, shares))), -np.inf)
    for row, said in zip(logs, shares, strict=True):
        row[: len(said)] = np.log(np.maximum(said, LEAST_SHARE))
    answers, folds = np.array(right), np.arange(len(logs)) % _FOLDS
    held_out = list[Reals]([np.zeros(0)] * len(logs))
    for fold in range(_FOLDS):
        found = _fitted(logs[folds != fold], answers[folds != fold])
        for each in np.flatnonzero(folds == fold).tolist():
            held_out[each] = tempered(logs[each], found)
    hits = [int(said.argmax()) == answer for said, answer in zip(shares, right, strict=True)]
    return Calibration(
        temperature=_fitted(logs, answers), model=model, examples=len(logs), right=float(np.mean(hits)),
        error=calibration_error(held_out, right), error_before=calibration_error(list(shares), right),
    )  # fmt: skip


def tempered(logs: Reals, temperature: float) -> Reals:
    """Shares at a temperature, from log-shares."""
    found = np.exp((logs - logs.max()) / temperature)
    return np.asarray(found / found.sum())


def calibration_error(shares: Sequence[Reals], right: Sequence[int]) -> float:
    """Mean distance of confidence and share of right answers over ten bins of confidence, each by its size."""
    sure = np.array([each.max() for each in shares])
    hits = np.array([float(each.argmax() == answer) for each, answer in zip(shares, right, strict=True)])
    bins = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    inside = (bins[:, None] == np.arange(_BINS)).astype(np.float64)
    return float(np.abs(inside.T @ (sure - hits)).sum() / len(sure))


def _fitted(logs: Reals, right: NDArray[np.int64]) -> float:
    """The temperature under which the right labels are likeliest, by golden section over its logarithm."""
    relative = logs - logs.max(axis=1, keepdims=True)
    wanted = relative[np.arange(len(right)), right]

    def loss(scale: float) -> float:
        hot = float(np.exp(scale))
        return float((np.log(np.exp(relative / hot).sum(axis=1)) - wanted / hot).sum())

    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    for _ in range(40):
        left, middle = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, middle) if loss(left) < loss(middle) else (left, high)
    return float(np.exp((low + high) / 2))
