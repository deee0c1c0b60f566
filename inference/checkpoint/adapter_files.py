"""The files of a merged model that come from its base or its adapter: weights linked or copied, texts copied."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SLICE = 16 << 20
_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
_TEMPLATE = "chat_template.jinja"
_BASE_FILES = (
    "config.json", "generation_config.json", "processor_config.json", "preprocessor_config.json",
    "hf_quant_config.json", _TEMPLATE, *_TOKENIZER_FILES,
)  # fmt: skip
_LEGAL = ("LICENSE*", "NOTICE*", "USE_POLICY*")


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

    def carried_out(self) -> Iterator[tuple[str, int]]:
        """Link or copy; yields the name and the bytes that were copied, after each piece.

        Raises:
            OSError: The disk is full or broken.
        """
        for file, name in self.names.items():
            if self.linked:
                os.link(file.resolve(), self.folder / name)
                yield name, 0
                continue
            with file.open("rb") as source, (self.folder / name).open("wb") as sink:
                while part := source.read(_SLICE):
                    sink.write(part)
                    yield name, len(part)
                sink.flush()
                os.fsync(sink.fileno())


def plan_links(files: Sequence[Path], folder: Path, last: str) -> Links:
    """Names for `files` in `folder`, each before the name `last`, and whether they can be linked there.

    A file keeps its name unless it is a name that means a checkpoint of one file, or comes after `last`.
    """
    names: dict[Path, str] = {}
    for number, file in enumerate(files, 1):
        keeps = file.name < last and file.name not in names.values()
        names[file] = file.name if keeps else f"model-base-{number:05}.safetensors"
    return Links(names, folder, all(_can_link(file, folder) for file in files))


def _can_link(file: Path, folder: Path) -> bool:
    """Tried: another drive cannot, nor can some file systems."""
    attempt = folder / "link.test"
    try:
        os.link(file.resolve(), attempt)
    except OSError:
        return False
    attempt.unlink()
    return True


def copy_texts(base: Path, adapter: Path, folder: Path) -> None:
    """Configuration, tokenizer and template of the base; an adapter's own tokenizer or template comes before it.

    Raises:
        OSError: The disk is full or broken.
    """
    for name in _BASE_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
    for pattern in _LEGAL:
        for file in base.glob(pattern):
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
    if (adapter / "tokenizer.json").is_file():
        for name in _TOKENIZER_FILES:
            (folder / name).unlink(missing_ok=True)
            if (adapter / name).is_file():
                shutil.copyfile(adapter / name, folder / name)
            elif name == "tokenizer_config.json" and (base / name).is_file():
                shutil.copyfile(base / name, folder / name)
    if (adapter / _TEMPLATE).is_file():
        shutil.copyfile(adapter / _TEMPLATE, folder / _TEMPLATE)
    elif _has_template(adapter / "tokenizer_config.json"):
        (folder / _TEMPLATE).unlink(missing_ok=True)
        shutil.copyfile(adapter / "tokenizer_config.json", folder / "tokenizer_config.json")


def _has_template(file: Path) -> bool:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and bool(value.get("chat_template"))
