"""The answers: everything that reads what a folder or a repository supplies, behind one function.

It is called in a look process, and by tests in their own. Readers are imported when the first question needs them.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from inference.errors import InferenceError, LookError
from inference.facts import FileNote, FolderFacts
from inference.look.folder_note import folder_note
from inference.look.plain import bounded
from inference.look.questions import (
    AdapterConfig,
    ChooseEngines,
    EngineChoices,
    FolderLook,
    IdentifyWeights,
    LookAtFolder,
    LookQuestion,
    MeasureProcessor,
    Merge,
    NoAnswer,
    Problem,
    ReadAdapterConfig,
    ReadConfig,
    ReadListing,
    ReadNote,
    ReadRepoConfig,
    ReadServerModels,
    ReadValues,
    RepoConfig,
    WeightsNote,
)
from inference.look.servers import read_answer, read_listing, read_models, read_values
from inference.model_config import ModelConfig
from trt_engines.errors import DewpointError, EngineError

if TYPE_CHECKING:
    from trt_engines.planning.processor import ProcessorSpeed

A = TypeVar("A")
_NAMES = 20  # of weight files that are not read


def answer(question: LookQuestion[A]) -> A:
    """The answer to a question that has one.

    Raises:
        DewpointError: What the question says; LookError for what no reader expects of a folder.
    """
    try:
        return cast("A", bounded(_answer(question)))
    except (OSError, RecursionError) as exc:
        raise _unreadable(question, exc) from exc


def answers(question: LookQuestion[A], tell: Callable[[FileNote], None]) -> Generator[A, None, None]:
    """All answers to a question, the last of which closes it; closing the generator gives it up.

    Args:
        question: The question.
        tell: Is called with what whoever asks has to take note of before this goes on.

    Raises:
        DewpointError: As `answer`.
    """
    if not isinstance(question, Merge):
        yield answer(question)
        return
    from inference.checkpoint.adapters import merged_into

    try:
        steps = merged_into(question.base, question.adapter, question.folder, _Notes(tell))
        with contextlib.closing(steps):
            for step in steps:
                yield cast("A", bounded(step))
    except (OSError, RecursionError) as exc:
        raise _unreadable(question, exc) from exc


class _Notes:
    """Tells of each file that a merge makes (`trt_engines.files.FileNotes`)."""

    def __init__(self, tell: Callable[[FileNote], None]) -> None:
        self._tell = tell

    def made(self, path: Path) -> None:
        """It holds nothing yet."""
        self._tell(FileNote("made", path))

    def finished(self, part: Path, final: Path) -> None:
        """It gets its name next."""
        self._tell(FileNote("finished", part, final))

    def gone(self, path: Path) -> None:
        """It is not there any more."""
        self._tell(FileNote("gone", path))


def _answer(question: LookQuestion[Any]) -> Any:
    match question:
        case LookAtFolder(folder, texts):
            return _folder(folder, texts)
        case ReadNote(folder):
            return folder_note(folder)
        case ReadConfig(folder):
            return _config(folder)
        case ReadRepoConfig(repo, config, generation):
            return _repo_config(repo, config, generation)
        case ReadAdapterConfig(_, config):
            return _adapter_config(config)
        case ReadListing(repo, data):
            return read_listing(repo, data)
        case ReadValues(_, data):
            return read_values(data)
        case ReadServerModels(_, data):
            return read_models(data)
        case IdentifyWeights(folder):
            return _identity(folder)
        case ChooseEngines():
            return _engines(question)
        case MeasureProcessor():
            return _processor()
    raise TypeError(f"question must be one that has an answer, not {question!r}")


# -- folders ---------------------------------------------------------------------------------------------------------


def _folder(folder: Path, texts: bool) -> FolderLook:
    if "\0" in str(folder):
        return FolderLook(False)  # no system has a folder of such a name
    there, size = _there(folder), _size(folder)
    facts, problem = _facts(folder, texts)
    config = None
    with contextlib.suppress(InferenceError, OSError, RecursionError):  # `problem` says so where it matters
        config = bounded(_config(folder)) if there else None
    return FolderLook(there, size, facts, problem, config, _weights(folder) if there else None)


def _there(folder: Path) -> bool:
    """Whether there is a folder. What cannot be looked into is there: the reason is told as its problem."""
    try:
        return stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _size(folder: Path) -> int:
    total = 0
    try:
        for file in folder.iterdir():
            found = file.stat()
            total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    except OSError:
        pass  # as far as it can be told
    return total


def _facts(folder: Path, texts: bool) -> tuple[FolderFacts | None, Problem | None]:
    from inference.checkpoint.folder import inspect_folder

    try:
        return bounded(inspect_folder(folder, texts)), None
    except DewpointError as exc:
        if not exc.known:
            raise
        return None, Problem(exc.user_text, exc.hint)
    except (OSError, RecursionError) as exc:
        error = _unreadable(LookAtFolder(folder), exc)
        return None, Problem(error.user_text, error.hint)


def _config(folder: Path) -> ModelConfig:
    from inference.config import model_config_from_folder

    return model_config_from_folder(folder)


def _weights(folder: Path) -> WeightsNote | None:
    from trt_engines.weights.index import weight_files

    try:
        chosen = weight_files(folder)
        linked = any(file.is_symlink() for file in chosen.files)
    except (EngineError, OSError, RecursionError):
        return None  # told as what is wrong with the model
    unread = chosen.unread if chosen.files else ()
    return WeightsNote(chosen.source, len(unread), unread[:_NAMES], linked)


def _identity(folder: Path) -> str:
    from trt_engines.building.identity import weights_identity
    from trt_engines.weights.index import index_checkpoint

    try:
        return weights_identity(index_checkpoint(folder))
    except (EngineError, OSError):
        return ""


def _engines(question: ChooseEngines) -> EngineChoices:
    from inference.engines.choice import engine_choices

    found = engine_choices(
        question.folder, question.card, question.disk, question.flavour, question.cache, question.context
    )
    return EngineChoices(found)


def _processor() -> ProcessorSpeed:
    from inference.native.library import NativeError
    from inference.native.measure import measure_processor

    try:
        return measure_processor()
    except NativeError as exc:
        raise LookError(f"The processor could not be measured: {exc}.", "Try again.") from exc


# -- texts of repositories -------------------------------------------------------------------------------------------


def _adapter_config(config: bytes) -> AdapterConfig:
    found = _object(config)
    if isinstance(found, NoAnswer):
        return AdapterConfig(instead=found)
    return AdapterConfig(str(found.get("base_model_name_or_path") or ""))


def _repo_config(repo: str, config: bytes, generation: bytes | None) -> RepoConfig:
    from inference.config import model_config_from_dicts

    raw = _object(config)
    if isinstance(raw, NoAnswer):
        return RepoConfig(None, damaged="config.json", instead=raw)
    named = _object(generation) if generation is not None else {}
    if isinstance(named, NoAnswer):
        return RepoConfig(None, damaged="generation_config.json", instead=named)
    kind = raw.get("model_type")
    architectures = raw.get("architectures")
    first = architectures[0] if isinstance(architectures, list) and architectures else kind
    found, problem = None, None
    try:
        found = model_config_from_dicts(raw, named, Path(repo))
    except InferenceError as exc:
        problem = Problem(exc.user_text, exc.hint)
    return RepoConfig(
        found, problem, "", None, kind if isinstance(kind, str) else "", first if isinstance(first, str) else "",
        bool(raw.get("transformers_weights")),
    )  # fmt: skip


def _object(data: bytes) -> dict[str, Any] | NoAnswer:
    found = read_answer(data)
    return found if isinstance(found, dict | NoAnswer) else NoAnswer("odd")


def _unreadable(question: LookQuestion[Any], error: OSError | RecursionError) -> LookError:
    if isinstance(error, RecursionError):
        return LookError(f"{question.subject} holds something that is nested too deeply.", "Choose another copy.")
    return LookError(
        f"{question.subject} cannot be read: {error.strerror or type(error).__name__}.",
        "Check the folder, its drive and its rights.",
    )
