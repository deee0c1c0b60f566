"""From the user's action to the request, and from events to the store, also while the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.settings import Settings
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from app.chats.options import ChatOptions
from app.chats.session import Ask, AskedModel, ChatSession, RecorderState
from app.library import texts
from inference.events import DraftUpdated, Event, ModelLoading, PromptEncoded
from inference.params import ChatTurn, SamplerParams
from tests.app.chats.support import FAILED, block, finished

MODEL = AskedModel(texts.STARTER_MODEL_NAME, "fake")
QUIET: tuple[Event, ...] = (
    ModelLoading("Reading", 0.5),
    PromptEncoded(3, 3, 0, 0, 0.1),
    DraftUpdated(0, 1, 48, (1,), ("x",), (0.1,), (True,)),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HistoryStore]:
    """A new, empty history."""
    with HistoryStore.open(tmp_path / "chats.sqlite3") as opened:
        yield opened


@pytest.fixture
def session(store: HistoryStore) -> ChatSession:
    """A session on that history."""
    return ChatSession(store)


def asked(session: ChatSession) -> Ask:
    """A first question in a new chat."""
    return session.send(None, "Hello", Settings(), MODEL)


def test_sending_stores_the_question_and_makes_the_request(session: ChatSession, store: HistoryStore) -> None:
    ask = asked(session)
    assert ask.conversation.title == "Hello"
    assert [m.id for m in store.messages(ask.conversation.id)] == [ask.user.id, ask.answer.id]
    assert ask.answer.state is MessageState.STREAMING
    assert ask.request.turns == (ChatTurn("user", "Hello"),)
    assert ask.request.sampler == SamplerParams()
    assert ask.answer.generation is not None
    assert ask.answer.generation.seed == ask.request.seed
    assert ask.answer.generation.model == texts.STARTER_MODEL_NAME
    ask.recorder.apply(finished("Hi!"))
    more = session.send(
        ask.conversation.id, "And?", Settings(preset="fast", pace="full", seed_mode="fixed", seed=99), MODEL
    )
    assert more.request.turns == (ChatTurn("user", "Hello"), ChatTurn("assistant", "Hi!"), ChatTurn("user", "And?"))
    assert more.request.seed == 99
    assert more.request.sampler == SamplerParams(steps_divisor=3)
    assert (ask.request.step_seconds, more.request.step_seconds) == (0.1, 0.0)


def test_new_seeds_differ(session: ChatSession) -> None:
    assert len({asked(session).request.seed for _ in range(5)}) == 5


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_a_blank_text_is_no_question(session: ChatSession, store: HistoryStore, text: str) -> None:
    with pytest.raises(ValueError, match="text"):
        session.send(None, text, Settings(), MODEL)
    assert store.list_conversations() == ()


def test_trying_again_keeps_the_first_answer(session: ChatSession, store: HistoryStore) -> None:
    first = asked(session)
    first.recorder.apply(finished("Hi!"))
    chat = first.conversation.id
    assert session.can_try_again(chat)
    again = session.try_again(chat, Settings(), MODEL)
    assert again.request.turns == (ChatTurn("user", "Hello"),)
    again.recorder.apply(finished("Hey!"))
    assert [m.body for m in store.messages(chat)] == ["Hello", "Hey!"]
    assert [m.body for m in store.siblings(again.answer.id)] == ["Hi!", "Hey!"]


def test_a_fixed_seed_gives_the_same_again_until_something_changes(session: ChatSession, store: HistoryStore) -> None:
    fixed = Settings(seed_mode="fixed", seed=5)
    ask = session.send(None, "Hello", fixed, MODEL)
    chat = ask.conversation.id
    assert not session.same_again(chat, fixed, MODEL)  # it is still being written
    ask.recorder.apply(finished("Hi!", seed=5))
    assert session.same_again(chat, fixed, MODEL)
    assert not session.same_again(chat, Settings(), MODEL)
    assert not session.same_again(chat, Settings(seed_mode="fixed", seed=6), MODEL)
    assert not session.same_again(chat, fixed, AskedModel("Another", "fake"))
    store.order.set_options(chat, ChatOptions(preset="fast"))
    assert not session.same_again(chat, fixed, MODEL)
    assert session.try_again(chat, fixed, MODEL).request.seed == 5
    assert session.try_again(chat, fixed, MODEL, new_seed=True).request.seed != 5


def test_an_edited_question_is_asked_beside_the_old_one(session: ChatSession, store: HistoryStore) -> None:
    ask = asked(session)
    ask.recorder.apply(finished("Hi!"))
    session.send(ask.conversation.id, "And?", Settings(), MODEL)
    edited = session.send_edited(ask.user.id, "Hello, you", Settings(), MODEL)
    assert edited.request.turns == (ChatTurn("user", "Hello, you"),)
    assert [message.body for message in store.siblings(edited.user.id)] == ["Hello", "Hello, you"]
    assert [m.id for m in store.messages(ask.conversation.id)] == [edited.user.id, edited.answer.id]


def test_the_options_of_a_chat_are_asked_with(session: ChatSession, store: HistoryStore) -> None:
    options = ChatOptions(" Be brief. ", steps=9, answer_tokens=70, thinking=True)
    ask = session.send(None, "Hello", Settings(), MODEL, options=options)
    assert store.conversation(ask.conversation.id).options == options
    assert ask.request.turns == (ChatTurn("system", "Be brief."), ChatTurn("user", "Hello"))
    assert (ask.request.max_new_tokens, ask.request.thinking) == (70, True)
    assert ask.request.sampler.max_denoising_steps == 9


def test_nothing_to_try_again_in_an_empty_chat(session: ChatSession, store: HistoryStore) -> None:
    chat = store.create_conversation().id
    assert not session.can_try_again(chat)
    with pytest.raises(ValueError, match="question"):
        session.try_again(chat, Settings(), MODEL)


def test_a_whole_answer(session: ChatSession, store: HistoryStore) -> None:
    ask = asked(session)
    recorder = ask.recorder
    for event in QUIET:
        recorder.apply(event)
    assert recorder.state is RecorderState.WAITING
    recorder.apply(block(0, "One ", thinking="hm"))
    recorder.apply(block(1, "two"))
    assert (recorder.state, recorder.answer, recorder.thinking) == (RecorderState.WRITING, "One two", "hm")
    assert store.message(ask.answer.id).body == "One two"
    recorder.apply(finished("One two", thinking="hm"))
    assert (recorder.state, recorder.ended, recorder.unsaved) == (RecorderState.DONE, True, False)
    for late in (block(2, "late"), FAILED, finished("other")):
        recorder.apply(late)
    recorder.stop()
    message = store.message(ask.answer.id)
    assert (message.state, message.body) == (MessageState.DONE, "One two")


def test_the_other_ends(session: ChatSession, store: HistoryStore) -> None:
    cancelled, failed, closed = (asked(session) for _ in range(3))
    for ask in (cancelled, failed, closed):
        ask.recorder.apply(block(0, "Half"))
    cancelled.recorder.apply(finished("Half", reason="cancelled"))
    failed.recorder.apply(FAILED)
    closed.recorder.stop()
    closed.recorder.stop()
    states = [RecorderState.STOPPED, RecorderState.FAILED, RecorderState.STOPPED]
    assert [ask.recorder.state for ask in (cancelled, failed, closed)] == states
    stored = [store.message(ask.answer.id) for ask in (cancelled, failed, closed)]
    assert [message.state.value for message in stored] == ["stopped", "error", "stopped"]
    assert {message.body for message in stored} == {"Half"}


def test_a_full_disk_keeps_the_answer_in_memory_and_stores_it_later(session: ChatSession, store: HistoryStore) -> None:
    ask = asked(session)
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    long = "long " * 5000
    with pytest.raises(StoreFullError):
        ask.recorder.apply(block(0, long))
    with pytest.raises(StoreFullError):
        ask.recorder.apply(block(1, "end"))
    with pytest.raises(StoreFullError):
        ask.recorder.apply(finished(long + "end"))
    assert ask.recorder.unsaved
    assert ask.recorder.answer == long + "end"
    assert store.message(ask.answer.id).body == ""
    store._db.execute("PRAGMA max_page_count = 1000000")
    ask.recorder.retry()
    assert not ask.recorder.unsaved
    message = store.message(ask.answer.id)
    assert (message.state, message.body) == (MessageState.DONE, long + "end")
    assert len(store.blocks(ask.answer.id)) == 2
