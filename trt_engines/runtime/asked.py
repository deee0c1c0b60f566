"""The parts that are asked, over what a pass left on the device; `trt_engines.graphs.asked` says what each gives.

Tokens go in pieces that the engines take, places as many at a time as the head takes: so the workspace is no larger
than the head's. Engines and buffers are there from the first question on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.building.profiles import MOST_LISTED
from trt_engines.graphs.asked import MOST_LIKELY
from trt_engines.graphs.compose import ROWS, TABLE
from trt_engines.graphs.names import BELIEFS, LOGITS, MIXED
from trt_engines.runtime.buffers import Addresses, Buffers, Shapes
from trt_engines.runtime.device import Device, Engine
from trt_engines.runtime.parts import ModelParts

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PlaceBeliefs:
    """What comes back of m places; see `inference.backends.base.Beliefs` for the fields."""

    logs: Floats
    top_ids: Ids
    top_logs: Floats
    entropy: Floats


class AskedParts:
    """Opens them, feeds them, and brings back what they give."""

    def __init__(self, device: Device, parts: ModelParts, buffers: Buffers, stream: int, places: int) -> None:
        """`places`: how many are asked about at a time."""
        self._device, self._parts, self._buffers, self._stream = device, parts, buffers, stream
        self._places = places
        self._engines: dict[str, Engine] = {}
        self._own: Addresses = {}

    def logits(self, hidden: int, count: int, ids: Ids) -> Floats:
        """Capped logits of int64 [n] tokens, float32 [count, n].

        Args:
            hidden: Number of the buffer that holds the residual stream behind the last layer.
            count: Positions in it.
            ids: The tokens.

        Raises:
            DeviceMemoryError: There is not enough memory; nothing is lost.
        """
        found = np.empty((count, len(ids)), np.float32)
        for piece in _pieces(len(ids), MOST_LISTED):
            listed = self._upload("ids", ids[piece], np.int64)
            shapes = {"hidden": (count, self._width), "ids": (listed,), ROWS: self._buffers.table_shape}
            self._run(LOGITS, shapes, {"hidden": self._buffers.hidden[hidden], LOGITS: self._address("square")})
            found[:, piece] = self._values("square", (count, listed), np.float32)
        return found

    def beliefs(self, hidden: int, count: int, places: Ids, tokens: Ids, likely: int) -> PlaceBeliefs:
        """What the head says of int64 [m] places, of int64 [m] tokens and of the `likely` likeliest, up to 64 of them.

        Raises:
            DeviceMemoryError: As above.
        """
        kept, found = min(MOST_LIKELY, self._buffers.table_shape[0]), list[PlaceBeliefs]()
        for piece in _pieces(len(places), self._places):
            asked = self._upload("places", places[piece], np.int64)
            self._upload("tokens", tokens[piece], np.int64)
            shapes = {"hidden": (count, self._width), "places": (asked,), "tokens": (asked,)}
            addresses = {"hidden": self._buffers.hidden[hidden]}
            self._run(BELIEFS, {**shapes, TABLE: self._buffers.table_shape}, addresses)
            found.append(
                PlaceBeliefs(
                    self._values("logs", (asked,), np.float32), self._values("top_ids", (asked, kept), np.int64),
                    self._values("top_logs", (asked, kept), np.float32), self._values("entropy", (asked,), np.float32),
                )
            )  # fmt: skip
        return PlaceBeliefs(
            np.concatenate([each.logs for each in found]),
            np.concatenate([each.top_ids for each in found])[:, :likely],
            np.concatenate([each.top_logs for each in found])[:, :likely],
            np.concatenate([each.entropy for each in found]),
        )

    def mixed(self, ids: Ids, shares: Floats) -> Floats:
        """Mixtures of embeddings: int64 [n], float32 [m, n] -> float32 [m, H]; a piece is added to those before it.

        Raises:
            DeviceMemoryError: As above.
        """
        rows = len(shares)
        now, then = "mixed", "before"
        self._upload(now, np.zeros((rows, self._width)), np.float32)
        for piece in _pieces(len(ids), MOST_LISTED):
            listed = self._upload("ids", ids[piece], np.int64)
            self._upload("square", shares[:, piece], np.float32)
            now, then = then, now
            shapes = {"before": (rows, self._width), "ids": (listed,), "shares": (rows, listed)}
            addresses = {name: self._address(at) for name, at in (("before", then), ("shares", "square"), (MIXED, now))}
            self._run(MIXED, {**shapes, ROWS: self._buffers.table_shape}, addresses)
        return self._values(now, (rows, self._width), np.float32)

    def close(self) -> None:
        """Free the engines."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    @property
    def _width(self) -> int:
        return self._parts.shape.hidden_size

    def _run(self, name: str, shapes: Shapes, addresses: Addresses) -> None:
        if name not in self._engines:
            self._engines[name] = self._parts.asked(name)
        self._engines[name].load_weights(self._stream)
        tables = {TABLE: self._buffers.table, ROWS: self._buffers.table}
        self._buffers.enqueue(self._engines[name], 0, shapes, {**self._own, **tables, **addresses})

    def _address(self, name: str) -> int:
        """Of a buffer; all are there together, or none."""
        if not self._own:
            canvas, kept = self._parts.limits.canvas, min(MOST_LIKELY, self._buffers.table_shape[0])
            sizes = {
                "ids": MOST_LISTED * 8, "square": canvas * MOST_LISTED * 4, "before": canvas * self._width * 4,
                "mixed": canvas * self._width * 4, "places": canvas * 8, "tokens": canvas * 8, "logs": canvas * 4,
                "entropy": canvas * 4, "top_ids": canvas * kept * 8, "top_logs": canvas * kept * 4,
            }  # fmt: skip
            made: Addresses = {}
            try:
                for each, size in sizes.items():
                    made[each] = self._device.allocate(size)
            except BaseException:
                for address in made.values():
                    self._device.release(address)
                raise
            self._own = made
        return self._own[name]

    def _upload(self, name: str, values: NDArray[Any], kind: type[np.generic]) -> int:
        """Into a buffer; returns the length of the first axis."""
        self._device.upload(self._address(name), np.ascontiguousarray(values, kind), self._stream)
        return len(values)

    def _values(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        """What a buffer holds, when all before it is done."""
        values = np.empty(shape, kind)
        self._device.download(values, self._address(name), self._stream)
        self._device.synchronise(self._stream)
        return values


def _pieces(count: int, most: int) -> Iterator[slice]:
    return (slice(first, min(first + most, count)) for first in range(0, count, most))
