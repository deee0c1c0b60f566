"""What self-conditioning on the kept candidates costs in agreement: random models against transformers.

    python benchmarks/agreement.py                       8 models with 20,000 tokens
    python benchmarks/agreement.py --models 3 --vocab 40000

In each step of a block the likeliest token of every place is compared with that of transformers, which takes the soft
embedding over the whole vocabulary; so do we, unless DEWPOINT_SELF_CONDITIONING=kept asks for the faster way. Random
models are unsure of everything: it is the worst case, and where a trained model is unsure it is the same. Needs torch.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference.backends.torch_reference import TorchBackend
from inference.graphs.manifest import KEPT_ONLY, SELF_CONDITIONING_VARIABLE
from tests.helpers.random_models import Setting, random_shape, save_with, transformers_model

STEPS = 3
SETTING = Setting(window=64, canvas=64, prompts=(20,))


@torch.inference_mode()
def agreement(model: Any, folder: Path, seed: int) -> list[float]:
    """Share of places with the same likeliest token, for each step of a block."""
    backend = TorchBackend.open(folder, lambda stage, done: None)
    cache, random = DynamicCache(config=model.config.get_text_config(decoder=True)), np.random.default_rng(seed)
    prompt = random.integers(0, backend.config.vocab_size, SETTING.prompts[0])
    cache = model.model.encoder(input_ids=torch.from_numpy(prompt)[None], past_key_values=cache).past_key_values
    backend.encode(prompt)
    state, previous, found = None, None, []
    for temperature in np.linspace(0.8, 0.4, STEPS):
        canvas = random.integers(0, backend.config.vocab_size, SETTING.canvas)
        step = backend.denoise(canvas, state, float(temperature), random.random(SETTING.canvas).astype(np.float32))
        made = model(
            decoder_input_ids=torch.from_numpy(canvas)[None], past_key_values=cache, self_conditioning_logits=previous
        )
        state, previous = step.state, made.logits / temperature
        found.append(float((step.argmax == previous[0].argmax(dim=-1).numpy()).mean()))
    backend.close()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the agreement of each step, in both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--vocab", type=int, default=20_000)
    options = parser.parse_args(arguments)
    found: dict[str, list[list[float]]] = {"exact": [], KEPT_ONLY: []}
    for seed in range(options.models):
        model = transformers_model(dataclasses.replace(random_shape(seed), vocab=options.vocab))
        with tempfile.TemporaryDirectory() as scratch:
            save_with(model, Path(scratch), SETTING)
            for way, rows in found.items():
                os.environ[SELF_CONDITIONING_VARIABLE] = way
                rows.append(agreement(model, Path(scratch), seed))
    means = {way: [round(float(value), 3) for value in np.mean(rows, axis=0)] for way, rows in found.items()}
    print(json.dumps({"models": options.models, "vocabulary": options.vocab, "argmax_agreement_by_step": means}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
