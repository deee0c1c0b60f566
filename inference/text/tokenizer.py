"""Text to ids and back, without ever showing half a character.

`TextTokenizer` wraps the checkpoint's `tokenizer.json`. Ids turn into *bytes* first and into text last: a character
may be spread over several tokens, several drafts and even two blocks. Both kinds of vocabulary are understood:
byte-level BPE (each character of a token stands for one byte) and Gemma's BPE with byte fallback ("▁" for a space,
"<0xE2>" for a byte).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import tokenizers

from inference.config import ModelConfig
from inference.errors import ModelFolderError
from inference.text.draft_text import decode_prefix, pieces_from_bytes

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# Reserved slots of Gemma vocabularies: they have a name but no text.
_UNUSED_TOKEN = re.compile(r"<unused\d+>")


class TextTokenizer:
    """Ids, bytes and text of one checkpoint.

    Attributes:
        eos_ids: Any of these ends an answer.
        pad_id: Fills what comes after the end.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer, eos_ids: Sequence[int], pad_id: int) -> None:
        """Wrap a tokenizer; `eos_ids` and `pad_id` come from the model's configuration."""
        self.eos_ids = frozenset(eos_ids)
        self.pad_id = pad_id
        self._tokenizer = tokenizer
        self._byte_level = _is_byte_level(tokenizer)
        added = tokenizer.get_added_tokens_decoder()
        self._added = {token_id: token.content for token_id, token in added.items()}
        self._special = {token_id for token_id, token in added.items() if token.special}
        self._bytes: dict[int, bytes | None] = {}

    def encode(self, text: str) -> list[int]:
        """Ids of a rendered prompt; the template writes every special token itself, so none are added."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def token_id(self, token: str) -> int | None:
        """Id of a token given by its exact name, None if there is none."""
        found = self._tokenizer.token_to_id(token)
        return None if found is None else int(found)

    def token_bytes(self, token_id: int) -> bytes | None:
        """UTF-8 bytes of one token, None for what has no text (special, padding, reserved or unknown ids)."""
        if token_id not in self._bytes:
            self._bytes[token_id] = self._find_bytes(token_id)
        return self._bytes[token_id]

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

    def _find_bytes(self, token_id: int) -> bytes | None:
        if token_id == self.pad_id or token_id in self.eos_ids or token_id in self._special:
            return None
        token = self._tokenizer.id_to_token(token_id) if token_id >= 0 else None
        if token is None or _UNUSED_TOKEN.fullmatch(token):
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

    def __init__(self, tokenizer: TextTokenizer) -> None:
        """Start with nothing held back."""
        self._tokenizer = tokenizer
        self.pending = b""

    def feed(self, ids: Iterable[int]) -> str:
        """Text that these ids finish."""
        data = b"".join(self._tokenizer.token_bytes(token_id) or b"" for token_id in ids)
        text, self.pending = decode_prefix(self.pending + data)
        return text

    def finish(self) -> str:
        """Nothing follows: U+FFFD if a character is unfinished, else ""."""
        text = "\N{REPLACEMENT CHARACTER}" if self.pending else ""
        self.pending = b""
        return text


def tokenizer_from_folder(folder: Path, config: ModelConfig) -> TextTokenizer:
    """Load `tokenizer.json` of a checkpoint folder.

    Raises:
        ModelFolderError: The file is missing, damaged, or does not fit the model's vocabulary.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelFolderError(f"{folder} holds no tokenizer.json.", "Download the model again.")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as exc:  # tokenizers raises plain Exception for every kind of damage
        raise ModelFolderError(f"{file} is damaged: {exc}.", "Download this file again.") from exc
    found = tokenizer.get_vocab_size(with_added_tokens=True)
    if found > config.vocab_size:
        raise ModelFolderError(
            f"{file} holds {found} tokens, but config.json says vocab_size {config.vocab_size}.",
            "The files belong to different models: download the model again.",
        )
    return TextTokenizer(tokenizer, config.eos_ids, config.pad_id)


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
