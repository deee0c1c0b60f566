"""Text to ids and back, without ever showing half a character.

`TextTokenizer` wraps the checkpoint's `tokenizer.json`. Ids turn into *bytes* first and into text last: a character
may be spread over several tokens, several drafts and even two blocks. Both kinds of vocabulary are understood:
byte-level BPE (each character of a token stands for one byte) and Gemma's BPE with byte fallback ("▁" for a space,
"<0xE2>" for a byte).
"""

from __future__ import annotations

import base64
import functools
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tokenizers

from inference.config import unreadable
from inference.errors import ModelFolderError
from inference.model_config import ModelConfig
from inference.text.draft_text import decode_prefix, is_readable, pieces_from_bytes
from inference.text.quiet import quiet_panics
from inference.text.special_tokens import LONGEST_TOKEN, complete_tokenizer, special_tokens
from inference.text.surrogates import storable
from trt_engines.files import parse_json, read_regular

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# Bytes of tokenizer.json; Gemma's has 33 million.
_LARGEST = 128 << 20
# How much longer the rules around a vocabulary may make a text, how many rules, and how long a pattern may be; the
# published ones make nothing longer, are a handful, and have 200 characters.
_MOST_GROWTH, _MOST_TOKENIZER_PARTS, _LONGEST_PATTERN = 1000.0, 500, 10_000
_LONGEST_WORD = 1000  # characters of a token that is text; the longest that are known have 128
_MOST_ADDED = 500_000  # characters of all tokens that are found before anything else
_PROBE = "Dewpoint, 12.5 \u00b0C\n"
_CANNOT_READ = "The tokenizer of this model cannot read this text"
_AGAIN = "Download the files of this model again, or choose another model."
# What the library for patterns says when it gives up: nested repetitions need more steps than anybody can wait for.
_PATTERN_LIMITS = ("retry-limit-in-", "match-stack limit over", "subexp-call-limit-in-", "time limit over")
_UNKNOWN = "\U0010ffff"  # a character that no vocabulary has
# Reserved slots of Gemma vocabularies: they have a name but no text.
_UNUSED_TOKEN = re.compile(r"<unused\d+>")


