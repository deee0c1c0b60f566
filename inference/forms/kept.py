"""Compiled forms on the disk, so that a form that took long once is there at once the next time.

A file holds the automata of one form over one vocabulary, made by these very sources: all three are in its name. It is
read as a stranger's would be: with a checksum, a limit of size, no objects, and every number within its range; what
does not fit is made again, and written over. The oldest go when there are too many. Where the folder cannot be read or
written, everything is as without it.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from inference.forms.bytes_dfa import MOST_STATES, ByteDfa
from inference.forms.tokens_dfa import FAR, TokenDfa
from inference.forms.vocabulary import Vocabulary
from inference.forms.wanted import Form, FormKind
from trt_engines.files import read_regular, write_whole

Automata = tuple[ByteDfa, TokenDfa]

# The others hold words of chats and documents.
KEPT_KINDS: tuple[FormKind, ...] = ("json", "schema", "regex", "arguments")
WORTH_SECONDS = 0.2
MOST_BYTES = 32 << 20  # of all files
_MOST_UNPACKED = 256 << 20
_MARK, _ENDING = b"Dewpoint form 1\n", ".form"


class KeptForms:
    """A folder of compiled forms."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, worth_seconds: float = WORTH_SECONDS) -> None:
        """Use a folder, which is made when there is something to put into it.

        Args:
            folder: Where they lie.
            most_bytes: Of all of them.
            worth_seconds: What takes less to compile is not kept.
        """
        self._folder, self._most_bytes, self._worth_seconds = folder, most_bytes, worth_seconds

    def get(self, form: Form, known: Vocabulary, make: Callable[[], Automata]) -> Automata:
        """The automata of a form: those that are kept, or new ones.

        Raises:
            FormError: See `make`.
        """
        if form.kind not in KEPT_KINDS:
            return make()
        file = self._folder / _name(form, known)
        if (found := _read(file, known)) is not None:
            with suppress(OSError):
                os.utime(file)  # the newest ones are those that were used last
            return found
        began = time.perf_counter()
        made = make()
        if time.perf_counter() - began >= self._worth_seconds:
            self._keep(file, made)
        return made

    def _keep(self, file: Path, made: Automata) -> None:
        data = _packed(made)
        if len(data) > self._most_bytes:
            return
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(self._most_bytes - len(data))
            write_whole(file, data, private=True)

    def _make_room(self, left: int) -> None:
        files = [(each.stat(), each) for each in self._folder.glob(f"*{_ENDING}")]
        for found, file in sorted(files, key=lambda each: each[0].st_mtime, reverse=True):
            left -= found.st_size
            if left < 0:
                file.unlink()


def _name(form: Form, known: Vocabulary) -> str:
    digest = hashlib.sha256(repr((form.kind, form.text, form.texts, known.digest, _sources())).encode())
    return digest.hexdigest()[:40] + _ENDING


@cache
def _sources() -> str:
    """What the modules of this package are made of: another version of them makes other automata."""
    digest = hashlib.sha256()
    with suppress(OSError):
        for file in sorted(Path(__file__).parent.glob("*.py*")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _packed(made: Automata) -> bytes:
    over_bytes, tokens = made
    stream = io.BytesIO()
    np.savez(
        stream, step=over_bytes.step.astype(np.int16), ends=over_bytes.accepts, class_of=tokens.class_of,
        sources=tokens.sources.astype(np.int32), moved=tokens.moved.astype(np.int32),
        targets=tokens.targets.astype(np.int32), shortest=tokens.shortest,
    )  # fmt: skip
    data = zstandard.ZstdCompressor(level=3).compress(stream.getvalue())
    return _MARK + hashlib.sha256(data).digest() + data


def _read(file: Path, known: Vocabulary) -> Automata | None:
    """What a file holds; None if it is not there, damaged, or no form over this vocabulary."""
    try:
        data = read_regular(file, MOST_BYTES)
        body = data[len(_MARK) + 32 :]
        if data[: len(_MARK) + 32] != _MARK + hashlib.sha256(body).digest():
            return None
        unpacked = zstandard.ZstdDecompressor().decompress(body, max_output_size=_MOST_UNPACKED)
        with np.load(io.BytesIO(unpacked), allow_pickle=False) as arrays:
            return _checked({name: arrays[name] for name in arrays.files}, known)
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zstandard.ZstdError):
        return None


def _checked(found: Mapping[str, NDArray[Any]], known: Vocabulary) -> Automata | None:
    step, ends, class_of = found["step"].astype(np.int32), found["ends"], found["class_of"]
    moves = np.stack([found[name].astype(np.int64) for name in ("sources", "moved", "targets")])
    states, shortest = len(step) + 1, found["shortest"]
    classes = int(class_of.max(initial=-1)) + 1
    shapes = step.shape == (states - 1, 256) and ends.shape == (states - 1,) and shortest.shape == (states,)
    kinds = ends.dtype == np.bool_ and class_of.dtype == np.int32 and shortest.dtype == np.int64
    if not (shapes and kinds and 1 < states <= MOST_STATES + 1 and class_of.shape == (known.size,) and moves.size):
        return None
    sources, moved, targets = moves
    within = (
        step.min() >= -1
        and step.max() < states - 1
        and class_of.min() >= -1
        and moves.min() >= 0
        and max(sources.max(), targets.max()) < states
        and moved.max() < classes
        and np.bincount(class_of[class_of >= 0], minlength=classes).all()
        and shortest.min() >= 0
        and shortest.max() <= FAR
    )
    ordered = (np.diff(sources * classes + moved) > 0).all() and (sources[-1], targets[-1]) == (states - 1, states - 1)
    if not (within and ordered):
        return None
    accepts = np.append(ends, True)
    tokens = TokenDfa(
        states=states,
        start=0,
        class_of=class_of,
        classes=classes,
        sources=sources,
        moved=moved,
        targets=targets,
        accepts=accepts,
        shortest=shortest,
    )
    return ByteDfa(step, ends), tokens
