"""Chats and messages: what goes in comes out again, also after the store was closed."""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.graphemes import graphemes
from app.chats import messages, texts
from app.chats.history import HistoryStore
from app.chats.ids import new_id
from app.chats.messages import MessageState, title_from_text
from inference.params import ChatTurn, SamplerParams
from inference.text.surrogates import storable
from tests.app.chats.support import FAILED, begin, block, bodies_in, finished, sql

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


def test_a_new_store_is_empty_and_makes_its_folder(data_file: Path) -> None:
    with HistoryStore.open(data_file) as store:
        assert store.list_conversations() == ()
        assert store.recovery is None
    assert data_file.exists()
    assert data_file.stat().st_mode & 0o077 == 0


def test_a_whole_turn_is_there_after_a_restart(store: HistoryStore, data_file: Path) -> None:
    user = store.add_user_message(None, "How does it work?")
    answer = begin(store, user, seed=2**70)
    store.commit_block(answer.id, block(0, "One. ", thinking="Hm. "))
    store.commit_block(answer.id, block(1, "Two.", steps=9))
    done = store.finish_answer(answer.id, finished("One. Two.", thinking="Hm. ", seed=2**70))
    store.close()
    with HistoryStore.open(data_file) as again:
        (chat,) = again.list_conversations()
        first, second = again.messages(chat.id)
        assert (first.body, first.role, first.state) == ("How does it work?", "user", MessageState.DONE)
        assert second == done
        assert (second.body, second.thinking, second.parent_id) == ("One. Two.", "Hm. ", user.id)
        assert second.state is MessageState.DONE
        record = second.generation
        assert record is not None
        assert (record.seed, record.steps_per_block, record.max_steps) == (2**70, (14, 9), 48)
        assert (record.reason, record.wall_seconds, record.time_to_first_block) == ("end_of_text", 3.1, None)
        blocks = again.blocks(answer.id)
        assert [b.answer for b in blocks] == ["One. ", "Two."]
        assert blocks[0].token_ids == (5, 6, 262143, 1)
        assert blocks[0].entropy == (0.0, 0.25, 1.5, 2.0)
        assert blocks[0].settled_step == (1, 4, 9, 14)


@settings(max_examples=60)
@given(text=ANY_TEXT, answer=ANY_TEXT, title=ANY_TEXT)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str, answer: str, title: str) -> None:
    path = tmp_path_factory.mktemp("any") / "chats.sqlite3"
    with HistoryStore.open(path) as store:
        user = store.add_user_message(None, text)
        reply = begin(store, user)
        store.commit_block(reply.id, block(answer=answer, thinking=text))
        store.rename(user.conversation_id, title)
    with HistoryStore.open(path) as store:
        first, second = store.messages(user.conversation_id)
        assert first == user
        assert first.body == storable(text)
        assert (second.body, second.thinking) == (storable(answer), storable(text))
        chat = store.conversation(user.conversation_id)
        assert "\n" not in chat.title
        assert chat.title != ""
        assert (chat.title_source == "user") == bool(title_from_text(title))


@given(ANY_TEXT)
def test_only_lone_surrogates_are_replaced(text: str) -> None:
    stored = storable(text)
    stored.encode("utf-8")
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert stored == text
    assert storable(stored) == stored


def test_surrogates() -> None:
    assert storable("a\ud800b") == "a\ufffdb"
    assert storable("\ud83d\ude00") == "\U0001f600"
    assert storable("nul\x00 and\r\nline ends\n") == "nul\x00 and\r\nline ends\n"


def test_ids_rise() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
GERMANY = "\U0001f1e9\U0001f1ea"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0628\u0631\u0648\u0645"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("  two\n\nlines\t here ", "two lines here"),
        (
            "What is the difference between a settled and a melted word?",
            "What is the difference between a settled and a…",
        ),
        ("x" * 100, "x" * 47 + "…"),
        (" \n\x00 ", ""),
        ("a" * 48, "a" * 48),
        (f"{FAMILY} at the sea", f"{FAMILY} at the sea"),
        (PERSIAN, PERSIAN),
        (FAMILY * 60, FAMILY * 47 + "\u2026"),
        (GERMANY * 60, GERMANY * 47 + "\u2026"),
        (ENGLAND * 48, ENGLAND * 48),
        ("e\u0301" * 60, "e\u0301" * 47 + "\u2026"),
        ("zero\u200bwidth, so\u00adft, \ufeffmarked, \u202eback\u202c", "zerowidth, soft, marked, back"),
        ("\u200d\u200c\u200f \u200b", ""),
        ("\U0001fae8 new", "\U0001fae8 new"),  # newer than the tables of Python 3.11
        ("hi" + " " * 500_000 + "there", "hi there"),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert title_from_text(text) == title
    assert len(list(graphemes(title))) <= 48


