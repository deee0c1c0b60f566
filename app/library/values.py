"""What there is to say of the models of this machine: values that window and command line show.

First what a look finds, then what is asked before something is done, then how far it is and how it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.base.errors import ErrorReport
from app.library.catalogue import CatalogueEntry

if TYPE_CHECKING:
    from app.library.hub import RemoteModel
    from trt_engines.planning.processor import ProcessorSpeed

STARTER_ID = "starter"
Kind = Literal["starter", "catalogue", "download", "folder", "merged"]
Verdict = Literal["resident", "streamed", "processor", "no", "unknown"]
ModelWorkKind = Literal["verify", "move", "merge"]


class ModelState(StrEnum):
    """Where a model is in its life."""

    AVAILABLE = "available"  # in the list, not on this disk
    QUEUED = "queued"  # waits for another download
    DOWNLOADING = "downloading"
    PAUSED = "paused"  # by the user, by a crash, or because of `problem`
    VERIFYING = "verifying"
    BUILDING = "building"  # its engines
    ELSEWHERE = "elsewhere"  # another Dewpoint downloads it
    INSTALLED = "installed"  # every file was found right
    READY = "ready"  # and it answers as fast as it can here: engines are built and tested, or it needs none
    DAMAGED = "damaged"  # files are missing or wrong
    MISSING = "missing"  # the whole folder is gone: a drive that is not there, perhaps


@dataclass(frozen=True, slots=True)
class Fit:
    """What this machine would do with a model, by the planner's arithmetic.

    Attributes:
        verdict: "resident" (all on the card), "streamed" (a part is copied in at every step), "processor", "no", or
            "unknown" (its configuration is not known yet).
        text: One sentence.
        hint: What would help, for "no"; may be empty.
        precision: Name of the engines' precision; "" without engines.
        tokens_per_second: Estimate, at 16 steps a block; 0 where it is not known, or fast in any case.
        engine_bytes: Room that its engines take on the disk.
        build_seconds: How long they take to build; 0 without engines.
        pinned_bytes: The machine's memory that streaming takes.
    """

    verdict: Verdict
    text: str
    hint: str = ""
    precision: str = ""
    tokens_per_second: float = 0.0
    engine_bytes: int = 0
    build_seconds: float = 0.0
    pinned_bytes: int = 0

    @property
    def runs(self) -> bool:
        """Whether it would run at all."""
        return self.verdict in ("resident", "streamed", "processor")


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model.

    Attributes:
        id: "starter", "catalogue:" and the entry's name, or the id of a record.
        kind: Where it came from.
        title: What the window calls it.
        state: Where it is.
        fit: What this machine would do with it.
        folder: Where it lies, or will lie; None if it is only in the list.
        repo: "owner/name" on the Hub; "" if it did not come from there.
        size: Bytes of its files; about, for a model of the list that was never refreshed.
        exact: Whether `size` is exact.
        done: Bytes that are on the disk.
        engines: Bytes of its engines on the disk.
        entry: Its entry in the catalogue, if it has one.
        licence: Name of its licence; "" if unknown.
        revision: Commit; "" if unknown.
        problem: Why it is paused or damaged; None where the user paused it.
        checkable: Whether its files can be verified against known hashes.
        note: What is ambiguous about its files, in one sentence; "" if nothing is.
    """

    id: str
    kind: Kind
    title: str
    state: ModelState
    fit: Fit
    folder: Path | None = None
    repo: str = ""
    size: int = 0
    exact: bool = True
    done: int = 0
    engines: int = 0
    entry: CatalogueEntry | None = None
    licence: str = ""
    revision: str = ""
    problem: ErrorReport | None = None
    checkable: bool = False
    note: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be opened for a chat."""
        return self.state in (ModelState.INSTALLED, ModelState.READY)


@dataclass(frozen=True, slots=True)
class Processor:
    """What our own kernels do on this processor.

    Attributes:
        kernels: Whether they are there, so that large models run at all.
        speed: What was measured; None if nothing was.
    """

    kernels: bool = False
    speed: ProcessorSpeed | None = None


@dataclass(frozen=True, slots=True)
class Computer:
    """What the verdicts are about.

    Attributes:
        card: Name of the graphics card; "" if there is none that counts.
        vram: Bytes of its memory.
        why_no_card: One sentence, if there is none.
        ram: Bytes of memory of this computer.
        free_disk: Free bytes where models are kept.
        models: Folder where models are kept.
        engines: Folder where engines are kept.
        rate: Bytes a second of the last download; 0 if none was measured.
        processor: What large models would run on without a card.
    """

    card: str
    vram: int
    why_no_card: str
    ram: int
    free_disk: int
    models: Path
    engines: Path
    rate: float
    processor: Processor = Processor()


@dataclass(frozen=True, slots=True)
class Advice:
    """Which model suits this machine.

    Attributes:
        id: Of the model; "" if none of the list would run.
        text: One or two sentences: which, and why.
    """

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something on the disk that belongs to no model of the list.

    Attributes:
        path: A folder, in the models folder or where a move was going.
        size: Bytes of what would be removed.
        text: One sentence: what it is.
        whole: Whether it is a complete model, which can be taken back into the list.
        files: What would be removed: the files in it that Dewpoint wrote.
        kept: Files in it that would stay.
    """

    path: Path
    size: int
    text: str
    whole: bool
    files: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """One look at everything.

    Attributes:
        models: The starter model, then those of this machine, then those of the list that are not here.
        machine: What the verdicts are about.
        advice: Which model suits.
        leftovers: What lies about.
        offline: Whether the program stays offline.
    """

    models: tuple[ModelStatus, ...]
    machine: Computer
    advice: Advice
    leftovers: tuple[Leftover, ...]
    offline: bool

    @property
    def measurable(self) -> bool:
        """Whether models would run on the processor, and how fast is not known yet."""
        processor = self.machine.processor
        large = any(model.fit.verdict == "processor" and model.kind != "starter" for model in self.models)
        return processor.kernels and processor.speed is None and large

    def model(self, model_id: str) -> ModelStatus | None:
        """The model of this id."""
        return next((model for model in self.models if model.id == model_id), None)


