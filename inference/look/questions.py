"""What can be asked of a look process, and what comes back: frozen, plain, bounded values.

Nothing here reads anything: the window's process holds these.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from inference.facts import FileNote, FolderFacts, MergeProgress
from inference.model_config import ModelConfig

if TYPE_CHECKING:
    from inference.engines.choice import EngineChoice
    from trt_engines.planning.planner import Refusal
    from trt_engines.planning.probe import DetectedGpu
    from trt_engines.planning.processor import ProcessorSpeed  # noqa: F401 - named in a string below

A = TypeVar("A")
USUAL_SECONDS, TEXTS_SECONDS, GRAPHS_SECONDS = 20.0, 60.0, 300.0


class LookQuestion(Generic[A]):
    """Something that is asked, and answered by an `A`."""

    __slots__ = ()

    @property
    def seconds(self) -> float:
        """How long the answer may take."""
        return USUAL_SECONDS

    @property
    def subject(self) -> str:
        """What is looked at, for sentences: a path, a repository."""
        raise NotImplementedError

    @property
    def place(self) -> Path | None:
        """The folder that is looked into, whose drive may hang; None if nothing is read from a drive of the user's."""
        return None

    @property
    def tidy_seconds(self) -> float:
        """How long its process may clear up once it is stopped; 0 where nothing is written, and it is ended at once."""
        return 0.0


