"""Runs each engine once on numbers that the model itself produces, and compares it with the reference."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_engines.building.profiles import Limits
from trt_engines.building.state import Check
from trt_engines.graphs.compose import ROWS, TABLE
from trt_engines.graphs.names import ASKED, BELIEFS, LOGITS
from trt_engines.planning.shape import ModelShape
from trt_engines.runtime.device import Device, Engine
from trt_engines.selftest.reference import Reference, Values

# The reference has the engine's own rounded weights, so that the difference is that of the arithmetic: under 0.01 in
# bfloat16 and 0.002 in float16, as tests/inference/model/test_lowered.py measures; NVFP4 also rounds activations to
# four bits, an error of 0.1 in each product. A wrong kernel gives about 1.
TOLERANCES = {"bf16": 0.03, "fp16": 0.01, "fp8": 0.03, "int4": 0.03, "nvfp4": 0.3}
# Logits of up to 30 are rounded to the compute type before probabilities are made of them.
HEAD_TOLERANCES = {"bf16": 0.1, "fp16": 0.03}
PAST = 40  # cached positions that the test pretends
LISTED = 1000  # tokens that are asked about
CLEAR = 0.1  # gap between the two likeliest tokens above which both must agree on the likeliest

OpenEngine = Callable[[str], Engine]


def check_parts(
    device: Device,
    open_engine: OpenEngine,
    reference: Reference,
    shape: ModelShape,
    cuts: tuple[tuple[int, int], ...],
    limits: Limits,
    table: NDArray[Any],
    precision: str,
) -> Generator[Check, None, None]:
    """One check a part, in the model's order; ends after the first that fails.

    Args:
        device: Where the engines run.
        open_engine: Loads a part's engine; it is closed again after its check.
        reference: The same by ONNX Runtime.
        shape: The model's numbers.
        cuts: First and last + 1 layer of each segment.
        limits: Shapes that the engines take; a canvas is tested, its first half early in the context, its second half
            at the end.
        table: Embedding table [V, H] in the engines' type.
        precision: Name of the precision, which sets the tolerances.
    """
    bench, canvas = _Bench(device, table), limits.canvas
    random = np.random.default_rng(20_260_610)
    plain = "fp16" if precision == "fp16" else "bf16"
    # The embedding.
    inputs: Values = {
        "ids": random.integers(0, shape.vocab_size, canvas),
        "soft": random.normal(size=(canvas, shape.hidden_size)).astype(np.float32),
        "denoising": np.array([True]),
    }
    truth = reference.embed(inputs)
    hidden: NDArray[np.float32] = truth["hidden"]
    found = bench.run(open_engine("embed"), inputs, {"hidden": hidden})
    error = _difference(found["hidden"], hidden)
    yield (check := Check("embed", error, TOLERANCES[plain], _overflows(found, truth)))
    # The segments.
    for first, last in cuts if check.passed else ():
        inputs = _segment_inputs(random, shape, first, last, hidden, table.dtype, limits)
        truth = reference.segment(first, last, inputs)
        name = f"stack{first:02}"
        found = bench.run(open_engine(name), inputs, truth)
        error = _segment_error(found, truth, hidden)
        yield (check := Check(name, error, TOLERANCES[precision], _overflows(found, truth)))
        if not check.passed:
            return
        hidden = truth["hidden_out"]
    # The head.
    if check.passed:
        inputs = {"hidden": hidden, "temperature": np.array([0.7], np.float32)}
        inputs["uniforms"] = random.random(canvas).astype(np.float32)
        truth = reference.head(inputs)
        found = bench.run(open_engine("head"), inputs, truth)
        yield (check := Check("head", _head_error(found, truth), HEAD_TOLERANCES[plain], _overflows(found, truth)))
    # What is only there when it is asked.
    if check.passed:
        yield from _asked_checks(bench, open_engine, reference, hidden, shape, HEAD_TOLERANCES[plain])


class _Bench:
    """Runs one engine on arrays; buffers live as long as the run."""

    def __init__(self, device: Device, table: NDArray[Any]) -> None:
        self._device = device
        self._stream = device.new_stream()
        self._table = device.allocate(table.nbytes)
        self._table_shape = table.shape
        device.upload(self._table, np.ascontiguousarray(table), self._stream)

    def run(self, engine: Engine, inputs: Values, like: Values) -> Values:
        """Outputs of an engine; `like` has an array of each output's shape, keys and values in any float type."""
        device, stream = self._device, self._stream
        engine.load_weights(stream)
        shapes = {name: array.shape for name, array in inputs.items()}
        shapes |= {TABLE: self._table_shape, ROWS: self._table_shape}
        needed = engine.prepare(0, shapes)
        half = next((array.dtype for name, array in inputs.items() if name.startswith("past_")), np.dtype(np.float32))
        found = {n: np.empty(a.shape, half if n.startswith("new_") else a.dtype) for n, a in like.items()}
        addresses = {name: device.allocate(max(256, array.nbytes)) for name, array in {**inputs, **found}.items()}
        addresses["max_load"] = addresses.get("max_load") or device.allocate(256)
        workspace = device.allocate(max(256, needed))
        for name, array in inputs.items():
            device.upload(addresses[name], np.ascontiguousarray(array), stream)
        every = {**addresses, TABLE: self._table, ROWS: self._table}
        engine.enqueue(0, every, workspace, needed, stream)
        for name, array in found.items():
            device.download(array, addresses[name], stream)
        device.synchronise(stream)
        for address in (*addresses.values(), workspace):
            device.release(address)
        engine.close()
        return {name: array.astype(np.float32) if array.dtype == half else array for name, array in found.items()}


