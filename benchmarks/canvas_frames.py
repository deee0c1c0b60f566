"""How long the canvas takes for a frame: `python benchmarks/canvas_frames.py` (Linux, also offscreen).

A draft of 256 places, one a frame, is laid out and painted; the words are an answer's, settling from left to right with
exchanges on the way, at the end of a long answer as well. While it runs, a process denoises with the starter model
(`--idle` leaves it out). A frame may take 16 ms: that is what a refresh of most screens has. The 95th percentile
of this thread's processor time counts, since other programs do not; the exit code is 1 if it is more.

`--record FILE` writes drafts of the starter model, which the tests lay out (tests/app/ui/chat/recorded): of answers
that are made to take many steps, with `--ordinary` of answers as they are.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import random
import statistics
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PySide6.QtWidgets import QApplication  # noqa: E402

from app.ui.chat.canvas import DRAFT_MS, CanvasView  # noqa: E402
from app.ui.widgets.colours import LIGHT  # noqa: E402
from app.ui.widgets.theme import Theme  # noqa: E402
from inference import ChatTurn, GenerationRequest, SamplerParams, open_model  # noqa: E402
from inference.events import BlockCommitted, DraftUpdated  # noqa: E402

STARTER = ROOT / "resources" / "starter"
LIMIT_MS = 16.0
_SENTENCE = "dew forms on cold grass when the ground loses its warmth to a clear night sky and drops grow slowly ,"
WORDS = _SENTENCE.split()
SCRIPTS = [
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "e\u0301",
]
PLACES, STEPS = 256, 48
RECORDED = (
    ("What are you, and what can you do?", None),
    ("Tell me a tiny story about a hedgehog.", 0.1),
    ("Tell me a long story about a lighthouse and a boat. And then another one about a key.", 0.02),
    ("Explain how diffusion writing works, step by step, in detail.", 0.005),
    ("Write a table of the keys of the program", 0.02),
)
ORDINARY = (
    ("How do I delete a chat and get it back?", 4),
    ("What happens in every step while you write an answer?", 5),
    ("How do I change the text size?", 11),
    ("Explain how diffusion writing works, step by step, in detail.", 12),
    ("Thank you, bye", 15),
    ("Can you do sums?", 16),
    ("How do I export a chat?", 17),
)  # with their seeds: answers in which much changes before they settle


def drafts(scripts: bool) -> list[DraftUpdated]:
    """A block, step by step; with words of several scripts in it, if wanted."""
    chance = random.Random(1)
    vocabulary = [*WORDS, *(SCRIPTS if scripts else [])]
    target = [f" {chance.choice(vocabulary)}" for _ in range(PLACES)]
    settles = [1 + 36 * at / PLACES + chance.uniform(0, 11) for at in range(PLACES)]
    made = []
    for step in range(1, STEPS + 1):
        sure = [step >= when for when in settles]
        pieces = tuple(
            word if known else f" {chance.choice(vocabulary)}" for word, known in zip(target, sure, strict=True)
        )
        entropy = tuple(0.01 if known else chance.uniform(0.2, 5.0) for known in sure)
        made.append(DraftUpdated(0, step, STEPS, tuple(range(PLACES)), pieces, entropy, tuple(sure)))
    return made


def frame_times(application: QApplication, scripts: bool, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each frame (taking a draft, laying it out, painting it): of the clock, and of this thread."""
    canvas = CanvasView(Theme(LIGHT, 1.0, 10.0))
    canvas.resize(800, 10)
    canvas.show()
    times, own = [], []
    for number in range(rounds):
        canvas.set_start(" ".join(WORDS * 5))
        for draft in drafts(scripts):
            time.sleep(DRAFT_MS / 1000)  # sooner it would wait for its turn, and not be laid out
            began, used = time.perf_counter(), time.thread_time()
            canvas.set_draft(draft)
            canvas.repaint()
            times.append((time.perf_counter() - began) * 1000)
            own.append((time.thread_time() - used) * 1000)
            application.processEvents()
        print(f"  round {number + 1}: {statistics.median(times):.1f} ms so far", file=sys.stderr)
    canvas.clear()
    return times, own


def denoise(stop: object) -> None:
    """Write answers until told to stop, in a process of its own."""
    with open_model(STARTER) as model:
        while not stop.is_set():  # type: ignore[attr-defined]
            for _ in model.generate(GenerationRequest((ChatTurn("user", RECORDED[3][0]),)), threading.Event()):
                if stop.is_set():  # type: ignore[attr-defined]
                    return


def slow_requests() -> list[GenerationRequest]:
    """Budgets of entropy so small that answers take many steps."""
    made = []
    for seed, (prompt, bound) in enumerate(RECORDED):
        slow = SamplerParams(entropy_bound=bound, confidence_threshold=1e-6, max_denoising_steps=24)
        sampler = slow if bound else SamplerParams()
        made.append(GenerationRequest((ChatTurn("user", prompt),), seed=seed, sampler=sampler, max_new_tokens=512))
    return made


def record(path: Path, requests: list[GenerationRequest]) -> None:
    """Write drafts of the starter model."""
    found = []
    with open_model(STARTER) as model:
        for request in requests:
            events = list(model.generate(request, threading.Event()))
            seen = [
                {"block": each.block, "pieces": each.pieces, "entropy": [round(nats, 2) for nats in each.entropy]}
                for each in events
                if isinstance(each, DraftUpdated)
            ]
            answers = [each.answer for each in events if isinstance(each, BlockCommitted)]
            found.append({"prompt": request.turns[0].text, "answers": answers, "drafts": seen})
    with gzip.GzipFile(path, "wb", 9, mtime=0) as file:
        file.write(json.dumps(found, separators=(",", ":")).encode())


def main() -> int:
    """Measure, and say whether it is quick enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", action="store_true", help="without a model that runs meanwhile")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write drafts instead")
    parser.add_argument("--ordinary", action="store_true", help="those of answers as they are")
    options = parser.parse_args()
    if options.record is not None:
        ordinary = [GenerationRequest((ChatTurn("user", prompt),), seed=seed) for prompt, seed in ORDINARY]
        record(options.record, ordinary if options.ordinary else slow_requests())
        return 0
    application = QApplication([])
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=denoise, args=(stop,), daemon=True)
    if not options.idle:
        process.start()
        time.sleep(3.0)
    slow = False
    try:
        for scripts in (False, True):
            what = "several scripts" if scripts else "left to right"
            for name, times in zip(
                ("clock", "processor"), frame_times(application, scripts, options.rounds), strict=True
            ):
                p95 = sorted(times)[int(0.95 * len(times))]
                middle = statistics.median(times)
                print(f"{what}, {name}: {len(times)} frames, median {middle:.1f} ms, 95 % within {p95:.1f} ms")
            slow |= p95 > LIMIT_MS
    finally:
        stop.set()
        if process.is_alive():
            process.join(30)
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())