@dataclass(frozen=True, slots=True)
class FolderQuestion(LookQuestion[A]):
    """Something that is asked of a folder.

    Attributes:
        folder: What is looked into.
    """

    folder: Path

    @property
    def subject(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def place(self) -> Path:
        """The folder."""
        return self.folder


@dataclass(frozen=True, slots=True)
class AnswerQuestion(LookQuestion[A]):
    """Something that is asked of what a server sent.

    Attributes:
        who: Who answered, for sentences.
        data: The body of the answer.
    """

    who: str
    data: bytes

    @property
    def subject(self) -> str:
        """What the server sent."""
        return f"what {self.who} sent"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, as a known error says it.

    Attributes:
        text: One sentence that says what happened.
        hint: One sentence that says what to do, or an empty string.
    """

    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class WeightsNote:
    """Which weights of a folder count, where that is not plain.

    Attributes:
        source: The file that decides.
        unread: How many other weight files there are, which are not read.
        names: Names of the first of them.
        linked: Whether a file that counts is a symbolic link, which the processor's runtime does not follow.
    """

    source: str
    unread: int
    names: tuple[str, ...]
    linked: bool


@dataclass(frozen=True, slots=True)
class FolderLook:
    """What a folder holds.

    Attributes:
        there: Whether there is a folder at all.
        size: Bytes of the files in it, without those in folders below.
        facts: What it is; None if it is nothing that can be used.
        problem: Why it cannot; None if it can.
        config: Its configuration; None if there is none, or it cannot be read.
        weights: Which weights count; None if that cannot be told.
        seen: Whether it could be looked at; False leaves nothing but the problem.
    """

    there: bool
    size: int = 0
    facts: FolderFacts | None = None
    problem: Problem | None = None
    config: ModelConfig | None = None
    weights: WeightsNote | None = None
    seen: bool = True

    @property
    def layout(self) -> str:
        """How the weights are stored ("plain", "modelopt-nvfp4", ...)."""
        return self.facts.layout if self.facts is not None else "plain"


@dataclass(frozen=True, slots=True)
class LookAtFolder(FolderQuestion[FolderLook]):
    """What lies in a folder: a model, an adapter, or why neither.

    Attributes:
        folder: What is looked at.
        texts: Whether tokenizer and template are tried, too, as opening does.
    """

    texts: bool = False

    @property
    def seconds(self) -> float:
        """More for a large vocabulary on a slow drive."""
        return TEXTS_SECONDS if self.texts else USUAL_SECONDS


@dataclass(frozen=True, slots=True)
class ReadConfig(FolderQuestion[ModelConfig]):
    """The configuration of the checkpoint in a folder; raises ModelFolderError."""


@dataclass(frozen=True, slots=True)
class RepoConfig:
    """What the configuration of a repository says.

    Attributes:
        config: The configuration; None if this program cannot run it.
        problem: Why not.
        damaged: Name of a file that is no JSON object; "" if there is none.
        instead: What came in its place.
        model_type: As it stands there; "" if it names none.
        architecture: The first architecture, else the model type.
        names_weights: Whether it names its weights itself.
    """

    config: ModelConfig | None
    problem: Problem | None = None
    damaged: str = ""
    instead: NoAnswer | None = None
    model_type: str = ""
    architecture: str = ""
    names_weights: bool = False


@dataclass(frozen=True, slots=True)
class ReadRepoConfig(LookQuestion[RepoConfig]):
    """What config.json and generation_config.json of a repository say.

    Attributes:
        repo: Its name, for sentences.
        config: The one, as it came.
        generation: The other; None if there is none.
    """

    repo: str
    config: bytes
    generation: bytes | None = None

    @property
    def subject(self) -> str:
        """The repository."""
        return self.repo


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What adapter_config.json of a repository says.

    Attributes:
        base: The model it was made for; "" if it does not say.
        instead: What came in place of a JSON object; None if it is one.
    """

    base: str = ""
    instead: NoAnswer | None = None


@dataclass(frozen=True, slots=True)
class ReadAdapterConfig(LookQuestion[AdapterConfig]):
    """What adapter_config.json of a repository says.

    Attributes:
        repo: Its name, for sentences.
        config: As it came.
    """

    repo: str
    config: bytes

    @property
    def subject(self) -> str:
        """The repository."""
        return self.repo


# -- what servers answered -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """What a server sent is no answer.

    Attributes:
        kind: "empty"; "page": a web page; "cut": JSON that ends in the middle; "failed": it says itself that it failed;
            "odd": something else, or JSON of another shape.
        words: What it says of that, in one line.
    """

    kind: Literal["empty", "page", "cut", "failed", "odd"]
    words: str = ""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file in the Hub's list.

    Attributes:
        path: Its name; no folder in it.
        size: Bytes; -1 where the Hub names no size or no digest.
        kind: How its digest is made: "sha256" or "git-blob".
        digest: What its content must have.
    """

    path: str
    size: int = -1
    kind: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class RepoListing:
    """What the Hub's list of a repository's files comes to, each value within its range.

    Attributes:
        repo: "owner/name", as the Hub writes it.
        commit: 40 hexadecimal digits.
        files: Those that a download might take.
        count: How many files there are in all.
        other_format: What weights of other programs are called; "" if there are none.
        licence: Its name.
        licence_link: Where to read it; may be empty.
        gated: Whether the Hub wants an account that accepted the terms.
        too_many: Whether a download would take more files than any may have; then there is nothing else.
    """

    repo: str
    commit: str
    files: tuple[ListedFile, ...]
    count: int
    other_format: str
    licence: str
    licence_link: str
    gated: bool
    too_many: bool = False


@dataclass(frozen=True, slots=True)
class ReadListing(LookQuestion[RepoListing | NoAnswer]):
    """What the Hub's answer says that a repository holds.

    Attributes:
        repo: Its name.
        data: The body of the answer.
    """

    repo: str
    data: bytes

    @property
    def subject(self) -> str:
        """The repository."""
        return self.repo


@dataclass(frozen=True, slots=True)
class JsonFields:
    """An object of JSON: names and values, in its order."""

    entries: tuple[tuple[str, PlainValue], ...]


PlainValue = None | bool | int | str | tuple["PlainValue", ...] | JsonFields


@dataclass(frozen=True, slots=True)
class Values:
    """The plain values of an answer: few, not deep, texts of no more than 4,000 characters."""

    found: PlainValue

    def as_json(self) -> object:
        """The same in dictionaries and lists."""
        return _as_json(self.found)


def _as_json(value: PlainValue) -> object:
    if isinstance(value, JsonFields):
        return {name: _as_json(each) for name, each in value.entries}
    return [_as_json(each) for each in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class ReadValues(AnswerQuestion[Values | NoAnswer]):
    """The plain values in an answer whose meaning is the asker's matter."""


@dataclass(frozen=True, slots=True)
class ServedModelNamed:
    """A model that a server has.

    Attributes:
        name: By which it is asked for.
        context: Tokens of its context; 0 where the server does not say.
    """

    name: str
    context: int = 0


@dataclass(frozen=True, slots=True)
class ServedModels:
    """The models in a server's list.

    Attributes:
        named: Those that can be shown and asked.
        left_out: How many others the list has: names that cannot be shown or sent, and what is too many.
    """

    named: tuple[ServedModelNamed, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ReadServerModels(AnswerQuestion[ServedModels | NoAnswer]):
    """The models in a server's list of them, as OpenAI writes it."""


@dataclass(frozen=True, slots=True)
class IdentifyWeights(FolderQuestion[str]):
    """Hash by which engines know the weights in a folder; "" if they cannot be read."""


@dataclass(frozen=True, slots=True)
class EngineChoices:
    """What runs a model on a card, or why not, for each precision."""

    found: tuple[EngineChoice | Refusal, ...]


@dataclass(frozen=True, slots=True)
class FlavourFacts:
    """What decides of an installed TensorRT (`trt_engines.tensorrt.flavour`), without its module."""

    name: str
    version: str
    streams_weights: bool


@dataclass(frozen=True, slots=True)
class ChooseEngines(FolderQuestion[EngineChoices]):
    """The engines that a model needs on a card (`inference.engines.choice.engine_choices`).

    Raises ModelFolderError and GraphError. Attributes: as that function's arguments.
    """

    card: DetectedGpu
    disk: int
    flavour: FlavourFacts
    cache: Path
    context: int

    @property
    def seconds(self) -> float:
        """Graphs may have to be made."""
        return GRAPHS_SECONDS


@dataclass(frozen=True, slots=True)
class MeasureProcessor(LookQuestion["ProcessorSpeed"]):
    """How fast large models would be on this processor (`inference.native.measure`); takes up to ten seconds.

    Raises LookError where our kernels are not there.
    """

    @property
    def subject(self) -> str:
        """The processor."""
        return "this processor"


@dataclass(frozen=True, slots=True)
class NotedFile:
    """One file in the note of a model's folder; what is said of it is not checked.

    Attributes:
        path: Relative, with "/" between folders.
        size: Bytes.
        kind: How its digest is made.
        digest: What its content must have.
        verified: Whether its hash was right when it was looked at last.
    """

    path: str
    size: int
    kind: str
    digest: str
    verified: bool


@dataclass(frozen=True, slots=True)
class FolderNote:
    """The note in a model's folder, as anybody may have written it."""

    title: str
    repo: str
    revision: str
    licence: str
    accepted: str
    files: tuple[NotedFile, ...]


@dataclass(frozen=True, slots=True)
class ReadNote(FolderQuestion[FolderNote | None]):
    """The note in a model's folder; None if there is none that can be read.

    Attributes:
        folder: The folder.
    """


@dataclass(frozen=True, slots=True)
class Merge(LookQuestion[MergeProgress | FileNote]):
    """Merge an adapter into its base; answered by progress, the last of which holds the report.

    Between two of these stand notes of files: each is taken before anything is written to the file.

    Raises ModelFolderError.

    Attributes:
        base: The model's folder.
        adapter: The adapter's folder.
        folder: Where to: an empty folder, which is the asker's also if this does not come to its end.
    """

    base: Path
    adapter: Path
    folder: Path

    @property
    def subject(self) -> str:
        """The adapter's folder."""
        return str(self.adapter)

    @property
    def tidy_seconds(self) -> float:
        """For deleting what it has written."""
        return 10.0
