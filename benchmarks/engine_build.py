"""What building the real-size engines takes: layers of the published shape, random weights, the real builder.

    python benchmarks/engine_build.py                    two layers in INT4 for an RTX 30 card
    python benchmarks/engine_build.py --layers 3 --precision nvfp4 --sm 120
    python benchmarks/engine_build.py --layers 1 --first 5 --context 32768     what activations take of a full layer

No GPU and no download are needed: TensorRT for RTX builds without one, and weights are drawn at random. Time and memory
of one segment are measured; what 30 layers would take is scaled up and said so.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from trt_engines.building.child import PartJob, build_part, part_graph  # noqa: E402
from trt_engines.building.profiles import Limits  # noqa: E402
from trt_engines.building.store import Part  # noqa: E402
from trt_engines.graphs.bind import placeholders  # noqa: E402
from trt_engines.graphs.templates import MANIFEST  # noqa: E402
from trt_engines.planning.planner import BUILD_RAM_LIMIT, SEGMENT_LENGTHS, layer_workspace, prompt_chunk  # noqa: E402
from trt_engines.planning.precision import PRECISIONS  # noqa: E402
from trt_engines.planning.shape import PUBLISHED  # noqa: E402
from trt_engines.process import messages  # noqa: E402
from trt_engines.tensorrt.flavour import installed_flavour  # noqa: E402

LAYERS = 30
FIRST = 4  # a sliding layer, then a full one
CONTEXT, WINDOW = 8192, PUBLISHED.sliding_window


def published_templates() -> tuple[Path, str]:
    """Folder and fingerprint of the shipped templates with 30 layers."""
    for manifest in sorted((ROOT / "resources" / "graphs").glob(f"*/{MANIFEST}")):
        raw = json.loads(manifest.read_text("utf-8"))
        if len(raw["layers"]) == LAYERS and raw["exact"]:
            return manifest.parent, raw["configuration"]
    raise SystemExit("The templates of the published model are missing: python -m inference.model.export_templates")


def write_checkpoint(folder: Path, job: PartJob) -> int:
    """A safetensors file with random bfloat16 tensors for every weight that a part asks for; returns its bytes."""
    wanted = {item.name: tuple(item.dims) for item in placeholders(part_graph(replace(job, form="plain")))}
    header, offset = {}, 0
    for name, dims in wanted.items():
        size = 2 * int(np.prod(dims))
        header[name] = {"dtype": "BF16", "shape": list(dims), "data_offsets": [offset, offset + size]}
        offset += size
    raw = json.dumps(header).encode()
    random = np.random.default_rng(0)
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(struct.pack("<Q", len(raw)) + raw)
        for dims in wanted.values():
            rows = int(np.prod(dims[:-1])) if len(dims) > 1 else 1
            for first in range(0, rows, 65_536):
                shape = (min(65_536, rows - first), dims[-1] if dims else 1)
                piece = random.standard_normal(shape, np.float32) * np.float32(0.02)
                stream.write(piece.astype(ml_dtypes.bfloat16).tobytes())
    return offset


class _Watch(threading.Thread):
    """Looks at this process's children many times a second: their largest memory, and what of it is their own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.resident = self.own = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Until `over`."""
        while not self.over.wait(0.02):
            for child in psutil.Process().children():
                try:
                    memory = child.memory_info()
                except psutil.Error:
                    continue
                self.resident = max(self.resident, memory.rss)
                # Mapped files are the system's: it drops their pages when it needs the room.
                self.own = max(self.own, memory.rss - getattr(memory, "shared", 0))


