"""A float32 graph as an int8 one for the CPU: weights in 7 bits a channel, activations quantised as they come.

ONNX Runtime's own dynamic quantisation does the work. Seven bits, because the 8-bit products of processors without VNNI
saturate. The result holds its weights itself: it is for small models that ship with their graphs, not for checkpoints
of many gigabytes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from trt_engines.errors import ExportError
from trt_engines.files import write_whole
from trt_engines.onnx_runtime import ort


def quantise_graph(file: Path) -> None:
    """Replace the graph in `file` by its int8 form, whole or not at all.

    Raises:
        ExportError: ONNX Runtime cannot read or quantise the graph, or the disk is full.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic  # behind `trt_engines.onnx_runtime`

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    try:
        with tempfile.TemporaryDirectory() as scratch:
            # Weights as float32 initialisers instead of a cast of the stored ones.
            folded, quantised = Path(scratch) / "folded.onnx", Path(scratch) / "quantised.onnx"
            options.optimized_model_filepath = str(folded)
            ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
            quantize_dynamic(
                folded,
                quantised,
                op_types_to_quantize=["Gemm", "MatMul"],
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )
            write_whole(file, quantised.read_bytes())
    except Exception as exc:
        raise ExportError(f"{file.name} could not be quantised: {exc}", "Make the float32 graphs instead.") from exc
