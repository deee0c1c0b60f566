"""ONNX Runtime on the CPU: the embedded default, and the numerical reference of every exported graph."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from inference.backends.base import DenoiseStep, Floats, Ids, Progress
from inference.backends.cached import CachedBackend, StackInput
from inference.backends.host_head import HostHead
from inference.backends.kv_cache import KvPairs
from inference.backends.onnx_graphs import ensure_graphs
from inference.checkpoint.tensors import weights_errors
from inference.config import model_config_from_folder
from inference.engines.planning import int8_work
from inference.errors import GraphError, OutOfMemoryError
from inference.events import Int8Work
from inference.graphs.manifest import GraphManifest
from inference.model_config import ModelConfig
from trt_engines.onnx_runtime import ort
from trt_engines.runtime.capacity import Capacity
from trt_engines.weights.source import WeightSource

_EMBED, _HEAD = "dewpoint-embed.onnx", "dewpoint-head.onnx"


class OnnxBackend(CachedBackend):
    """One checkpoint run by ONNX Runtime.

    Attributes:
        graph_rebuilt: True if the graphs had to be made when the folder was opened.
        why: Why the processor is used and not a graphics card; "" where nobody asked.
    """

    name = "onnx"

    def __init__(self, folder: Path, config: ModelConfig, manifest: GraphManifest, progress: Progress) -> None:
        super().__init__(config)
        self.graph_rebuilt = False
        self.why = ""
        self._folder = folder
        self._head: HostHead | None = None
        self._threads = _thread_count()
        self._segments = manifest.segments
        self._int8 = manifest.precision == "int8"
        self._capacity = Capacity(config.experts, config.top_k)
        names = [_EMBED, _HEAD, *(f"dewpoint-stack{first}.onnx" for first, _ in manifest.segments)]
        sessions = []
        for number, name in enumerate(names):
            progress("Loading the model", number / len(names))
            sessions.append(_session(folder / name, self._threads))
        self._embed_session, self._head_session, *self._stack_sessions = sessions
        progress("Loading the model", 1.0)

    @classmethod
    def open(
        cls, folder: Path, progress: Progress, made: Path | None = None, config: ModelConfig | None = None
    ) -> OnnxBackend:
        """Load the checkpoint in `folder`, making its graphs first where they are missing or not ours.

        Args:
            folder: The checkpoint.
            progress: Told what is being done.
            made: See `ensure_graphs`.
            config: Its configuration, where it was read already.

        Raises:
            ModelFolderError: The checkpoint is missing, damaged or of another architecture.
            GraphError: The graphs are missing and cannot be made, or ONNX Runtime refuses them.
            OutOfMemoryError: The machine has not enough memory.
        """
        config = config or model_config_from_folder(folder)
        manifest, rebuilt = ensure_graphs(folder, progress, made, config)
        backend = cls(folder, config, manifest, progress)
        backend.graph_rebuilt = rebuilt
        return backend

    @property
    def capacity_reruns(self) -> int:
        """How often a segment ran again because an expert got more tokens than the capacity."""
        return self._capacity.reruns

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        return f"CPU, {self._threads} thread{'s' if self._threads > 1 else ''}"

    @property
    def work(self) -> Int8Work | None:
        """What a step computes in int8; None where in something else."""
        return int8_work(self.config) if self._int8 else None

    def close(self) -> None:
        """Free the sessions and the cache."""
        self._stack_sessions = []
        del self._embed_session, self._head_session
        super().close()

    def _host_head(self) -> HostHead:
        if self._head is None:
            with weights_errors():
                self._head = HostHead.of(WeightSource.open(self._folder), self.config)
        return self._head

    def _embedded(self, ids: Ids, soft: Floats, denoising: bool) -> Floats:
        feeds = {"ids": np.asarray(ids, np.int64), "soft": soft, "denoising": np.array([denoising])}
        hidden: Floats = _run(self._embed_session, feeds)[0]
        return hidden

    def _stack(self, hidden: Floats, inputs: StackInput) -> tuple[Floats, KvPairs]:
        new: KvPairs = []
        for session, (first, last) in zip(self._stack_sessions, self._segments, strict=True):
            feeds: dict[str, Any] = {
                "hidden": hidden,
                "positions": inputs.positions,
                "denoising": np.array([inputs.denoising]),
                "full_past": inputs.full_past,
                "sliding_past": inputs.sliding_past,
                "new_mask": inputs.new_mask,
            }
            for number in range(first, last):
                feeds[f"past_k{number}"], feeds[f"past_v{number}"] = inputs.past[number]
            hidden, kv = self._segment(session, feeds, len(hidden), inputs.denoising)
            new += list(zip(kv[0::2], kv[1::2], strict=True))
        return hidden, new

    def _segment(
        self, session: ort.InferenceSession, feeds: dict[str, Any], count: int, denoising: bool
    ) -> tuple[Floats, list[Floats]]:
        """One segment; it runs again with a larger capacity if an expert's load exceeded it."""
        while True:
            capacity = self._capacity.for_tokens(count, denoising)
            feeds["slots"] = np.arange(capacity, dtype=np.int64)
            hidden, load, *kv = _run(session, feeds)
            if self._capacity.sufficed(int(load[0]), capacity, count, denoising):
                return hidden, kv

    def _predict(self, hidden: Floats, temperature: float, uniforms: Floats) -> DenoiseStep:
        feeds = {
            "hidden": hidden,
            "temperature": np.array([temperature], np.float32),
            "uniforms": np.asarray(uniforms, np.float32),
        }
        return DenoiseStep(*_run(self._head_session, feeds))


def _session(file: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that spin between operators take the cores from those that work: on a 2-core virtual machine a step took
    # three times as long. Elsewhere it wastes a laptop's battery.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except MemoryError as exc:
        raise _no_memory() from exc
    except Exception as exc:  # onnxruntime's own exception classes share no public base
        if _is_memory(exc):
            raise _no_memory() from exc
        raise GraphError(
            f"ONNX Runtime cannot load {file.name}: {str(exc).splitlines()[0][:200]}",
            f"Delete {file.name} and open the model again; its graphs are then made anew.",
        ) from exc


def _run(session: ort.InferenceSession, feeds: dict[str, Any]) -> list[Any]:
    try:
        return list(session.run(None, feeds))
    except MemoryError as exc:
        raise _no_memory() from exc
    except Exception as exc:
        if _is_memory(exc):
            raise _no_memory() from exc
        raise


def _is_memory(exc: Exception) -> bool:
    return "bad_alloc" in str(exc) or "allocate memory" in str(exc)


def _thread_count() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(16, cores))


def _no_memory() -> OutOfMemoryError:
    return OutOfMemoryError(
        "The machine ran out of memory while running the model.", "Close other programs, or choose a smaller model."
    )
