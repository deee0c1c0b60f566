"""Does TensorRT work here? Import it and build the smallest engine, in a child process: a crash is an answer, too.

An engine can be built without a card. Whether there is one only the driver knows (`trt_engines.planning.probe`).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from trt_engines.errors import EngineError
from trt_engines.process import messages
from trt_engines.tensorrt.addon import BINDINGS, name_addon
from trt_engines.tensorrt.flavour import CLASSIC, Flavour, installed_flavour

DEFAULT_SM = 89


@dataclass(frozen=True, slots=True)
class TrialJob:
    """What is tried.

    Attributes:
        sm: Compute capability times ten of the card that the engine is for.
        folder: The add-on that is meant, before everything that is installed elsewhere; None for whatever is found.
    """

    sm: int = DEFAULT_SM
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came out.

    Attributes:
        name: "tensorrt_rtx" or "tensorrt".
        version: Its version.
        size: Bytes of the engine that was built.
    """

    name: str
    version: str
    size: int


def try_tensorrt(job: TrialJob) -> Iterator[Trial | None]:
    """Yield None while it goes on, then the result; close the iterator to stop it.

    Raises:
        EngineError: It does not work; the sentence says why.
    """
    with closing(messages(run_trial, job, "tried TensorRT")) as events:
        for message in events:
            yield message[1] if message is not None and message[0] == "done" else None


def run_trial(job: TrialJob, connection: Connection) -> None:
    """Entry of the child process."""
    try:
        connection.send(("done", _tried(job)))
    except EngineError as exc:
        connection.send(("error", exc.user_text, exc.hint, exc.detail))
    except Exception as exc:  # whatever a damaged library raises
        connection.send(("error", f"TensorRT does not work here: {type(exc).__name__}: {exc}.", ""))


def _tried(job: TrialJob) -> Trial:
    if job.folder is not None:
        name_addon(job.folder)
        sys.path.insert(0, str(job.folder))
    flavour = installed_flavour()
    bindings = sys.modules.get(BINDINGS, flavour.module)  # `tensorrt_rtx` only passes on what they have
    if job.folder is not None and not Path(str(bindings.__file__)).is_relative_to(job.folder):
        raise EngineError(f"TensorRT in {job.folder} does not load; another one was found in its place.")
    try:
        importlib.import_module("cuda.bindings.runtime")
    except ImportError as exc:
        raise EngineError(f"CUDA's bindings do not load ({exc}).") from exc
    size = _smallest_engine(flavour, job.sm)
    if not size:
        raise EngineError(f"{flavour.name} {flavour.version} loads, but builds no engine for SM {job.sm}.")
    return Trial(flavour.name, flavour.version, size)


def _smallest_engine(flavour: Flavour, sm: int) -> int:
    """Bytes of an engine that computes exp(x) of sixteen numbers; 0 if none was built."""
    trt: Any = flavour.module
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = flavour.new_network(builder)
    numbers = network.add_input("x", trt.float32, (1, 16))
    network.mark_output(network.add_unary(numbers, trt.UnaryOperation.EXP).get_output(0))
    config = builder.create_builder_config()
    if flavour.name != CLASSIC:
        flavour.set_target(config, sm if flavour.supports(sm) else DEFAULT_SM)
    plan = builder.build_serialized_network(network, config)
    return int(plan.nbytes) if plan is not None else 0
