"""Several answers in turn in one model process, and the owner's before them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.base.paths import starter_model_folder
from inference.events import BlockCommitted, DraftUpdated, Event, Failed, Finished, PromptEncoded
from inference.forms.wanted import Form
from inference.host.client import ModelProcessClient
from inference.host.turns import GuestAnswer, GuestTurns
from inference.params import ChatTurn, GenerationRequest


def request(text: str, seed: int = 1) -> GenerationRequest:
    """A question whose answer takes several short blocks."""
    return GenerationRequest((ChatTurn("user", text),), seed=seed, canvas_length=8, max_new_tokens=64)


@pytest.fixture(scope="module")
def process() -> Iterator[ModelProcessClient]:
    with ModelProcessClient(starter_model_folder()) as client:
        list(client.load())
        yield client


def texts_of(events: list[Event]) -> list[str]:
    return [event.answer for event in events if isinstance(event, BlockCommitted)]


def test_answers_in_turn_are_those_of_answers_alone(process: ModelProcessClient) -> None:
    questions = ["Hello", "Tell me a story about a river", "What is diffusion?", "Who are you?"]
    alone = [texts_of(list(process.generate_for_guest(request(text), drafts=False))) for text in questions]
    assert max(map(len, alone)) > 1
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: list(process.generate_for_guest(request(text), drafts=False)), questions))
    # Behind the first block a word may differ: the prompts' common beginning was read with another one's rest.
    assert [texts_of(events)[0] for events in together] == [texts[0] for texts in alone]
    assert not [event for events in together for event in events if isinstance(event, DraftUpdated)]
    assert all(isinstance(events[-1], Finished) for events in together)


def test_the_owner_is_answered_meanwhile(process: ModelProcessClient) -> None:
    alone = texts_of(list(process.generate(request("Hello"))))
    with ThreadPoolExecutor(1) as pool:
        guest = pool.submit(lambda: list(process.generate_for_guest(request("Tell me a story about a river"))))
        assert texts_of(list(process.generate(request("Hello")))) == alone
        assert isinstance(guest.result()[-1], Finished)


def test_a_guest_that_leaves_or_cancels_is_forgotten(process: ModelProcessClient) -> None:
    left = process.generate_for_guest(request("Tell me a story about a river"))
    assert isinstance(next(left), PromptEncoded)
    left.close()
    cancel = threading.Event()
    cancelled = process.generate_for_guest(request("Hello"), cancel)
    next(cancelled)
    cancel.set()
    last = list(cancelled)[-1]
    assert isinstance(last, Finished)
    assert last.reason == "cancelled"
    assert isinstance(list(process.generate(request("Hello")))[-1], Finished)


def test_a_form_that_cannot_be_kept_is_refused(process: ModelProcessClient) -> None:
    asked = GenerationRequest((ChatTurn("user", "Hi"),), form=Form("schema", '{"not": {}}'))
    (failed,) = process.generate_for_guest(asked)
    assert isinstance(failed, Failed)
    assert failed.refused == "form"


def test_without_a_model_a_guest_is_told() -> None:
    (failed,) = ModelProcessClient(starter_model_folder()).generate_for_guest(request("Hello"))
    assert isinstance(failed, Failed)


def test_a_long_answer_gives_way_after_two_blocks() -> None:
    """Four long answers are written when eight short ones come: those end before any long one has three blocks more."""
    said: list[tuple[int, str]] = []
    turns = GuestTurns(lambda number, event: said.append((number, type(event).__name__)))

    def blocks(count: int) -> Iterator[Event]:
        for block in range(count):
            yield BlockCommitted(block, (), "x", "", 1, 1, True, (), (), 0.0)

    for number in range(1, 5):
        turns.add(GuestAnswer(-number, blocks(20), drafts=False))
    for _ in range(12):
        turns.turn()
    begun = len(said)
    assert sorted(said) == sorted((-number, "BlockCommitted") for number in range(1, 5) for _ in range(3))
    for number in range(5, 13):
        turns.add(GuestAnswer(-number, blocks(1), drafts=False))
    while turns:
        turns.turn()
    numbers = [number for number, _ in said]
    last_short = numbers.index(-12)
    for number in range(-4, 0):
        assert numbers[begun:last_short].count(number) <= 2
        assert numbers.count(number) == 20
    assert [number for number in numbers if number < -4] == list(range(-5, -13, -1))


def test_only_who_keeps_others_waiting_gives_way() -> None:
    said: list[int] = []
    turns = GuestTurns(lambda number, event: said.append(number))

    def blocks() -> Iterator[Event]:
        for block in range(6):
            yield BlockCommitted(block, (), "x", "", 1, 1, True, (), (), 0.0)

    for number in range(1, 6):  # one more than take turns
        turns.add(GuestAnswer(-number, blocks(), drafts=False))
    while turns:
        turns.turn()
    assert said[:8] == [-1, -2, -3, -4] * 2
    assert all(said.count(-number) == 6 for number in range(1, 6))
    counts = [[said[:end].count(-number) for number in range(1, 6)] for end in range(len(said))]
    assert max(max(each) - min(each) for each in counts) <= 2


def test_turns_are_taken_block_by_block_and_an_error_ends_one() -> None:
    said: list[tuple[int, str]] = []
    turns = GuestTurns(lambda number, event: said.append((number, type(event).__name__)))

    def blocks(count: int) -> Iterator[Event]:
        for block in range(count):
            yield BlockCommitted(block, (), "x", "", 1, 1, True, (), (), 0.0)
        raise MemoryError

    for number, count in ((-1, 2), (-2, 1), (-3, 0)):
        turns.add(GuestAnswer(number, blocks(count), drafts=False))
    while turns:
        turns.turn()
    assert [number for number, _ in said] == [-1, -2, -3, -1, -2, -1]
    assert [name for _, name in said].count("Failed") == 3
    turns.add(GuestAnswer(-4, blocks(1), drafts=False))
    turns.end_all(Failed("", "", known=True))
    assert said[-1] == (-4, "Failed")
