"""From plans on the disk to engines on the card, each checked against its manifest first; and the ladder of ways.

Which way of streaming weights works nobody knows before it was tried on the card: the first segment that may have to
leave is opened in each way until one takes its weights out and brings them back. What was found is remembered.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
from collections.abc import Callable, Collection, Sequence
from mmap import mmap
from pathlib import Path
from typing import cast

import psutil

from trt_engines.building.names import KERNELS, WAY
from trt_engines.building.store import EngineManifest, checked_plan
from trt_engines.errors import EngineError
from trt_engines.files import read_json, write_whole
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.device import DeviceError, DeviceMemoryError
from trt_engines.runtime.trt_engine import Opening, TensorRtEngine, new_opening
from trt_engines.runtime.weight_ways import WAYS, WayName
from trt_engines.tensorrt.card_report import TRIAL
from trt_engines.tensorrt.flavour import Flavour
from trt_engines.tensorrt.runtime_cache import RuntimeCache

ROOMY = 4 << 30  # of the machine's memory that stays free if all plans are kept in it while they are opened
_LOG = logging.getLogger(__name__)


class EngineLoader:
    """Opens the parts of one engine set; kernels that TensorRT compiles are kept beside them.

    Attributes:
        flavour: The installed TensorRT.
        folder: Of the set.
        manifest: What lies there.
        cache: Kernels that were compiled.
        way: How the weights of segments leave the card; "plain" until `open_segments` has found one.
    """

    def __init__(
        self, flavour: Flavour, device: CudaDevice, folder: Path, manifest: EngineManifest, safe: bool = False
    ) -> None:
        """Raises `EngineError` if the set was built by another TensorRT than the one that is installed."""
        identity = manifest.identity
        if (identity.flavour, identity.flavour_version) != (flavour.name, flavour.version):
            raise EngineError(
                f"These engines were built by {identity.flavour} {identity.flavour_version}; installed is "
                f"{flavour.name} {flavour.version}.",
                "Build them again.",
            )
        self.cache = RuntimeCache(folder / KERNELS)
        self._opening = new_opening(flavour, device, self.cache, safe)
        self.flavour, self.folder, self.manifest = flavour, folder, manifest

    @property
    def device(self) -> CudaDevice:
        """The card."""
        return self._opening.device

    @property
    def way(self) -> WayName:
        """How the weights of segments leave the card."""
        return self._opening.way

    def open(self, name: str) -> TensorRtEngine:
        """Load a part whose weights stay.

        Raises:
            DamagedEngineError: The plan is not what the manifest says.
            EngineError: TensorRT cannot load it, or there is not enough memory.
        """
        return self._opened(name, dataclasses.replace(self._opening, way="plain"))

    def open_segments(
        self, names: Sequence[str], streamed: Collection[int], opened: Callable[[int], object] = lambda count: None
    ) -> list[TensorRtEngine]:
        """Load the segments in a way in which their weights can leave the card.

        Args:
            names: Of the segments.
            streamed: Numbers of those that will have to leave; if there are none, none need be able to.
            opened: Told how many are open.

        Raises:
            DamagedEngineError: A plan is not what the manifest says.
            DeviceMemoryError: There is not enough memory on the card.
            DeviceError: No way works; the detail says what TensorRT said to each.
        """
        roomy = psutil.virtual_memory().available > ROOMY + sum(self.manifest.parts[each].size for each in names)
        engines: list[TensorRtEngine] = []
        try:
            for number, name in enumerate(names):
                engine = self._beside(name, engines) if engines else self._first(name, bool(streamed))
                engines.append(engine)
                engine.keep_ready(roomy or number in streamed)  # else its plan is read again when it is loaded
                opened(len(engines))
        except EngineError:
            for engine in engines:
                engine.close()
            raise
        return engines

    def _first(self, name: str, streaming: bool) -> TensorRtEngine:
        """The first segment, in the first way that works; what was found for this TensorRT is tried first."""
        remembered, refusals, lacking = self._remembered(), [], None
        ways: list[WayName] = sorted(WAYS, key=lambda way: way != remembered)
        for way in (*ways, *(() if streaming else ("plain",))):
            opening = dataclasses.replace(self._opening, way=cast(WayName, way))
            try:
                engine = self._opened(name, opening)
                if way != "plain":
                    leave_and_return(engine, opening.device)
            except DeviceMemoryError as exc:  # another way may need less; a new error keeps no engine alive
                lacking = DeviceMemoryError(exc.user_text, exc.hint, exc.detail)
                continue
            except DeviceError as exc:
                refusals.append(f"{way}: {exc.user_text} {exc.detail}".strip())
                _LOG.info("weights cannot be streamed by the way %s: %s %s", way, exc.user_text, exc.detail)
                continue
            self._opening = opening
            self._remember(opening.way)
            return engine
        if lacking is not None:
            raise lacking
        flavour = self._opening.flavour
        raise DeviceError(
            f"{flavour.name} {flavour.version} cannot stream weights on this card: none of the ways works.",
            "Choose a precision that fits on the card; the command gpu trial says more.",
            "\n".join(refusals),
        )

    def _beside(self, name: str, others: Sequence[TensorRtEngine]) -> TensorRtEngine:
        """One more; where its weights come with it and find no room, those of others make room, the last first."""
        while True:
            try:
                return self._opened(name, self._opening)
            except DeviceMemoryError:
                loaded = next((each for each in reversed(others) if each.loaded and each.streamable), None)
                if loaded is None:
                    raise
                loaded.unload_weights(self._opening.device.new_stream())

    def _opened(self, name: str, opening: Opening) -> TensorRtEngine:
        part = self.manifest.parts[name]

        def read() -> mmap:
            return checked_plan(self.folder, part)

        return TensorRtEngine(opening, name, read, part.weight_bytes)

    def _remembered(self) -> str:
        """What worked for these engines, else what the trial of the card found."""
        for file in (self.folder / WAY, self.folder.parent / TRIAL):
            try:
                facts = read_json(file)
                if facts["version"] == self._opening.flavour.version:
                    return str(facts["way"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return ""

    def _remember(self, way: WayName) -> None:
        facts = {"way": way, "version": self._opening.flavour.version}
        with contextlib.suppress(OSError):
            write_whole(self.folder / WAY, json.dumps(facts) + "\n")


def leave_and_return(engine: TensorRtEngine, device: CudaDevice) -> None:
    """Take the weights out and bring them back once.

    Raises:
        DeviceError: One of both does not work, or the engine says otherwise than it should.
    """
    stream = device.new_stream()
    for moved in (engine.load_weights, engine.unload_weights, engine.load_weights, engine.unload_weights):
        try:
            moved(stream)
            device.synchronise(stream)
            if engine.loaded != (moved == engine.load_weights):
                raise DeviceError("The engine does not notice that its weights moved.")
        except EngineError:
            engine.close()
            raise
