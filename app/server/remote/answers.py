"""What a server sends as an answer: bytes of anybody's, read in the process that asks, and nowhere else.

Server-sent events as OpenAI writes them, or the whole answer as one object. Each line has a limit, and so has all of it
(`app.network.limits`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from trt_engines.files import parse_json

LONGEST_LINE = 2_000_000  # bytes
_REASONS = {"length": "max_new_tokens"}


class OddAnswerError(ValueError):
    """It is no answer in OpenAI's way."""


class FailedAnswerError(Exception):
    """The server says in the midst of its answer that it failed; the first argument is what it says."""


@dataclass(frozen=True, slots=True)
class AnswerPiece:
    """A piece of an answer.

    Attributes:
        text: What it adds to the answer.
        thinking: What it adds to the thinking.
        ended: "" while it goes on, else "end_of_text" or "max_new_tokens".
        tokens: Of the whole answer, where the server says so; else 0.
        prompt_tokens: Of the prompt, the same.
    """

    text: str = ""
    thinking: str = ""
    ended: str = ""
    tokens: int = 0
    prompt_tokens: int = 0


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream.

    Raises:
        OddAnswerError: One is too long.
    """
    held = bytearray()
    for chunk in chunks:
        held += chunk
        *whole, rest = bytes(held).split(b"\n")
        yield from whole
        held = bytearray(rest)
        if len(held) > LONGEST_LINE:
            raise OddAnswerError("a line is too long")
    if held:
        yield bytes(held)


def pieces(stream: Iterable[bytes]) -> Iterator[AnswerPiece]:
    """The pieces of a stream; the last one that says so has ended the answer.

    Raises:
        OddAnswerError, FailedAnswerError: See there.
    """
    for line in lines(stream):
        line = line.strip(b"\r")
        if not line.startswith(b"data:"):
            if line.lstrip()[:1] in (b"<", b"{"):
                raise OddAnswerError("no event")
            continue  # comments, names of events, empty lines
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        yield _piece(_object(data), "delta")


def whole(data: bytes) -> AnswerPiece:
    """An answer that came as one object.

    Raises:
        OddAnswerError, FailedAnswerError: See there.
    """
    found = _piece(_object(data), "message")
    return (
        found
        if found.ended
        else AnswerPiece(found.text, found.thinking, "end_of_text", found.tokens, found.prompt_tokens)
    )


def words_of(data: bytes) -> str:
    """What a server says of its own error; "" if that cannot be read."""
    try:
        found = parse_json(data)
    except (ValueError, UnicodeDecodeError):
        return ""
    if not isinstance(found, dict):
        return ""
    said = found.get("error", found.get("message", found.get("detail")))
    if isinstance(said, dict):
        said = said.get("message")
    return _text(said)[:2000]


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = parse_json(data)
    except (ValueError, UnicodeDecodeError):
        raise OddAnswerError("no JSON") from None
    if not isinstance(found, dict):
        raise OddAnswerError("no object")
    if found.get("error"):
        raise FailedAnswerError(words_of(data))
    return found


def _piece(found: dict[str, Any], name: str) -> AnswerPiece:
    usage = found.get("usage")
    tokens, prompt = (_count(usage.get(key)) for key in ("completion_tokens", "prompt_tokens")) if isinstance(
        usage, dict) else (0, 0)  # fmt: skip
    choices = found.get("choices")
    if not isinstance(choices, list) or (choices and not isinstance(choices[0], dict)):
        raise OddAnswerError("no choices")
    if not choices:
        return AnswerPiece(tokens=tokens, prompt_tokens=prompt)
    choice = choices[0]
    said = choice.get(name)
    said = said if isinstance(said, dict) else {}
    thinking = said.get("reasoning_content") or said.get("reasoning")
    reason = choice.get("finish_reason")
    ended = _REASONS.get(reason, "end_of_text") if isinstance(reason, str) and reason else ""
    return AnswerPiece(_text(said.get("content")), _text(thinking), ended, tokens, prompt)


def _text(value: object) -> str:
    """A text without halves of characters, which could neither be stored nor sent on."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 10**9 else 0
