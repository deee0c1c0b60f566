"""What more profiles would cost: parts of the published shape, for canvases of several lengths.

    python benchmarks/engine_profiles.py                   a full layer in INT4, the head and what it gives on request
    python benchmarks/engine_profiles.py --sm 120 --parts head logits

An engine takes every canvas up to the longest as it is: its one profile for canvases begins at one position. Profiles
of their own for 128 and 64 positions would let TensorRT choose for them; this measures what they would cost. No GPU and
no download are needed; weights are zeros, which a build does not look at.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from engine_build import CONTEXT, FIRST, WINDOW, published_templates  # noqa: E402

from trt_engines.building.child import PartJob, part_graph, part_profiles  # noqa: E402
from trt_engines.building.compile import compile_plan  # noqa: E402
from trt_engines.building.profiles import Limits, Profile  # noqa: E402
from trt_engines.graphs.bind import placeholders  # noqa: E402
from trt_engines.graphs.names import ASKED  # noqa: E402
from trt_engines.graphs.precision import NUMPY_TYPES  # noqa: E402
from trt_engines.planning.precision import PRECISIONS  # noqa: E402
from trt_engines.tensorrt.flavour import installed_flavour  # noqa: E402

CANVASES = (256, 128, 64)
LIMITS = Limits(CANVASES[0], 512, CONTEXT, WINDOW + 63, 24)
FULL = FIRST + 1


def shorter(profile: Profile, canvas: int) -> Profile:
    """The same for canvases of up to so many positions."""
    ranges = dict(profile.ranges)
    for name in ("N", "M"):
        if name in ranges:
            ranges[name] = (1, canvas, canvas)
    if "C" in ranges:
        ranges["C"] = (1, min(LIMITS.fair_slots, canvas), canvas)
    return Profile(f"canvas {canvas}", ranges)


def zeros(graph: ModelProto) -> Mapping[str, np.ndarray]:
    """An array for each weight; two numbers of 4 bits are a byte."""
    found = {}
    for item in placeholders(graph):
        packed = item.data_type in (TensorProto.INT4, TensorProto.FLOAT4E2M1)
        dims = (*item.dims[:-1], item.dims[-1] // 2) if packed else tuple(item.dims)
        found[item.name] = np.zeros(dims, np.uint8 if packed else NUMPY_TYPES[item.data_type])
    return found


def measured(job: PartJob, profiles: tuple[Profile, ...]) -> dict[str, Any]:
    """One build: seconds (of the clock and of the processor), and what TensorRT says of the plan."""
    graph, size = part_graph(job), 0

    def count(piece: bytes) -> None:
        nonlocal size
        size += len(piece)

    clock, processor = time.monotonic(), time.process_time()
    made = compile_plan(
        installed_flavour(), graph, zeros(graph), profiles, job.sm, lambda phase, done: True, lambda line: None, count
    )
    return {
        "part": job.name, "profiles": len(profiles), "seconds": round(time.monotonic() - clock, 1),
        "processor_seconds": round(time.process_time() - processor, 1), "plan_bytes": size,
        "weight_bytes": made.weight_bytes, "scratch_bytes": made.scratch_bytes, "context_bytes": made.context_bytes,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Build each part with the profiles that it has, and with one more for each shorter canvas."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", default="int4", choices=[each.name for each in PRECISIONS])
    parser.add_argument("--sm", type=int, default=86, help="compute capability times ten (default %(default)s)")
    parser.add_argument("--parts", nargs="+", default=["stack", "head", *ASKED])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    precision = next(each for each in PRECISIONS if each.name == options.precision)
    templates, configuration = published_templates()
    found = []
    for name in options.parts:
        job = PartJob(
            name, (FULL, FULL + 1) if name == "stack" else None, Path(), templates, configuration, precision.compute,
            precision.form, LIMITS, options.sm, Path(),
        )  # fmt: skip
        usual = part_profiles(job)
        more = [shorter(usual[0], canvas) for canvas in CANVASES[1:]]
        for count in range(len(more) + 1):
            found.append(measured(job, (*usual, *more[:count])))
            line = found[-1]
            sys.stdout.write(
                f"{name:8} {line['profiles']} profiles: built in {line['processor_seconds']:.1f} s of the processor "
                f"({line['seconds']:.1f} by the clock), plan {line['plan_bytes'] / 1e6:.1f} MB, of it weights "
                f"{line['weight_bytes'] / 1e6:.1f} MB, scratch {line['scratch_bytes'] / 1e6:.0f} MB, kept by contexts "
                f"{line['context_bytes']} bytes\n"
            )
            sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
