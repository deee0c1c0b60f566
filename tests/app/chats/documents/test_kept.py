"""Files that are attached belong to the message that holds their text, and go with the last one that names them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.chats.documents.kept import waiting_files
from app.chats.exporting.snapshot import snapshot
from app.chats.files import keep_pieces, place_of
from app.chats.history import HistoryStore
from app.chats.messages import MessageFile


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HistoryStore]:
    with HistoryStore.open(tmp_path / "chats.sqlite3") as opened:
        yield opened


def kept(store: HistoryStore, name: str) -> MessageFile:
    """A file beside the chats, which holds its name."""
    digest, size = keep_pieces(store.kept.folder, [name.encode()])
    return MessageFile(name, "text/plain", size, digest)


def attach(store: HistoryStore, chat: str | None, name: str) -> MessageFile:
    """The same, and its text is typed."""
    file, sign = kept(store, name), f"[{name}, "
    store.keep_unsent(chat, f"{store.unsent_text(chat)}\n\n[{name}, page 1]\nIts text")
    store.kept.attach(chat, file, sign)
    return file


def lies_there(store: HistoryStore, file: MessageFile) -> bool:
    return place_of(store.kept.folder, file.digest).exists()


def test_the_message_that_is_sent_has_its_files_and_no_others(store: HistoryStore) -> None:
    one, two, other = attach(store, None, "a.pdf"), attach(store, None, "b.pdf"), attach(store, None, "c.pdf")
    text = store.unsent_text(None)
    cut = text[: text.index("\n\n[c.pdf")]  # it was taken out of the box again
    store.keep_unsent(None, cut)
    message = store.add_user_message(None, cut)
    assert message.files == (one, two)
    assert store.messages(message.conversation_id)[-1].files == (one, two)
    assert [lies_there(store, each) for each in (one, two, other)] == [True, True, False]
    assert waiting_files(store._db) == []


def test_a_file_waits_over_a_restart_and_for_its_own_chat(tmp_path: Path) -> None:
    with HistoryStore.open(tmp_path / "chats.sqlite3") as first:
        chat, other = first.create_conversation().id, first.create_conversation().id
        file = attach(first, chat, "a.pdf")
    with HistoryStore.open(tmp_path / "chats.sqlite3") as second:
        assert second.add_user_message(other, "[a.pdf, page 1] of another").files == ()
        assert second.add_user_message(chat, second.unsent_text(chat)).files == (file,)


def test_an_example_that_is_sent_takes_no_file_away(store: HistoryStore) -> None:
    file = attach(store, None, "a.pdf")
    typed = store.unsent_text(None)
    chat = store.add_user_message(None, "Tell me a story.").conversation_id
    assert lies_there(store, file)
    assert store.add_user_message(chat, typed).files == (file,)


def test_a_queued_message_gets_its_file_when_it_is_sent(store: HistoryStore) -> None:
    chat = store.add_user_message(None, "Hello").conversation_id
    file = attach(store, chat, "a.pdf")
    queued = store.queue.add(chat, store.unsent_text(chat))
    store.add_user_message(chat, "Something else")
    assert lies_there(store, file)
    assert store.add_user_message(chat, queued.body, queued=queued.id).files == (file,)


def test_a_copy_that_is_late_goes_to_the_message_that_was_sent(store: HistoryStore) -> None:
    message = store.add_user_message(None, "[a.pdf, page 1]\nIts text")
    file = kept(store, "a.pdf")
    store.kept.attach(message.conversation_id, file, "[a.pdf, ")
    assert store.message(message.id).files == (file,)


def test_versions_and_branches_have_the_same_files(store: HistoryStore) -> None:
    file = attach(store, None, "a.pdf")
    message = store.add_user_message(None, store.unsent_text(None))
    edited = store.add_user_message(message.conversation_id, "Shorter", beside=message.id)
    branch = store.branch_off(message.id)
    assert edited.files == (file,)
    assert store.messages(branch.id)[-1].files == (file,)
    for chat in (message.conversation_id, branch.id):
        assert lies_there(store, file)
        store.delete(chat)
        store.purge_deleted(timedelta(-1))
    assert not lies_there(store, file)


def test_files_of_a_chat_that_is_removed_go_unless_they_wait_elsewhere(store: HistoryStore) -> None:
    chat, other = store.create_conversation().id, store.create_conversation().id
    shared, own = attach(store, chat, "a.pdf"), attach(store, chat, "b.pdf")
    attach(store, other, "a.pdf")
    store.delete(chat)
    store.remove_for_good([chat])
    assert (lies_there(store, shared), lies_there(store, own)) == (True, False)


def test_answers_know_what_they_may_quote(store: HistoryStore) -> None:
    file = attach(store, None, "a.pdf")
    message = store.add_user_message(None, store.unsent_text(None))
    answer = store.add_version(store.add_version(message.id, "x").id, "y")
    assert answer.sources == ()
    chat = message.conversation_id
    shown = store.messages(chat)
    assert all(each.sources == () for each in shown if each.role == "user")
    with snapshot(store.path) as found:
        exported = found.portable(chat)
    assert file.name in str(exported)
