"""The engines that a model needs on a card: which plan, under which identity, in which state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from inference.checkpoint.name import model_name
from inference.config import model_config_from_folder
from inference.engines.planning import DEFAULT_CONTEXT, for_engines, model_shape
from inference.engines.templates import templates_for
from inference.errors import ModelFolderError
from inference.graphs.manifest import known_errors
from inference.graphs.shipped import configuration_fingerprint
from inference.model_config import ModelConfig
from trt_engines.building.builder import BuildRequest
from trt_engines.building.identity import ENGINE_VERSION, Identity, this_system, weights_identity
from trt_engines.building.profiles import Limits
from trt_engines.errors import GPU_EXTRA
from trt_engines.planning.hardware import GIB
from trt_engines.planning.planner import Plan, Refusal, best_of, plans, prompt_chunk
from trt_engines.planning.probe import DetectedGpu
from trt_engines.weights.index import index_checkpoint

ROW_SLACK = 64  # rows: where a sliding layer's past starts is rounded down to an address that TensorRT takes


class KnownFlavour(Protocol):
    """What decides of an installed TensorRT (`trt_engines.tensorrt.flavour`)."""

    @property
    def name(self) -> str:
        """Of its package: "tensorrt_rtx" or "tensorrt"."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def streams_weights(self) -> bool:
        """Whether it can take weights out of the card and put them back."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What runs a model on a card.

    Attributes:
        plan: How its weights lie there; its `context` is what the KV cache has room for.
        request: What has to be built for it.
    """

    plan: Plan
    request: BuildRequest

    @property
    def identity(self) -> Identity:
        """Of the engine set."""
        return self.request.identity


def engine_choices(
    folder: Path,
    card: DetectedGpu,
    disk: int,
    flavour: KnownFlavour,
    cache: Path,
    context: int = DEFAULT_CONTEXT,
    config: ModelConfig | None = None,
) -> tuple[EngineChoice | Refusal, ...]:
    """One choice or refusal for each precision that the card can compute with, the most exact first.

    They depend on what card and machine have, not on what is free at the moment, so that the same engines are meant
    tomorrow; how many segments stay on the card is decided anew whenever a model is opened.

    Args:
        folder: The checkpoint.
        card: The card.
        disk: Free bytes where engines are kept.
        flavour: The installed TensorRT.
        cache: Where graph templates are kept that are not shipped.
        context: Known tokens to have room for; no more than the model was trained for.
        config: Its configuration, where it was read already.

    Raises:
        ModelFolderError: The checkpoint is missing or damaged.
        GraphError: Its graphs cannot be made.
    """
    config = config or model_config_from_folder(folder)
    gpu, machine = for_engines(card, psutil.virtual_memory().total, disk)
    shape = model_shape(config)
    templates = templates_for(config, cache)
    with known_errors(ModelFolderError):
        weights = weights_identity(index_checkpoint(folder))
    found: list[EngineChoice | Refusal] = []
    for plan in plans(shape, gpu, machine, min(context, config.max_context)):
        if isinstance(plan, Refusal):
            found.append(plan)
            continue
        if plan.streamed and not flavour.streams_weights:
            found.append(_no_streaming(plan, flavour))
            continue
        identity = Identity(
            ENGINE_VERSION, weights, templates.digest, plan.precision.name,
            cuts(len(config.layers), plan.segment_length),
            engine_limits(config, plan.context), flavour.name, flavour.version, gpu.name, gpu.sm,
            round(card.gpu.memory / GIB),
            this_system(), plan.streamed,
        )  # fmt: skip
        request = BuildRequest(
            identity, model_name(folder), folder.resolve(), templates.folder, configuration_fingerprint(config),
            plan.precision.compute, plan.precision.form, shape,
        )  # fmt: skip
        found.append(EngineChoice(plan, request))
    return tuple(found)


def engine_limits(config: ModelConfig, context: int) -> Limits:
    """The shapes that engines for `context` known tokens must take."""
    fair = int(1.25 * config.canvas_length * config.top_k / config.experts) + 1
    chunk = prompt_chunk(config.canvas_length, config.sliding_window, context)
    window = config.sliding_window - 1 + ROW_SLACK
    return Limits(config.canvas_length, chunk, context, min(window, context), -(-fair // 8) * 8)


def cuts(layers: int, length: int) -> tuple[tuple[int, int], ...]:
    """First and last + 1 layer of each segment."""
    return tuple((first, min(first + length, layers)) for first in range(0, layers, length))


def _no_streaming(plan: Plan, flavour: KnownFlavour) -> Refusal:
    return Refusal(
        f"In {plan.precision.name} the model does not fit on the card, and {flavour.name} {flavour.version} cannot "
        "stream weights.",
        GPU_EXTRA,
    )


def best_choice(choices: Sequence[EngineChoice | Refusal]) -> EngineChoice | Refusal:
    """The one to build: without streaming if there is any, and of the fast enough ones the most exact.

    Returns:
        A choice, or the refusal of the smallest precision.
    """
    possible = [choice for choice in choices if isinstance(choice, EngineChoice)]
    if not possible:
        refusals = [choice for choice in choices if isinstance(choice, Refusal)]
        return (
            refusals[-1] if refusals else Refusal("This card is too old for engines.", "Models run on the processor.")
        )
    best = best_of([choice.plan for choice in possible])
    return next(choice for choice in possible if choice.plan is best)
