"""What is known of a GPU and of the machine around it, and a table of the cards that people have.

Table: memory bandwidth and shader speed from NVIDIA's specifications of each card. GeForce tensor cores do twice the
shader's FP32 rate in FP16 with FP32 accumulation (GA10x, AD10x and GB20x white papers; TU10x the same), FP8 doubles
that, FP4 doubles FP8 twice. PCIe: what pinned copies reach, about 80 % of the link.
"""

from __future__ import annotations

from dataclasses import dataclass

GB = 10**9
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Gpu:
    """One graphics card.

    Attributes:
        name: As the driver tells it, without "NVIDIA GeForce".
        sm: Compute capability times ten: 86, 89, 120, ...
        memory: Bytes on the card.
        bandwidth: Bytes a second between its memory and its cores.
        tflops: Dense FP16 tensor operations with FP32 accumulation, in 10^12 a second.
        pcie: Bytes a second from pinned memory of the machine.
        unified: True if card and machine share one memory (DGX Spark).
        rtx: True if TensorRT for RTX supports it; data-center cards need the classic TensorRT.
    """

    name: str
    sm: int
    memory: int
    bandwidth: float
    tflops: float
    pcie: float
    unified: bool = False
    rtx: bool = True


@dataclass(frozen=True, slots=True)
class Machine:
    """What is around the card.

    Attributes:
        ram: Bytes of memory that programs may still take.
        disk: Free bytes where engines are kept.
        windows: Whether it runs Windows, which lets less of its memory be page-locked.
    """

    ram: int
    disk: int
    windows: bool = False


_GEN3, _GEN4_X8, _GEN4, _GEN5_X8, _GEN5 = 12.5 * GB, 12.5 * GB, 25.0 * GB, 25.0 * GB, 50.0 * GB

# Name, SM, memory in GiB, bandwidth in GB/s, FP32 shader TFLOPS, PCIe.
_CARDS: tuple[tuple[str, int, int, float, float, float], ...] = (
    ("RTX 2060", 75, 6, 336, 6.5, _GEN3),
    ("RTX 2070 SUPER", 75, 8, 448, 9.1, _GEN3),
    ("RTX 2080 Ti", 75, 11, 616, 13.4, _GEN3),
    ("RTX 3050", 86, 8, 224, 9.1, _GEN4_X8),
    ("RTX 3060", 86, 12, 360, 12.7, _GEN4),
    ("RTX 3060 Ti", 86, 8, 448, 16.2, _GEN4),
    ("RTX 3070", 86, 8, 448, 20.3, _GEN4),
    ("RTX 3080", 86, 10, 760, 29.8, _GEN4),
    ("RTX 3080 Ti", 86, 12, 912, 34.1, _GEN4),
    ("RTX 3090", 86, 24, 936, 35.6, _GEN4),
    ("RTX 3090 Ti", 86, 24, 1008, 40.0, _GEN4),
    ("RTX 4060", 89, 8, 272, 15.1, _GEN4_X8),
    ("RTX 4060 Ti", 89, 16, 288, 22.1, _GEN4_X8),
    ("RTX 4070", 89, 12, 504, 29.1, _GEN4),
    ("RTX 4070 SUPER", 89, 12, 504, 35.5, _GEN4),
    ("RTX 4070 Ti", 89, 12, 504, 40.1, _GEN4),
    ("RTX 4070 Ti SUPER", 89, 16, 672, 44.1, _GEN4),
    ("RTX 4080", 89, 16, 717, 48.7, _GEN4),
    ("RTX 4080 SUPER", 89, 16, 736, 52.2, _GEN4),
    ("RTX 4090", 89, 24, 1008, 82.6, _GEN4),
    ("RTX 6000 Ada Generation", 89, 48, 960, 91.1, _GEN4),
    ("RTX 5060", 120, 8, 448, 19.2, _GEN5_X8),
    ("RTX 5060 Ti", 120, 16, 448, 23.7, _GEN5_X8),
    ("RTX 5070", 120, 12, 672, 30.9, _GEN5),
    ("RTX 5070 Ti", 120, 16, 896, 43.9, _GEN5),
    ("RTX 5080", 120, 16, 960, 56.3, _GEN5),
    ("RTX 5090", 120, 32, 1792, 104.8, _GEN5),
    ("RTX PRO 6000 Blackwell", 120, 96, 1792, 125.0, _GEN5),
)

CARDS: tuple[Gpu, ...] = (
    *(
        Gpu(name, sm, memory * GIB, bandwidth * GB, 2 * shader, pcie)
        for name, sm, memory, bandwidth, shader, pcie in _CARDS
    ),
    Gpu("GB10", 121, 128 * GIB, 273.0 * GB, 62.0, 273.0 * GB, unified=True),
    Gpu("H100 80GB HBM3", 90, 80 * GIB, 3350.0 * GB, 989.0, _GEN5, rtx=False),
)


def find_card(name: str) -> Gpu | None:
    """The card of the table that `name` means, in any letter case and with or without the maker's words."""
    wanted = _plain(name)
    return next((card for card in CARDS if _plain(card.name) == wanted), None)


def _plain(name: str) -> str:
    words = name.lower().replace("nvidia", " ").replace("geforce", " ").split()
    return "".join(word for word in words if word not in ("laptop", "gpu"))
