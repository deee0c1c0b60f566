"""Compiled forms on the disk: the same as new ones, and whatever else lies there is made again."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from inference.forms import compiling, kept
from inference.forms.compiling import CompiledForm, FormCompiler
from inference.forms.kept import KeptForms
from inference.forms.vocabulary import Vocabulary, vocabulary
from inference.forms.wanted import Form

SCHEMA = Form("schema", '{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}')


def letters(end: int = 256) -> Vocabulary:
    return vocabulary([*(bytes([byte]) for byte in range(256)), None, None], [end], 257)


class Made:
    """Counts what is compiled."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
        self.count, self._folder, self._limits = 0, folder, limits
        compile_tokens = compiling.compile_tokens

        def counted(*given: Any) -> Any:
            self.count += 1
            return compile_tokens(*given)

        monkeypatch.setattr(compiling, "compile_tokens", counted)

    def form(self, form: Form = SCHEMA, known: Vocabulary | None = None) -> CompiledForm:
        """As a program that is started anew does it."""
        shelf = KeptForms(self._folder, **{"worth_seconds": 0.0, **self._limits})
        return FormCompiler(lambda: known or letters(), shelf).compiled(form)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def same(first: CompiledForm, second: CompiledForm) -> bool:
    automata = (first.bytes, second.bytes), (first.tokens, second.tokens), (first.live, second.live)
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        and type(getattr(one, name)) is type(getattr(other, name))
        for one, other in automata
        for name in type(one).__slots__
    )


def test_what_is_kept_is_what_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(tmp_path / "forms", monkeypatch)
    first, second = made.form(), made.form()
    assert made.count == 1
    assert same(first, second)
    if os.name == "posix":
        assert [file.stat().st_mode & 0o777 for file in files(tmp_path / "forms")] == [0o600]


def test_another_form_vocabulary_or_program_is_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(tmp_path, monkeypatch)
    made.form()
    made.form(Form("regex", "a+"))
    made.form(known=letters(257))
    monkeypatch.setattr(kept, "_sources", lambda: "another version")
    made.form()
    assert made.count == len(files(tmp_path)) == 4


def test_words_of_chats_and_documents_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(tmp_path, monkeypatch)
    for form in (
        Form("part", "my own words"), Form("words", texts=("a",)), Form("choice", texts=("a", "b")),
        Form("template", "Dear {word}"),
    ):  # fmt: skip
        made.form(form)
    assert not files(tmp_path)


def test_what_is_quick_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Made(tmp_path, monkeypatch, worth_seconds=60.0).form()
    assert not files(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "other", "folder", "huge numbers", "objects"])
def test_what_is_damaged_or_foreign_is_made_again(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(tmp_path, monkeypatch)
    good = made.form()
    (file,) = files(tmp_path)
    data = file.read_bytes()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    elif damage in ("huge numbers", "objects"):
        tokens = good.tokens
        wrong = {"huge numbers": tokens.targets + 10**6, "objects": np.array([{}] * len(tokens.targets))}[damage]
        file.write_bytes(_with_targets(good, wrong))
    else:
        file.write_bytes({
            "cut": data[:-9], "changed": data[:-1] + bytes([data[-1] ^ 1]), "empty": b"", "other": b"PK" + data,
        }[damage])  # fmt: skip
    assert same(good, made.form())
    assert made.count == 2
    if damage != "folder":
        assert same(good, made.form())
        assert made.count == 2, "it was written over"


def _with_targets(form: CompiledForm, targets: np.ndarray) -> bytes:
    """A file whose checksum is right."""
    stream, tokens = io.BytesIO(), form.tokens
    np.savez(
        stream, step=form.bytes.step, ends=form.bytes.accepts, class_of=tokens.class_of, sources=tokens.sources,
        moved=tokens.moved, targets=targets, shortest=tokens.shortest,
    )  # fmt: skip
    data = zstandard.ZstdCompressor().compress(stream.getvalue())
    return b"Dewpoint form 1\n" + hashlib.sha256(data).digest() + data


def test_the_oldest_go_where_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(tmp_path, monkeypatch)
    made.form()
    size = files(tmp_path)[0].stat().st_size
    os.utime(files(tmp_path)[0], (1, 1))
    small = Made(tmp_path, monkeypatch, most_bytes=size + 10)
    old = files(tmp_path)[0]
    small.form(known=letters(257))
    assert len(files(tmp_path)) == 1
    assert files(tmp_path) != [old]
    Made(tmp_path / "none", monkeypatch, most_bytes=10).form()
    assert not files(tmp_path / "none")


def test_a_folder_that_cannot_be_made_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    made = Made(tmp_path / "file", monkeypatch)
    assert same(made.form(), made.form())
    assert made.count == 2
