"""Small wheels with the names of the real ones, a lock with their hashes, and tools that need no network."""

from __future__ import annotations

import base64
import hashlib
import random
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.gpu.fetcher import Fetcher
from app.gpu.recipe import Recipe
from app.gpu.service import GpuTools
from tests.helpers.card_reports import REPORT
from trt_engines.planning.probe import DetectedGpu, NoGpuError
from trt_engines.tensorrt.card_report import CardReport, TrialStep, write_report
from trt_engines.tensorrt.trial import Trial, TrialJob

VERSION = "9.9.1"
LIBRARY = "tensorrt_rtx_libs/libtensorrt_rtx.so.1"
PACKAGES: dict[str, dict[str, bytes]] = {
    "tensorrt_rtx_cu13_libs": {"tensorrt_rtx_libs/__init__.py": b"", LIBRARY: b"no library"},
    "tensorrt_rtx_cu13_bindings": {"tensorrt_rtx_bindings/__init__.py": f"__version__ = '{VERSION}'\n".encode()},
}


def write_wheel(folder: Path, name: str, files: dict[str, bytes], lie: bool = False) -> str:
    """Write a wheel; returns its line in a lock. With `lie`, its RECORD has a wrong hash for its first file."""
    info = f"{name}-{VERSION}.dist-info"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n".encode()
    wheel = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {**files, f"{info}/METADATA": meta, f"{info}/WHEEL": wheel}
    rows = []
    for number, (path, data) in enumerate(contents.items()):
        digest = hashlib.sha256(data + (b"!" if lie and not number else b"")).digest()
        rows.append(f"{path},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{len(data)}")
    rows.append(f"{info}/RECORD,,")
    file = folder / f"{name}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, data in {**contents, f"{info}/RECORD": "\n".join(rows).encode() + b"\n"}.items():
            archive.writestr(path, data)
    return f"{name.replace('_', '-')}=={VERSION} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


def open_gate() -> threading.Event:
    """One that nobody waits for."""
    gate = threading.Event()
    gate.set()
    return gate


@dataclass
class TinyWheels:
    """A folder of wheels, and what a test may change.

    Attributes:
        folder: Where wheels and lock lie.
        bytes_more: Size of a file of noise in the libraries' wheel.
        card: What the driver tells; None for no card.
        trial_error: Raised when the add-on is tried.
        program: What fetches; pip if left out.
        elsewhere: Whether another TensorRT is there.
        installed: What the recipe says of the size.
        report: What a trial of the card finds.
        gate: Waited for, a moment at a time, after the trial's first step.
    """

    folder: Path
    bytes_more: int = 0
    card: DetectedGpu | None = None
    trial_error: Exception | None = None
    program: Fetcher | None = None
    elsewhere: bool = False
    installed: int = 10_000
    tried: list[TrialJob] = field(default_factory=list)
    report: CardReport = REPORT
    gate: threading.Event = field(default_factory=open_gate)

    @property
    def lock(self) -> Path:
        """The lock."""
        return self.folder / "lock.txt"

    def write(self, lie: bool = False) -> TinyWheels:
        """Write wheels and lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = []
        for name, files in PACKAGES.items():
            noise = {"noise.bin": random.Random(7).randbytes(self.bytes_more)} if "libs" in name else {}
            lines.append(write_wheel(self.folder, name, {**files, **noise}, lie))
        self.lock.write_text("".join(lines), "utf-8")
        return self

    def tools(self, trial: Callable[[TrialJob], Iterator[Trial | None]] | None = None) -> GpuTools:
        """For `GpuService`."""
        return GpuTools(self.detect, self.recipe, self.fetcher, lambda: self.elsewhere, trial or self.trial,
                        self.try_card)  # fmt: skip

    def recipe(self) -> Recipe:
        """What is installed."""
        return Recipe(self.lock, VERSION, 4_000, self.installed, "Read this licence.")

    def fetcher(self) -> Fetcher:
        """pip, on the folder alone."""
        return self.program or Fetcher("pip", (sys.executable,), ("--no-index", "--find-links", str(self.folder)))

    def detect(self) -> tuple[DetectedGpu, ...]:
        """The card."""
        if self.card is None:
            raise NoGpuError("No NVIDIA driver answers on this computer.")
        return (self.card,)

    def try_card(self, card: DetectedGpu, folder: Path) -> Iterator[TrialStep | CardReport | None]:
        """As the real one does."""
        for step in self.report.steps:
            yield step
            while not self.gate.wait(0.01):
                yield None
        write_report(folder, self.report)
        yield self.report

    def trial(self, job: TrialJob) -> Iterator[Trial | None]:
        """It works, or not."""
        self.tried.append(job)
        yield None
        if self.trial_error is not None:
            raise self.trial_error
        yield Trial("tensorrt_rtx", VERSION, 1000)