def _segment_inputs(
    random: np.random.Generator,
    shape: ModelShape,
    first: int,
    last: int,
    hidden: NDArray[Any],
    dtype: np.dtype[Any],
    limits: Limits,
) -> Values:
    count = len(hidden)
    late = limits.context + limits.canvas - count
    inputs: Values = {
        "hidden": hidden,
        "positions": np.concatenate([np.arange(PAST, PAST + count // 2), np.arange(late + count // 2, late + count)]),
        "denoising": np.array([True]),
        "new_mask": np.ones((count, count), np.bool_),
        "slots": np.arange(count),  # no expert can get more
    }
    for number in range(first, last):
        layer = shape.layers[number]
        inputs["sliding_past" if layer.sliding else "full_past"] = np.ones((count, PAST), np.bool_)
        for part in ("k", "v"):
            # Scores have no 1/sqrt(d): keys of length 1 keep attention soft.
            values = random.normal(size=(PAST, layer.kv_heads, layer.head_dim)) / layer.head_dim**0.5
            inputs[f"past_{part}{number}"] = values.astype(dtype)
    return inputs


def _asked_checks(
    bench: _Bench, open_engine: OpenEngine, reference: Reference, hidden: NDArray[Any], shape: ModelShape, most: float
) -> Generator[Check, None, None]:
    """One check for each part that is asked, `most` its tolerance; ends after the first that fails."""
    random = np.random.default_rng(20_261_129)
    for name in ASKED:
        inputs = _asked_inputs(random, name, hidden, shape)
        truth = reference.asked(name, inputs)
        found = bench.run(open_engine(name), inputs, truth)
        error = float(np.max([_difference(found[each], truth[each]) for each in truth if each != "top_ids"]))
        yield (check := Check(name, error, most, _overflows(found, truth)))
        if not check.passed:
            return


def _asked_inputs(random: np.random.Generator, name: str, hidden: NDArray[Any], shape: ModelShape) -> Values:
    """Some tokens; a token for each place, the places in disorder; or shares of some tokens beside what was there."""
    count, listed = len(hidden), min(LISTED, shape.vocab_size)
    tokens = np.sort(random.permutation(shape.vocab_size)[:listed]).astype(np.int64)
    if name == LOGITS:
        return {"hidden": hidden, "ids": tokens}
    if name == BELIEFS:
        places = random.permutation(count).astype(np.int64)
        return {"hidden": hidden, "places": places, "tokens": random.integers(0, shape.vocab_size, count)}
    shares = random.dirichlet(np.ones(listed), count).astype(np.float32)
    return {"before": np.zeros(hidden.shape, np.float32), "ids": tokens, "shares": shares}


def _difference(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """The positions' median difference, or a tenth of the RMS difference if that is larger, over the truth's RMS.

    Where two experts are all but equally likely, rounding decides: such a position differs, the median does not.
    """
    wide = truth.astype(np.float64).reshape(len(truth), -1)
    scale = max(float(np.sqrt(np.mean(wide**2))), 1e-30)
    squares = np.mean((found.astype(np.float64).reshape(wide.shape) - wide) ** 2, axis=1)
    return float(np.max([np.median(np.sqrt(squares)), np.sqrt(np.mean(squares)) / 10])) / scale


def _segment_error(found: Values, truth: Values, hidden: NDArray[Any]) -> float:
    """The largest of: what the segment adds to the residual stream, and the new keys and values."""
    added = _difference(found["hidden_out"] - hidden, truth["hidden_out"] - hidden)
    new = [_difference(found[name], truth[name]) for name in truth if name.startswith("new_")]
    return float(np.max([added, *new]))


def _overflows(found: Values, truth: Values) -> bool:
    """Whether the engine's numbers are not finite and the reference's are."""
    return any(not np.isfinite(found[name]).all() for name in truth) and all(
        np.isfinite(values).all() for values in truth.values()
    )


def _head_error(found: Values, truth: Values) -> float:
    """The larger difference of entropies and of kept probabilities; 1 where a clear choice is another one."""
    gap = truth["top_probs"][:, 0] - truth["top_probs"][:, -1 if truth["top_probs"].shape[1] == 1 else 1]
    if (found["argmax"] != truth["argmax"])[gap > CLEAR].any():
        return 1.0
    entropy = np.sqrt(np.mean((found["entropy"] - truth["entropy"]) ** 2)) / max(1.0, float(truth["entropy"].mean()))
    return float(np.max([entropy, _difference(found["top_probs"], truth["top_probs"])]))