class TextTokenizer:
    """Ids, bytes and text of one checkpoint.

    Attributes:
        eos_ids: Any of these ends an answer.
        pad_id: Fills what comes after the end.
    """

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, eos_ids: Sequence[int], pad_id: int, vocab_size: int = 2**31
    ) -> None:
        """Wrap a tokenizer; `eos_ids`, `pad_id` and the size of the vocabulary come from the model's configuration."""
        self._vocab_size = vocab_size
        self.eos_ids = frozenset(eos_ids)
        self.pad_id = pad_id
        self._tokenizer = tokenizer
        self._byte_level = _is_byte_level(tokenizer)
        self._added = self.added_tokens()
        self._special = {token_id for token_id, token in self._added.items() if token.special}
        self._bytes: dict[int, bytes | None] = {}
        self._secret = secrets.token_hex(8)
        self._private: dict[int, str] = {}
        self._public: dict[int, int] = {}

    def added_tokens(self) -> dict[int, tokenizers.AddedToken]:
        """The tokens that are found in a text before anything else, by id."""
        return dict(self._tokenizer.get_added_tokens_decoder())

    def encode(self, text: str) -> list[int]:
        """Ids of a text in which every control token is meant as one; none are added.

        Raises:
            ModelFolderError: The tokenizer breaks down over this text.
        """
        with _known_errors(_CANNOT_READ):
            return self._checked(list(self._tokenizer.encode(storable(text), add_special_tokens=False).ids))

    def protect(self, control: Iterable[int]) -> None:
        """Give control tokens private names, under which alone `encode_parts` knows them.

        Nobody can type a name: it holds 64 random bits. The names have ids of their own behind all others, which never
        leave this class. Everything else about a token stays, such as the spaces that it takes with it. Asking again
        changes nothing.
        """
        promoted, names = [], []
        for token_id in control:
            token = self._added[token_id]
            flags = {name: getattr(token, name) for name in ("single_word", "lstrip", "rstrip", "normalized")}
            self._private[token_id] = f"\ufdd0{self._secret}{token_id}\ufdd1"
            names.append(tokenizers.AddedToken(self._private[token_id], special=False, **flags))
            if not token.special:
                promoted.append(tokenizers.AddedToken(token.content, special=True, **flags))
        # `encode_special_tokens` hides the special ones alone.
        with _known_errors(_CANNOT_READ):
            self._tokenizer.add_special_tokens(promoted)
            self._tokenizer.add_tokens(names)
        ids = {token.content: token_id for token_id, token in self.added_tokens().items()}
        self._public = {ids[name]: token_id for token_id, name in self._private.items()}
        self._bytes.clear()

    def encode_parts(self, parts: Iterable[str | int]) -> list[int]:
        """Ids of texts and protected control tokens; what a text spells is never a control token.

        It is one text to the tokenizer, so borders change nothing: without spelled control tokens the ids are those of
        `encode` with the tokens' own names.

        Raises:
            ModelFolderError: The tokenizer breaks down over this text.
        """
        text = "".join(part if isinstance(part, str) else self._private[part] for part in parts)
        self._tokenizer.encode_special_tokens = True
        try:
            with _known_errors(_CANNOT_READ):
                found = self._encode_plain(storable(text))
        finally:
            self._tokenizer.encode_special_tokens = False
        return self._checked([self._public.get(token_id, token_id) for token_id in found])

    def _checked(self, ids: list[int]) -> list[int]:
        if ids and max(ids) >= self._vocab_size:
            text = f"{_CANNOT_READ}: it has the token {max(ids)}, the model {self._vocab_size:,} tokens."
            raise ModelFolderError(text, _AGAIN)
        return ids

    def _encode_plain(self, text: str) -> list[int]:
        """Ids of a text without private names and with no control token.

        Some vocabularies make a control token of plain characters (SentencePiece's "</s>"): the text is cut behind the
        first character of each, and its parts are looked at again, since they may spell others.
        """
        ids: list[int] = []
        parts = [text]  # the next one is the last
        while parts:
            part = parts.pop()
            encoding = self._tokenizer.encode(part, add_special_tokens=False)
            spans = zip(encoding.ids, encoding.offsets, strict=True)
            spelled = [
                span for token_id, span in spans if token_id in self._private and self._spells(token_id, part, span)
            ]
            if spelled:
                parts += reversed(_cut(part, spelled))
            else:
                ids += encoding.ids
        return ids

    def token_id(self, token: str) -> int | None:
        """Id of a token given by its exact name, None if there is none."""
        found = self._tokenizer.token_to_id(token)
        return None if found is None else int(found)

    def token_bytes(self, token_id: int) -> bytes | None:
        """UTF-8 bytes of one token, None for what has no text (special, padding, reserved or unknown ids)."""
        if token_id not in self._bytes:
            self._bytes[token_id] = self._find_bytes(token_id)
        return self._bytes[token_id]

    def has_words(self, token_id: int) -> bool:
        """Whether a token is text that can be read by itself: no control token, white space or piece of a character."""
        return is_readable((self.token_bytes(token_id) or b"").decode("utf-8", "replace"))

    def decode(self, ids: Iterable[int]) -> str:
        """Text of committed ids; ids without text are left out, broken bytes become U+FFFD."""
        stream = StreamDecoder(self)
        return stream.feed(ids) + stream.finish()

    def pieces(self, ids: Sequence[int], carry: bytes = b"") -> tuple[str, ...]:
        """Text of each position of a draft, fit to show.

        Args:
            ids: The argmax canvas.
            carry: Unfinished bytes that the block before left behind (`StreamDecoder.pending`).

        Returns:
            One text a position (see `pieces_from_bytes`); "" from the first end-of-text id on.
        """
        end = first_index(ids, self.eos_ids)
        shown = pieces_from_bytes([self.token_bytes(token_id) for token_id in ids[:end]], carry)
        return (*shown, *("" for _ in range(len(ids) - end)))

    def _spells(self, token_id: int, text: str, span: tuple[int, int]) -> bool:
        """False for the token that stands for any unknown character."""
        return token_id != self._unknown_id or self._added[token_id].content in text[slice(*span)]

    @functools.cached_property
    def _unknown_id(self) -> int | None:
        ids = self._tokenizer.encode(_UNKNOWN, add_special_tokens=False).ids
        return next((token_id for token_id in ids if token_id in self._special), None)

    def _find_bytes(self, token_id: int) -> bytes | None:
        if token_id == self.pad_id or token_id in self.eos_ids or token_id in self._special:
            return None
        if token_id in self._public:  # an id that the tokenizer has no token for, and the model may write
            return None
        token = self._tokenizer.id_to_token(token_id) if token_id >= 0 else None
        if token is None or len(token) > _LONGEST_WORD or _UNUSED_TOKEN.fullmatch(token):
            return None
        if self._byte_level:
            # Added tokens are matched in the text itself and hold it verbatim; all others are bytes in disguise.
            # CHANGED: tokenizers' ByteLevel decoder maps added tokens to bytes, too, and breaks an added "é".
            return token.encode() if token_id in self._added else _bytes_from_byte_level(token)
        byte = _BYTE_TOKEN.fullmatch(token)
        return bytes([int(byte[1], 16)]) if byte else token.replace("▁", " ").encode()


