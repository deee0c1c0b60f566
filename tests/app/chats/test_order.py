"""Pins, archive, folders, tags, options, prompts, the queue: what is put in order stays, and one Undo puts it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.base.settings import Settings
from app.chats.errors import StoreError
from app.chats.files import files_folder, keep_pieces
from app.chats.history import HistoryStore
from app.chats.messages import title_from_exchange
from app.chats.options import ChatOptions, options_from_json
from tests.app.chats.support import begin, block, finished, sql


@pytest.fixture
def chats(store: HistoryStore) -> list[str]:
    return [store.create_conversation().id for _ in range(3)]


def test_several_chats_are_changed_at_once_and_restored_at_once(store: HistoryStore, chats: list[str]) -> None:
    folder = store.order.add_folder("Work")
    store.order.tag(chats[:1], ["old"])
    before = store.order.pin(chats)
    store.order.archive(chats)
    store.order.put_in(chats, folder.id)
    store.order.tag(chats, ["b", " a  thing ", "", "b"])
    store.order.delete(chats)
    assert [chat.id for chat in store.bin()] == sorted(chats)
    changed = store.conversation(chats[0])
    assert (changed.pinned, changed.archived, changed.folder_id, changed.tags) == (
        True, True, folder.id, ("a thing", "b"),
    )  # fmt: skip
    store.order.restore(before)
    assert tuple(map(store.conversation, chats)) == before
    assert store.conversation(chats[0]).tags == ("old",)
    assert store.bin() == ()


def test_an_unknown_chat_among_several_changes_none(store: HistoryStore, chats: list[str]) -> None:
    with pytest.raises(KeyError):
        store.order.pin([*chats, "nobody"])
    assert not any(store.conversation(chat).pinned for chat in chats)


def test_order_survives_a_restart(store: HistoryStore, chats: list[str], data_file: Path) -> None:
    outer = store.order.add_folder("Outer")
    inner = store.order.add_folder("Inner", outer.id)
    store.order.put_in(chats[:1], inner.id)
    store.order.tag(chats[:2], ["x"])
    store.close()
    with HistoryStore.open(data_file) as again:
        assert again.order.folders() == (outer, inner)
        assert again.conversation(chats[0]).folder_id == inner.id
        assert again.order.tags() == ("x",)


def test_folders(store: HistoryStore, chats: list[str]) -> None:
    order = store.order
    one, two = order.add_folder("One"), order.add_folder("Two")
    below = order.add_folder("Below", one.id)
    order.move_folder(two.id, below.id)
    with pytest.raises(StoreError, match="itself"):
        order.move_folder(one.id, two.id)
    with pytest.raises(StoreError):
        order.move_folder(one.id, one.id)
    order.put_in(chats, below.id)
    order.rename_folder(below.id, "  ")
    order.rename_folder(below.id, "Middle\nline")
    assert [(each.name, each.parent_id) for each in order.folders()] == [
        ("One", None), ("Middle line", one.id), ("Two", below.id),
    ]  # fmt: skip
    order.remove_folder(below.id)
    assert [(each.name, each.parent_id) for each in order.folders()] == [("One", None), ("Two", one.id)]
    assert store.conversation(chats[0]).folder_id == one.id
    with pytest.raises(KeyError):
        order.put_in(chats, below.id)


def test_odd_folders_are_shown_at_the_top(store: HistoryStore) -> None:
    one, two = store.order.add_folder("One"), store.order.add_folder("Two")
    sql(store.path, f"UPDATE folder SET parent_id = CASE id WHEN '{one.id}' THEN '{two.id}' ELSE '{one.id}' END")
    assert {(each.name, each.parent_id) for each in store.order.folders()} == {("One", None), ("Two", None)}
    sql(store.path, "UPDATE folder SET parent_id = 'nobody'")
    assert {(each.name, each.parent_id) for each in store.order.folders()} == {("One", None), ("Two", None)}


def test_options_are_kept_for_one_chat(store: HistoryStore, chats: list[str]) -> None:
    options = ChatOptions("Answer in verse.", "Poet", "careful", 12, 300, True)
    assert store.order.set_options(chats[0], options).options == options
    assert store.conversation(chats[1]).options == ChatOptions()
    settings = Settings(preset="fast", answer_tokens=50)
    assert options.most_new_tokens(settings) == 300
    assert options.sampler(settings).max_denoising_steps == 12
    assert ChatOptions().sampler(settings).steps_divisor == 3
    assert ChatOptions().most_new_tokens(settings) == 50


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"preset": "mad", "steps": -1, "thinking": 3, "answer_tokens": true}']
)
def test_odd_options_are_as_in_the_settings(text: str) -> None:
    assert options_from_json(text) == ChatOptions()


def test_the_library_of_prompts(store: HistoryStore) -> None:
    poet = store.order.keep_prompt("Poet", "Answer in verse.")
    store.order.keep_prompt("", "You are terse.\nVery.")
    again = store.order.keep_prompt("Poet", "Answer in prose.")
    assert again.id == poet.id
    assert [(each.name, each.body) for each in store.order.prompts()] == [
        ("Poet", "Answer in prose."), ("You are terse. Very.", "You are terse.\nVery."),
    ]  # fmt: skip
    store.order.remove_prompt(poet.id)
    assert len(store.order.prompts()) == 1


def test_a_queued_message_waits_over_a_restart_and_is_sent_once(
    store: HistoryStore, chats: list[str], data_file: Path
) -> None:
    store.keep_unsent(chats[0], "first\n")
    first, second = store.queue.add(chats[0], "first"), store.queue.add(chats[0], "second")
    assert store.unsent_text(chats[0]) == ""
    assert store.queue.take_back(second.id) == "second"
    assert store.queue.take_back(second.id) is None
    store.close()
    with HistoryStore.open(data_file) as again:
        assert again.queue.of(chats[0]) == (first,)
        again.add_user_message(chats[0], first.body, queued=first.id)
        assert again.queue.of(chats[0]) == ()


def test_edited_messages_are_versions_and_nothing_is_overwritten(store: HistoryStore) -> None:
    user = store.add_user_message(None, "question")
    answer = begin(store, user)
    store.finish_answer(answer.id, finished("answer"))
    follow = store.add_user_message(user.conversation_id, "more")
    mine = store.add_version(answer.id, "my own answer")
    assert (mine.role, mine.sibling_no, mine.sibling_count) == ("assistant", 1, 2)
    assert [message.body for message in store.messages(user.conversation_id)] == ["question", "my own answer"]
    edited = store.add_user_message(user.conversation_id, "better question", beside=user.id)
    assert (edited.parent_id, edited.sibling_count) == (None, 2)
    assert [message.body for message in store.messages(user.conversation_id)] == ["better question"]
    store.show_branch(follow.id)
    assert [message.body for message in store.messages(user.conversation_id)] == ["question", "answer", "more"]


def test_a_branch_becomes_a_chat_of_its_own(store: HistoryStore) -> None:
    user = store.add_user_message(None, "question")
    answer = begin(store, user)
    store.commit_block(answer.id, block(answer="answer"))
    store.finish_answer(answer.id, finished("answer"))
    store.add_user_message(user.conversation_id, "more")
    store.order.set_options(user.conversation_id, ChatOptions(preset="fast"))
    before = store.messages(user.conversation_id)
    new = store.branch_off(answer.id)
    copies = store.messages(new.id)
    assert [(copy.body, copy.created_at, copy.state) for copy in copies] == [
        (message.body, message.created_at, message.state) for message in before[:2]
    ]
    assert copies[1].generation == before[1].generation
    assert store.blocks(copies[1].id) == store.blocks(answer.id)
    assert (new.title, new.options.preset) == ("Branch of question", "fast")
    assert store.messages(user.conversation_id) == before
    assert new.place > store.conversation(user.conversation_id).place


@pytest.mark.parametrize(
    ("asked", "answer", "title"),
    [
        ("Hi", "# About noise\nText.", "About noise"),
        ("Hello there!", "Hello! What can I do for you?", "What can I do for you?"),
        ("hi, please explain how a volcano works. Thanks", "Well.", "Explain how a volcano works"),
        ("```\ncode()\n```\nWhy does this fail?", "x", "Why does this fail?"),
        ("- **Plan** a trip to Rome", "x", "Plan a trip to Rome"),
        ("日本語で答えてください。お願いします。", "はい", "日本語で答えてください"),
        ("?", "!", "?"),
        ("Ok", "Ok", "Ok"),
    ],
)
def test_a_title_from_the_first_exchange(asked: str, answer: str, title: str) -> None:
    assert title_from_exchange(asked, answer) == title


def test_only_the_first_exchange_titles_and_a_name_given_stays(store: HistoryStore) -> None:
    user = store.add_user_message(None, "Hi")
    store.finish_answer(begin(store, user).id, finished("Noise becomes text. More."))
    assert store.conversation(user.conversation_id).title == "Noise becomes text"
    more = store.add_user_message(user.conversation_id, "Tell me of stones")
    store.finish_answer(begin(store, more).id, finished("Stones are hard."))
    assert store.conversation(user.conversation_id).title == "Noise becomes text"
    store.rename(user.conversation_id, "Mine")
    store.finish_answer(begin(store, user).id, finished("Something else."))
    assert store.conversation(user.conversation_id).title == "Mine"


def test_files_go_with_the_last_chat_that_names_them(store: HistoryStore, data_file: Path) -> None:
    folder = files_folder(data_file)
    shared, own = (keep_pieces(folder, [text])[0] for text in (b"shared", b"own"))
    first, second = (store.add_user_message(None, "x") for _ in range(2))
    for message, digest in ((first, shared), (first, own), (second, shared)):
        columns, values = "message_id, position, name, media_type, size, digest", [message.id, digest == own, digest]
        store._db.execute(f"INSERT INTO attachment ({columns}) VALUES (?, ?, 'a', '', 3, ?)", values)
    for message, left in ((first, {shared}), (second, set())):
        store.delete(message.conversation_id)
        assert store.remove_for_good([message.conversation_id]) == 1
        assert {path.name for path in folder.glob("??/*")} == left
