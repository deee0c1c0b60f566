"""What was written is found: whatever its script, as soon as it is stored, and never when it was deleted."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.chats.history import HistoryStore
from app.chats.messages import Message
from app.chats.search import index
from app.chats.search.index import SearchIndex, index_path
from app.chats.search.query import folded, parsed
from tests.app.chats.support import begin, block, finished, sql


def say(store: HistoryStore, *texts: str) -> list[Message]:
    """A new chat of these user's messages."""
    chat = store.create_conversation().id
    return [store.add_user_message(chat, text) for text in texts]


def found(store: HistoryStore, text: str) -> list[str | None]:
    """Ids of the messages that are found; None stands for a title."""
    return [hit.message_id for hit in store.search(text)]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Ich möchte in die Straße gehen", "mochte"),
        ("Ich möchte in die Straße gehen", "MÖCH"),
        ("Ich möchte in die Straße gehen", '"in die str'),
        ("Ich möchte in die Straße gehen", "gehen ich"),
        ("cafe\u0301 au lait", "café"),
        ("日本語を勉強する", "日"),
        ("日本語を勉強する", "本語"),
        ("日本語を勉強する", "日本語を"),
        ("你好,世界", "世界"),
        ("안녕하세요", "녕하"),
        ("สวัสดีครับ", "สดี"),
        ("snake_case_name", "snake_case"),
        ("use C++ here", "c++"),
        ("what ++ does", "++"),
        ("so 😀 happy", "😀"),
        ("before\0behind", "behind"),
        ("he said AND left", "AND"),
        ("version 3.14", "3.14"),
        ("he left", "-left"),
    ],
)
def test_it_is_found(store: HistoryStore, text: str, asked: str) -> None:
    say(store, "something else entirely")
    (message,) = say(store, text)
    assert message.id in found(store, asked)


@pytest.mark.parametrize("asked", ["", "   ", '"', '""', "*", "zzz", '"die in"', "日語", "NEAR(", "body:ich", "^"])
def test_it_is_not_found(store: HistoryStore, asked: str) -> None:
    say(store, "Ich möchte in die Straße gehen", "日本語を勉強する")
    assert found(store, asked) == []


def test_a_snippet_shows_the_place(store: HistoryStore) -> None:
    say(store, "word " * 300 + "the  needle\nlies here " + "word " * 300)
    (hit,) = store.search("needle lies")
    assert len(hit.snippet) < 300
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["needle", "lies"]
    assert hit.role == "user"


def test_titles_come_first(store: HistoryStore) -> None:
    say(store, "volcano " * 5)
    (message,) = say(store, "something about stones")
    store.rename(message.conversation_id, "My volcano")
    first, second = store.search("volcano")
    assert (first.message_id, first.title, first.snippet) == (None, "My volcano", "My volcano")
    assert second.message_id is not None  # the title that was made from it is none beside it


@pytest.mark.parametrize("phrase", ['"a late rain"', '"a late ra', "late-rain", "京都"])
def test_of_very_many_texts_with_a_phrase_the_newest_are_shown(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch, phrase: str
) -> None:
    monkeypatch.setattr(index, "RANKED", 3)
    monkeypatch.setattr(index, "_NEWEST_TITLES", 2)
    said = "a late rain, a late rain: 京都"
    chats = [store.add_user_message(None, f"{said} {number}" * (6 - number)).conversation_id for number in range(6)]
    for number, chat in enumerate(chats):
        store.rename(chat, said if number < 3 else "another title")
    found = store.search(phrase)
    assert [(hit.conversation_id, hit.message_id is None) for hit in found] == [
        (chats[2], True), (chats[1], True), (chats[5], False), (chats[4], False), (chats[3], False),
    ]  # fmt: skip
    assert all(hit.marks for hit in found)
    assert len(store.search(phrase, limit=3)) == 3


@pytest.mark.parametrize("hidden", [1, -1, -2])  # the bin, an import that is not through, what is to be joined
@pytest.mark.parametrize("asked", ["rain", '"late rain"', "late rain", "late-rain", "京都"])
def test_what_is_hidden_takes_no_place_among_the_newest_matches(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch, asked: str, hidden: int
) -> None:
    monkeypatch.setattr(index, "RANKED", 3)
    monkeypatch.setattr(index, "_NEWEST_TITLES", 2)
    said = "a late rain: 京都"
    messages = [say(store, f"{said} {number}")[0] for number in range(9)]
    for number, message in enumerate(messages):
        store.rename(message.conversation_id, said if number in (1, 7, 8) else "another title")
    for message in messages[2:]:
        sql(store.path, f"UPDATE conversation SET deleted_at = {hidden} WHERE id = '{message.conversation_id}'")
    hits = store.search(asked)
    assert {hit.conversation_id for hit in hits} == {each.conversation_id for each in messages[:2]}
    assert [hit.message_id for hit in hits].count(None) == 1
    assert {hit.message_id for hit in hits} - {None} == {each.id for each in messages[:2]}


def test_an_answer_is_found_as_it_grows_and_a_title_as_it_changes(store: HistoryStore) -> None:
    (user,) = say(store, "question")
    answer = begin(store, user)
    store.commit_block(answer.id, block(answer="alpha "))
    assert found(store, "alpha") == [answer.id]
    store.finish_answer(answer.id, finished("beta"))
    assert found(store, "alpha") == []
    assert found(store, "beta") == [answer.id]
    store.rename(user.conversation_id, "gamma")
    assert found(store, "gamma") == [None]


