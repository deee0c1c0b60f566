"""The trial of a card in a process of its own: builds its small engines, runs the steps, keeps a report."""

from __future__ import annotations

import platform
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from trt_engines.building.compile import compile_plan
from trt_engines.errors import EngineError
from trt_engines.planning.probe import DetectedGpu
from trt_engines.process import messages
from trt_engines.runtime.cuda_device import CudaDevice
from trt_engines.runtime.trt_engine import new_opening
from trt_engines.runtime.weight_ways import ReadPlan, held
from trt_engines.selftest.card_trial import CardTrial, trial_graph, trial_profile, weights
from trt_engines.tensorrt.card_report import CardReport, TrialStep, write_report
from trt_engines.tensorrt.flavour import Flavour, installed_flavour


@dataclass(frozen=True, slots=True)
class CardTrialJob:
    """The card that is tried."""

    uuid: str
    sm: int


def try_card(card: DetectedGpu, folder: Path) -> Generator[TrialStep | CardReport | None, None, None]:
    """Yield each step as it is done, None now and then, and at last the report, which also lies in `folder`.

    Raises:
        EngineError: TensorRT or CUDA do not load, or the process died; a step that fails is no error.
    """
    steps: list[TrialStep] = []
    facts: tuple[str, str, str] = ("", "", "plain")
    with closing(messages(run_card_trial, CardTrialJob(card.uuid, card.gpu.sm), "tried the graphics card")) as news:
        for message in news:
            if message is not None and message[0] == "step":
                steps.append(message[1])
                yield message[1]
            elif message is not None and message[0] == "done":
                facts = message[1:]
            else:
                yield None
    report = CardReport(
        datetime.now(UTC).date().isoformat(), f"{platform.system()} {platform.release()}", card.gpu.name, card.gpu.sm,
        card.gpu.memory, card.driver, card.cuda, *facts, tuple(steps),
    )  # fmt: skip
    try:
        write_report(folder, report)
    except OSError as exc:
        raise EngineError(f"The report cannot be written: {exc.strerror}.", "Make room on the disk.") from exc
    yield report


def run_card_trial(job: CardTrialJob, connection: Connection) -> None:
    """Entry of the child process."""
    try:
        flavour, device = installed_flavour(), CudaDevice(job.uuid)
        plans, size = _built(flavour, job.sm, connection)
        trial = CardTrial(new_opening(flavour, device), plans, size)
        for step in trial.steps():
            connection.send(("step", step))
        connection.send(("done", flavour.name, flavour.version, trial.way))
    except EngineError as exc:
        connection.send(("error", exc.user_text, exc.hint, exc.detail))


def _built(flavour: Flavour, sm: int, connection: Connection) -> tuple[dict[str, ReadPlan], int]:
    plans: dict[str, ReadPlan] = {}
    for kind in ("ordinary", "streaming"):
        plan = bytearray()
        try:
            compile_plan(
                flavour, trial_graph(), {"w": weights()}, (trial_profile(),), sm, lambda phase, done: True,
                lambda line: None, plan.extend, streaming=kind == "streaming",
            )  # fmt: skip
            plans[kind] = held(plan)
            step = TrialStep(f"build: {kind}", True, f"{len(plan) / 1e6:.1f} MB", 0.0)
        except EngineError as exc:
            step = TrialStep(f"build: {kind}", False, exc.user_text, 0.0, exc.detail)
        connection.send(("step", step))
    return plans, weights().nbytes
