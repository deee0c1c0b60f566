"""The engines of a model and what they were built for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from numpy.typing import DTypeLike

from trt_engines.building.profiles import Limits
from trt_engines.planning.shape import ModelShape
from trt_engines.runtime.device import Engine


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The engines of a model and what they were built for.

    Attributes:
        shape: The model's numbers.
        limits: Shapes that the engines take.
        kept: Candidates that the head keeps a position.
        dtype: Type of keys, values and the embedding table.
        cuts: First and last + 1 layer of each segment.
        embed: Engine of the embedding.
        head: Engine of the head.
        stacks: Engines of the segments.
        asked: Opens one of the parts that a plain step does without (`trt_engines.graphs.names.ASKED`).
    """

    shape: ModelShape
    limits: Limits
    kept: int
    dtype: DTypeLike
    cuts: tuple[tuple[int, int], ...]
    embed: Engine
    head: Engine
    stacks: Sequence[Engine]
    asked: Callable[[str], Engine]
