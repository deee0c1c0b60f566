"""Builders that several tests of the core share: tokenizers, small sessions, requests."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import tokenizers
from tokenizers import decoders, models, normalizers

from inference.backends.fake import FakeBackend
from inference.backends.fake_model import fake_config, fake_template, fake_tokenizer
from inference.events import Event
from inference.params import ChatTurn, GenerationRequest
from inference.session import Session
from inference.text.tokenizer import TextTokenizer

Kind = TypeVar("Kind")
GEMMA_SPECIAL = ("<pad>", "<eos>", "<bos>", "<|channel>", "<channel|>", "<turn|>")


def gemma_tokenizer(words: Sequence[str] = ("Hi", "▁there", "thought", "\n", "▁", "a", "b", "·")) -> TextTokenizer:
    """A tokenizer like Gemma's: "▁" for spaces, byte fallback, special tokens 0 to 5; words are matched verbatim."""
    vocab = {token: index for index, token in enumerate(GEMMA_SPECIAL)}
    for token in [f"<0x{byte:02X}>" for byte in range(256)] + list(words) + ["<unused7>"]:
        vocab.setdefault(token, len(vocab))
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=[], byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, special=True) for token in GEMMA_SPECIAL])
    return TextTokenizer(tokenizer, eos_ids=(1, 5), pad_id=0)


def byte_ids(tokenizer: TextTokenizer, data: bytes) -> list[int]:
    """Ids that each stand for one byte, whatever the vocabulary."""
    table = {tokenizer.token_bytes(token_id): token_id for token_id in range(2000) if tokenizer.token_bytes(token_id)}
    return [table[bytes([byte])] for byte in data]


def fake_session(
    answer: str = "A short answer.", *, canvas_length: int = 16, max_context: int = 512, **options: Any
) -> tuple[Session, FakeBackend]:
    """A session on a fake backend with a small canvas, and that backend."""
    backend = FakeBackend(answer, config=fake_config(canvas_length, max_context), **options)
    return Session(backend, fake_tokenizer(), fake_template(), "Test model"), backend


def ask(text: str = "What is dew?", *earlier: ChatTurn, **fields: Any) -> GenerationRequest:
    """A request of one user turn after some earlier turns; seed 1 unless told."""
    return GenerationRequest(turns=(*earlier, ChatTurn("user", text)), **{"seed": 1, **fields})


def of_kind(events: Sequence[Event], kind: type[Kind]) -> list[Kind]:
    """The events of one class."""
    return [event for event in events if isinstance(event, kind)]


def timeless(events: Sequence[Event]) -> list[Any]:
    """The events with every time set to 0, so that two runs can be compared."""
    times = ("seconds", "time_to_", "tokens_per_second")
    plain = []
    for event in events:
        names = [field.name for field in dataclasses.fields(event) if any(part in field.name for part in times)]
        plain.append(dataclasses.replace(event, **dict.fromkeys(names, 0.0)))
    return plain


class CancelAfter:
    """A cancel flag that is set at the nth look (from 1)."""

    def __init__(self, looks: int) -> None:
        self.looks = 0
        self._limit = looks

    def is_set(self) -> bool:
        """One more look."""
        self.looks += 1
        return self.looks >= self._limit
