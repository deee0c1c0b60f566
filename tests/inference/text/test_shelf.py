"""KV caches of earlier conversations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.base.paths import starter_model_folder
from inference.events import BlockCommitted, PromptEncoded
from inference.opening import open_session
from inference.params import ChatTurn, GenerationRequest
from inference.session import Session
from inference.text.shelf import MOST_KEPT, Shelf


@dataclass
class Kept:
    """So many bytes."""

    nbytes: int = 1


def test_the_one_with_most_in_common_is_taken() -> None:
    shelf = Shelf(lambda: 1000)
    first, second = Kept(), Kept()
    shelf.put([1, 2, 3, 4], first)
    shelf.put([1, 2, 9], second)
    assert shelf.take([1, 2, 3, 5], 3) is None
    taken = shelf.take([1, 2, 3, 5], 2)
    assert taken is not None
    assert taken.kept is first
    assert shelf.take([1, 2, 3, 5], 2) is None
    assert shelf.take([1, 2, 9], 0) is not None


def test_the_oldest_go_first_and_memory_is_a_limit() -> None:
    shelf = Shelf(lambda: 400)
    for number in range(MOST_KEPT + 1):
        shelf.put([number, number], Kept())
    assert shelf.take([0, 0], 0) is None
    assert shelf.take([1, 1], 0) is not None
    shelf.put([7, 7], Kept(99))
    assert shelf.take([2, 2], 0) is None
    shelf.put([8, 8], Kept(101))
    assert shelf.take([8, 8], 0) is None


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with open_session(starter_model_folder(), "onnx") as opened:
        yield opened


def ask(session: Session, *texts: str) -> tuple[int, str]:
    """Reused tokens, and the answer."""
    roles = ("user", "assistant")
    turns = tuple(ChatTurn(roles[number % 2], text) for number, text in enumerate(texts))  # type: ignore[arg-type]
    events = list(session.generate(GenerationRequest(turns, seed=1)))
    (encoded,) = [event for event in events if isinstance(event, PromptEncoded)]
    return encoded.reused_tokens, "".join(event.answer for event in events if isinstance(event, BlockCommitted))


def check_conversations_in_turn(session: Session) -> None:
    """Two conversations in turn: each finds all of its prompt, and says what it said before."""
    first, second = "Tell me a story about a river and a boat", "What is it that you do when you write?"
    _, story = ask(session, first)
    _, other = ask(session, second)
    for _ in range(2):
        reused, again = ask(session, first)
        assert again == story
        assert reused == session.measure(GenerationRequest((ChatTurn("user", first),)), whole=True).tokens
        reused, again = ask(session, second)
        assert again == other
        assert reused == session.measure(GenerationRequest((ChatTurn("user", second),)), whole=True).tokens
    reused, _ = ask(session, first, story, "Thank you")
    assert reused > len(first.split())


def test_conversations_in_turn_are_read_once(session: Session) -> None:
    check_conversations_in_turn(session)
