"""The shapes that engines are built for: optimisation profiles over N, P, S and C.

N tokens: a canvas (denoising and commit), or a longer chunk of a prompt. P cached positions of full layers, S of
sliding layers, C slots an expert. L tokens and M places that are asked about. A shorter canvas needs no profile of its
own (docs/engines.md has what more of them cost).
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import ModelProto

Shape = tuple[int, ...]
MOST_LISTED = 4096  # tokens that an engine is asked about at a time


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine set can take.

    Attributes:
        canvas: Positions of the canvas.
        chunk: Longest chunk of a prompt.
        context: Most cached positions of a full layer.
        window: Most cached positions that a sliding layer is shown.
        fair_slots: Slots an expert for an even spread of a canvas.
        slots: Most slots an expert: all tokens of a chunk choose it.
    """

    canvas: int
    chunk: int
    context: int
    window: int
    fair_slots: int

    @property
    def positions(self) -> int:
        """Positions that may come: those of a full cache, and of a pass behind it."""
        return self.context + self.slots

    @property
    def slots(self) -> int:
        """Most slots an expert: every token of a chunk chooses it."""
        return max(self.canvas, self.chunk)


@dataclass(frozen=True, slots=True)
class Profile:
    """Least, usual and largest value of each dynamic dimension."""

    name: str
    ranges: dict[str, tuple[int, int, int]]

    def shapes(self, graph: ModelProto, tensor: str) -> tuple[Shape, Shape, Shape]:
        """Least, usual and largest shape of an input of `graph`."""
        item = next(item for item in graph.graph.input if item.name == tensor)
        dims = [dim.dim_param or dim.dim_value for dim in item.type.tensor_type.shape.dim]
        bounds = [self.ranges[dim] if isinstance(dim, str) else (dim, dim, dim) for dim in dims]
        least, usual, largest = (tuple(bound[place] for bound in bounds) for place in range(3))
        return least, usual, largest


def profiles(limits: Limits) -> tuple[Profile, ...]:
    """One profile for a canvas, and one for longer chunks of a prompt where they are longer."""
    past = (0, min(2048, limits.context), limits.context)
    window = (0, limits.window, limits.window)
    fair = min(limits.fair_slots, limits.canvas)
    canvas = {"N": (1, limits.canvas, limits.canvas), "P": past, "S": window, "C": (1, fair, limits.canvas)}
    made = [Profile("canvas", canvas)]
    if limits.chunk > limits.canvas:
        longer = min(limits.chunk, max(1, fair * limits.chunk // limits.canvas))
        prompt = {**canvas, "N": (1, limits.chunk, limits.chunk), "C": (1, longer, limits.chunk)}
        made.append(Profile("prompt", prompt))
    return tuple(made)


def asked_profile(limits: Limits) -> Profile:
    """The one profile of the parts that are asked."""
    places = (1, limits.canvas, limits.canvas)
    return Profile("asked", {"N": places, "M": places, "L": (1, MOST_LISTED // 8, MOST_LISTED)})
