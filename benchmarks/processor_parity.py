"""Two layers at full width: our float path against transformers, and what INT8 and INT4 cost against the same weights.

Each side runs in a process of its own, so that no two hold the weights at once. "engine INT4": experts as the engines
have them in INT4 (blocks of 32, read back), all else and all activations in float32. Ours computes with INT8 elsewhere
and int8 activations besides. Random weights: more spread, and so harder, than a trained model's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

VOCABULARY, PROMPT, CANVAS = 16_384, 200, 256
Outputs = dict[str, NDArray[Any]]


def measured_parity(folder: Path) -> dict[str, Any]:
    """Make the checkpoint, let all sides compute, and compare."""
    from benchmarks.synthetic_checkpoint import SyntheticCheckpoint

    checkpoint = SyntheticCheckpoint(folder, 2, VOCABULARY, "float32")
    for layer in (None, 0, 1):
        checkpoint.write(layer)
    theirs, ours = _side("transformers", folder), _side("float32", folder)
    int4, weights = _side("int4", folder), weight_errors(folder)
    engine_int4(checkpoint)
    engines = _side("float32", folder)
    return {
        "float32 against transformers": {
            "largest_difference": {
                name: _largest(theirs[name], ours[name]) for name in ("hidden", "entropy1", "entropy2")
            },
            "same_argmax": {name: _same(theirs[name], ours[name]) for name in ("argmax1", "argmax2")},
        },
        "against the same weights in float32": {
            "ours, INT4 experts, INT8 elsewhere": _error(ours, int4),
            "engine INT4 experts, float elsewhere": _error(ours, engines),
        },
        "relative error of experts' weights": weights,
    }  # fmt: skip


def _error(truth: Outputs, made: Outputs) -> dict[str, float]:
    difference = made["hidden"] - truth["hidden"]
    return {
        "hidden_relative": round(float(np.linalg.norm(difference) / np.linalg.norm(truth["hidden"])), 4),
        "entropy_mean_nats": round(float(np.abs(made["entropy1"] - truth["entropy1"]).mean()), 4),
        "same_argmax": _same(truth["argmax1"], made["argmax1"]),
    }


def _largest(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(f"{np.abs(one - other).max():.2e}")


def _same(one: NDArray[Any], other: NDArray[Any]) -> float:
    return round(float((one == other).mean()), 4)


def _side(name: str, folder: Path) -> Outputs:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.npz"
        subprocess.run(
            [sys.executable, __file__, "--side", name, "--folder", str(folder), "--out", str(out)], check=True
        )
        with np.load(out) as found:
            return dict(found)


def inputs() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """A prompt, a canvas, and draws."""
    rng = np.random.default_rng(9)
    prompt, canvas = rng.integers(0, VOCABULARY, PROMPT), rng.integers(0, VOCABULARY, CANVAS)
    return prompt, canvas, rng.random(CANVAS).astype(np.float32)


def of_native(folder: Path, precision: Any) -> Outputs:
    """Two steps by our kernels."""
    from inference.backends.native import NativeBackend

    prompt, canvas, uniforms = inputs()
    backend = NativeBackend.open(folder, lambda stage, share: None, precision, on_disk=False)
    hidden = backend.hidden_states(prompt, None, denoising=False)
    backend.encode(prompt)
    first = backend.denoise(canvas, None, 0.8, uniforms)
    second = backend.denoise(canvas[::-1].copy(), first.state, 0.5, uniforms)
    backend.close()
    return {
        "hidden": hidden, "entropy1": first.entropy, "entropy2": second.entropy, "argmax1": first.argmax,
        "argmax2": second.argmax,
    }  # fmt: skip


def of_transformers(folder: Path) -> Outputs:
    """The same by transformers in float32."""
    import torch
    from transformers import DiffusionGemmaForBlockDiffusion

    prompt, canvas, _ = inputs()
    model = DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=torch.float32).eval()
    made: Outputs = {}
    with torch.inference_mode():
        encoded = model.model.encoder(input_ids=torch.from_numpy(prompt)[None])
        made["hidden"] = encoded.last_hidden_state[0].numpy()
        previous = None
        for number, (ids, temperature) in enumerate(((canvas, 0.8), (canvas[::-1].copy(), 0.5)), 1):
            logits = model(
                decoder_input_ids=torch.from_numpy(ids)[None], past_key_values=encoded.past_key_values,
                self_conditioning_logits=None if previous is None else previous[None],
            ).logits[0] / temperature  # fmt: skip
            made[f"entropy{number}"] = torch.distributions.Categorical(logits=logits).entropy().numpy()
            made[f"argmax{number}"] = logits.argmax(-1).numpy()
            previous = logits
    return made


def normed(hidden: NDArray[Any], folder: Path) -> NDArray[Any]:
    """Ours is the stream before the last norm, theirs is behind it."""
    from trt_engines.weights.source import WeightSource

    weight = WeightSource.open(folder).floats("model.decoder.norm.weight").astype(np.float32)
    return np.asarray(hidden / np.sqrt((hidden**2).mean(-1, keepdims=True) + 1e-6) * weight)


def weight_errors(folder: Path) -> dict[str, float]:
    """One expert's gate and up, packed by us and quantised for the engines, read back."""
    from inference.native.matrices import pack, stacked_rows, straight
    from trt_engines.weights import formats
    from trt_engines.weights.source import WeightSource

    source = WeightSource.open(folder)
    expert = np.array(next(source.each_expert(0, "gate_up")).astype(np.float32))
    packed = pack("int4", expert.shape[1], straight(len(expert)), stacked_rows([expert]), "expert")
    codes = packed.weights.reshape(packed.n // 32, packed.k // 8, 32, 4)
    halves = np.stack([codes & 15, codes >> 4], axis=2).astype(np.float32) - 8  # [panels, k / 8, 2, 32, 4]
    values = halves.transpose(0, 3, 1, 2, 4).reshape(packed.n, packed.k)
    scales = packed.scales.view(np.float16).reshape(packed.n // 32, -1, 32).transpose(0, 2, 1).reshape(packed.n, -1)
    ours = (values * np.repeat(scales.astype(np.float32), packed.group, axis=1))[: len(expert), : expert.shape[1]]
    engines = formats.quantise_int4(expert[None], np.float16, "expert").dequantised()[0]
    size = np.linalg.norm(expert)
    return {
        "ours": round(float(np.linalg.norm(ours - expert) / size), 4),
        "engines": round(float(np.linalg.norm(engines - expert) / size), 4),
    }


def engine_int4(checkpoint: Any) -> None:
    """Replace all experts by what the engines' INT4 makes of them."""
    from trt_engines.weights import formats
    from trt_engines.weights.source import WeightSource

    source = WeightSource.open(checkpoint.folder)
    for layer in range(checkpoint.layers):
        for part in ("gate_up", "down"):
            name = f"model.decoder.layers.{layer}.experts.{part}_proj"
            for number, expert in enumerate(source.each_expert(layer, part)):  # type: ignore[arg-type]
                values = np.asarray(expert, np.float32)[None]
                checkpoint.replace(name, number, formats.quantise_int4(values, np.float16, name).dequantised()[0])


def main() -> int:
    """One side; started by `measured_parity`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("transformers", "float32", "int4"), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.side == "transformers":
        made = of_transformers(options.folder)
    else:
        made = of_native(options.folder, options.side)
        made["hidden"] = normed(made["hidden"], options.folder)
    np.savez(options.out, **made)  # type: ignore[arg-type]
    print(json.dumps({name: list(value.shape) for name, value in made.items()}), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
