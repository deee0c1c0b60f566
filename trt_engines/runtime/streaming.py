"""Which segments' weights stay on the device, and when the others come and go.

Two slots: while one streamed segment is computed, the weights of the next one are copied in on a second stream. A slot
is given back when its segment is done, which the host waits for only after it has put the next segment on the stream.
Engines that copy in their own weights (`Engine.streams_itself`) need no slots.
"""

from __future__ import annotations

from collections.abc import Sequence

from trt_engines.errors import EngineError
from trt_engines.runtime.device import Device, DeviceMemoryError, Engine

SLOTS = 2
GROW_SPARE_BYTES = 512 << 20  # of the free memory, left alone at least when more segments are to stay


def streamed_segments(count: int, resident: int) -> tuple[int, ...]:
    """Numbers of the segments that are streamed: spread evenly, so that resident ones give the copies time."""
    streamed = count - resident
    if streamed <= SLOTS:
        return ()
    return tuple(sorted({place * count // streamed for place in range(streamed)}))


class WeightStream:
    """The weights of all segments.

    Attributes:
        resident: Segments whose weights stay.
    """

    def __init__(self, device: Device, engines: Sequence[Engine], compute: int, spare: int = 0) -> None:
        """`spare`: bytes of the device's free memory that are left alone, if they are more than usual."""
        self._spare, self._may_grow = max(spare, GROW_SPARE_BYTES), True
        self._device = device
        self._engines = engines
        self._compute = compute
        self._copies = device.new_stream()
        self._streamed: tuple[int, ...] = ()
        self._arrived: dict[int, int] = {}
        self._done: dict[int, int] = {}
        self.resident = 0

    def settle(self, resident: int) -> None:
        """Let `resident` segments stay, as many as there is room for; the others are streamed.

        Raises:
            DeviceMemoryError: There is not even room for the two slots.
        """
        self._device.synchronise(self._compute)
        for count in range(min(resident, len(self._engines)), -1, -1):
            try:
                self._place(count)
                return
            except DeviceMemoryError:
                if count == 0:
                    raise
        raise ValueError(f"resident must not be negative, got {resident}")

    def grow(self) -> bool:
        """Stream fewer segments if the device has become emptier; False if nothing changes."""
        room = self._device.free_bytes() - self._spare
        more = room // max(engine.weight_bytes for engine in self._engines)
        if not self._streamed or more < 1 or not self._may_grow:
            return False
        before = self.resident
        self.settle(self.resident + more)
        return self.resident > before

    def shrink(self, for_good: bool = False) -> bool:
        """Stream one segment more than now, which frees its memory; False if there is nothing left to free.

        `for_good`: also if the device says later that it has memory, since it said so before.
        """
        self._may_grow = self._may_grow and not for_good
        streamed = max(SLOTS, len(self._streamed)) + 1
        if streamed > len(self._engines) or not all(engine.streamable for engine in self._engines):
            return False
        self.settle(len(self._engines) - streamed)
        return True

    def _place(self, resident: int) -> None:
        """1. Free what is in the way. 2. Load what stays. 3. Fill the two slots."""
        self._device.synchronise(self._copies)
        self._forget_events()
        streamed = streamed_segments(len(self._engines), resident)
        first = streamed[:SLOTS]
        itself = any(engine.streams_itself for engine in self._engines)
        first = () if itself else first
        # 1.
        for number in streamed:
            if number not in first and self._engines[number].loaded:
                self._engines[number].unload_weights(self._copies)
        # 2. and 3.
        self._streamed, self.resident = streamed, len(self._engines) - len(streamed)
        for number, engine in enumerate(self._engines):
            if (number not in streamed or number in first) and not engine.loaded:
                engine.load_weights(self._copies)
                self._arrived[number] = self._device.record(self._copies)
            engine.keep_ready(number in streamed)

    def before(self, number: int) -> None:
        """Let the compute stream wait for the weights of a segment."""
        event = self._arrived.pop(number, None)
        if event is not None:
            self._device.wait(self._compute, event)
        if not self._engines[number].loaded and not self._engines[number].streams_itself:
            raise EngineError(f"The weights of {self._engines[number].name} are not on the device.", "This is a bug.")

    def after(self, number: int) -> None:
        """A segment was put on the compute stream: free the slot of the one before it for the one after it."""
        if number not in self._streamed or self._engines[number].streams_itself:
            return
        place = self._streamed.index(number)
        self._done[number] = self._device.record(self._compute)
        previous = self._streamed[place - 1]
        following = self._streamed[(place + 1) % len(self._streamed)]
        if not self._engines[previous].loaded or self._engines[following].loaded:
            return  # the very first pass starts with both slots filled
        if previous in self._done:
            self._device.reached(self._done.pop(previous))
        self._engines[previous].unload_weights(self._copies)
        self._engines[following].load_weights(self._copies)
        self._arrived[following] = self._device.record(self._copies)

    def _forget_events(self) -> None:
        for event in (*self._arrived.values(), *self._done.values()):
            self._device.reached(event)
        self._arrived.clear()
        self._done.clear()
