"""Values of a large JSON file one after another: in little memory, from bytes that anybody may have written."""

from __future__ import annotations

import codecs
import contextlib
import decimal
import io
import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import ijson
import numpy as np

from app.chats.exporting.portable import FORMAT
from app.chats.importing import texts
from inference.text.surrogates import storable

DEEPEST = 200  # levels of a value
_PEEK = 1 << 16
_WHOLE = 64 << 20  # bytes that are read at once, where reading in pieces fails
MOST_NUMBER = 400  # characters: any double fits; ijson's parser dies of very long ones

_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_NUMBER = re.compile(rb"[-+.0-9eE]{%d}" % (MOST_NUMBER + 1))
_NUMBER_AT_END = re.compile(rb"[-+.0-9eE]{1,%d}\Z" % MOST_NUMBER)
_NO_UTF8 = re.compile("[\udc80-\udcff]")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_QUOTE = ord('"')
_SIGNS = bytes(1 if byte in b"[{" else 255 if byte in b"]}" else byte for byte in range(256))
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_SURROGATES = re.compile(rb"(?<!\\)((?:\\\\)*)(?:(" + _HIGH + _LOW + rb")|" + _HIGH + rb"|" + _LOW + rb")")
_ENDS_HIGH = re.compile(_HIGH)
_AT_END = re.compile("premature EOF|incomplete", re.IGNORECASE)
_PARSE_ERRORS = (ijson.JSONError, UnicodeDecodeError, ValueError, RecursionError, ArithmeticError)
_ESCAPE = 6  # bytes of an escape by a number
_NO_SIGN = rb"\ufffd"


class JsonDamageError(ValueError):
    """The file is no JSON from here on; the text says why."""


@dataclass(slots=True)
class Mended:
    """What of a file is no text, and became U+FFFD.

    Attributes:
        stray: Bytes that are no UTF-8.
        halves: Escapes of one half of a surrogate pair.
    """

    stray: int = 0
    halves: int = 0


class _Bounds:
    """Looks at JSON before a parser does: at how deeply it is nested, and how long its numbers are.

    ijson's time grows with the square of the depth, and its parser in C dies of a number of ten thousand digits.
    """

    def __init__(self) -> None:
        self._level, self._in_string, self._held, self._number = 0, False, b"", b""

    def feed(self, data: bytes) -> None:
        """The next bytes.

        Raises:
            JsonDamageError: They are nested too deeply, or hold a number that is too long.
        """
        data, self._held = self._held + data, b""
        start = 0
        if self._in_string:
            match = _REST_OF_STRING.match(data)
            assert match is not None
            if match.end() == len(data) or data[match.end()] != _QUOTE:
                self._held = data[match.end() :]  # a backslash, whose other half is still to come
                return
            start, self._in_string, self._number = match.end() + 1, False, b""
        plain = _STRING.sub(b"", data[start:])
        at = plain.find(b'"')
        if at >= 0:
            self._in_string = True
            match = _REST_OF_STRING.match(plain, at + 1)
            self._held = plain[match.end() :] if match is not None else b""
            plain = plain[:at]
        self._look_at_numbers(plain)
        signs = np.frombuffer(plain.translate(_SIGNS, _NO_BRACKETS), np.int8)
        if not len(signs):
            return
        levels = self._level + np.cumsum(signs, dtype=np.int64)
        if levels.max() > DEEPEST:
            raise JsonDamageError(texts.TOO_DEEP)
        self._level = int(levels[-1])

    def _look_at_numbers(self, plain: bytes) -> None:
        """What stands outside of strings, behind the beginning of a number that the last bytes ended with."""
        plain = self._number + plain
        if _NUMBER.search(plain):
            raise JsonDamageError(texts.LONG_NUMBER)
        match = _NUMBER_AT_END.search(plain, max(0, len(plain) - MOST_NUMBER))
        self._number = match[0] if match else b""


class _Escapes:
    """Writes U+FFFD for escapes of lone surrogates, which ijson's parser makes bytes of that are no UTF-8."""

    def __init__(self, mended: Mended) -> None:
        self._held, self._mended = b"", mended

    def feed(self, data: bytes, final: bool) -> bytes:
        """The bytes so far without lone surrogates; a few at the end wait for the next, unless there are none."""
        data, self._held = self._held + data, b""
        if not final:
            end = self._whole_until(data)
            data, self._held = data[:end], data[end:]
        if rb"\ud" not in data and rb"\uD" not in data:
            return data
        return _SURROGATES.sub(self._whole_sign, data)

    def _whole_sign(self, match: re.Match[bytes]) -> bytes:
        if match[2]:
            return match[0]
        self._mended.halves += 1
        return match[1] + _NO_SIGN

    @staticmethod
    def _whole_until(data: bytes) -> int:
        """Where an escape, or a pair of them, begins whose end may still be to come."""
        at = data.find(b"\\", max(0, len(data) - 2 * _ESCAPE + 1))
        if at < 0:
            at = len(data)
        elif _is_escaped(data, at):
            at -= 1
        before = at - _ESCAPE
        if before >= 0 and _ENDS_HIGH.match(data, before, at) and not _is_escaped(data, before):
            return before
        return at


def _is_escaped(data: bytes, at: int) -> bool:
    """Whether the backslash at `at` belongs to the one before it."""
    return (at - len(data[:at].rstrip(b"\\"))) % 2 == 1