def measured(job: PartJob) -> tuple[Part, float, _Watch]:
    """Build a part in its child process: the part, seconds, and the child's memory."""
    watch, start = _Watch(), time.monotonic()
    watch.start()
    with closing(messages(build_part, job, f"built {job.name}")) as news:
        part = next(message[1] for message in news if message is not None and message[0] == "done")
    seconds = time.monotonic() - start
    watch.over.set()
    watch.join()
    return part, seconds, watch


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Build one segment and scale the figures up."""
    precision = next(each for each in PRECISIONS if each.name == options.precision)
    templates, configuration = published_templates()
    chunk = options.chunk or prompt_chunk(PUBLISHED.canvas_length, WINDOW, options.context)
    limits = Limits(256, max(256, chunk), options.context, WINDOW + 63, 24)
    first = options.first
    with tempfile.TemporaryDirectory(prefix="engine-build-", dir=options.folder) as scratch:
        folder = Path(scratch)
        job = PartJob(
            f"stack{first:02}", (first, first + options.layers), folder, templates, configuration, precision.compute,
            precision.form, limits, options.sm, folder,
        )  # fmt: skip
        weights = write_checkpoint(folder, job)
        part, seconds, watch = measured(job)
    factor = watch.own / part.weight_bytes
    layer = part.weight_bytes / options.layers
    fits = [length for length in SEGMENT_LENGTHS if factor * layer * length <= BUILD_RAM_LIMIT]
    flavour = installed_flavour()
    return {
        "tensorrt": f"{flavour.name} {flavour.version}", "precision": precision.name, "sm": options.sm,
        "layers": options.layers, "checkpoint_gb": weights / 1e9, "plan_gb": part.size / 1e9,
        "weights_gb": part.weight_bytes / 1e9, "seconds": round(seconds, 1), "peak_gb": round(watch.own / 1e9, 2),
        "peak_with_mapped_files_gb": round(watch.resident / 1e9, 2),
        "peak_over_weights": round(factor, 2), "activations_gb": part.scratch_bytes / 1e9,
        "context": options.context, "chunk": limits.chunk,
        "planned_gb": layer_workspace(PUBLISHED, options.context, limits.chunk) / 1e9,
        "longest_segment_under_12_gb": max(fits, default=0),
        "all_layers_minutes": round(seconds / options.layers * LAYERS / 60, 1),
        "all_layers_plan_gb": round(part.size / options.layers * LAYERS / 1e9, 1),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what one segment takes, and what the whole stack would."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=2, help="layers of the segment, 1 to 5 (default %(default)s)")
    parser.add_argument("--precision", default="int4", choices=[each.name for each in PRECISIONS])
    parser.add_argument("--sm", type=int, default=86, help="compute capability times ten (default %(default)s)")
    parser.add_argument(
        "--first", type=int, default=FIRST, help="first layer; every sixth is full (default %(default)s)"
    )
    parser.add_argument("--context", type=int, default=CONTEXT, help="cached positions (default %(default)s)")
    parser.add_argument("--chunk", type=int, help="tokens of a prompt at a time, if not those of the planner")
    parser.add_argument("--folder", type=Path, help="where the random checkpoint is put for the time (GBs)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    found = run(options)
    sys.stdout.write(
        f"{found['tensorrt']}, {found['precision']} for SM {options.sm / 10:.1f}: {options.layers} layers of the "
        f"published shape, random weights\n"
        f"  built in {found['seconds']:.0f} s, peak memory {found['peak_gb']:.1f} GB "
        f"({found['peak_over_weights']:.1f} times the weights, {found['weights_gb']:.2f} GB; "
        f"{found['peak_with_mapped_files_gb']:.1f} GB with the checkpoint's mapped pages)\n"
        f"  plan {found['plan_gb']:.2f} GB, activations up to {found['activations_gb']:.3f} GB "
        f"for {found['context']} positions and chunks of {found['chunk']} ({found['planned_gb']:.3f} GB planned)\n"
        f"  scaled up to 30 layers: {found['all_layers_minutes']:.0f} minutes, {found['all_layers_plan_gb']:.1f} GB; "
        f"segments of up to {found['longest_segment_under_12_gb']} layers stay under 12 GB of memory\n"
    )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
