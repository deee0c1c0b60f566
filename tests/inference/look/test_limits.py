"""What crosses the pipe, and how much memory a look process may take."""

from __future__ import annotations

import ctypes
import errno
import math
import os
import pickle
from multiprocessing import Pipe
from pathlib import Path

import pytest

from inference.errors import LookError
from inference.look import limits, process
from inference.look.limits import ExtendedLimits, MemoryJob
from inference.look.plain import bounded, packed, unpacked
from inference.look.process import OUT_OF_MEMORY, LookRefused
from inference.look.questions import AdapterConfig, MeasureProcessor, Problem, WeightsNote


@pytest.mark.parametrize("value", [2**63, -(2**70), math.inf, math.nan, (0,) * 100_001])
def test_more_than_any_model_has(value: object) -> None:
    with pytest.raises(LookError, match="larger than any"):
        bounded((value,))


def test_texts_are_cut_and_can_be_written() -> None:
    found = bounded(WeightsNote("a\udcffb", 1, ("x" * 50_000,), False))
    found.source.encode("utf-8")
    assert len(found.names[0]) == 4000


@pytest.mark.parametrize("value", [{"a": 1}, [1], b"bytes", object()])
def test_what_is_not_plain_does_not_cross(value: object) -> None:
    with pytest.raises(TypeError):
        bounded(value)


def test_plain_values_cross() -> None:
    value = (Problem("text", "hint"), Path("folder"), 1, 2.5, None, True, "text")
    assert unpacked(packed(value)) == value


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.getenv, ("HOME",)


@pytest.mark.parametrize("data", [pickle.dumps(_Runs()), pickle.dumps(bounded), b"", b"nonsense", pickle.dumps(Path)])
def test_nothing_else_comes_out_of_the_pipe(data: bytes) -> None:
    with pytest.raises(LookError):
        unpacked(data)


def test_a_function_of_ours_is_not_called_by_an_answer() -> None:
    data = pickle.dumps(AdapterConfig("x")).replace(b"inference.look.questions", b"inference.look.questionx")
    with pytest.raises(LookError):
        unpacked(data)


def behind(error: Exception) -> Exception:
    """An error that another one led to."""
    made = ValueError("could not be read")
    made.__cause__ = error
    return made


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"), behind(MemoryError()),
        ImportError("binascii.so: failed to map segment from shared object"),
        behind(ImportError("math.so: failed to map segment from shared object")),
        SyntaxError("expected ':'", ("inference/look/answer.py", 168, 46, "def _facts() -> tuple[int]:")),
    ],
    ids=repr,
)  # fmt: skip
def test_whoever_gets_no_memory_says_so_and_is_no_bug(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> bool:
        raise error

    monkeypatch.setattr(process, "_send_all", failing)
    questions, asking = Pipe(duplex=False)
    told, replies = Pipe(duplex=False)
    asking.send(MeasureProcessor())
    assert not process._answer_one(questions, replies), "the process ends, and another one has its memory"
    assert unpacked(told.recv_bytes()) == LookRefused(OUT_OF_MEMORY, leaving=True)


def test_an_import_that_fails_otherwise_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> bool:
        raise ImportError("no module named x")

    monkeypatch.setattr(process, "_send_all", failing)
    questions, asking = Pipe(duplex=False)
    told, replies = Pipe(duplex=False)
    asking.send(MeasureProcessor())
    assert process._answer_one(questions, replies)
    assert unpacked(told.recv_bytes()).kind == "ImportError"


class FakeKernel:
    """What kernel32 would be asked."""

    def __init__(self, refuse: str = "") -> None:
        self.calls: list[str] = []
        self.limits = ExtendedLimits()
        self._refuse = refuse

    class _Create:
        restype: object = None

        def __init__(self, calls: list[str]) -> None:
            self._calls = calls

        def __call__(self, *_: object) -> int:
            self._calls.append("create")
            return 77

    @property
    def CreateJobObjectW(self) -> FakeKernel._Create:
        return FakeKernel._Create(self.calls)

    def SetInformationJobObject(self, job: ctypes.c_void_p, kind: int, pointer: object, size: ctypes.c_uint32) -> int:
        assert (job.value, kind, size.value) == (77, 9, ctypes.sizeof(ExtendedLimits))
        ctypes.memmove(ctypes.byref(self.limits), pointer, size.value)  # type: ignore[arg-type]
        self.calls.append("set")
        return 1

    def AssignProcessToJobObject(self, job: ctypes.c_void_p, process: ctypes.c_void_p) -> int:
        assert (job.value, process.value) == (77, 4242)
        self.calls.append("assign")
        return int(self._refuse != "assign")

    def CloseHandle(self, job: ctypes.c_void_p) -> int:
        assert job.value == 77
        self.calls.append("close")
        return 1


def test_a_windows_job_limits_memory_and_ends_with_us(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = FakeKernel()
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: kernel, raising=False)
    job = MemoryJob(4242, 1 << 30)
    assert kernel.limits.ProcessMemoryLimit == 1 << 30
    assert kernel.limits.BasicLimitInformation.LimitFlags == 0x2500
    job.close()
    job.close()
    assert kernel.calls == ["create", "set", "assign", "close"]


def test_a_windows_that_refuses_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = FakeKernel("assign")
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: kernel, raising=False)
    with pytest.raises(OSError, match="job object"):
        MemoryJob(4242, 1 << 30)
    assert kernel.calls[-1] == "close"


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the limit is one of systems with 64-bit sizes")
def test_the_structures_are_those_of_windows() -> None:
    """Sizes and places as the SDK's compiler gives them for x64."""
    assert ctypes.sizeof(limits._BasicLimits) == 64
    assert ctypes.sizeof(ExtendedLimits) == 144
    assert ExtendedLimits.ProcessMemoryLimit.offset == 112
