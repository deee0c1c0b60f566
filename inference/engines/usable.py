"""Which engines can run a model on this machine now; imported only where there may be a card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.config import model_config_from_folder
from inference.engines import ENGINES_VARIABLE
from inference.engines.choice import EngineChoice, engine_choices
from inference.engines.planning import DEFAULT_CONTEXT
from inference.errors import KnownError, NoWayOnCardError
from inference.model_config import ModelConfig
from trt_engines.building.state import state_of
from trt_engines.building.store import EngineStore
from trt_engines.errors import EngineError
from trt_engines.files import free_bytes
from trt_engines.planning.planner import Refusal
from trt_engines.planning.probe import DetectedGpu, check_driver, detected_gpus
from trt_engines.tensorrt.flavour import Flavour, installed_flavour

Detect = Callable[[], tuple[DetectedGpu, ...]]


@dataclass(frozen=True, slots=True)
class UsableEngines:
    """Engines that are built, tested and right for this machine."""

    choice: EngineChoice
    card: DetectedGpu
    store: EngineStore
    flavour: Flavour


def usable_engines(
    folder: Path,
    engines: Path | None,
    detect: Detect = detected_gpus,
    flavour: Callable[[], Flavour] = installed_flavour,
    config: ModelConfig | None = None,
) -> UsableEngines:
    """The engines that run this model here, the best of those that are ready.

    Args:
        folder: The checkpoint.
        engines: Folder of all engine sets, None if none was named.
        detect: Finds the cards.
        flavour: Finds TensorRT.
        config: The checkpoint's configuration, where it was read already.

    Raises:
        NoWayOnCardError: There is no card, or the model does not run on it.
        KnownError: There are none; the sentence says why and what to do.
    """
    try:
        card = _card(detect)
        if engines is None:
            raise EngineError("No folder of engines is named.", f"Set {ENGINES_VARIABLE} to it.")
        store, installed = EngineStore(engines), flavour()
        check_driver(card, installed.least_cuda, installed.name)
        disk = free_bytes(store.root)
        # Engines that are built need no room any more.
        built = sum(each.manifest.size for each in store.sets() if each.manifest is not None)
        contexts = {DEFAULT_CONTEXT, *(each.manifest.identity.limits.context for each in store.sets() if each.manifest)}
        read, cache = config or model_config_from_folder(folder), store.root.parent / "graphs"
        choices = [
            choice
            for context in sorted(contexts, reverse=True)
            for choice in engine_choices(folder, card, disk + built, installed, cache, context, read)
        ]
        return UsableEngines(_ready(choices, store, card), card, store, installed)
    except EngineError as exc:
        raise KnownError(exc.user_text, exc.hint) from exc


def _card(detect: Detect) -> DetectedGpu:
    try:
        return detect()[0]
    except EngineError as exc:
        raise NoWayOnCardError(exc.user_text, exc.hint) from exc


def _ready(choices: Sequence[EngineChoice | Refusal], store: EngineStore, card: DetectedGpu) -> EngineChoice:
    """The choice whose engines are ready: with the longest context, of those the fastest."""
    possible = [choice for choice in choices if isinstance(choice, EngineChoice)]
    if not possible:
        reason = next((choice for choice in reversed(choices) if isinstance(choice, Refusal)), None)
        text = reason.reason if reason else f"{card.gpu.name} is too old for engines."
        raise NoWayOnCardError(text, reason.hint if reason else "")
    states = [(choice, state_of(store, choice.identity, card.driver)) for choice in possible]
    ready = [choice for choice, state in states if state.name == "ready"]
    if ready:
        return max(ready, key=lambda choice: (choice.plan.context, choice.plan.tokens_per_second))
    built = [state for _, state in states if state.name not in ("absent", "stale")] or [state for _, state in states]
    why = "; ".join(built[0].reasons)
    remedy = "Verify" if built[0].name == "untested" else "Build"
    raise EngineError(f"The engines for {card.gpu.name} are not ready: {why}.", f"{remedy} them in Model > Engines.")
