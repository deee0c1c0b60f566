"""Everything that window and command line do with engines, so that both do and say the same.

For a model folder and a card there is a *status*: one *offer* for each precision that would run, with the state of its
engines, and why the other precisions do not run. TensorRT and ONNX are imported when they are needed first: a window
that takes input needs neither.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from app.base.errors import ErrorReport, KnownAppError, report_from_exception
from app.base.files import free_bytes
from app.base.paths import AppPaths
from app.engines import texts
from app.engines.sets import Here, ListedSet, bytes_of, listed_sets, remove_set
from app.engines.tools import EngineTools
from app.engines.values import EngineOffer, EngineStatus, Refused
from inference.errors import InferenceError
from inference.look.client import Looks
from trt_engines.errors import EngineError
from trt_engines.planning.probe import NO_CARD, DetectedGpu, NoGpuError, check_driver, is_meant
from trt_engines.tensorrt.flavour import Flavour

if TYPE_CHECKING:
    from inference.engines.choice import EngineChoice
    from trt_engines.building.builder import BuildProgress, BuildRequest
    from trt_engines.building.state import Check
    from trt_engines.building.store import EngineStore
    from trt_engines.planning.planner import Refusal

LOG_BYTES = 400_000  # of the end of a log that are shown

EngineEvent: TypeAlias = "BuildProgress | Check | None"


class EngineService:
    """Looks at, builds, tests and removes engines; holds nothing between two calls, so any thread may call it."""

    def __init__(
        self,
        paths: AppPaths,
        tools: EngineTools | None = None,
        looks: Looks | None = None,
        published: Callable[[Path], bool] = lambda folder: False,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            paths: The data folder.
            tools: Stand-ins for tests.
            looks: Reads what models hold.
            published: Whether a folder holds a checkpoint as its publisher offers it.
        """
        self._paths, self._published = paths, published
        self._looks = looks or Looks()
        self._tools = tools or EngineTools()

    @property
    def store(self) -> EngineStore:
        """Where engines lie."""
        from trt_engines.building.store import EngineStore

        return EngineStore(self._paths.engines)

    # -- looking ----------------------------------------------------------------------------------------------------

    def card(self, name: str | None = None) -> tuple[DetectedGpu, bool]:
        """The first card of this computer, or the one that `name` means; and whether it is in this computer.

        Raises:
            NoGpuError: No name was given, and there is no card.
            KnownAppError: There is no card of that name.
        """
        if name is None:
            return self._tools.detect()[0], True
        from trt_engines.planning.hardware import CARDS, find_card

        known = find_card(name)
        try:
            cards = self._tools.detect()
        except NoGpuError:
            cards = ()
        for number, card in enumerate(cards):
            if is_meant(name, number, card):
                return card, True
        if known is None:
            raise KnownAppError(*texts.unknown_card(name, [card.name for card in CARDS]))
        return DetectedGpu(known, known.memory, ""), False

    def status(
        self, folder: Path | None, name: str = "", gpu: str | None = None, context: int | None = None
    ) -> EngineStatus:
        """What there is to say of the model in `folder`; what is in the way stands in `problem`."""
        status = EngineStatus(name or (Path(os.path.abspath(folder)).name if folder else ""), folder)
        if folder is None:
            problem = ErrorReport("known", texts.NO_MODEL_FILES, texts.NO_MODEL_FILES_HINT)
            return dataclasses.replace(status, problem=problem)
        try:
            status = dataclasses.replace(status, free_disk=free_bytes(self._paths.engines))
            card, here = self.card(gpu)
            status = dataclasses.replace(status, card=card, here=here)
            flavour = self._tools.flavour()
            status = dataclasses.replace(status, flavour=texts.flavour_name(flavour.name, flavour.version))
            if not flavour.supports(card.gpu.sm):
                text = texts.cannot_build(status.flavour, card.gpu.name, card.gpu.sm)
                raise KnownAppError(text, texts.CANNOT_BUILD_HINT)
            if here:
                check_driver(card, flavour.least_cuda, status.flavour)
            return self._with_choices(status, folder, card, flavour, context)
        except (EngineError, InferenceError, KnownAppError, OSError) as exc:
            return dataclasses.replace(status, problem=_known(exc))

    def sets(self) -> tuple[ListedSet, ...]:
        """Every engine set on this disk, whatever it was built for."""
        if not any(self._paths.engines.glob("*/engines.json")):
            return ()  # before TensorRT is loaded to compare versions with
        return listed_sets(self.store, self._here(), self._looks)

    def log(self, request: BuildRequest) -> tuple[str, str]:
        """Name of the part that was worked on last, and the end of its log."""
        try:
            logs = sorted(self.store.folder(request.identity).glob("*.log"), key=lambda file: file.stat().st_mtime)
            text = logs[-1].read_bytes()[-LOG_BYTES:].decode("utf-8", "replace") if logs else ""
        except OSError as exc:
            return "", texts.set_not_readable(exc.strerror or type(exc).__name__)
        return (logs[-1].stem, text) if logs else ("", texts.NO_LOG)

    def finished_parts(self, request: BuildRequest) -> tuple[int, int]:
        """How many parts of a set are finished, and how many it has."""
        manifest = self.store.find(request.identity).manifest
        return (len(manifest.parts), len(manifest.names)) if manifest is not None else (0, 0)

    # -- doing ------------------------------------------------------------------------------------------------------

    def build(self, status: EngineStatus, offer: EngineOffer, anew: bool = False) -> Generator[EngineEvent, None, None]:
        """Build what is missing, then test it if the card is here; close the generator to stop.

        Args:
            status: What the offer is of.
            offer: What to build.
            anew: Whether whole parts that are there are built again, too.

        Raises:
            EngineError: It cannot be built or tested; what is finished is kept.
        """
        self._paths.ensure()
        if anew and offer.folder is not None:
            self.delete(offer.folder)
        yield from self._tools.build(self.store, offer.request)
        if status.here:
            yield from self.verify(status, offer)

    def verify(self, status: EngineStatus, offer: EngineOffer) -> Generator[Check | None, None, None]:
        """Test finished engines on the card; the certificate is written at the end.

        Raises:
            EngineError: They cannot be tested.
        """
        if status.card is None:
            raise NoGpuError(NO_CARD)
        published = status.folder is not None and self._published(status.folder)
        yield from self._tools.self_test(self.store, offer.request, status.card, published)

    def delete(self, folder: Path) -> int:
        """Remove an engine set; returns the bytes that came free.

        Raises:
            EngineError: It is being built, or a file cannot be deleted.
        """
        return remove_set(self.store, folder)

    def prune(self, sets: Sequence[ListedSet]) -> int:
        """Remove those that can never be used here; returns the bytes that came free.

        Raises:
            EngineError: A file cannot be deleted; what was removed before stays removed.
        """
        return sum(self.delete(each.folder) for each in sets if each.useless)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _here(self) -> Here:
        try:
            cards: tuple[DetectedGpu, ...] | None = self._tools.detect()
        except EngineError:
            cards = None
        try:
            flavour: Flavour | None = self._tools.flavour()
        except EngineError:
            flavour = None
        return Here(cards, flavour.name if flavour else None, flavour.version if flavour else None)

    def _with_choices(
        self, status: EngineStatus, folder: Path, card: DetectedGpu, flavour: Flavour, context: int | None
    ) -> EngineStatus:
        from inference.engines.choice import EngineChoice, best_choice
        from trt_engines.planning.precision import PRECISIONS

        # What the model's own engines take already is no reason against them.
        own = self._bytes_of_model(folder)
        choices = self._tools.choices or self._choices
        found = choices(folder, card, status.free_disk + own, flavour, self._paths.graphs, context)
        best = best_choice(found)
        offers: list[EngineOffer] = []
        refused = [
            Refused(each.name, texts.cannot_compute(card.gpu.name, each.name))
            for each in PRECISIONS
            if each.least_sm > card.gpu.sm
        ]
        names = [each.name for each in PRECISIONS if each.runs_on(card.gpu.sm)]
        for name, choice in zip(names, found, strict=False):
            if isinstance(choice, EngineChoice):
                offers.append(self._offer(choice, card.driver, choice is best))
            else:
                refused.append(Refused(name, choice.reason, choice.hint))
        refused.sort(key=lambda each: [precision.name for precision in PRECISIONS].index(each.precision))
        problem = None if isinstance(best, EngineChoice) else ErrorReport("known", best.reason, best.hint)
        return dataclasses.replace(status, offers=tuple(offers), refused=tuple(refused), problem=problem)

    def _choices(
        self, folder: Path, card: DetectedGpu, disk: int, flavour: Flavour, cache: Path, context: int | None
    ) -> Sequence[EngineChoice | Refusal]:
        """`inference.engines.choice.engine_choices`, where the model's folder is read in a look process."""
        from inference.engines.planning import DEFAULT_CONTEXT
        from inference.look.questions import ChooseEngines, FlavourFacts

        facts = FlavourFacts(flavour.name, flavour.version, flavour.streams_weights)
        known = DEFAULT_CONTEXT if context is None else context
        return self._looks.ask(ChooseEngines(folder, card, disk, facts, cache, known)).found

    def _offer(self, choice: EngineChoice, driver: str, recommended: bool) -> EngineOffer:
        from trt_engines.building.state import state_of

        store = self.store
        state = state_of(store, choice.identity, driver)
        if state.manifest is not None and state.manifest.identity.precision != choice.identity.precision:
            state = dataclasses.replace(state, name="absent", reasons=(), manifest=None)
        folder = store.folder(state.manifest.identity) if state.manifest is not None else None
        size = bytes_of(folder) if folder is not None else 0
        return EngineOffer(choice.plan.precision.name, choice.plan, choice.request, state, recommended, folder, size)

    def _bytes_of_model(self, folder: Path) -> int:
        mine = os.path.realpath(folder)
        sets = [each for each in self.store.sets() if each.manifest is not None]
        return sum(bytes_of(each.folder) for each in sets if each.manifest and each.manifest.model_folder == mine)


def _known(exc: Exception) -> ErrorReport:
    """Any error of the layers below as a sentence; those that are raised on purpose have theirs."""
    if isinstance(exc, OSError):
        text = texts.set_not_readable(exc.strerror or type(exc).__name__)
        return ErrorReport("known", text, texts.SET_NOT_READABLE_HINT)
    return report_from_exception(exc)
