"""Files that are given to a message: those with text, and a sentence for each of the others."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from app.chats import dropped, texts
from app.chats.dropped import DroppedFileError, dropped_text, text_of_file


def written(folder: Path, name: str, content: bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"plain\ttext\n", "plain\ttext\n"),
        ("Tr\u00f6pfchen \N{DROPLET}".encode(), "Tr\u00f6pfchen \N{DROPLET}"),
        ("marked".encode("utf-8-sig"), "marked"),
        ("wide \N{DROPLET}".encode("utf-16"), "wide \N{DROPLET}"),
        ("wider".encode("utf-32"), "wider"),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
    ],
)
def test_text_is_read(tmp_path: Path, content: bytes, text: str) -> None:
    assert text_of_file(written(tmp_path, "a.txt", content)) == text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", texts.dropped_binary("a")),
        (b"quiet\0binary", texts.dropped_binary("a")),
        ("Gr\u00fc\u00dfe".encode("latin-1"), texts.dropped_encoding("a")),
        (b"\xff\xfea", texts.dropped_encoding("a")),
        (b"", texts.dropped_empty("a")),
        (b" \n\n", texts.dropped_empty("a")),
    ],
)
def test_what_holds_no_text_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(DroppedFileError) as caught:
        text_of_file(written(tmp_path, "a", content))
    assert caught.value.user_text == sentence


def test_a_folder_and_what_is_gone_are_said(tmp_path: Path) -> None:
    found = dropped_text([tmp_path, tmp_path / "gone"])
    assert found.text == ""
    assert found.refused == (texts.dropped_folder(tmp_path.name), texts.dropped_gone("gone"))


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.log"
    with path.open("wb") as file:
        file.truncate(5_000_000_000)
    monkeypatch.setattr(Path, "open", None)
    found = dropped_text([path])
    assert found.refused == (texts.dropped_too_large("huge.log", 5_000_000_000, dropped.MOST_BYTES),)


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no pipes in its file system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert dropped_text([tmp_path / "pipe"]).refused == (texts.dropped_no_file("pipe"),)


def test_a_file_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "secret", b"text")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refused)  # rights would not do: root may read everything
    assert "cannot be read" in dropped_text([path]).refused[0]


def test_several_files_stand_below_their_names(tmp_path: Path) -> None:
    paths = [written(tmp_path, "a.txt", b"one\n"), written(tmp_path, "b.bin", b"\0"), written(tmp_path, "c.py", b"x=1")]
    found = dropped_text(paths)
    assert found.text == "a.txt:\n\none\n\nc.py:\n\nx=1"
    assert (found.names, found.refused) == (("a.txt", "c.py"), (texts.dropped_binary("b.bin"),))
    assert dropped_text(paths[:2]).text == "one\n"


def test_a_whole_folder_of_files_is_not_read(tmp_path: Path) -> None:
    paths = [written(tmp_path, f"{number:02}.txt", b"x") for number in range(30)]
    found = dropped_text(paths)
    assert (len(found.names), found.refused) == (dropped.MOST_FILES, (texts.too_many_files(dropped.MOST_FILES),))


@pytest.mark.skipif(not Path("/proc/kmsg").exists(), reason="this system has no files that its kernel makes up")
@pytest.mark.parametrize("name", ["/proc/kmsg", "/proc/self/mem", "/proc/self/status"])
def test_what_the_kernel_makes_up_is_no_file_to_read(name: str) -> None:
    """To read the first of them waits for ever, and the window with it."""
    dropped = dropped_text([Path(name)])
    assert not dropped.text
    assert dropped.refused
