"""Does a form cost steps: denoising steps of a block that keeps a form against one of the same prompt that does not.

    python benchmarks/form_steps.py [--answers 40]

The starter, and a random model of its shape whose answers are noise. Plain answers and forms have whole canvases and
the same seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inference.events import BlockCommitted  # noqa: E402
from inference.forms.wanted import Form  # noqa: E402
from inference.opening import open_model  # noqa: E402
from inference.params import ChatTurn, GenerationRequest  # noqa: E402
from inference.session import Session  # noqa: E402
from trt_engines.weights.index import index_checkpoint  # noqa: E402

STARTER = ROOT / "resources" / "starter"
_PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
FORMS: dict[str, Form | None] = {
    "plain": None,
    "a schema": Form("schema", json.dumps(_PERSON)),
    "any JSON": Form("json"),
    "a choice": Form("choice", texts=("yes", "no")),
}
QUESTIONS = ("Who lives by the river?", "What is dew?", "Tell me about a boat.", "What is 3 + 4?")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=40)
    options = parser.parse_args()
    print("| model | " + " | ".join(FORMS) + " |\n" + "|---" * (1 + len(FORMS)) + "|")
    with open_model(STARTER) as model:
        print("| starter | " + " | ".join(steps_of(model, form, options.answers) for form in FORMS.values()) + " |")
    with tempfile.TemporaryDirectory() as folder:
        scrambled(Path(folder))
        with open_model(folder, "native") as model:
            print("| random | " + " | ".join(steps_of(model, form, options.answers) for form in FORMS.values()) + " |")


def steps_of(model: Session, form: Form | None, answers: int) -> str:
    """Median, mean and largest count of steps a block."""
    steps: list[int] = []
    for number in range(answers):
        turns = (ChatTurn("user", QUESTIONS[number % len(QUESTIONS)]),)
        request = GenerationRequest(turns, seed=number, form=form, max_new_tokens=256, canvas_length=256)
        steps += [event.steps for event in model.generate(request) if isinstance(event, BlockCommitted)]
    return f"{statistics.median(steps):.0f} (mean {statistics.mean(steps):.2f}, at most {max(steps)})"


def scrambled(folder: Path) -> None:
    """A copy of the starter whose weights are shuffled within each tensor."""
    for file in STARTER.iterdir():
        if not file.name.endswith(".onnx"):
            (folder / file.name).write_bytes(file.read_bytes())
    rng, weights = np.random.default_rng(1), folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    for record in index_checkpoint(folder).values():
        part = np.frombuffer(data, np.uint16, record.length // 2, record.offset)
        rng.shuffle(part)
    weights.write_bytes(data)


if __name__ == "__main__":
    main()
