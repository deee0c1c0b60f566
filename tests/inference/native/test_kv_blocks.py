"""The KV cache of the native backend: what it holds, what it takes, how far it can be cut back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.backends.native import NativeBackend
from inference.config import model_config_from_dicts, model_config_from_folder
from inference.errors import OutOfMemoryError
from inference.native import kv_blocks
from inference.native.cores import Cores
from inference.native.kv_blocks import KvBlocks, position_bytes, sliding_positions
from tests.helpers.checkpoints import STARTER
from tests.helpers.published import published_config

RING = 1024  # the window of the starter is 512, a pass has at most 512 rows


@pytest.fixture
def short_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sliding layers keep as little as they can."""
    monkeypatch.setattr(kv_blocks, "SLIDING_BYTES", 0)


def starter() -> NativeBackend:
    return NativeBackend.open(STARTER, lambda stage, share: None, "int8", None, Cores(1, ()))


def stepped(backend: NativeBackend) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    step = backend.denoise(rng.integers(12, 2048, 256), None, 0.8, rng.random(256).astype(np.float32))
    return [step.entropy, step.top_probs, step.state]


def test_a_long_context_through_rings_is_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.random.default_rng(1).integers(12, 2048, 1700)
    whole = starter()
    monkeypatch.setattr(kv_blocks, "SLIDING_BYTES", 0)
    ring = starter()
    for start, end in ((0, 900), (900, 1030), (1030, 1700)):
        made = []
        for backend in (whole, ring):
            backend.encode(ids[start:end])
            made.append(stepped(backend))
        for one, other in zip(*made, strict=True):
            np.testing.assert_array_equal(one, other)
        for (k, v), (own_k, own_v) in zip(whole.kv(), ring.kv(), strict=True):
            np.testing.assert_array_equal(k, own_k)
            np.testing.assert_array_equal(v, own_v)
    whole.close()
    ring.close()


def test_a_ring_is_cut_back_as_far_as_it_holds_a_window(short_rings: None) -> None:
    ids = np.random.default_rng(1).integers(12, 2048, 1500)
    backend = starter()
    backend.encode(ids[:900])
    assert backend.truncate(400) == 400, "nothing was overwritten yet"
    backend.encode(ids[400:])
    # Positions from 1500 - 1024 on are there; the one behind 987 sees 476 and what follows.
    assert backend.truncate(987) == 987
    fresh = starter()
    fresh.encode(ids[:400])
    fresh.encode(ids[400:912])
    fresh.encode(ids[912:987])
    for one, other in zip(stepped(backend), stepped(fresh), strict=True):
        np.testing.assert_allclose(one, other, atol=0.05)
    assert backend.truncate(986) == 0, "the canvas took no more than was free"
    assert backend.length == 0
    backend.encode(ids[:900])
    assert backend.truncate(500) == 500, "all of it was written anew"
    backend.close()
    fresh.close()


def test_a_canvas_counts_as_written(short_rings: None) -> None:
    backend = starter()
    backend.encode(np.arange(12, 1012))
    stepped(backend)  # places 1000 to 1255 lie where 0 to 231 were
    assert backend.truncate(742) == 0
    backend.encode(np.arange(12, 1012))
    stepped(backend)
    assert backend.truncate(743) == 743
    backend.close()


def test_more_rows_than_a_ring_has_room_for_are_refused(short_rings: None) -> None:
    cache = KvBlocks(model_config_from_folder(STARTER), np.int16)
    cache.make_room(5000, 512)
    with pytest.raises(ValueError, match="513 rows are too many"):
        cache.make_room(5000, 513)


def test_a_long_context_of_the_published_model_costs_what_its_full_layers_take() -> None:
    config = model_config_from_dicts(published_config(), {}, Path())
    sliding, full = (position_bytes(config, np.int16, sliding=each) for each in (True, False))
    scales = 4 + 4  # of a key and a value
    assert (sliding, full) == (25 * 8 * (512 * 2 + scales), 5 * 2 * (1024 * 2 + scales))
    ring = sliding_positions(config, np.int16)
    assert ring * sliding <= kv_blocks.SLIDING_BYTES
    assert ring >= config.sliding_window + 2 * 1024, "a long answer can be tried again"


def test_memory_that_ends_in_the_midst_of_growing_leaves_what_was_there(
    short_rings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = starter()
    backend.encode(np.arange(12, 212))
    before = stepped(backend)
    real, left = kv_blocks.aligned, [3]

    def scarce(shape: tuple[int, ...], dtype: object) -> np.ndarray:
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError
        return real(shape, dtype)

    monkeypatch.setattr(kv_blocks, "aligned", scarce)
    with pytest.raises(OutOfMemoryError, match="context of"):
        backend.encode(np.arange(12, 512))
    monkeypatch.undo()
    for one, other in zip(before, stepped(backend), strict=True):
        np.testing.assert_array_equal(one, other)
    backend.close()