@dataclass(frozen=True, slots=True)
class DownloadOffer:
    """A download that the user may accept; nothing has been fetched.

    Attributes:
        remote: What the Hub has.
        title: What the window will call it.
        licence_text: To be read.
        terms: What else the model's card asks for; may be empty.
        fit: What this machine would do with it.
        folder: Where it will lie.
        missing: Bytes that have to be fetched.
        free_disk: Free bytes there.
        problem: Why it cannot be downloaded; None if it can.
    """

    remote: RemoteModel
    title: str
    licence_text: str
    terms: str
    fit: Fit
    folder: Path
    missing: int
    free_disk: int
    problem: ErrorReport | None


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a model means, before it is done.

    Attributes:
        model: Which one.
        files: Files that would be deleted: those that Dewpoint wrote, and that are still the same.
        size: Bytes that come free with them; a file that is linked elsewhere frees none.
        engines: Folders of its engines.
        engine_size: Their bytes.
        kept: Files in its folder that stay: the user's own, links, and files that were changed since.
    """

    model: ModelStatus
    files: tuple[Path, ...]
    size: int
    engines: tuple[Path, ...]
    engine_size: int
    kept: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """How far a long piece of work is: a move, a merge, a check.

    Attributes:
        stage: "moving", "merging" or "verifying".
        fraction: 0 to 1.
        detail: File or tensor at which it is; may be empty.
        notes: Sentences that the user should read.
    """

    stage: str
    fraction: float
    detail: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transferring:
    """The download that runs.

    Attributes:
        model_id: Which.
        done: Bytes on the disk.
        total: Bytes of all files.
        rate: Bytes per second; 0 while nothing comes.
        seconds_left: At this rate; None while that cannot be said.
        detail: The file that is worked on.
        checking: Whether what is on the disk is being read and hashed.
        waiting: One sentence if nothing is fetched at the moment (no network, full disk), else "".
    """

    model_id: str
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    detail: str = ""
    checking: bool = False
    waiting: str = ""

    @property
    def fraction(self) -> float:
        """0 to 1."""
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class ModelWork:
    """A check, a move or a merge that runs.

    Attributes:
        kind: Which of them.
        model_id: Of the model; of a merge that of its base.
        fraction: 0 to 1.
        detail: File or tensor that is worked on.
        damaged: Files that were found wrong, so far.
        notes: Sentences that the user should read at the end.
        stopping: Whether it was told to stop.
    """

    kind: ModelWorkKind
    model_id: str
    fraction: float = 0.0
    detail: str = ""
    damaged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class ModelWorkEnd:
    """How it ended.

    Attributes:
        work: What it was, with the files that were found wrong.
        stopped: Whether the user stopped it.
        report: What went wrong; None if nothing did.
    """

    work: ModelWork
    stopped: bool
    report: ErrorReport | None


@dataclass(frozen=True, slots=True)
class FoundAdapter:
    """The user added a folder that holds an adapter: it needs a base.

    Attributes:
        folder: Where it lies.
        title: What the merged model may be called.
        base: The model that it was made for, as it says itself; may be empty.
    """

    folder: Path
    title: str
    base: str


@dataclass(frozen=True, slots=True)
class ModelAdded:
    """A model is new in the list."""

    model_id: str


@dataclass(frozen=True, slots=True)
class DownloadQueued:
    """There is something to download."""


@dataclass(frozen=True, slots=True)
class SpaceFreed:
    """Bytes that came free."""

    count: int


@dataclass(frozen=True, slots=True)
class ListRefreshed:
    """The list has new sizes."""
