"""What is found out about a folder, and what a merge says: plain values, which any process may hold.

They are found in the model process or in a look process (`inference.look`), by `inference.checkpoint`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from trt_engines.files import FileNotes
    from trt_engines.weights.layout import Layout


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What an adapter says of itself.

    Attributes:
        base: The model that it was made for: an id on the hub or a path; "" if it does not say.
        rank: The usual rank; single layers may have their own.
        targets: Names of the modules or parameters that it changes, as adapter_config.json gives them.
    """

    base: str
    rank: int
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What a folder holds.

    Attributes:
        kind: Whole model, or PEFT adapter.
        title: What the window calls it.
        architecture: As config.json names it; of an adapter its PEFT type.
        parameters: Weights of the text model; of an adapter its own numbers.
        bytes: All tensors together.
        layout: How the weights are stored.
        dtype: Type of what is not quantised, in safetensors' words ("BF16").
        sharded: Whether they lie in several files.
        adapter: Of adapters only.
    """

    kind: Literal["model", "adapter"]
    title: str
    architecture: str
    parameters: int
    bytes: int
    layout: Layout
    dtype: str
    sharded: bool
    adapter: AdapterFacts | None = None


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did.

    Attributes:
        tensors: Tensors that were changed.
        linked: Whether the base's files were linked; False: copied.
        left_out: Modules of the vision tower that the adapter changes and the base does not have.
        notes: Sentences that the user should read.
    """

    tensors: int
    linked: bool
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MergeProgress:
    """How far a merge is.

    Attributes:
        fraction: Of the bytes to write, 0..1; never falls. 1 only when the folder is there.
        tensor: The tensor or file that is being written, "" at the end.
        report: Only at the end.
    """

    fraction: float
    tensor: str
    report: MergeReport | None = None


@dataclass(frozen=True, slots=True)
class FileNote:
    """What a merge in another process tells of a file; it goes on when the note was taken.

    Attributes:
        what: Which of `trt_engines.files.FileNotes` is told.
        path: The file.
        final: The name that it gets next, for "finished".
    """

    what: Literal["made", "finished", "gone"]
    path: Path
    final: Path | None = None

    def tell(self, notes: FileNotes) -> None:
        """Pass it on."""
        match self.what:
            case "made":
                notes.made(self.path)
            case "finished":
                notes.finished(self.path, self.final or self.path)
            case "gone":
                notes.gone(self.path)
