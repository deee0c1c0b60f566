"""What comes back from work with models: values beside those of `app.library.values`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.base.errors import ErrorReport
from app.library.values import DownloadOffer, LibraryStatus, Removal

Task = Literal["verify", "move", "merge"]


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
        task: Which of them.
        model_id: Of the model; of a merge that of its base.
        fraction: 0 to 1.
        detail: File or tensor that is worked on.
        damaged: Files that were found wrong, so far.
        notes: Sentences that the user should read at the end.
        stopping: Whether it was told to stop.
    """

    task: Task
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
class Told:
    """The answer to a question, or the end of something short.

    Attributes:
        what: "status", "offer", "removal", "adapter", "added" (id of the model), "freed" (bytes), "queued" (there is
            something to download), "refreshed".
        value: `LibraryStatus`, `DownloadOffer`, `Removal`, `FoundAdapter`, an id, bytes, or None.
    """

    what: Literal["status", "offer", "removal", "adapter", "added", "freed", "queued", "refreshed"]
    value: LibraryStatus | DownloadOffer | Removal | FoundAdapter | str | int | None = None
