"""What a card's memory gives: a copy within the card, which reads and writes all of it.

Measured on the card itself, never taken from a table. Not yet run on a GPU; the tests run it over a stand-in.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from trt_engines.errors import EngineError
from trt_engines.runtime.device import Device

COPY_BYTES = 256 << 20  # several times what the caches of the largest cards hold
SECONDS, MOST_ROUNDS = 0.06, 50  # a card that idled needs some of them until its clocks are up


def memory_rate(device: Device, size: int = COPY_BYTES, clock: Callable[[], float] = time.perf_counter) -> float:
    """Bytes a second, read and written, of the quickest copy; 0 where there is no room for it, or the card refuses.

    Args:
        device: The card, before a model fills it.
        size: Bytes of a copy.
        clock: Seconds.
    """
    held: list[int] = []
    try:
        if device.free_bytes() < 4 * size:
            return 0.0
        stream = device.new_stream()
        held += [device.allocate(size), device.allocate(size)]
        return quickest_copy(lambda: _copied(device, held[0], held[1], size, stream), 2 * size, clock)
    except EngineError:
        return 0.0
    finally:
        for address in held:
            with contextlib.suppress(EngineError):
                device.release(address)


def _copied(device: Device, source: int, target: int, size: int, stream: int) -> None:
    device.copy(target, source, size, stream)
    device.synchronise(stream)


def quickest_copy(copied: Callable[[], None], moved: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Bytes a second, `moved` by each; the first copy, which also brings the memory there, does not count."""
    copied()
    end, best = clock() + SECONDS, 0.0
    for _ in range(MOST_ROUNDS):
        began = clock()
        copied()
        now = clock()
        if now > began:
            best = max(best, moved / (now - began))
        if now >= end:
            break
    return best