class StreamDecoder:
    """Turns ids into text increments; an unfinished character waits for the next ids.

    Attributes:
        pending: Bytes of the unfinished character (0 to 3).
    """

    def __init__(self, tokenizer: TextTokenizer, signs: Mapping[int, str] | None = None) -> None:
        """Start with nothing held back; `signs` are texts of ids that have none."""
        self._tokenizer = tokenizer
        self._signs = {token_id: text.encode() for token_id, text in (signs or {}).items()}
        self.pending = b""

    def feed(self, ids: Iterable[int]) -> str:
        """Text that these ids finish."""
        texts = (self._signs.get(token_id) or self._tokenizer.token_bytes(token_id) for token_id in ids)
        data = b"".join(text or b"" for text in texts)
        text, self.pending = decode_prefix(self.pending + data)
        return text

    def finish(self) -> str:
        """Nothing follows: U+FFFD if a character is unfinished, else ""."""
        text = "\N{REPLACEMENT CHARACTER}" if self.pending else ""
        self.pending = b""
        return text


def tokenizer_from_folder(folder: Path, config: ModelConfig) -> TextTokenizer:
    """Load `tokenizer.json` of a checkpoint folder, and what the files beside it say of special tokens.

    Raises:
        ModelFolderError: The file is missing, damaged, or does not fit the model's vocabulary.
    """
    file = folder / "tokenizer.json"
    try:
        data = read_regular(file, _LARGEST)
    except FileNotFoundError as exc:
        raise ModelFolderError(f"{folder} holds no tokenizer.json.", "Download the model again.") from exc
    except OSError as exc:
        raise unreadable(file, exc) from exc
    with _known_errors(f"{file} is damaged"):
        _check_character_map(data)
        tokenizer = tokenizers.Tokenizer.from_buffer(data)
    found = tokenizer.get_vocab_size(with_added_tokens=True)
    if found > config.vocab_size:
        raise ModelFolderError(
            f"{file} holds {found:,} tokens, but config.json says vocab_size {config.vocab_size}.",
            "The files belong to different models: download the model again.",
        )
    special = special_tokens(folder)
    with _known_errors(f"{file} is damaged"):
        # Settings for training: a prompt is never cut or filled up.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        complete_tokenizer(tokenizer, special, config.vocab_size)
        _check_parts(tokenizer)
        made = TextTokenizer(tokenizer, config.eos_ids, config.pad_id, config.vocab_size)
        made.encode(_PROBE)
    return made


