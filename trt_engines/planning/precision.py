"""Forms in which weights lie in an engine, and which cards compute with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trt_engines.graphs.precision import Compute, WeightFormat

# Layer norms and biases are no more than a thousandth of a layer; engines add a little of their own.
ENGINE_OVERHEAD = 1.01


@dataclass(frozen=True, slots=True)
class Precision:
    """One form.

    Attributes:
        name: "fp16", "bf16", "fp8", "int4" or "nvfp4".
        expert_bits: Bits of an expert's weight, its share of the block scales included.
        dense_bits: Bits of a weight of attention and dense MLP. Embedding and router always have 16.
        least_sm: Oldest compute capability that can do it.
        only_sm: If not empty, the only ones.
        compute: Type of activations, keys and values.
        form: Form of the weights that it shrinks.
        expert_speed: Speed of the experts' products, compared with FP16.
    """

    name: str
    expert_bits: float
    dense_bits: float
    least_sm: int
    compute: Compute = "bf16"
    form: WeightFormat = "plain"
    only_sm: tuple[int, ...] = ()
    expert_speed: float = 1.0

    def runs_on(self, sm: int) -> bool:
        """Whether a card of this compute capability can compute with it."""
        return sm >= self.least_sm and (not self.only_sm or sm in self.only_sm)


# The most exact first. INT4 and NVFP4 have blocks of 32 and 16 weights with scales of 16 and 8 bits.
PRECISIONS: tuple[Precision, ...] = (
    Precision("bf16", 16, 16, 80),
    Precision("fp16", 16, 16, 75, compute="fp16", only_sm=(75,)),
    Precision("fp8", 8, 8, 89, form="fp8"),
    Precision("nvfp4", 4.5, 16, 120, form="nvfp4", only_sm=(120, 121), expert_speed=8.0),
    Precision("int4", 4.5, 16, 80, form="int4"),
)
