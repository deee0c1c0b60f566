"""Where every tensor of a checkpoint lies: file, offset, length, type, shape.

Only headers are read, never the weights, so that a 50 GB checkpoint is indexed in milliseconds. The offsets are
what lets an ONNX graph point into the safetensors files themselves (docs/decisions.md, 7). Format: an 8-byte
little-endian header length, the header as JSON, then the data.
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trt_engines.errors import WeightsError
from trt_engines.files import open_regular, parse_json, read_json, read_regular, there
from trt_engines.weight_names import INDEX, WHOLE

ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
    "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "U16": 2, "U32": 4, "U64": 8,
}  # fmt: skip
_AGAIN = "Download this file again, or choose another copy of the model."
# Four times the largest that is known (experts apart, quantised: 46,000 tensors). The library takes 100 MB, which can
# become gigabytes in memory.
_LARGEST_HEADER = 32 << 20
_MOST_AXES, _MOST_NUMBERS = 16, 2**60
_LARGEST_CONFIG = 4 << 20
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d+)-of-(?P<count>\d+)\.safetensors")
_MOST_TENSORS = 150_000  # three times as many as in the largest that is known
_MOST_SHARDS = 10_000  # the largest models have some hundreds


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """One tensor on disk.

    Attributes:
        name: Its name in the file.
        file: The safetensors file.
        dtype: Type in safetensors' words ("BF16", "F16", "F32", ...).
        shape: Its shape.
        offset: First byte in the file (not relative to the header).
        length: Bytes.
    """

    name: str
    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """Which files of a folder hold its weights.

    Attributes:
        files: Those that are read; empty if there are none.
        source: The file that decides: the only one, or an index; "" where every file counts.
        weight_map: Name of the file of every tensor, if an index decides.
        unread: Names of other weight files in the folder, which are not read.
    """

    files: tuple[Path, ...]
    source: str
    weight_map: Mapping[str, str] | None
    unread: tuple[str, ...]


def weight_files(folder: Path) -> WeightFiles:
    """The files that count, in the order of transformers (`modeling_utils.py`, `_get_resolved_checkpoint_files`).

    1. The file or the index that config.json names (`transformers_weights`).
    2. `model.safetensors`: trainers leave an older index and its shards beside it.
    3. `model.safetensors.index.json`.
    4. All other weight files: transformers takes none, but shards without their index are complete all the same.

    Raises:
        WeightsError: A shard is missing, the index is damaged, or there are more files than any model has.
    """
    found = [file for file in sorted(folder.glob("*.safetensors")) if not file.name.startswith("adapter_")]
    source = next((name for name in (_named_weights(folder), WHOLE, INDEX) if name and _exists(folder / name)), "")
    weight_map = read_weight_map(folder / source) if source.endswith(".json") else None
    if weight_map is not None:
        files = _present([folder / name for name in sorted(set(weight_map.values()))])
    else:
        files = [folder / source] if source else _with_shards(folder, found)
    if len(files) > _MOST_SHARDS:
        text = f"{folder} holds {len(files):,} weight files; no model has more than {_MOST_SHARDS:,}."
        raise WeightsError(text, "Choose a folder that holds one model.")
    read = set(files)
    unread = tuple(file.name for file in found if file not in read)
    return WeightFiles(tuple(files), source, weight_map, unread)


def index_checkpoint(folder: Path) -> dict[str, TensorRecord]:
    """All tensors of the safetensors files in `folder`, sharded or not, under the names that we ask for.

    Where an index names a tensor's file, the tensor counts only from there: a merged checkpoint keeps its base's files,
    in which some tensors are out of date.

    Raises:
        WeightsError: No weights, a shard is missing, a file is damaged, the index names what is not there, or two files
            hold a tensor and nothing says which one counts.
    """
    chosen = weight_files(folder)
    if not chosen.files:
        hint = "Choose a folder in Hugging Face layout; other formats (GGUF, .bin) cannot be used."
        raise WeightsError(f"{folder} holds no weights (*.safetensors).", hint)
    records: dict[str, TensorRecord] = {}
    for file in chosen.files:
        found = index_file_tensors(file)
        if chosen.weight_map is not None:
            found = {name: record for name, record in found.items() if chosen.weight_map.get(name) == file.name}
        twice = next((name for name in found if name in records), None)
        if twice is not None:
            text = f"{records[twice].file.name} and {file.name} both hold {twice}, and no index says which one counts."
            raise WeightsError(text, "Leave only the files of one model in the folder, or add their index.")
        records.update(found)
    lost = [name for name in chosen.weight_map or () if name not in records]
    if chosen.weight_map is not None and lost:
        named, source = chosen.weight_map[lost[0]], chosen.source
        text = f"{named} holds no {lost[0]}, but {source} says so of it ({len(lost)} tensors are missing)."
        raise WeightsError(text, _AGAIN)
    return canonical(records)


def _exists(file: Path) -> bool:
    try:
        return there(file)
    except OSError as exc:
        raise WeightsError(f"{file} cannot be read: {exc.strerror}.", "Check the file and its rights.") from exc


def _named_weights(folder: Path) -> str:
    try:
        named = read_json(folder / "config.json", _LARGEST_CONFIG)["transformers_weights"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if not isinstance(named, str):
        return ""
    index = named.removesuffix(".index.json") if named.endswith(".safetensors.index.json") else named
    return named if _plain_name(index) else ""


def read_weight_map(index_file: Path) -> dict[str, str]:
    """Name of the file of every tensor, as the index says.

    Raises:
        WeightsError: It is damaged, or names a file outside its folder.
    """
    try:
        weight_map = parse_json(read_regular(index_file), unique=True)["weight_map"]
        good = all(_plain_name(file) for file in set(weight_map.values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as exc:
        raise WeightsError(f"{index_file} is damaged: it has no usable weight_map.", _AGAIN) from exc
    if not good or not weight_map:
        raise WeightsError(f"{index_file} is damaged: it has no usable weight_map.", _AGAIN)
    return dict(weight_map)


def _plain_name(name: Any) -> bool:
    """A name of a weight file in the same folder; what is no name at all leads out of it."""
    return isinstance(name, str) and Path(name).name == name and name.endswith(".safetensors") and "\0" not in name


def _with_shards(folder: Path, files: list[Path]) -> list[Path]:
    wanted = {file.name: file for file in files}
    sets: dict[tuple[str, int, str], None] = {}
    for match in filter(None, (_SHARD.fullmatch(file.name) for file in files)):
        sets[match["stem"], len(match["number"]), match["count"]] = None
    for stem, digits, count in sets:
        for number in range(1, min(int(count), _MOST_SHARDS) + 1):
            name = f"{stem}-{number:0{digits}}-of-{count}.safetensors"
            wanted.setdefault(name, folder / name)
        if len(wanted) > len(files) + _MOST_SHARDS:
            break  # enough is missing
    return _present(list(wanted.values()))


def _present(files: list[Path]) -> list[Path]:
    missing = [file.name for file in files if not _exists(file)]
    if missing:
        shown = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise WeightsError(f"{len(missing)} of {len(files)} weight files are missing: {shown}.", "Download them again.")
    return files


def index_file_tensors(file: Path) -> dict[str, TensorRecord]:
    """The tensors of one safetensors file.

    Raises:
        WeightsError: It cannot be read, or its header is not what safetensors allows: whole numbers, each tensor of as
            many bytes as its shape says, none outside the file, no two in one place, nothing behind the last.
    """
    header, data_start, size = _read_header(file)
    if len(header) > _MOST_TENSORS:
        text = f"{file.name} names {len(header):,} tensors; no model has more than {_MOST_TENSORS:,}."
        raise WeightsError(text, "Choose another copy of the model.")
    records = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        except (KeyError, TypeError, ValueError) as exc:
            raise _unreadable(file, name) from exc
        if not isinstance(dtype, str) or not _are_whole(shape) or not _are_whole([begin, end]):
            raise _unreadable(file, name)
        elements = math.prod(shape)
        if dtype not in ITEM_BYTES or elements > _MOST_NUMBERS or end - begin != elements * ITEM_BYTES[dtype]:
            text = f"{file.name} is damaged: {name} ({dtype}, {tuple(shape)}) does not fit its bytes."
            raise WeightsError(text, _AGAIN)
        if data_start + end > size:
            raise WeightsError(
                f"{file.name} is incomplete: {size:,} bytes, but {name} ends at byte {data_start + end:,}.", _AGAIN
            )
        records[name] = TensorRecord(name, file, dtype, tuple(shape), data_start + begin, end - begin)
    _refuse_overlaps(file, records)
    ends = max((record.offset + record.length for record in records.values()), default=data_start)
    if size > ends:
        text = f"{file.name} is damaged: {size:,} bytes, but its last tensor ends at byte {ends:,}."
        raise WeightsError(text, _AGAIN)
    return records


def _are_whole(numbers: Any) -> bool:
    """A few whole numbers as files and arrays can have them."""
    if not isinstance(numbers, list) or len(numbers) > _MOST_AXES:
        return False
    return all(type(number) is int and 0 <= number <= _MOST_NUMBERS for number in numbers)


def _unreadable(file: Path, name: str) -> WeightsError:
    return WeightsError(f"{file.name} is damaged: the entry of {name} cannot be read.", _AGAIN)


def _refuse_overlaps(file: Path, records: Mapping[str, TensorRecord]) -> None:
    before: TensorRecord | None = None
    for record in sorted(records.values(), key=lambda record: (record.offset, record.length)):
        if before is not None and record.offset < before.offset + before.length:
            text = f"{file.name} is damaged: {before.name} and {record.name} lie in one place."
            raise WeightsError(text, _AGAIN)
        before = record


def _read_header(file: Path) -> tuple[dict[str, Any], int, int]:
    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else _LARGEST_HEADER + 1
            if length > min(_LARGEST_HEADER, size - 8):
                raise WeightsError(f"{file.name} is damaged: it has no valid safetensors header.", _AGAIN)
            header = parse_json(stream.read(length), unique=True)
    except OSError as exc:
        raise WeightsError(f"{file} cannot be read: {exc.strerror}.", "Check the file and its rights.") from exc
    except ValueError as exc:
        raise WeightsError(f"{file.name} is damaged: its header is not valid JSON.", _AGAIN) from exc
    if not isinstance(header, dict):
        raise WeightsError(f"{file.name} is damaged: its header is no JSON object.", _AGAIN)
    return header, 8 + length, size


DECODER, ENCODER = "model.decoder.", "model.encoder.language_model."


EMBEDDING, HEAD = "model.decoder.embed_tokens.weight", "lm_head.weight"


_OWN_SCALAR = re.compile(r"layers\.\d+\.layer_scalar")


def canonical_name(stored: str) -> str:
    """The name with exactly one leading "model." if it is of the encoder or decoder, else as it is."""
    bare = stored
    while bare.startswith("model."):
        bare = bare.removeprefix("model.")
    return f"model.{bare}" if bare.startswith(("decoder.", "encoder.")) else stored


def shared_name(name: str) -> str:
    """The name under which a tensor is kept that encoder, decoder and head share; other names as they are.

    Encoder and decoder share all but the layer scalars (and the self-conditioning, which the encoder has not).
    """
    if name == HEAD:
        return EMBEDDING
    rest = name.removeprefix(ENCODER)
    return name if rest == name or _OWN_SCALAR.fullmatch(rest) else DECODER + rest


def canonical(records: Mapping[str, TensorRecord]) -> dict[str, TensorRecord]:
    """The same records under the names that we ask for; each still knows its `name` in the file.

    A second copy of a shared tensor keeps its own name (see `second_copies`).

    Raises:
        WeightsError: Two tensors claim one name.
    """
    named: dict[str, TensorRecord] = {}
    for stored, record in records.items():
        name = canonical_name(stored)
        if name in named:
            text = f"This checkpoint holds {named[name].name} and {stored}, which are the same tensor."
            raise WeightsError(text, "Choose another copy of this model.")
        named[name] = record
    for name in list(named):
        if shared_name(name) not in named:
            named[shared_name(name)] = named.pop(name)
    return named


def second_copies(records: Mapping[str, TensorRecord]) -> dict[str, str]:
    """Tensors that a checkpoint holds twice: the name of the copy and of the one that is used."""
    return {name: shared_name(name) for name in records if shared_name(name) != name}