def test_a_branch_that_is_not_shown_is_found(store: HistoryStore) -> None:
    (user,) = say(store, "question")
    first, second = begin(store, user), begin(store, user)
    store.finish_answer(first.id, finished("hidden words"))
    store.finish_answer(second.id, finished("shown words"))
    assert found(store, "hidden") == [first.id]


def test_the_bin_is_not_searched_and_deleted_text_is_gone_from_the_disk(store: HistoryStore) -> None:
    (user,) = say(store, "xylophonequartz is a secret")
    say(store, "unrelated")
    assert found(store, "xylophonequartz")
    store.delete(user.conversation_id)
    assert found(store, "xylophonequartz") == []
    store.purge_deleted(timedelta(0))
    for file in store.path.parent.rglob("*"):
        if file.is_file():
            assert b"xylophonequartz" not in file.read_bytes().lower(), file.name


def test_what_is_removed_for_good_now_is_gone_from_the_disk(store: HistoryStore) -> None:
    (user,) = say(store, "xylophonequartz is a secret")
    (kept,) = say(store, "unrelated")
    assert found(store, "xylophonequartz")
    assert store.remove_for_good([user.conversation_id]) == 0  # only out of the bin
    store.delete(user.conversation_id)
    assert store.remove_for_good([user.conversation_id, kept.conversation_id]) == 1
    assert found(store, "unrelated") == [kept.id]
    for file in store.path.parent.rglob("*"):
        if file.is_file():
            assert b"xylophonequartz" not in file.read_bytes().lower(), file.name


def test_a_damaged_deleted_or_foreign_index_is_made_anew(store: HistoryStore) -> None:
    (message,) = say(store, "needle")
    path = index_path(store.path)
    assert found(store, "needle")
    for damage in (b"no database", b"", path.read_bytes()[:5000]):
        path.write_bytes(damage)
        assert found(store, "needle") == [message.id]
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert found(store, "needle") == [message.id]
    path.unlink()
    assert found(store, "needle") == [message.id]
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE state (id, number)").connection.close()
    assert found(store, "needle") == [message.id]


def test_an_index_of_another_time_is_made_anew(store: HistoryStore) -> None:
    """The chats came back from a backup that was made when the index knew less."""
    say(store, "needle")
    assert found(store, "needle")
    state = sql(store.path, "SELECT value FROM app_meta WHERE key = 'search_index'")[0][0]
    say(store, "haystack")
    assert found(store, "haystack")
    say(store, "barn")
    assert found(store, "barn")
    sql(store.path, f"UPDATE app_meta SET value = '{state}' WHERE key = 'search_index'")
    with SearchIndex(store.path) as index:
        numbers = list(index.parts())
    assert numbers
    assert len(store.search("needle")) == 1


def test_killed_between_the_two_files(store: HistoryStore) -> None:
    """The index took a part over, and the note in the history still stands: it is taken over once more."""
    say(store, "needle")
    assert found(store, "needle")
    (second,) = say(store, "thread")
    note = sql(store.path, "SELECT key, note FROM search_waiting")
    state = sql(store.path, "SELECT value FROM app_meta WHERE key = 'search_index'")[0][0]
    assert second.id in found(store, "thread")
    for key, number in note:
        sql(store.path, f"INSERT INTO search_waiting VALUES ({key}, {number})")
    sql(store.path, f"UPDATE app_meta SET value = '{state}' WHERE key = 'search_index'")
    assert len([each for each in found(store, "thread") if each == second.id]) == 1


def test_what_changes_while_it_is_taken_over_waits_again(store: HistoryStore) -> None:
    (message,) = say(store, "before")
    with SearchIndex(store.path) as index:
        text_of = index._text

        def slow(key: int) -> str | None:
            text = text_of(key)
            sql(store.path, "UPDATE message SET body = 'behind'")
            return text

        index._text = slow  # type: ignore[method-assign]
        next(index.parts())
        index._text = text_of  # type: ignore[method-assign]
        index.refresh()
        assert [hit.message_id for hit in index.find("behind")] == [message.id]


def test_finding_in_one_chat_looks_into_every_branch(store: HistoryStore) -> None:
    user, more = say(store, "Wörter hier", "und DA")
    say(store, "worter elsewhere")
    hidden, shown = begin(store, more), begin(store, more)
    store.finish_answer(hidden.id, finished("ein wo\u0308rterbuch"))
    store.finish_answer(shown.id, finished("nichts"))
    assert store.find_in_chat(user.conversation_id, "WORTER") == (user.id, hidden.id)
    assert store.find_in_chat(user.conversation_id, " ") == ()
    assert store.find_in_chat(user.conversation_id, "d x d") == ()


def test_folding() -> None:
    assert folded("Straße ÉA") == folded("STRASSE éa") == "strasse ea"


def test_a_pasted_page_is_not_a_search() -> None:
    assert parsed("many words " * 500).match.count("AND") < 30


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_search_is_answered(store: HistoryStore, asked: str) -> None:
    """Also what is syntax for SQLite: it is only ever looked for."""
    store.search(asked)


def test_the_index_is_for_this_user_alone(store: HistoryStore) -> None:
    say(store, "needle")
    store.search("needle")
    path: Path = index_path(store.path)
    assert path.stat().st_mode & 0o077 == 0
