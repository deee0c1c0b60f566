"""A LoRA adapter and its base model become one checkpoint, which then is opened like any other. numpy, no torch.

The base's weight files are linked, not copied, where the drive allows; changed tensors lie in a file of their own, and
the index says which file counts for which tensor. So a merged 50 GB model takes the room of what the adapter changed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference.checkpoint.folder import checked_model, inspect_folder
from inference.checkpoint.tensors import weights_errors
from inference.config import read_object, unreadable
from inference.errors import ModelFolderError
from inference.facts import MergeProgress, MergeReport
from inference.text.chat_template import FILE as TEMPLATE
from inference.text.tokenizer import tokenizer_from_folder
from trt_engines.files import FileNotes, free_bytes, is_readable_file, read_json, read_regular, sync_file, write_whole
from trt_engines.held import remove_below
from trt_engines.weight_names import INDEX
from trt_engines.weights.index import TensorRecord, shared_name
from trt_engines.weights.lora import ADAPTER, Adapter, read_adapter
from trt_engines.weights.lora_math import merged_pieces
from trt_engines.weights.source import WeightSource
from trt_engines.weights.tensor_file import write_tensors

# transformers reads the files of an index in the order of their names, and the last one wins: ours must be the last.
MERGED, NOTE = "model-merged.safetensors", "dewpoint-merge.json"
_SPARE_BYTES = 64 << 20
_SLICE = 16 << 20
_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
_BASE_FILES = (
    "config.json", "generation_config.json", "processor_config.json", "preprocessor_config.json",
    "hf_quant_config.json", TEMPLATE, *_TOKENIZER_FILES,
)  # fmt: skip
_LEGAL = ("LICENSE*", "NOTICE*", "USE_POLICY*")
# Where Hugging Face's cache keeps what the links of models--NAME/snapshots/REVISION lead to.
_CACHE_SNAPSHOTS, _CACHE_FILES = "snapshots", "blobs"
_LARGEST_TEXT, _LARGEST_LEGAL, _MOST_LEGAL = 128 << 20, 4 << 20, 20  # bytes of a file, and files
_FULL = (errno.ENOSPC, errno.EDQUOT)


def merge_adapter(base: Path, adapter: Path, target: Path) -> Generator[MergeProgress, None, None]:
    """Make the checkpoint folder `target`: `base` with the PEFT adapter merged in.

    W' = W + scale * B @ A in float32, rounded once to W's type; DoRA and whole tensors (`modules_to_save`), too. Where
    PEFT rounds more often, numbers differ in the last bit of the type. See `trt_engines.weights.lora` for weights that
    encoder and decoder share.

    1. Read and check everything: base, adapter, room on the disk.
    2. Link or copy the base's files that still hold tensors which count.
    3. Write the changed tensors, one after the other.
    4. Index, texts and a note; look at the result as if it were any folder; give it its name.

    `target` is there whole or not at all, whenever this ends. Closing the generator stops it.

    Yields:
        Progress, some times a second on a fast disk; the last one holds the report.

    Raises:
        ModelFolderError: Base or adapter are damaged or do not fit each other, `target` is there already, the disk is
            full or cannot be written.
    """
    # 1.
    if target.exists():
        raise ModelFolderError(f"{target} is there already.", "Choose another name, or remove that folder first.")
    source, read = _checked(base, adapter)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.merging"
    with _disk_errors(target):
        temporary.mkdir(parents=True)
    try:
        with _disk_errors(target), weights_errors():
            report = yield from _merged(base, adapter, temporary, source, read, None)
            temporary.rename(target)
    finally:
        remove_below(temporary)  # of a name that nobody else knows
    yield MergeProgress(1.0, "", report)


def merged_into(
    base: Path, adapter: Path, folder: Path, notes: FileNotes | None
) -> Generator[MergeProgress, None, None]:
    """The same in an empty folder of the caller, who also says what becomes of it if this does not come to its end.

    Args:
        base: The base model.
        adapter: The adapter.
        folder: Where to.
        notes: Is told of every file, while it is still empty.

    Yields:
        Progress; the last one holds the report.

    Raises:
        ModelFolderError: As `merge_adapter`.
    """
    source, read = _checked(base, adapter)
    with _disk_errors(folder), weights_errors():
        report = yield from _merged(base, adapter, folder, source, read, notes)
    yield MergeProgress(1.0, "", report)


def _checked(base: Path, adapter: Path) -> tuple[WeightSource, Adapter]:
    config = checked_model(base).config
    tokenizer_from_folder(adapter if is_readable_file(adapter / "tokenizer.json") else base, config)
    with weights_errors():
        source = WeightSource.open(base)
        return source, read_adapter(adapter, source)


def _merged(
    base: Path, adapter: Path, folder: Path, source: WeightSource, read: Adapter, notes: FileNotes | None
) -> Generator[MergeProgress, None, MergeReport]:
    changed = {name: source.records[name] for name in read.changes}
    kept = {name: record for name, record in source.records.items() if shared_name(name) not in changed}
    links = plan_links(sorted({record.file for record in kept.values()}), folder, MERGED, notes)
    written = sum(record.length for record in changed.values())
    total = written + links.bytes_to_copy
    _check_room(folder, total)
    done = 0
    # 2.
    for name, count in links.carried_out(notes):
        done += count
        yield MergeProgress(_share(done, total), name)
    # 3.
    digest = _digest(adapter / ADAPTER)
    pieces = ((record, merged_pieces(source.array(name), read.changes[name], name)) for name, record in changed.items())
    _make(folder / MERGED, notes)
    for name, count in write_tensors(folder / MERGED, pieces, {"format": "pt", "adapter_sha256": digest}):
        done += count
        yield MergeProgress(_share(done, total), name)
    # 4.
    _write_index(folder, changed, kept, links, notes)
    copy_texts(base, adapter, folder, notes)
    _drop_named_weights(folder, notes)
    report = MergeReport(len(changed), links.linked, read.left_out, read.notes)
    _write_note(folder, base, adapter, digest, read, notes)
    inspect_folder(folder)
    return report


def _share(done: int, total: int) -> float:
    return min(0.99, 0.99 * done / max(1, total))


def _check_room(folder: Path, needed: int) -> None:
    free = free_bytes(folder)
    if free < needed + _SPARE_BYTES:
        raise ModelFolderError(
            f"The merged model needs {needed / 1e9:.1f} GB on the drive of {folder.parent}, which has "
            f"{free / 1e9:.1f} GB free.",
            "Make room there, or put the merged model on another drive.",
        )


@contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            text = f"The drive of {target.parent} became full while the model was being merged."
            raise ModelFolderError(text, "Make room there, or put the merged model on another drive.") from exc
        if exc.errno == errno.EFBIG:
            text = f"The drive of {target.parent} cannot hold a file of this size; FAT32 ends at 4 GB a file."
            raise ModelFolderError(text, "Put the merged model on a drive with exFAT, NTFS or ext4.") from exc
        text = f"{target} cannot be written: {exc.strerror or exc}."
        raise ModelFolderError(text, "Check the folder and its rights, or choose another one.") from exc


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while part := stream.read(_SLICE):
            digest.update(part)
    return digest.hexdigest()


def _write_index(
    folder: Path,
    changed: Mapping[str, TensorRecord],
    kept: Mapping[str, TensorRecord],
    links: Links,
    notes: FileNotes | None,
) -> None:
    weight_map = {record.name: links.names[record.file] for record in kept.values()}
    weight_map |= {record.name: MERGED for record in changed.values()}
    size = sum(record.length for record in (*kept.values(), *changed.values()))
    content = {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))}
    _write_json(folder / INDEX, content, notes)


def _drop_named_weights(folder: Path, notes: FileNotes | None) -> None:
    """The configuration of a base may name its weights; of the merged model the index alone decides."""
    config = read_object(folder / "config.json")
    if config.pop("transformers_weights", None) is not None:
        _write_json(folder / "config.json", config, notes)


def _write_note(folder: Path, base: Path, adapter: Path, digest: str, read: Adapter, notes: FileNotes | None) -> None:
    _write_json(
        folder / NOTE,
        {
            "base": str(base.resolve()),
            "adapter": str(adapter.resolve()),
            "adapter_sha256": digest,
            "trained_on": read.config.base,
            "scale": read.config.scale(""),
            "tensors": sorted(read.changes),
            "left_out": list(read.left_out),
            "notes": list(read.notes),
        },
        notes,
    )


def _write_json(file: Path, content: object, notes: FileNotes | None) -> None:
    write_whole(file, json.dumps(content, indent=1) + "\n", notes=notes)


def _make(file: Path, notes: FileNotes | None) -> None:
    """Make a file and tell of it before it holds anything."""
    file.touch(exist_ok=False)
    if notes is not None:
        notes.made(file)


@dataclass(frozen=True, slots=True)
class Links:
    """How a base's weight files come into a merged folder.

    Attributes:
        names: Name in the merged folder of each file.
        folder: The merged folder.
        linked: Whether the drive can link them; False: they are copied.
    """

    names: Mapping[Path, str]
    folder: Path
    linked: bool

    @property
    def bytes_to_copy(self) -> int:
        """Room that the files need."""
        return 0 if self.linked else sum(file.stat().st_size for file in self.names)

    def carried_out(self, notes: FileNotes | None = None) -> Iterator[tuple[str, int]]:
        """Link or copy; yields the name and the bytes that were copied, after each piece.

        Args:
            notes: Is told of every file.

        Raises:
            OSError: The disk is full or broken.
        """
        for file, name in self.names.items():
            if self.linked:
                if notes is not None:
                    notes.finished(file.resolve(), self.folder / name)
                os.link(file.resolve(), self.folder / name)
                yield name, 0
                continue
            _make(self.folder / name, notes)
            with file.open("rb") as source, (self.folder / name).open("wb") as sink:
                while part := source.read(_SLICE):
                    sink.write(part)
                    yield name, len(part)
            sync_file(self.folder / name)


def plan_links(files: Sequence[Path], folder: Path, last: str, notes: FileNotes | None = None) -> Links:
    """Names for `files` in `folder`, each before the name `last`, and whether they can be linked there.

    A file keeps its name unless it is a name that means a checkpoint of one file, or comes after `last`.
    """
    names: dict[Path, str] = {}
    for number, file in enumerate(files, 1):
        keeps = file.name < last and file.name not in names.values()
        names[file] = file.name if keeps else f"model-base-{number:05}.safetensors"
    return Links(names, folder, all(_can_link(file, folder, notes) for file in files))


def _can_link(file: Path, folder: Path, notes: FileNotes | None) -> bool:
    """Tried: another drive cannot, nor can some file systems."""
    attempt = folder / f"link-{secrets.token_hex(4)}.test"
    if notes is not None:
        notes.finished(file.resolve(), attempt)
    try:
        os.link(file.resolve(), attempt)
    except OSError:
        return False
    attempt.unlink()
    if notes is not None:
        notes.gone(attempt)
    return True


def copy_texts(base: Path, adapter: Path, folder: Path, notes: FileNotes | None = None) -> None:
    """Configuration, tokenizer and template of the base; an adapter's own tokenizer or template comes before it.

    Args:
        base: The base model.
        adapter: The adapter.
        folder: A new folder, which holds none of these files.
        notes: Is told of every file.

    Raises:
        OSError: The disk is full or broken.
        ModelFolderError: A file is none, too large, or a link that leads out of its folder.
    """
    sources = {name: (base / name, _LARGEST_TEXT) for name in _BASE_FILES if is_readable_file(base / name)}
    for pattern in _LEGAL:
        for file in sorted(base.glob(pattern))[:_MOST_LEGAL]:
            if is_readable_file(file):
                sources[file.name] = file, _LARGEST_LEGAL
    if is_readable_file(adapter / "tokenizer.json"):
        for name in _TOKENIZER_FILES:
            kept = sources.pop(name, None)
            if is_readable_file(adapter / name):
                sources[name] = adapter / name, _LARGEST_TEXT
            elif name == "tokenizer_config.json" and kept is not None:
                sources[name] = kept
    if is_readable_file(adapter / TEMPLATE):
        sources[TEMPLATE] = adapter / TEMPLATE, _LARGEST_TEXT
    elif _has_template(adapter / "tokenizer_config.json"):
        sources.pop(TEMPLATE, None)
        sources["tokenizer_config.json"] = adapter / "tokenizer_config.json", _LARGEST_TEXT
    for name, (file, most) in sources.items():
        _copy(file, folder / name, most, notes)


def _copy(file: Path, target: Path, most: int, notes: FileNotes | None) -> None:
    """A file of a folder that anybody may have written: a link must not bring a file of the user's into a model."""
    try:
        real = file.resolve(strict=True)
        _refuse_outside(file, real)
        data = read_regular(real, most)
    except OSError as exc:
        raise unreadable(file, exc) from exc
    _make(target, notes)
    target.write_bytes(data)


def _refuse_outside(file: Path, real: Path) -> None:
    """Links lead to other files of the folder, or into Hugging Face's cache."""
    folder = file.parent.resolve()
    allowed = [folder]
    if folder.parent.name == _CACHE_SNAPSHOTS:
        allowed.append(folder.parent.parent / _CACHE_FILES)
    if not any(real.is_relative_to(each) for each in allowed):
        raise ModelFolderError(
            f"{file} is a link that leads out of its folder, so it is not copied.",
            "Put the file itself in its place if it belongs to the model, or remove the link.",
        )


def _has_template(file: Path) -> bool:
    try:
        value = read_json(file)
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and bool(value.get("chat_template"))
