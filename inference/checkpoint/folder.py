"""What is in a folder that a user points at: a model, an adapter, or a sentence that says why it is neither.

Only configuration and headers are read, so that 50 GB take as long as 50 MB; no torch.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.checkpoint.foreign import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    ARCHITECTURE,
    is_adapter,
    refuse_foreign,
    refuse_pointers,
)
from inference.checkpoint.name import folder_name, model_name
from inference.checkpoint.tensors import check_tensors, expected_tensors, weights_errors
from inference.config import model_config_from_folder, read_object, unreadable
from inference.errors import ModelFolderError
from inference.facts import AdapterFacts, FolderFacts
from inference.model_config import ModelConfig
from inference.paths import refuse_undecodable
from inference.text.chat_template import template_from_folder, tried_template
from inference.text.tokenizer import tokenizer_from_folder
from trt_engines.files import is_readable_file, open_regular
from trt_engines.weights.index import EMBEDDING, TensorRecord, index_checkpoint, index_file_tensors, second_copies
from trt_engines.weights.layout import Layout, layout_of

# Two copies of a tensor are compared in one place of this many bytes: who trained them apart changed nearly all of it.
_SAMPLE_BYTES = 256
_END_BYTES = 1024
_LONGEST, _MOST_TARGETS = 200, 100  # characters and names of what an adapter says of itself


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model's folder whose files fit each other.

    Attributes:
        config: Its configuration.
        records: Where each tensor lies.
        layout: How the weights are stored.
    """

    config: ModelConfig
    records: Mapping[str, TensorRecord]
    layout: Layout


def inspect_folder(folder: Path, texts: bool = False) -> FolderFacts:
    """What lies in `folder`.

    Args:
        folder: What the user points at.
        texts: Load the tokenizer and try the template, too, as opening does: a second for a large vocabulary.

    Raises:
        ModelFolderError: Nothing that can be used; one sentence says what it is instead, or what is missing or damaged.
    """
    if is_adapter(folder):
        return _adapter(folder)
    model = checked_model(folder)
    if texts:
        tokenizer_from_folder(folder, model.config)
        tried_template(folder)
    else:
        _check_tokenizer_ends(folder / "tokenizer.json")
        template_from_folder(folder)
    files = {record.file for record in model.records.values()}
    return FolderFacts(
        "model", model_name(folder), ARCHITECTURE, sum(map(math.prod, expected_tensors(model.config).values())),
        sum(record.length for record in model.records.values()), model.layout, model.records[EMBEDDING].dtype,
        len(files) > 1,
    )  # fmt: skip


def _check_tokenizer_ends(file: Path) -> None:
    """What begins or ends as no JSON object does (empty, cut off, binary) is seen without reading all of it."""
    try:
        with open_regular(file) as stream:
            start = stream.read(_END_BYTES)
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _END_BYTES))
            end = stream.read(_END_BYTES)
    except FileNotFoundError as exc:
        raise ModelFolderError(f"{file.parent} holds no tokenizer.json.", "Download the model again.") from exc
    except OSError as exc:
        raise unreadable(file, exc) from exc
    if not start.lstrip().startswith(b"{") or not end.rstrip().endswith(b"}"):
        raise ModelFolderError(f"{file} is damaged: it holds no JSON object.", "Download this file again.")


def checked_model(folder: Path) -> CheckedModel:
    """Configuration and tensors of a model's folder, each tensor's name and shape compared with the configuration.

    Raises:
        ModelFolderError: As `inspect_folder`; also for an adapter, which is no model.
    """
    if is_adapter(folder):
        text = f"{folder} holds a LoRA adapter, which is only the changes to a model."
        raise ModelFolderError(text, "Merge it with the model that it was made for, and open the result.")
    refuse_foreign(folder)
    config = model_config_from_folder(folder)
    with weights_errors():
        records = index_checkpoint(folder)
        layout = layout_of(records)
    check_tensors(config, records)
    _check_copies(records)
    return CheckedModel(config, records, layout)


def _check_copies(records: Mapping[str, TensorRecord]) -> None:
    """`transformers` would run two different copies of a shared tensor as two tensors; here there is one of each."""
    for copy, name in second_copies(records).items():
        if name in records and _sample(records[copy]) != _sample(records[name]):
            raise ModelFolderError(
                f"This model holds {copy} and {name} with different values, which Dewpoint runs as one tensor.",
                "It was trained with encoder, decoder or head apart; take a model that shares them.",
            )


def _sample(record: TensorRecord) -> tuple[str, tuple[int, ...], bytes]:
    try:
        with open_regular(record.file) as stream:
            stream.seek(record.offset + max(0, record.length // 2 - _SAMPLE_BYTES // 2))
            return record.dtype, record.shape, stream.read(min(_SAMPLE_BYTES, record.length))
    except OSError as exc:
        raise unreadable(record.file, exc) from exc


def _adapter(folder: Path) -> FolderFacts:
    refuse_undecodable(folder)
    refuse_pointers(folder)
    config = read_object(folder / ADAPTER_CONFIG)
    weights = folder / ADAPTER_WEIGHTS
    if not is_readable_file(weights):
        other = (
            " (only adapter_model.bin, which is not opened)" if is_readable_file(folder / "adapter_model.bin") else ""
        )
        raise ModelFolderError(f"{folder} holds no {ADAPTER_WEIGHTS}{other}.", "Save the adapter as safetensors.")
    with weights_errors():
        records = index_file_tensors(weights)
    base, rank = config.get("base_model_name_or_path"), config.get("r")
    facts = AdapterFacts(str(base or "")[:_LONGEST], rank if type(rank) is int else 0, _targets(config))
    return FolderFacts(
        "adapter", folder_name(folder), str(config.get("peft_type") or "an adapter of no named kind")[:_LONGEST],
        sum(math.prod(record.shape) for record in records.values()), sum(r.length for r in records.values()), "plain",
        next((record.dtype for record in records.values()), ""), False, facts,
    )  # fmt: skip


def _targets(config: Mapping[str, Any]) -> tuple[str, ...]:
    found: set[str] = set()
    for field in ("target_modules", "target_parameters", "modules_to_save"):
        value = config.get(field)
        found |= {value} if isinstance(value, str) else set(map(str, value if isinstance(value, list) else ()))
    return tuple(each[:_LONGEST] for each in sorted(found)[:_MOST_TARGETS])
