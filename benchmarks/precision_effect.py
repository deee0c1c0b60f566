"""What each precision does to a whole model: the starter, its weights rounded as the engines would hold them.

Per precision, against float32 on the same questions and seeds: relative RMS error of the experts' weights, entropy and
argmax of the first denoising step (the same noise everywhere), and steps a block of whole answers. Products are
computed in float32; NVFP4's four-bit activations are rounded, too. So this is what rounding does, not a card's kernels.

    python benchmarks/precision_effect.py [--model DIR] [--answers 12] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import inference.backends.torch_reference as reference  # noqa: E402
from inference import ChatTurn, GenerationRequest, open_model  # noqa: E402
from inference.events import BlockCommitted  # noqa: E402
from inference.model.experts import mix_exact  # noqa: E402
from inference.model.layers import Experts  # noqa: E402
from trt_engines.graphs.precision import NUMPY_TYPES, WeightFormat, takes_form  # noqa: E402
from trt_engines.planning.precision import PRECISIONS  # noqa: E402
from trt_engines.weights.formats import DEFAULT_INPUT_SCALE  # noqa: E402
from trt_engines.weights.source import WeightSource  # noqa: E402

QUESTIONS = (
    "How do I rename a chat?", "Tell me a story about a lamp.", "What is a canvas?", "Hello!", "Tell me a joke.",
    "Is my data sent anywhere?", "How do I stop an answer?", "What is entropy here?", "Who made you?",
    "Tell me a story about a river.", "How do I copy an answer?", "What can you do?",
)  # fmt: skip
LEVELS = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])


def rounded(source: WeightSource, name: str, form: WeightFormat, dtype: np.dtype[Any]) -> np.ndarray:
    """A large weight as an engine holds it, in float32."""
    stored = source.array(name)
    if not takes_form(name, form):
        return stored.astype(dtype).astype(np.float32)
    if "experts" in name:
        layer = int(name.split(".layers.")[1].split(".")[0])
        part = "gate_up" if "gate_up" in name else "down"
        return source.experts(layer, part, form, dtype).dequantised()  # type: ignore[arg-type]
    return source.dense(name, "fp8", dtype).dequantised()


def in_fp4(x: Tensor) -> Tensor:
    """Activations [..., K] after dynamic FP4 quantisation in blocks of 16 with E4M3 scales."""
    blocks = x.reshape(*x.shape[:-1], -1, 16)
    wide = blocks.abs().amax(-1, keepdim=True) / (6 * DEFAULT_INPUT_SCALE)
    scale = wide.clamp(max=448).to(torch.float8_e4m3fn).float() * DEFAULT_INPUT_SCALE
    ratio = torch.where(scale > 0, blocks / scale.clamp(min=1e-30), 0.0).clamp(-6, 6)
    nearest = LEVELS[(ratio.abs().unsqueeze(-1) - LEVELS).abs().argmin(-1)]
    return (nearest * ratio.sign() * scale).reshape(x.shape)


def mix_in_fp4(experts: Experts, x: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """`mix_exact` with both products' activations in FP4."""
    out = torch.zeros_like(x)
    for number in range(experts.gate_up_proj.shape[0]):
        rows, place = torch.nonzero(ids == number, as_tuple=True)
        if not len(rows):
            continue
        both = functional.linear(in_fp4(x[rows]), experts.gate_up_proj[number])
        half = both.shape[1] // 2
        inner = functional.gelu(both[:, :half], approximate="tanh") * both[:, half:]
        made = functional.linear(in_fp4(inner), experts.down_proj[number])
        out.index_add_(0, rows, made * weights[rows, place].unsqueeze(1))
    return out


@contextmanager
def experts_mixed_by(mix: Callable[..., Tensor]) -> Iterator[None]:
    """The torch backend computes experts by `mix` for a while."""
    reference.mix_exact = mix  # type: ignore[assignment]
    try:
        yield
    finally:
        reference.mix_exact = mix_exact


def steps_and_first(model: Any, answers: int) -> tuple[list[int], list[Any]]:
    """Steps of every block of some answers, and the first denoising step after each question."""
    steps, firsts = [], []
    for number, question in enumerate(QUESTIONS[:answers]):
        request = GenerationRequest(turns=(ChatTurn("user", question),), seed=number)
        steps += [event.steps for event in model.generate(request) if isinstance(event, BlockCommitted)]
        model.reset()
        model.encode(model.tokenizer.encode(question))
        random = np.random.default_rng(number)
        canvas = random.integers(0, model.config.vocab_size, model.config.canvas_length)
        firsts.append(model.denoise(canvas, None, 0.8, random.random(len(canvas)).astype(np.float32)))
    return steps, firsts


def measured(folder: Path, answers: int, name: str) -> dict[str, Any]:
    """Steps, first steps and weight error of one precision; "fp32" is the model as it is."""
    with open_model(folder, "torch") as model:
        mix, error = mix_exact, 0.0
        if name != "fp32":
            precision = next(each for each in PRECISIONS if each.name == name)
            dtype = NUMPY_TYPES[{"bf16": 16, "fp16": 10}[precision.compute]]
            error = _replace(model._backend._model, WeightSource.open(folder), precision.form, dtype)
            mix = mix_in_fp4 if precision.form == "nvfp4" else mix_exact
        with experts_mixed_by(mix):
            steps, firsts = steps_and_first(model, answers)
    return {"steps": steps, "firsts": firsts, "error": error}


def _replace(model: torch.nn.Module, source: WeightSource, form: WeightFormat, dtype: np.dtype[Any]) -> float:
    """Round every large weight in place; returns the experts' relative RMS error."""
    squares = total = 0.0
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2 or "router" in name:
            continue
        values = rounded(source, f"model.decoder.{name}", form, dtype)
        if "experts" in name:
            true = parameter.detach().numpy()
            squares += float(((values - true) ** 2).sum())
            total += float((true**2).sum())
        parameter.data = torch.from_numpy(np.ascontiguousarray(values))
    return float((squares / total) ** 0.5)


def main() -> int:
    """Measure, print a table, exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "resources" / "starter")
    parser.add_argument("--answers", type=int, default=len(QUESTIONS), help="questions to ask, up to %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    assert ml_dtypes.bfloat16  # numpy knows the type from here on
    truth = measured(options.model, options.answers, "fp32")
    base = statistics.mean(truth["steps"])
    result = {"fp32": {"steps_a_block": round(base, 2)}}
    sys.stdout.write(f"precision  weights' error  argmax agrees  entropy differs  steps a block\nfp32 {base:58.1f}\n")
    for name in (each.name for each in PRECISIONS):
        found = measured(options.model, options.answers, name)
        pairs = list(zip(found["firsts"], truth["firsts"], strict=True))
        agree = float(np.mean([np.mean(a.argmax == b.argmax) for a, b in pairs]))
        entropy = float(np.mean([np.mean(np.abs(a.entropy - b.entropy)) for a, b in pairs]))
        steps = statistics.mean(found["steps"])
        figures = {"weight_error": found["error"], "argmax_agreement": agree, "entropy_nats": entropy}
        result[name] = {**{k: round(v, 4) for k, v in figures.items()}, "steps_a_block": round(steps, 2)}
        sys.stdout.write(f"{name:10} {found['error']:13.4f} {agree:14.1%} {entropy:11.3f} nats {steps:13.1f}\n")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
