"""An answer in the real window, by a model on the processor: what the header says, how long it took, what it filled.

The window is the program itself, with a data folder of its own; the question is typed and sent as `--smoke` does.
The preset Fast takes a third of the model's 48 steps, which are the 16 that speeds are told for; random weights never
settle, so all are taken, and the answer's length ends it after one block.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 1800
WORDS = "A canvas is a row of places that a model fills all at once; in every step it looks at each of them. "
# The program with more patience than for the starter, which `--smoke` is made for.
_PROGRAM = f"import sys, app.smoke, app.main; app.smoke.LIMIT_SECONDS = {LIMIT_SECONDS}; sys.exit(app.main.main())"


def window_answer(folder: Path, prompt: int, tokens: int, picture: Path | None = None) -> dict[str, Any]:
    """Type a question of about `prompt` tokens, and wait for an answer of at most `tokens`."""
    question = _question(folder, prompt)
    settings = {"preset": "fast", "answer_tokens": tokens, "pace": "full", "seed_mode": "fixed", "seed": 1}
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "settings.json").write_text(json.dumps(settings), "utf-8")
        command = [sys.executable, "-c", _PROGRAM, "--model", str(folder), "--base-dir", home, "--smoke", question]
        if picture is not None:
            command += ["--screenshot", str(picture)]
        environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as program:
            peak = _watched(program)
            said, errors = program.communicate()
    if program.returncode != 0:
        raise SystemExit(f"The window ended with {program.returncode}: {errors[-2000:]}")
    facts = json.loads(said.splitlines()[-1])
    return {
        "header": f"{facts['model']}: {facts['device']}",
        "status_line": facts["status_line"],
        "question_characters": len(question),
        "answer_tokens": facts["answer_tokens"],
        "steps_per_block": facts["steps_per_block"],
        "drafts_shown": facts["drafts_seen"],
        "seconds": {name: round(value, 1) for name, value in facts["times"].items()},
        "tokens_per_s": {name: round(value, 2) for name, value in facts["tokens_per_second"].items()},
        "text_begins": facts["answer"][:40],
        **peak,
    }


def _question(folder: Path, prompt: int) -> str:
    from inference.config import model_config_from_folder
    from inference.text.tokenizer import tokenizer_from_folder

    tokenizer = tokenizer_from_folder(folder, model_config_from_folder(folder))
    return (WORDS * max(1, round(prompt / len(tokenizer.encode(WORDS))))).strip()


def _watched(program: subprocess.Popen[str]) -> dict[str, float]:
    """The most memory that the window and its processes had; pages of the weights' files are counted once."""
    own = mapped = 0
    while program.poll() is None:
        private = shared = 0
        for process in _family(program.pid):
            try:
                memory = process.memory_info()
            except psutil.Error:
                continue
            file = getattr(memory, "shared", 0)
            private, shared = private + memory.rss - file, max(shared, file)
        own, mapped = max(own, private), max(mapped, shared)
        time.sleep(0.5)
    return {"peak_own_gb": round(own / 1e9, 2), "peak_mapped_gb": round(mapped / 1e9, 2)}


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []
