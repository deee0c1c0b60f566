"""One chat of the list changes: only its row is made anew, and the list is what a start would show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest
from PySide6.QtCore import QModelIndex, QSize
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QStyleOptionViewItem
from pytestqt.qtbot import QtBot

from app.chats import texts
from app.chats.errors import StoreFullError
from app.chats.ids import now_ms
from app.chats.messages import Conversation
from app.main import Parts
from app.ui.chat import chat_list
from app.ui.chat.chat_list import ConversationList
from tests.app.ui.test_window_list import add_chats, rows
from tests.helpers.turns import all_shown
from tests.helpers.waiting import WAIT_MS


def filled_anew(parts: Parts) -> list[str]:
    """Texts of all rows, headings included, of another list that is filled with what is stored."""
    other = ConversationList()
    other.fill(parts.store.list_conversations(), None, date.today())
    return [other.item(row).text() for row in range(other.count())]


def aged_chats(parts: Parts, *days: int) -> list[str]:
    """Chats that were used so many days ago; their ids in the order of the list."""
    ids = add_chats(parts, *(f"Chat {number}" for number in reversed(range(len(days)))))
    for chat, age in zip(ids, days, strict=True):
        used = now_ms() - age * 24 * 3600 * 1000
        parts.store._db.execute("UPDATE conversation SET updated_at = ? WHERE id = ?", [used, chat])
    parts.controller._publish()
    return ids


def send_in(qtbot: QtBot, parts: Parts, chat: str | None) -> None:
    """A message in a chat, whose answer is stopped."""
    parts.controller.open_chat(chat)
    assert parts.controller.send("Hello")
    stop(qtbot, parts)


def stop(qtbot: QtBot, parts: Parts) -> None:
    """The answer ends."""
    parts.controller.stop()
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)


def test_of_very_many_chats_those_far_below_come_in_later_turns(
    qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged_chats(parts, *([0] * 20 + [1] * 20 + [9] * 20))
    chats, wanted = parts.store.list_conversations(), filled_anew(parts)
    monkeypatch.setattr(chat_list, "_AT_ONCE", 10)
    monkeypatch.setattr(chat_list, "_ROWS_A_TURN", 7)
    listed = ConversationList()
    qtbot.addWidget(listed)  # which has a current row: it is deleted by Qt, not in the middle of Python

    def texts_now() -> list[str]:
        return [listed.item(row).text() for row in range(listed.count())]

    listed.fill(chats, None, date.today())
    assert texts_now() == wanted[:10]
    all_shown()
    assert texts_now() == wanted
    listed.fill(chats, chats[50].id, date.today())
    assert (texts_now(), listed.current_id) == (wanted, chats[50].id), "the one that is open has its row at once"
    listed.fill(chats, None, date.today())
    other = replace(chats[3], title="Other")
    listed.change((*chats[:3], other, *chats[4:]), other, None, date.today())
    assert len(texts_now()) == len(wanted)
    all_shown()
    assert texts_now()[4] == "Other"
    listed.fill(chats, None, date.today())
    listed.fill(chats[:5], None, date.today())
    all_shown()
    assert len(listed.ids()) == 5


def test_after_each_change_the_list_is_what_a_start_would_show(qtbot: QtBot, parts: Parts) -> None:
    ids = aged_chats(parts, 0, 0, 1, 2, 2, 3, 4, 5, 6)
    assert rows(parts)[:6] == ["Today", "Chat 0", "Chat 1", "Yesterday", "Chat 2", "This week"]
    controller = parts.controller
    changes: list[Callable[[], object]] = [
        partial(controller.rename, ids[4], "Other"),
        partial(controller.delete, ids[2]),  # the only one of its day
        partial(controller.delete, ids[0]),
        partial(controller.undelete, ids[2]),
        partial(controller.undelete, ids[0]),
        partial(send_in, qtbot, parts, ids[8]),
        partial(send_in, qtbot, parts, None),
        partial(send_in, qtbot, parts, ids[2]),
        partial(controller.delete, ids[8]),
        *(partial(controller.delete, each) for each in ids),
        *(partial(controller.undelete, each) for each in ids[::2]),
    ]
    for number, change in enumerate(changes):
        change()
        assert rows(parts) == filled_anew(parts), number
        assert controller.chat_id in (None, parts.window.sidebar.list.current_id), number
        assert parts.window.sidebar.list.ids() == [chat.id for chat in parts.store.list_conversations()], number


def test_only_the_row_that_changed_is_made_anew(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = add_chats(parts, *(f"Chat {number}" for number in range(30)))
    controller, rows_changed = parts.controller, [0]
    controller.open_chat(ids[15])

    def count(_: QModelIndex, first: int, last: int) -> None:
        rows_changed[0] += last - first + 1

    model = parts.window.sidebar.list.model()
    model.rowsInserted.connect(count)
    model.rowsRemoved.connect(count)
    monkeypatch.setattr(parts.store, "list_conversations", lambda: pytest.fail("all chats are read"))
    for change, most in (
        (lambda: controller.rename(ids[15], "Other"), 0),
        (lambda: controller.delete(ids[15]), 1),
        (lambda: controller.undelete(ids[15]), 1),
        (lambda: send_in(qtbot, parts, ids[29]), 2),
        (lambda: send_in(qtbot, parts, None), 1),
        (controller.try_again, 0),
        (lambda: stop(qtbot, parts), 0),
    ):
        rows_changed[0] = 0
        change()
        assert rows_changed[0] <= most


def test_a_title_that_could_not_be_stored_goes_back(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = add_chats(parts, "One", "Two")

    def fail(*arguments: object) -> Conversation:
        raise StoreFullError(texts.STORE_FULL, texts.STORE_FULL_HINT)

    monkeypatch.setattr(parts.store, "rename", fail)
    shown = parts.window.sidebar.list
    shown._filling = True
    shown.item(1).setText("Typed")
    shown._filling = False
    parts.controller.rename(ids[0], "Typed")
    assert rows(parts) == ["Today", "Two", "One"]


def test_a_chat_that_is_gone_leaves_the_list(parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    parts.store.delete(ids[0])
    parts.store.purge_deleted(timedelta(0))
    parts.controller.delete(ids[0])
    assert rows(parts) == ["Today", "One"]
    assert texts.CHAT_GONE in parts.window.notices._toast.text
    parts.controller.open_chat(None)
    assert parts.window.notices._toast.isHidden(), "it is no news of another chat"


def test_after_midnight_the_days_are_right_with_the_next_change(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = add_chats(parts, "One", "Two", "Three")

    class Tomorrow(date):
        """The day after."""

        @classmethod
        def today(cls) -> date:
            return date.today() + timedelta(days=1)

    monkeypatch.setattr(chat_list, "date", Tomorrow)
    parts.controller.rename(ids[2], "Other")
    assert rows(parts) == ["Yesterday", "Three", "Two", "Other"]


def test_a_title_that_is_being_typed_is_left_alone_by_another_chats_change(qtbot: QtBot, parts: Parts) -> None:
    ids = add_chats(parts, "One", "Two")
    parts.controller.open_chat(ids[1])
    parts.window.actions_by_name["rename"].trigger()
    editor = parts.window.sidebar.list.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Half ty")
    parts.controller.rename(ids[0], "Other")
    assert parts.window.sidebar.list.state() == QAbstractItemView.State.EditingState
    assert editor.text() == "Half ty"


@pytest.mark.parametrize("scale", [100, 150])
def test_every_row_is_as_high_as_its_letters_need(qtbot: QtBot, parts: Parts, scale: int) -> None:
    titles = (
        "Ordinary",
        "\u6f22\u5b57",
        "\u0f66\u0f92\u0fb2",
        "\U0001f468\u200d\U0001f469",
        "\u0639\u0631\u0628",
        "jgy",
        "long " * 40,
    )
    ids = add_chats(parts, *titles)
    parts.preferences.set(text_scale=scale)
    parts.controller.rename(ids[0], "Now ordinary")
    parts.controller.rename(ids[1], "\u0f66\u0f92\u0fb2")
    parts.controller.delete(ids[2])
    parts.controller.undelete(ids[2])
    shown = parts.window.sidebar.list
    for row in range(shown.count()):
        item = shown.item(row)
        height = shown.visualItemRect(item).height()
        assert shown.visualItemRect(item).width() <= shown.viewport().width(), (
            "so that a long title ends in an ellipsis"
        )
        item.setSizeHint(QSize())
        option = QStyleOptionViewItem()
        shown.initViewItemOption(option)
        assert height == shown.itemDelegate().sizeHint(option, shown.indexFromItem(item)).height(), item.text()


def heights(shown: ConversationList) -> list[tuple[str, int, float]]:
    """Text, height and font size of every row."""
    items = [shown.item(row) for row in range(shown.count())]
    return [(item.text(), shown.visualItemRect(item).height(), item.font().pointSizeF()) for item in items]


def test_another_text_size_gives_the_rows_that_a_start_would_show(qtbot: QtBot, parts: Parts) -> None:
    aged_chats(parts, 0, 1, 2, 3)
    parts.controller.rename(aged_chats(parts, 4)[0], "\u4e2d\u6587 \U0001f600")
    before = heights(parts.window.sidebar.list)
    parts.themes.set_text_scale(150)
    found = heights(parts.window.sidebar.list)
    parts.window.sidebar.show_conversations(parts.store.list_conversations(), None)
    assert found == heights(parts.window.sidebar.list)
    assert all(now[1] > then[1] for now, then in zip(found, before, strict=True))


def test_other_colours_leave_the_rows_alone(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    aged_chats(parts, 0, 1)
    monkeypatch.setattr(ConversationList, "fill", None)
    monkeypatch.setattr(ConversationList, "_measure", None)
    parts.themes.set_appearance("dark")


def test_a_window_that_turned_dark_looks_like_one_that_began_so(qtbot: QtBot, parts: Parts) -> None:
    """The sheet is taken off and put on again: nothing of a widget's own may be lost by that."""
    aged_chats(parts, 0, 1)
    window = parts.window
    window.show()
    qtbot.waitUntil(window.isVisible, timeout=WAIT_MS)
    parts.themes.set_appearance("dark")
    first = window.grab().toImage()
    parts.themes.set_text_scale(175)
    parts.themes.set_appearance("light")
    parts.themes.set_text_scale(100)
    parts.themes.set_appearance("dark")
    assert window.grab().toImage() == first
