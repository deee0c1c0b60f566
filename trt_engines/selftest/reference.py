"""The same parts in float32 by ONNX Runtime on the processor, one layer in memory at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto

from trt_engines.errors import EngineError
from trt_engines.graphs.asked import asked_graph
from trt_engines.graphs.bind import reference_weights
from trt_engines.graphs.compose import (
    EMBED,
    EMBEDDING,
    HEAD,
    ROWS,
    TABLE,
    capped_logits,
    cut_at,
    end_graph,
    segment_graph,
)
from trt_engines.graphs.precision import COMPUTE_TYPES, NUMPY_TYPES, Compute, WeightFormat, lowered
from trt_engines.graphs.templates import Templates
from trt_engines.onnx_runtime import ort
from trt_engines.weights.source import WeightSource

Values = dict[str, NDArray[Any]]


class Reference:
    """What the engines of a checkpoint should compute, their weights as the engines hold them."""

    def __init__(self, templates: Templates, source: WeightSource, compute: Compute, form: WeightFormat) -> None:
        self._templates, self._source = templates, source
        self._compute, self._form = COMPUTE_TYPES[compute], form

    def embed(self, inputs: Values) -> Values:
        """ids, soft, denoising -> hidden."""
        return self._run(end_graph(self._templates, EMBED), inputs, "plain")

    def head(self, inputs: Values) -> Values:
        """hidden, temperature, uniforms -> argmax, sampled, entropy, top_ids, top_probs, soft."""
        return self._run(end_graph(self._templates, HEAD), inputs, "plain")

    def asked(self, name: str, inputs: Values) -> Values:
        """One of the parts that are asked, see `trt_engines.graphs.asked`."""
        return self._run(asked_graph(self._templates, name), inputs, "plain")

    def logits(self, hidden: NDArray[np.float32], tokens: int) -> NDArray[np.float32]:
        """float32 [N, H] after the last layer -> capped logits of the first tokens, [N, tokens]."""
        graph = end_graph(self._templates, HEAD)
        capped = capped_logits(graph)
        cut_at(graph, capped)
        table = next(item for item in graph.graph.input if item.name == TABLE)
        table.type.tensor_type.shape.dim[0].dim_value = tokens
        inputs: Values = {"hidden": hidden, TABLE: self._table()[:tokens]}
        return self._run(graph, inputs, "plain")[capped]

    def segment(self, first: int, last: int, inputs: Values) -> Values:
        """Layers first..last-1, one after the other -> hidden_out, and new_k and new_v of each."""
        found: Values = {}
        hidden = inputs["hidden"]
        for number in range(first, last):
            made = self._run(
                segment_graph(self._templates, number, number + 1), {**inputs, "hidden": hidden}, self._form
            )
            hidden = made["hidden_out"]
            found.update({name: value for name, value in made.items() if name.startswith("new_")})
        return {**found, "hidden_out": hidden}

    def _run(self, graph: ModelProto, inputs: Values, form: WeightFormat) -> Values:
        graph = lowered(graph, "fp32")
        weights = reference_weights(graph, self._source, form, self._compute)
        wanted = [item.name for item in graph.graph.input]
        feeds = {name: inputs[name] for name in wanted if name in inputs}
        for name in wanted:
            if name in (TABLE, ROWS) and name not in feeds:
                feeds[name] = self._table()
        # Keys and values come in the engine's type.
        half = [name for name, value in feeds.items() if value.dtype == NUMPY_TYPES[self._compute]]
        feeds.update({name: feeds[name].astype(np.float32) for name in half})
        session = _session(graph, weights)
        names = [item.name for item in session.get_outputs()]
        used = {item.name for item in session.get_inputs()}
        results = session.run(names, {name: value for name, value in feeds.items() if name in used})
        return dict(zip(names, results, strict=True))

    def _table(self) -> NDArray[np.float32]:
        stored = self._source.array(EMBEDDING).astype(NUMPY_TYPES[self._compute])
        return stored.astype(np.float32)


def _session(graph: ModelProto, weights: Values) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Folding would compute transposed copies of the weights.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    for item in graph.graph.initializer:
        if item.data_location == TensorProto.EXTERNAL:
            del item.external_data[:]
            item.external_data.add(key="location", value="weights.bin")
    values = [ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array)) for array in weights.values()]
    options.add_external_initializers(list(weights), values)
    try:
        return ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except MemoryError as exc:
        raise EngineError("There is not enough memory for the self-test.", "Close other programs.") from exc
    except Exception as exc:  # onnxruntime's own exception classes share no public base
        reason = str(exc).splitlines()[0][:200]
        raise EngineError(f"The self-test cannot compute its reference: {reason}", "This is a bug.") from exc
