"""What keeping a form costs in each step, apart from the model: processor time of one core.

    python benchmarks/constraint_step.py [--places 256] [--repeat 20]

For each schema: the automaton over the starter's tokens, and the median of what one step makes of the logits (classes,
marginals, a joint sample, the likeliest canvas, their tokens, entropies), by our kernels and by numpy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.config import model_config_from_folder  # noqa: E402
from inference.denoising.form_step import Draw, kernel_step, numpy_step  # noqa: E402
from inference.forms.canvas import ending  # noqa: E402
from inference.forms.compiling import FormCompiler  # noqa: E402
from inference.forms.vocabulary import vocabulary  # noqa: E402
from inference.forms.wanted import Form  # noqa: E402
from inference.native.library import is_there  # noqa: E402
from inference.text.tokenizer import tokenizer_from_folder  # noqa: E402

STARTER = ROOT / "resources" / "starter"
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0, "maximum": 120}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object that has all of these and nothing else."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


SCHEMAS: dict[str, dict[str, Any]] = {
    "3 strings, 2 numbers, 1 choice": {
        "name": _TEXT,
        "city": _TEXT,
        "note": _TEXT,
        "age": _NUMBER,
        "n": {"type": "integer"},
        "kind": {"enum": ["a", "b", "c"]},
    },
    "1 string, 1 number": {"name": _TEXT, "age": _NUMBER},
    "a list of objects": {"people": {"type": "array", "items": _object({"name": _TEXT, "age": _NUMBER})}},
}


def main() -> None:
    """Print one line a form."""
    parser = argparse.ArgumentParser(description="Processor time of keeping a form in one step.")
    parser.add_argument("--places", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    config = model_config_from_folder(STARTER)
    tokenizer = tokenizer_from_folder(STARTER, config)
    texts = [tokenizer.token_bytes(token_id) for token_id in range(config.vocab_size)]
    compiler = FormCompiler(lambda: vocabulary(texts, tokenizer.eos_ids, tokenizer.pad_id))
    forms = {name: Form("schema", json.dumps(_object(properties))) for name, properties in SCHEMAS.items()} | {
        "any JSON": Form("json"),
        "choice of 3": Form("choice", texts=("yes", "no", "maybe")),
    }
    for name, form in forms.items():
        made = compiler.compiled(form)
        logits = np.random.default_rng(0).normal(0, 4, (options.places, len(made.live.ids))).astype(np.float32)
        rng, end = np.random.default_rng(1), ending(made.tokens, made.tokens.start, 0)
        draw = Draw(*rng.random((2, options.places), dtype=np.float32))
        inputs = made.tokens, made.live, end, logits, draw
        ours = milliseconds(lambda: kernel_step(*inputs), options.repeat) if is_there() else None  # noqa: B023
        numpys = milliseconds(lambda: numpy_step(*inputs), options.repeat)  # noqa: B023
        print(
            f"{name}: {made.tokens.states} states, {made.tokens.classes} classes, {len(made.tokens.moved)} moves: "
            + ("no kernels here" if ours is None else f"{ours:.1f} ms a step")
            + f", {numpys:.1f} ms without our kernels"
        )


def milliseconds(work: Callable[[], object], repeat: int) -> float:
    """Median processor time."""
    taken = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken) * 1e3


if __name__ == "__main__":
    main()
