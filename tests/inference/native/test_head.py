"""What the head makes of odd logits and odd vocabularies, by instruction set.

No good numbers of bad ones, and no token beyond the vocabulary.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.backends.native import NativeBackend
from inference.errors import GraphError
from inference.native.cores import Cores
from inference.native.library import best_isa, usable_isas
from inference.native.weights import PRECISIONS, Precision
from inference.opening import open_session
from tests.helpers.checkpoints import random_tensors, small_config, write_model
from tests.inference.support import ask

ALMOST_ONE = np.nextafter(np.float32(1), np.float32(0))
LAST_NORM = "model.decoder.norm.weight"


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def damaged(folder: Path, value: float) -> Path:
    """A model one of whose last norm's weights is `value`: nobody looks at those, and all logits come of them."""
    tensors = random_tensors(small_config())
    tensors[LAST_NORM][5] = value
    return write_model(folder, tensors)


def denoised(folder: Path, precision: Precision, isa: str) -> tuple[np.ndarray, ...]:
    """Entropies, samples, argmax and candidates of one step; the draws are the least, the largest, and so on."""
    backend = NativeBackend.open(folder, _quiet, precision, isa, Cores(2, ()))
    draws = np.where(np.arange(256) % 2, ALMOST_ONE, np.float32(0))
    step = backend.denoise(np.arange(256) + 20, None, 0.7, draws)
    backend.close()
    return step.entropy, step.sampled, step.argmax, step.top_ids


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_stay_none(value: float, tmp_path: Path) -> None:
    folder = damaged(tmp_path, value)
    runs: list[tuple[Precision, str]] = [("float32", isa) for isa in usable_isas()]
    for precision, isa in [*runs, *((precision, best_isa()) for precision in PRECISIONS)]:
        entropy, *tokens = denoised(folder, precision, isa)
        assert np.isnan(entropy).all(), (isa, precision)
        assert all(ids.min() >= 0 and ids.max() < 2048 for ids in tokens), (isa, precision)


def test_a_damaged_model_says_so_instead_of_answering(tmp_path: Path) -> None:
    folder = damaged(tmp_path, np.nan)
    with open_session(folder, "native") as session, pytest.raises(GraphError, match="values that are not numbers"):
        list(session.generate(ask()))


@pytest.mark.parametrize("vocabulary", [2080, 2112, 2113])
def test_no_draw_leaves_the_vocabulary(vocabulary: int, tmp_path: Path) -> None:
    """Behind 1 to 64 tokens of the last 128 lies a block of 64 that is padding alone; 65 are the neighbour."""
    config = small_config()
    config["text_config"]["vocab_size"] = vocabulary
    folder = write_model(tmp_path, random_tensors(config), config)
    for isa in usable_isas():
        entropy, sampled, *_ = denoised(folder, "int8", isa)
        assert np.isfinite(entropy).all()
        assert sampled.min() == 0
        assert vocabulary - 64 <= sampled.max() < vocabulary, isa
