"""What an adapter makes of one tensor, computed in float32 some rows at a time and rounded to the tensor's own type.

All forms that PEFT knows come down to one: stacks of products `b @ a`, one for each expert; a matrix is a stack of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from trt_engines.errors import WeightsError
from trt_engines.weights.blocks import FLOATS, PIECE

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Change:
    """How one tensor changes: W' = W + scale * b @ a; with a magnitude, its rows then get that length (DoRA).

    Attributes:
        a: float32 [E, r, K]; None if the tensor is only replaced.
        b: float32 [E, N, r].
        scale: Factor of the product.
        magnitude: float32 [N], of DoRA.
        replaced: The whole new W, any shape, in a floating-point type; trained without low ranks (`modules_to_save`).
    """

    a: Floats | None = None
    b: Floats | None = None
    scale: float = 1.0
    magnitude: Floats | None = None
    replaced: NDArray[Any] | None = None

    @property
    def idle(self) -> bool:
        """True if it changes nothing: `b` is zero, as training begins."""
        return self.replaced is None and self.magnitude is None and self.b is not None and not self.b.any()

    def same(self, other: Change) -> bool:
        """True if both change a tensor in the same way, number by number."""
        pairs = [(getattr(self, n), getattr(other, n)) for n in ("a", "b", "magnitude", "replaced")]
        equal = all((x is None) == (y is None) and (x is None or np.array_equal(x, y)) for x, y in pairs)
        return equal and self.scale == other.scale

    def shape_for(self, axes: int) -> tuple[int, ...] | None:
        """Shape of the tensors that it fits; None if only `replaced` says."""
        if self.a is None or self.b is None:
            return None if self.replaced is None else self.replaced.shape
        stack = (self.b.shape[0], self.b.shape[1], self.a.shape[2])
        return stack[1:] if axes == 2 and stack[0] == 1 else stack


def check_change(change: Change, shape: tuple[int, ...], name: str) -> None:
    """Shapes and numbers.

    Raises:
        WeightsError: It does not fit a tensor of `shape`, or holds NaN or infinite numbers.
    """
    fits = change.shape_for(len(shape))
    replaced = change.replaced
    if fits != shape or (replaced is not None and replaced.shape != shape):
        found = fits if fits != shape or replaced is None else replaced.shape
        text = f"The adapter changes {name} as if it had the shape {found}, but it has {shape} in this model."
        raise WeightsError(text, "The adapter was made for another model, or for one of another size.")
    if change.magnitude is not None and change.magnitude.shape != shape[:1]:
        text = f"The adapter's magnitudes of {name} have the shape {change.magnitude.shape}, not {shape[:1]}."
        raise WeightsError(text, "The adapter is damaged: download it again.")
    for part in (change.a, change.b, change.magnitude):
        if part is not None and not np.isfinite(part).all():
            raise _not_finite(name)


def _not_finite(name: str) -> WeightsError:
    text = f"The adapter holds values for {name} that are NaN or infinite, or too large for the tensor's type."
    return WeightsError(text, "The adapter is damaged: download it again, or choose another one.")


def merged_pieces(stored: NDArray[Any], change: Change, name: str) -> Iterator[NDArray[Any]]:
    """The changed tensor in order, some rows at a time, in the type of `stored`.

    Args:
        stored: The base's tensor, BF16, F16 or F32; may be mapped.
        change: Fits it, see `check_change`.
        name: For messages.

    Raises:
        WeightsError: A result is not finite.
    """
    start = stored if change.replaced is None else change.replaced
    if start.dtype not in FLOATS:
        raise WeightsError(f"The adapter's {name} is {start.dtype}, not BF16, F16 or F32.", "Choose another adapter.")
    stack = start.reshape(-1, *start.shape[-2:]) if start.ndim > 1 else start.reshape(1, 1, -1)
    step = max(1, PIECE // max(1, stack.shape[2]))
    largest = float(ml_dtypes.finfo(stored.dtype).max)  # type: ignore[no-untyped-call]
    for expert in range(stack.shape[0]):
        for first in range(0, stack.shape[1], step):
            rows = slice(first, first + step)
            piece = stack[expert, rows].astype(np.float32)
            _change_rows(piece, change, expert, rows)
            if not max(piece.max(), -piece.min()) <= largest:  # NaN is not, either
                raise _not_finite(name)
            yield piece.astype(stored.dtype)


def _change_rows(piece: Floats, change: Change, expert: int, rows: slice) -> None:
    """Change float32 [n, K], the `rows` of one expert, in place."""
    if change.a is None or change.b is None:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        delta = change.b[expert, rows] @ change.a[expert]
        delta *= np.float32(change.scale)
        piece += delta
        if change.magnitude is not None:
            lengths = np.sqrt(np.einsum("nk,nk->n", piece, piece))
            with np.errstate(divide="ignore"):
                piece *= (change.magnitude[rows] / lengths)[:, None]