def test_a_title_is_found_without_reading_a_book(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = messages.one_line

    def counted(text: str) -> str:
        seen.append(len(text))
        return real(text)

    monkeypatch.setattr(messages, "one_line", counted)
    for text in ("x" * 1_000_000, "word " * 200_000, "\u0301" * 1_000_000):
        title_from_text(text)
    assert max(seen) < 10_000


def test_the_first_message_titles_the_chat_unless_the_user_did(store: HistoryStore) -> None:
    chat = store.create_conversation()
    assert (chat.title, chat.title_source) == (texts.NEW_CHAT_TITLE, "default")
    store.add_user_message(chat.id, "First words")
    store.add_user_message(chat.id, "Second words")
    assert store.conversation(chat.id).title == "First words"
    assert store.rename(chat.id, " My\nchat ").title == "My chat"
    assert store.rename(chat.id, "  ").title == "My chat"
    mine = store.rename(store.create_conversation().id, "Mine")
    store.add_user_message(mine.id, "Other")
    assert store.conversation(mine.id).title == "Mine"


def test_the_chat_asked_last_is_first(store: HistoryStore) -> None:
    first = store.add_user_message(None, "one").conversation_id
    second = store.add_user_message(None, "two").conversation_id
    assert [c.id for c in store.list_conversations()] == [second, first]
    sql(store.path, f"UPDATE conversation SET updated_at = updated_at - 1000 WHERE id = '{second}'")
    store.add_user_message(first, "three")
    assert [c.id for c in store.list_conversations()] == [first, second]


def test_delete_undo_and_purge(store: HistoryStore) -> None:
    kept = store.add_user_message(None, "kept").conversation_id
    gone = store.add_user_message(None, "SECRETWORD " * 50)
    answer = begin(store, gone)
    store.commit_block(answer.id, block())
    store.delete(gone.conversation_id)
    assert [c.id for c in store.list_conversations()] == [kept]
    assert store.undelete(gone.conversation_id).deleted_at is None
    assert bodies_in(store)[gone.id] == gone.body
    store.delete(gone.conversation_id)
    assert store.purge_deleted() == 0
    assert store.purge_deleted(timedelta(0)) == 1
    with pytest.raises(KeyError):
        store.undelete(gone.conversation_id)
    for table in ("message", "generation", "block"):
        assert sql(store.path, f"SELECT COUNT(*) FROM {table}") == [(1 if table == "message" else 0,)]
    files = [file for file in store.path.parent.glob("chats.sqlite3*") if not file.name.endswith("-shm")]
    assert not any(b"SECRETWORD" in file.read_bytes() for file in files)


def test_a_long_chat_can_be_purged(store: HistoryStore, data_file: Path) -> None:
    chat = store.create_conversation().id
    with HistoryStore.open(data_file) as other:
        other._db.execute("BEGIN")
        for number in range(1500):
            other.add_user_message(chat, str(number))
        other._db.execute("COMMIT")
    assert len(store.messages(chat)) == 1500
    store.delete(chat)
    assert store.purge_deleted(timedelta(0)) == 1


def test_a_second_answer_is_a_sibling_and_the_first_is_kept(store: HistoryStore) -> None:
    user = store.add_user_message(None, "Tell me a joke")
    first = begin(store, user)
    store.finish_answer(first.id, finished("First"))
    follow_up = store.add_user_message(user.conversation_id, "Why?")
    second = begin(store, user)
    store.finish_answer(second.id, finished("Second"))
    assert [m.body for m in store.messages(user.conversation_id)] == ["Tell me a joke", "Second"]
    assert [(m.id, m.sibling_no, m.sibling_count) for m in store.siblings(second.id)] == [
        (first.id, 0, 2),
        (second.id, 1, 2),
    ]
    assert store.show_branch(first.id).head_message_id == follow_up.id
    assert [m.body for m in store.messages(user.conversation_id)] == ["Tell me a joke", "First", "Why?"]


def test_first_messages_of_different_chats_are_no_siblings(store: HistoryStore) -> None:
    first = store.add_user_message(None, "one")
    store.add_user_message(None, "two")
    assert [m.id for m in store.siblings(first.id)] == [first.id]


def test_the_ends_of_an_answer(store: HistoryStore) -> None:
    user = store.add_user_message(None, "Hi")
    cancelled, failed, stopped = (begin(store, user) for _ in range(3))
    assert store.finish_answer(cancelled.id, finished("Half", reason="cancelled")).state is MessageState.STOPPED
    store.commit_block(failed.id, block(0, "Half"))
    message = store.fail_answer(failed.id, FAILED)
    assert (message.state, message.body) == (MessageState.ERROR, "Half")
    assert message.error is not None
    assert (message.error.user_text, message.error.hint, message.error.known) == (FAILED.user_text, FAILED.hint, True)
    store.commit_block(stopped.id, block(0, "Half"))
    store.commit_block(stopped.id, block(0, "Half"))
    assert store.stop_answer(stopped.id).state is MessageState.STOPPED
    assert store.message(stopped.id).body == "Half"
    assert store.stop_answer(failed.id).state is MessageState.ERROR


def test_answers_left_streaming_are_stopped_on_open(store: HistoryStore, data_file: Path) -> None:
    answer = begin(store, store.add_user_message(None, "Hi"))
    store.commit_block(answer.id, block(0, "So far"))
    store.close()
    with HistoryStore.open(data_file) as again:
        message = again.message(answer.id)
        assert (message.state, message.body) == (MessageState.STOPPED, "So far")


def test_turns_leave_out_answers_without_text(store: HistoryStore) -> None:
    chat = store.create_conversation().id
    one = store.add_user_message(chat, "one")
    store.fail_answer(begin(store, one).id, FAILED)
    two = store.add_user_message(chat, "two")
    store.finish_answer(begin(store, two).id, finished("Answer to two"))
    three = store.add_user_message(chat, "three")
    running = begin(store, three)
    store.commit_block(running.id, block(0, "not yet"))
    expected = (ChatTurn("user", "one"), ChatTurn("user", "two"), ChatTurn("assistant", "Answer to two"))
    assert store.turns(chat) == (*expected, ChatTurn("user", "three"))
    assert store.turns(chat, upto=two.id) == expected[:2]
    store.stop_answer(running.id)
    assert store.turns(chat)[-1] == ChatTurn("assistant", "not yet")
    assert store.turns(store.create_conversation().id) == ()


def test_unknown_ids_are_key_errors(store: HistoryStore) -> None:
    user = store.add_user_message(None, "x")
    for call in (
        lambda: store.messages("no"),
        lambda: store.rename("no", "x"),
        lambda: store.delete("no"),
        lambda: store.add_user_message("no", "x"),
        lambda: store.commit_block("no", block()),
        lambda: store.finish_answer("no", finished()),
        lambda: store.siblings("no"),
    ):
        with pytest.raises(KeyError):
            call()
    other = store.create_conversation().id
    with pytest.raises(ValueError, match="parent_id"):
        store.begin_answer(other, user.id, seed=1, params=SamplerParams(), model="m", backend="fake")


def test_params_are_kept(store: HistoryStore) -> None:
    user = store.add_user_message(None, "x")
    params = SamplerParams(max_denoising_steps=16, entropy_bound=0.05)
    made = store.begin_answer(user.conversation_id, user.id, seed=None, params=params, model="m\ud800", backend="fake")
    assert made.generation is not None
    assert (made.generation.params, made.generation.seed, made.generation.model) == (params, None, "m\ufffd")


def test_values_are_frozen(store: HistoryStore) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        store.create_conversation().title = "x"  # type: ignore[misc]


def test_another_thread_is_a_bug_and_not_a_store_error(store: HistoryStore) -> None:
    caught: list[BaseException] = []

    def work() -> None:
        try:
            store.list_conversations()
        except BaseException as exc:
            caught.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert type(caught[0]).__name__ == "ProgrammingError"
