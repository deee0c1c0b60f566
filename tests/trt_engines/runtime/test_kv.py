"""What engines are shown of the cache: few shapes, never memory that nobody wrote, and only what they may see."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trt_engines.runtime.simulated import SimulatedDevice
from trt_engines.planning.shape import LayerShape
from trt_engines.runtime.kv import FULL_ROWS, SLIDING_ROWS, DeviceKvCache

CONTEXT, WINDOW, CHUNK = 1500, 200, 128
FULL, SLIDING = LayerShape(False, 2, 16), LayerShape(True, 2, 16)


@pytest.fixture
def device() -> SimulatedDevice:
    """Its memory is never zero by itself."""
    return SimulatedDevice()


def new_cache(device: SimulatedDevice) -> DeviceKvCache:
    return DeviceKvCache(device, (FULL, SLIDING), CONTEXT, WINDOW, CHUNK, 4, device.new_stream())


def test_a_chat_that_grows_has_few_shapes(device: SimulatedDevice) -> None:
    """Each shape is compiled for: with one a block every block would wait for that."""
    cache, shapes = new_cache(device), set()
    while cache.length + 37 <= CONTEXT:
        cache.make_room(37, 0)
        cache.advance(37)
        shapes.add((cache.past(0).rows, cache.past(1).rows))
    assert len({full for full, _ in shapes}) <= CONTEXT // FULL_ROWS + 1
    assert len({sliding for _, sliding in shapes}) <= WINDOW // SLIDING_ROWS + 3


def test_the_rows_that_are_too_many_are_hidden_and_clear(device: SimulatedDevice) -> None:
    cache = new_cache(device)
    for step in (0, 1, 100, 128, 128, 90, 128, 128):
        cache.make_room(step, 0)
        cache.advance(step)
        device.synchronise(0)
        for denoising in (False, True):
            full, sliding, new = cache.masks(5, denoising)
            assert full.shape == (5, cache.past(0).rows)
            assert sliding.shape == (5, cache.past(1).rows)
            assert new.shape == (5, 5)
            assert full.sum(axis=1).tolist() == [cache.length] * 5
            seen = min(cache.length, WINDOW - 1)
            wanted = [seen] * 5 if denoising else [min(cache.length, WINDOW - 1 - place) for place in range(5)]
            assert sliding.sum(axis=1).tolist() == wanted
        for layer, shape in enumerate((FULL, SLIDING)):
            past, row = cache.past(layer), shape.kv_heads * shape.head_dim * 4
            for address in (past.k, past.v):
                assert not device.memory_at(address, past.rows * row).any(), "nothing was written, so all is clear"


def test_no_more_is_shown_than_there_is_room_for(device: SimulatedDevice) -> None:
    cache = new_cache(device)
    for _ in range(CONTEXT // 100):
        cache.make_room(100, 0)
        cache.advance(100)
        assert cache.past(0).rows <= CONTEXT
        assert cache.past(1).rows <= WINDOW - 1 + SLIDING_ROWS
    assert cache.length == CONTEXT
    assert np.all(cache.masks(1, denoising=True)[0])