@contextmanager
def _known_errors(text: str) -> Iterator[None]:
    """The library raises plain `Exception` for every kind of damage, and Rust's panics, which are not even that."""
    try:
        with quiet_panics():
            yield
    except ModelFolderError:
        raise
    except BaseException as exc:
        if not isinstance(exc, Exception) and type(exc).__module__ != "pyo3_runtime":
            raise
        reason = str(exc).rstrip(".") or type(exc).__name__
        if any(limit in reason for limit in _PATTERN_LIMITS):
            reason = "one of its patterns would be tried for ever"
        raise ModelFolderError(f"{text}: {reason}.", _AGAIN) from exc


def _check_character_map(data: bytes) -> None:
    """A map of characters (SentencePiece's) says how large its first part is, and the library believes it."""
    if b"Precompiled" not in data:
        return
    waiting: list[Any] = [parse_json(data).get("normalizer")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += [each for each in part.values() if isinstance(each, dict | list)]
            packed = part.get("precompiled_charsmap")
            if packed and int.from_bytes(base64.b64decode(packed)[:4], "little") > len(packed):
                raise ValueError("its map of characters is cut off")


def _check_parts(tokenizer: tokenizers.Tokenizer) -> None:
    """What the parts around the vocabulary make of a text is about as long as it, and their patterns are short."""
    growth, count = 1.0, 0
    for part in (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.post_processor, tokenizer.decoder):
        waiting: list[Any] = [] if part is None else [json.loads(part.__getstate__())]
        while waiting:
            each = waiting.pop()
            if isinstance(each, list):
                waiting += each
            elif isinstance(each, dict):
                count += 1
                growth *= _growth(each)
                waiting += [inner for inner in each.values() if isinstance(inner, dict | list)]
    if growth > _MOST_GROWTH or count > _MOST_TOKENIZER_PARTS:
        raise ValueError("its rules would make every text a thousand times as long")
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    if sum(map(len, added)) > _MOST_ADDED or max(map(len, added), default=0) > LONGEST_TOKEN:
        raise ValueError("it adds too many tokens, or too long ones")


def _growth(part: dict[str, Any]) -> float:
    """How much longer one rule makes a text, at the most."""
    pattern = part.get("pattern")
    if isinstance(pattern, dict) and len(str(pattern.get("Regex", ""))) > _LONGEST_PATTERN:
        raise ValueError("it holds a pattern that is too long")
    if part.get("type") == "Replace" and isinstance(pattern, dict):
        if not (pattern.get("String") or pattern.get("Regex")):
            raise ValueError("it replaces nothing by something")
        return max(1.0, len(str(part.get("content"))) / max(1, len(pattern.get("String") or "")))
    if part.get("type") == "Prepend":
        return 1.0 + len(str(part.get("prepend")))
    if part.get("type") == "FixedLength" and not part.get("length"):
        raise ValueError("it cuts texts in pieces of nothing")
    return 1.0


def _cut(text: str, spelled: Sequence[tuple[int, int]]) -> list[str]:
    """The text in parts, each of which ends with the first character of a span of [start, end), save the last.

    A single character that is a control token has no other spelling: it is left out.
    """
    parts, begin = [], 0
    for start, end in spelled:
        parts.append(text[begin : start + 1] if end - start > 1 else text[begin:start])
        begin = start + 1
    return [*parts, text[begin:]]


def first_index(ids: Sequence[int], wanted: frozenset[int]) -> int:
    """Index of the first id that is in `wanted`; the length of `ids` if none is."""
    return next((index for index, token_id in enumerate(ids) if token_id in wanted), len(ids))


def _is_byte_level(tokenizer: tokenizers.Tokenizer) -> bool:
    decoder = tokenizer.decoder
    if decoder is None:
        return False
    state = json.loads(decoder.__getstate__())
    parts = [state, *state.get("decoders", [])]
    return any(part.get("type") == "ByteLevel" for part in parts)


@functools.cache
def _byte_of_character() -> dict[str, int]:
    """The byte-level alphabet: printable bytes stand for themselves, the rest for characters from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {chr(byte): byte for byte in printable}
    return alphabet | {chr(0x100 + index): byte for index, byte in enumerate(others)}


def _bytes_from_byte_level(token: str) -> bytes:
    alphabet = _byte_of_character()
    if all(char in alphabet for char in token):
        return bytes(alphabet[char] for char in token)
    return token.encode()
