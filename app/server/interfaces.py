"""Which interface answers at which address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.server.anthropic_messages import MessageStream, anthropic_refusal, read_message, whole_message
from app.server.errors import ApiError
from app.server.fields import BodyFields
from app.server.ollama import OllamaStream, ollama_refusal, read_ollama_chat, read_ollama_generate, whole_ollama
from app.server.openai_chat import ChatStream, read_chat, whole_chat
from app.server.openai_completions import CompletionStream, read_completion, read_fim, whole_completion
from app.server.openai_responses import ResponseStream, read_response, whole_response
from app.server.wire import Part, ServedModel, Usage, WantedAnswer, WholeAnswer


class AnswerStream(Protocol):
    """Writes an answer's parts in the way of one interface."""

    media_type: str

    def part(self, part: Part) -> str:
        """What is sent of a part; "" for nothing."""

    def end(self, usage: Usage) -> str:
        """What is sent behind the last choice."""

    def failed(self, error: dict[str, Any]) -> str:
        """What is sent if the answer fails in its midst; the error is in the interface's own form."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One address at which answers are asked for.

    Attributes:
        path: The address.
        read: From the fields of a request to what is wanted.
        whole: The response in one piece.
        stream: The response in parts.
        refusal: An error in its own form.
    """

    path: str
    read: Callable[[BodyFields, ServedModel], WantedAnswer]
    whole: Callable[[WantedAnswer, ServedModel, WholeAnswer], dict[str, Any]]
    stream: Callable[[WantedAnswer, ServedModel], AnswerStream]
    refusal: Callable[[ApiError], dict[str, Any]]


def joined(values: Sequence[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
    """Several responses as one with several choices, each with what only it has to say."""
    choices = [{**value["choices"][0], "dewpoint": value["dewpoint"]} for value in values]
    return {**{k: v for k, v in values[0].items() if k != "dewpoint"}, "choices": choices, "usage": usage}


def openai_refusal(error: ApiError) -> dict[str, Any]:
    """An error as OpenAI says it."""
    said = {"message": error.text, "type": error.kind, "param": error.param or None, "code": error.code or None}
    return {"error": said}


INTERFACES = (
    Interface("/v1/chat/completions", read_chat, whole_chat, ChatStream, openai_refusal),
    Interface("/v1/completions", read_completion, whole_completion, CompletionStream, openai_refusal),
    Interface("/v1/fim/completions", read_fim, whole_chat, ChatStream, openai_refusal),
    Interface("/v1/responses", read_response, whole_response, ResponseStream, openai_refusal),
    Interface("/v1/messages", read_message, whole_message, MessageStream, anthropic_refusal),
    Interface("/api/chat", read_ollama_chat, whole_ollama, OllamaStream, ollama_refusal),
    Interface("/api/generate", read_ollama_generate, whole_ollama, OllamaStream, ollama_refusal),
)


def refusal_at(path: str, error: ApiError) -> dict[str, Any]:
    """An error in the form of whatever answers at an address."""
    if path.startswith("/v1/messages"):
        return anthropic_refusal(error)
    return ollama_refusal(error) if path.startswith("/api") else openai_refusal(error)