class _Utf8(io.RawIOBase):
    """Bytes as UTF-8: a mark at the beginning goes, and what is none becomes U+FFFD."""

    def __init__(self, file: BinaryIO, mended: Mended) -> None:
        super().__init__()
        self._file, self._mended = file, mended
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._left = b""
        self._bounds = _Bounds()
        self._escapes = _Escapes(mended)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, target: object) -> int:
        """Fill `target`."""
        view = memoryview(target)  # type: ignore[arg-type]
        while not self._left:
            data = self._file.read(len(view))
            decoded = _without_stray(self._decoder.decode(data, final=not data), self._mended)
            self._left = self._escapes.feed(decoded, final=not data)
            if not data and not self._left:
                return 0
            self._bounds.feed(self._left)
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _without_stray(text: str, mended: Mended) -> bytes:
    """A text of which `surrogateescape` marks the bytes that are no UTF-8, as UTF-8."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        whole_text, count = _NO_UTF8.subn("\ufffd", text)
        mended.stray += count
        return whole_text.encode("utf-8")


def clean(file: BinaryIO, mended: Mended) -> BinaryIO:
    """The file as UTF-8 that every parser takes; `mended` counts what was none."""
    return cast("BinaryIO", io.BufferedReader(_Utf8(file, mended), _PEEK))


def beginning(file: BinaryIO) -> str:
    """The first characters of a file."""
    return file.read(_PEEK).decode("utf-8-sig", "replace")


def is_ours(file: BinaryIO) -> bool:
    """Whether a file is an export of this program, wherever its format stands in it."""
    try:
        return next(values(file, "format", Mended()), None) == FORMAT
    except JsonDamageError:
        return False


def versions_of(file: BinaryIO) -> list[Any]:
    """What an export of this program says of its version, wherever that stands, up to where it is damaged."""
    found: list[Any] = []
    with contextlib.suppress(JsonDamageError):
        for version in values(file, "version", Mended()):
            if version not in found:
                found.append(version)
    return found


def has_list(file: BinaryIO, name: str) -> bool:
    """Whether the object that a file is has a list of this name."""
    try:
        for prefix, event, _ in ijson.parse(clean(file, Mended())):
            if prefix == name:
                return str(event) == "start_array"
    except _PARSE_ERRORS:
        return False
    return False


def values(file: BinaryIO, path: str, mended: Mended) -> Iterator[Any]:
    """The values at `path`, as ijson calls it: "item" for those of a list, "chats.item".

    What of the file is no text is counted in `mended`.

    Raises:
        JsonDamageError: The file is damaged; what was given before is whole.
    """
    try:
        for value in ijson.items(clean(file, mended), path):
            yield plain(value)
    except _PARSE_ERRORS as exc:
        raise JsonDamageError(_reason(exc)) from exc


def whole(file: BinaryIO, mended: Mended, most: int = _WHOLE) -> Any:
    """The one value of a file that is not large; what of it is no text is counted in `mended`.

    Raises:
        JsonDamageError: It is no JSON, or too large.
    """
    data = file.read(most + 1)
    if len(data) > most:
        raise JsonDamageError(texts.more_than(most >> 20))
    if not data.strip():
        raise JsonDamageError(texts.EMPTY_FILE)
    try:
        _Bounds().feed(data)
        return plain(json.loads(_text(data, mended)))
    except (ValueError, RecursionError) as exc:
        raise JsonDamageError(_reason(exc)) from exc


def lines(file: BinaryIO, mended: Mended) -> Iterator[tuple[int, Any]]:
    """The values of JSON lines with their numbers; None for a line that is none. `mended` counts what is no text."""
    for number in itertools.count(1):
        line = file.readline(_WHOLE)
        if not line:
            return
        if not line.strip():
            continue
        try:
            yield number, plain(json.loads(_text(line, mended)))
        except (ValueError, RecursionError):
            yield number, None


def _text(data: bytes, mended: Mended) -> str:
    decoded = _without_stray(data.decode("utf-8-sig", "surrogateescape"), mended)
    return _Escapes(mended).feed(decoded, final=True).decode("utf-8")


def plain(value: Any, level: int = 0) -> Any:
    """A value of which JSON can be made again: texts without lone surrogates, numbers that are finite.

    Raises:
        RecursionError: It is nested too deeply.
    """
    if level > DEEPEST:
        raise RecursionError(texts.TOO_DEEP)
    match value:
        case str():
            return storable(value)
        case bool() | None | int():
            return value
        case float() | decimal.Decimal():
            number = float(value)
            return number if math.isfinite(number) else None
        case list():
            return [plain(each, level + 1) for each in value]
        case dict():
            return {plain(str(name)): plain(each, level + 1) for name, each in value.items()}
    return None


def _reason(exc: Exception) -> str:
    """Why a parser gave up, in words of ours: theirs are for programmers."""
    match exc:
        case JsonDamageError():
            return str(exc)
        case RecursionError():
            return texts.TOO_DEEP
        case json.JSONDecodeError():
            return texts.no_json_at(exc.lineno, exc.colno)
        case ijson.IncompleteJSONError() if _AT_END.search(str(exc)):
            return texts.CUT_OFF
        case ijson.JSONError():
            return texts.NO_JSON
        case UnicodeError():
            return texts.NO_TEXT
    return texts.BAD_NUMBER
