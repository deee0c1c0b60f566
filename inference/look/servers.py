"""What servers answered: read in a look process, and nothing of it in the window's.

A body arrives bounded (`app.network.limits`); here it is parsed, and comes out as plain values within their ranges, or
as the kind of thing that it is instead.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from inference.look.questions import (
    JsonFields,
    ListedFile,
    NoAnswer,
    PlainValue,
    RepoListing,
    ServedModelNamed,
    ServedModels,
    Values,
)
from trt_engines.files import parse_json

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

# Nothing in folders is read, nor what trainers leave for themselves, nor a Dewpoint's own notes and graphs of others.
_WANTED = re.compile(
    r"[^/]+(\.safetensors|\.json|\.jinja|\.model|\.md)|(LICENSE|NOTICE|USE_POLICY)[^/]*", re.IGNORECASE
)
_LEFT_OUT = re.compile(r"\.|consolidated|optimizer|trainer_state|adapter_model|dewpoint-", re.IGNORECASE)
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASHES = {"sha256": re.compile(r"[0-9a-f]{64}"), "git-blob": _COMMIT}
_ASKED = ("id", "sha", "siblings", "gated")  # of what the Hub says; the rest is not looked at
MOST_FILES = 5_000  # that a download takes
LONGEST_NAME = 240
LARGEST_FILE = 2**48  # bytes
LONGEST_WORDS = 500  # of a licence's name, of an address, of what a server says of its own trouble
MOST_MODELS, LARGEST_CONTEXT = 2_000, 100_000_000  # that a server names; tokens
_CONTEXTS = ("max_model_len", "context_length")
DEEPEST, MOST_VALUES = 8, 20_000  # of values that are handed on as they are
_LARGEST_NUMBER = 2**63 - 1


class _OddError(ValueError):
    """It is JSON, and not what was asked for."""


def read_answer(data: bytes) -> Any:
    """The JSON in the body of an answer; `NoAnswer` if it is none, or says that the server failed."""
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return NoAnswer("odd")
    if not text:
        return NoAnswer("empty")
    if text[0] == "<":
        return NoAnswer("page")
    try:
        found = parse_json(text)
    except json.JSONDecodeError as exc:
        return NoAnswer("cut" if text[0] in '{["' and _ends_early(text, exc) else "odd")
    except ValueError:
        return NoAnswer("odd")
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        return NoAnswer("failed", _words(found["error"]))
    return found


def read_listing(repo: str, data: bytes) -> RepoListing | NoAnswer:
    """What the Hub says that a repository holds (`/api/models/NAME?blobs=true`).

    Args:
        repo: What was asked for: "owner/name".
        data: The body of the answer.
    """
    found = read_answer(data)
    if isinstance(found, NoAnswer):
        return found
    try:
        return _listing(repo, found)
    except (_OddError, AttributeError, KeyError, TypeError):
        return NoAnswer("odd")


def read_values(data: bytes) -> Values | NoAnswer:
    """An object of a server whose meaning is another's matter, as plain values: few of them, and not deep."""
    found = read_answer(data)
    if isinstance(found, NoAnswer):
        return found
    try:
        return Values(_plain(found, DEEPEST, [MOST_VALUES]))
    except _OddError:
        return NoAnswer("odd")


def read_models(data: bytes) -> ServedModels | NoAnswer:
    """The models in a server's list of them (`/v1/models`), those that have a name that can be shown and sent."""
    found = read_answer(data)
    if isinstance(found, NoAnswer):
        return found
    listed = found.get("data") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        return NoAnswer("odd")
    named, left_out = dict[str, ServedModelNamed](), max(0, len(listed) - MOST_MODELS)
    for one in listed[:MOST_MODELS]:
        name = one.get("id") if isinstance(one, dict) else None
        if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable():
            context = next((one[key] for key in _CONTEXTS if type(one.get(key)) is int), 0)
            named[name] = ServedModelNamed(name, context if 0 < context <= LARGEST_CONTEXT else 0)
        else:
            left_out += 1
    return ServedModels(tuple(named.values()), left_out)


def _ends_early(text: str, problem: json.JSONDecodeError) -> bool:
    within = text[-1] not in "]}" and problem.pos >= len(text) - 6  # a word, a number, an escape in a text
    return within or problem.pos >= len(text) or problem.msg.startswith("Unterminated string")


def _listing(repo: str, found: Any) -> RepoListing:
    from huggingface_hub.hf_api import ModelInfo  # half a second of imports, for this question alone

    asked = {key: value for key, value in found.items() if key in _ASKED}
    told = ModelInfo(**{"id": repo, **asked})  # type: ignore[no-untyped-call]
    files = told.siblings or []
    names = [one.rfilename for one in files]
    if not all(isinstance(name, str) for name in names) or not _COMMIT.fullmatch(told.sha or ""):
        raise _OddError
    wanted = [one for one in files if _is_wanted(one.rfilename)]
    if len(wanted) > MOST_FILES:
        return RepoListing(repo, "", (), len(names), "", "", "", False, too_many=True)
    card = found.get("cardData")
    card = card if isinstance(card, dict) else {}
    licence, named, link = (_words(card.get(key)) for key in ("license", "license_name", "license_link"))
    return RepoListing(
        told.id if isinstance(told.id, str) and _REPO.fullmatch(told.id) else repo,
        told.sha or "", tuple(_file(one) for one in wanted), len(names), _other_format(names),
        named if licence == "other" and named else licence, link, bool(told.gated),
    )  # fmt: skip


def _is_wanted(name: str) -> bool:
    return len(name) <= LONGEST_NAME and bool(_WANTED.fullmatch(name)) and not _LEFT_OUT.match(name)


def _file(sibling: RepoSibling) -> ListedFile:
    name, lfs = sibling.rfilename, sibling.lfs
    size, kind, digest = (lfs.size, "sha256", lfs.sha256) if lfs else (sibling.size, "git-blob", sibling.blob_id)
    if size is None or digest is None:
        return ListedFile(name)
    if type(size) is not int or not 0 <= size <= LARGEST_FILE or not _HASHES[kind].fullmatch(digest):
        raise _OddError
    return ListedFile(name, size, kind, digest)


def _other_format(names: list[str]) -> str:
    for ending, called in ((".gguf", "GGUF"), (".bin", "PyTorch .bin"), (".pt", "PyTorch .pt"), (".onnx", "ONNX")):
        if any(name.lower().endswith(ending) for name in names):
            return called
    return ""


def _words(value: object) -> str:
    """One line of text, whatever it was."""
    if isinstance(value, list):
        value = ", ".join(one[:LONGEST_WORDS] for one in value[:8] if isinstance(one, str))
    return " ".join(value[: 4 * LONGEST_WORDS].split())[:LONGEST_WORDS] if isinstance(value, str) else ""


def _plain(value: Any, deep: int, left: list[int]) -> PlainValue:
    left[0] -= 1
    if deep < 0 or left[0] < 0:
        raise _OddError
    match value:
        case dict():
            return JsonFields(tuple((key, _plain(each, deep - 1, left)) for key, each in value.items()))
        case list():
            return tuple(_plain(each, deep - 1, left) for each in value)
        case float():
            raise _OddError  # nothing that is asked has one, and some are no numbers
        case int() if abs(value) > _LARGEST_NUMBER:
            raise _OddError
        case bool() | int() | str() | None:
            return value
    raise _OddError
