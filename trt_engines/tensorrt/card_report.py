"""What a trial of a card found, as values and as a file; light: a window shows it without ONNX and TensorRT."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trt_engines.files import read_json, write_whole

TRIAL = "card-trial.json"  # beside all sets of engines
STEPS = (
    "build: ordinary", "build: streaming", "page-locked memory", "copies", "run", "no past", "streaming: manager",
    "streaming: deferred", "streaming: budget", "graph",
)  # fmt: skip
NEEDED_STEPS = ("build: ordinary", "run", "no past")  # without these no model runs on the card


@dataclass(frozen=True, slots=True)
class TrialStep:
    """One thing that was tried.

    Attributes:
        name: What, of `STEPS`.
        worked: Whether it did.
        text: What came out, one line.
        seconds: That it took.
        detail: TensorRT's or CUDA's own words.
    """

    name: str
    worked: bool
    text: str
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CardReport:
    """What was found; nothing in it says whose computer it is.

    Attributes:
        day: When, to the day.
        system: Operating system and its version.
        card: Its name.
        sm: Compute capability times ten.
        memory: Bytes on the card.
        driver: Its version.
        cuda: That the driver knows.
        tensorrt: Name of the flavour.
        version: Of TensorRT.
        way: How weights are streamed, of `trt_engines.runtime.weight_ways`.
        steps: What was tried.
    """

    day: str
    system: str
    card: str
    sm: int
    memory: int
    driver: str
    cuda: int
    tensorrt: str
    version: str
    way: str
    steps: tuple[TrialStep, ...]

    @property
    def runs_models(self) -> bool:
        """Whether everything worked without which no model runs on the card."""
        worked = {step.name for step in self.steps if step.worked}
        return worked.issuperset(NEEDED_STEPS)


def write_report(folder: Path, report: CardReport) -> None:
    """Keep it.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TRIAL, json.dumps(asdict(report), indent=1) + "\n")


def read_report(folder: Path) -> CardReport | None:
    """The report of the last trial; None if there is none that can be read."""
    try:
        raw: dict[str, Any] = read_json(folder / TRIAL)
        steps = tuple(TrialStep(**each) for each in raw.pop("steps"))
        report = CardReport(**raw, steps=steps)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return report if _is_as_written(report) else None


def _is_as_written(report: CardReport) -> bool:
    """Whether every value has its type: what lies on a disk may be anything."""
    texts = [report.day, report.system, report.card, report.driver, report.tensorrt, report.version, report.way]
    numbers: list[Any] = [report.sm, report.memory, report.cuda]
    for step in report.steps:
        texts += [step.name, step.text, step.detail]
        numbers += [step.seconds, step.worked]
    return all(isinstance(each, str) for each in texts) and all(isinstance(each, int | float) for each in numbers)
