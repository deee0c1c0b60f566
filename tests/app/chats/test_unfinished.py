"""An answer that ended before its end: what is kept of its draft, in every way to end, and how it goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.base.settings import Settings
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from app.chats.messages import Message, MessageState
from app.chats.session import Ask, AskedModel, ChatSession
from app.chats.unfinished import can_continue, cut_off, kept_text, start_of
from inference.events import DraftUpdated
from inference.text.draft_text import NEUTRAL_GLYPH
from tests.app.chats.support import FAILED, block, finished

MODEL = AskedModel("Starter", "fake")


def draft(*pieces: str, block: int = 0) -> DraftUpdated:
    """A draft of settled words; a word in brackets has not settled."""
    shown = tuple(piece.strip("()") for piece in pieces)
    entropy = tuple(2.0 if piece.startswith("(") else 0.01 for piece in pieces)
    count = len(pieces)
    return DraftUpdated(block, 3, 48, tuple(range(count)), shown, entropy, (True,) * count)


LINE = ("One", " two", " three", "( fowr)", " five", ".")
KEPT = "One two three … five."


@pytest.fixture
def session(store: HistoryStore) -> ChatSession:
    """A session on a history of its own."""
    return ChatSession(store)


def asked(session: ChatSession, chat: str | None = None) -> Ask:
    """A question whose answer begins."""
    return session.send(chat, "Hello", Settings(), MODEL)


def stored(session: ChatSession, ask: Ask) -> Message:
    """The answer as it lies on the disk."""
    return session._store.message(ask.answer.id)


# -- what is kept of a draft -------------------------------------------------------------------------------------------


def test_settled_words_are_kept_and_gaps_are_seen() -> None:
    assert kept_text(draft(*LINE)) == KEPT
    assert kept_text(draft(" and", " so", "(x)", "(y)", " on", "\n")) == " and so … on"
    assert kept_text(draft("a", " b", "(x)", "c", "\n", "(y)", " d", "e")) == "a b … c\n… de"


def test_noise_is_not_kept() -> None:
    assert kept_text(draft("(a)", "(b)", ".", "(c)", "(d)")) == ""
    assert kept_text(draft(" It", " is", " so", "(a)", "(b)", ".", "(c)", "(d)", ",")) == " It is so"


def test_what_stands_for_no_text_is_a_gap() -> None:
    """However certain the model is of it."""
    assert kept_text(draft(*[NEUTRAL_GLYPH] * 240)) == ""
    assert (
        kept_text(draft("One", " two", NEUTRAL_GLYPH, f" {NEUTRAL_GLYPH}{NEUTRAL_GLYPH}", " five", "."))
        == "One two … five."
    )
    assert kept_text(draft("One", " two", "\n", *[NEUTRAL_GLYPH] * 9, " lost")) == "One two"
    assert kept_text(draft("El", f" col{NEUTRAL_GLYPH}lectiu")) == f"El col{NEUTRAL_GLYPH}lectiu"


def test_a_whole_draft_is_kept_whole() -> None:
    assert kept_text(draft("All", " of", " it", "", "")) == "All of it"


# -- every way in which an answer ends before its end ------------------------------------------------------------------


@pytest.mark.parametrize("end", ["cancelled", "failed", "closed"])
def test_what_had_settled_is_kept(session: ChatSession, end: str) -> None:
    ask = asked(session)
    ask.recorder.apply(draft(*LINE))
    match end:
        case "cancelled":
            ask.recorder.apply(finished("", reason="cancelled", steps_per_block=()))
        case "failed":
            ask.recorder.apply(FAILED)
        case _:
            ask.recorder.stop()
    message = stored(session, ask)
    assert (message.body, message.committed) == (KEPT, "")
    assert message.state == (MessageState.ERROR if end == "failed" else MessageState.STOPPED)
    assert message.generation is not None
    assert message.generation.steps_per_block == ()


@pytest.mark.parametrize("newest", [("Quite", " other"), ("Short",), ("(x)", "(y)"), (NEUTRAL_GLYPH,) * 9])
@pytest.mark.parametrize("blocks", [0, 1])
@pytest.mark.parametrize("end", ["stored", "cancelled", "failed", "closed"])
def test_the_newest_draft_is_kept_and_no_longer_one(
    session: ChatSession, newest: tuple[str, ...], blocks: int, end: str
) -> None:
    ask = asked(session)
    whole = "Whole block. " * blocks
    if blocks:
        ask.recorder.apply(block(0, whole))
    ask.recorder.apply(draft(*LINE, block=blocks))
    ask.recorder.keep_draft()
    assert stored(session, ask).body == whole + KEPT
    ask.recorder.apply(draft(*newest, block=blocks))
    match end:
        case "stored":
            ask.recorder.keep_draft()
        case "cancelled":
            ask.recorder.apply(finished(whole, reason="cancelled"))
        case "failed":
            ask.recorder.apply(FAILED)
        case _:
            ask.recorder.stop()
    settled = "".join(newest) if newest[0][0].isalpha() else ""
    assert stored(session, ask).body == whole + settled
    assert ask.recorder.draft == settled


def test_a_draft_that_stays_the_same_is_stored_once(session: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(session._store, "keep_unfinished", lambda _id, text: written.append(text))
    ask = asked(session)
    for _ in range(3):
        ask.recorder.apply(draft(*LINE))
        ask.recorder.keep_draft()
        ask.recorder.keep_draft()
    assert written == [KEPT]


def test_committed_blocks_are_kept_as_well(session: ChatSession) -> None:
    ask = asked(session)
    ask.recorder.apply(draft(*LINE))
    ask.recorder.apply(block(0, "Whole block."))
    ask.recorder.apply(draft(" And", " more", block=1))
    ask.recorder.apply(finished("Whole block.", reason="cancelled"))
    message = stored(session, ask)
    assert (message.body, message.committed) == ("Whole block. And more", "Whole block.")


def test_a_block_takes_the_place_of_its_draft(session: ChatSession) -> None:
    ask = asked(session)
    ask.recorder.apply(draft(*LINE))
    ask.recorder.keep_draft()
    assert stored(session, ask).body == KEPT
    ask.recorder.apply(block(0, "One two three four five."))
    assert stored(session, ask).body == "One two three four five."
    ask.recorder.apply(finished("One two three four five."))
    message = stored(session, ask)
    assert (message.body, message.draft_length) == ("One two three four five.", 0)


_CHILD = """
import os, signal, sys
from pathlib import Path
from app.chats.history import HistoryStore
from app.chats.session import ChatSession
from tests.app.chats.test_unfinished import LINE, asked, block, draft
ask = asked(ChatSession(HistoryStore.open(Path(sys.argv[1]))))
ask.recorder.apply(block(0, "Whole block. "))
ask.recorder.apply(draft(*LINE, block=1))
ask.recorder.keep_draft()
ask.recorder.apply(draft("Lost", " with", " the", " program", block=1))
print(ask.answer.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_program_keeps_what_was_stored_on_the_way(data_file: Path) -> None:
    child = subprocess.run([sys.executable, "-c", _CHILD, str(data_file)], capture_output=True, text=True, check=False)
    with HistoryStore.open(data_file) as store:
        message = store.message(child.stdout.strip())
    assert (message.body, message.state) == ("Whole block. " + KEPT, MessageState.STOPPED)


def test_a_full_disk_keeps_the_draft_in_memory(session: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = asked(session)
    ask.recorder.apply(draft(*LINE))

    def full(*_: object) -> None:
        raise StoreFullError("The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(HistoryStore, "keep_unfinished", full)
        with pytest.raises(StoreFullError):
            ask.recorder.stop()
    assert (ask.recorder.unsaved, ask.recorder.draft) == (True, KEPT)
    ask.recorder.retry()
    assert stored(session, ask).body == KEPT


# -- going on ----------------------------------------------------------------------------------------------------------


def cut(session: ChatSession, reason: str, text: str = "The first half") -> Ask:
    """An answer that ended at a limit."""
    ask = asked(session)
    ask.recorder.apply(block(0, text))
    ask.recorder.apply(finished(text, reason=reason))
    return ask


@pytest.mark.parametrize("reason", ["max_new_tokens", "context_full"])
def test_an_answer_that_was_cut_off_says_so_and_goes_on(session: ChatSession, reason: str) -> None:
    first = cut(session, reason)
    assert (cut_off(stored(session, first)), can_continue(stored(session, first))) == (reason, True)
    more = session.continue_answer(first.conversation.id, Settings(), MODEL)
    assert more.answer.id == first.answer.id
    assert more.request.answer_start == "The first half"
    assert [turn.text for turn in more.request.turns] == ["Hello"]
    assert stored(session, more).state == MessageState.STREAMING
    more.recorder.apply(block(0, " and the second."))
    assert stored(session, more).body == "The first half and the second."
    more.recorder.apply(finished(" and the second.", wall_seconds=2.0, steps_per_block=(9,)))
    message = stored(session, more)
    assert (message.body, message.state) == ("The first half and the second.", MessageState.DONE)
    assert not can_continue(message)
    assert [each.ord for each in session._store.blocks(message.id)] == [0, 1]
    assert message.generation is not None
    assert message.generation.steps_per_block == (14, 14)
    assert message.generation.wall_seconds == pytest.approx(5.1)
    assert message.generation.answer_tokens == 40


@pytest.mark.parametrize("end", ["cancelled", "failed", "closed", "killed"])
def test_nothing_is_lost_if_going_on_ends_at_once(session: ChatSession, end: str) -> None:
    first = cut(session, "max_new_tokens")
    more = session.continue_answer(first.conversation.id, Settings(), MODEL)
    match end:
        case "cancelled":
            more.recorder.apply(finished("", reason="cancelled", steps_per_block=()))
        case "failed":
            more.recorder.apply(FAILED)
        case "closed":
            more.recorder.stop()
        case _:
            HistoryStore.open(session._store.path).close()  # what the next start does
    message = stored(session, more)
    assert message.body == "The first half"
    assert can_continue(message)


@pytest.mark.parametrize("reason", ["max_new_tokens", "context_full", "cancelled"])
def test_an_answer_is_complete_if_going_on_adds_nothing(session: ChatSession, reason: str) -> None:
    first = cut(session, reason)
    more = session.continue_answer(first.conversation.id, Settings(), MODEL)
    more.recorder.apply(block(0, ""))
    more.recorder.apply(finished(""))
    message = stored(session, more)
    assert (message.body, message.state) == ("The first half", MessageState.DONE)
    assert (cut_off(message), can_continue(message)) == ("", False)


def test_a_stopped_answer_goes_on_from_its_first_gap(session: ChatSession) -> None:
    ask = asked(session)
    ask.recorder.apply(block(0, "Block. "))
    ask.recorder.apply(draft(*LINE, block=1))
    ask.recorder.apply(finished("Block. ", reason="cancelled"))
    assert start_of(stored(session, ask)) == "Block. One two three"
    more = session.continue_answer(ask.conversation.id, Settings(), MODEL)
    assert more.request.answer_start == "Block. One two three"
    assert (more.answer.body, more.answer.committed) == ("Block. " + KEPT, "Block. One two three")
    more.recorder.apply(draft(" x"))
    more.recorder.apply(finished("", reason="cancelled", steps_per_block=()))
    assert stored(session, more).body == "Block. " + KEPT  # one word is no reason to give up more
    last = session.continue_answer(ask.conversation.id, Settings(), MODEL)
    last.recorder.apply(block(0, " four five."))
    last.recorder.apply(finished(" four five."))
    message = stored(session, last)
    assert (message.body, message.draft_length) == ("Block. One two three four five.", 0)


def test_what_an_earlier_run_left_goes_for_more_alone_and_not_for_good(session: ChatSession) -> None:
    ask = asked(session)
    ask.recorder.apply(draft("One", " two", "(x)", " four", "."))
    ask.recorder.apply(finished("", reason="cancelled", steps_per_block=()))
    left = "One two … four."
    more = session.continue_answer(ask.conversation.id, Settings(), MODEL)
    shown = {" a": left, " three four, and more": "One two three four, and more", " b": left}
    for text, body in {**shown, "(x)": left}.items():
        more.recorder.apply(draft(text))
        more.recorder.keep_draft()
        assert stored(session, more).body == body
    more.recorder.apply(block(0, " three four."))
    more.recorder.apply(draft(" It", " is", block=1))
    more.recorder.keep_draft()
    more.recorder.apply(draft(" It", block=1))
    more.recorder.stop()
    assert stored(session, more).body == "One two three four. It"


def test_half_a_character_at_the_end_is_left_out(session: ChatSession) -> None:
    first = cut(session, "max_new_tokens", "Half \ufffd")
    more = session.continue_answer(first.conversation.id, Settings(), MODEL)
    assert more.request.answer_start == "Half "
    more.recorder.apply(block(0, "\N{DROPLET}"))
    assert stored(session, more).body == "Half \N{DROPLET}"


def test_a_whole_answer_and_an_empty_one_do_not_go_on(session: ChatSession) -> None:
    for answer in ("All of it.", ""):
        ask = asked(session)
        ask.recorder.apply(finished(answer))
        with pytest.raises(ValueError, match="unfinished"):
            session.continue_answer(ask.conversation.id, Settings(), MODEL)


def test_the_length_is_a_setting(session: ChatSession) -> None:
    assert asked(session).request.max_new_tokens is None
    assert session.send(None, "Long", Settings(answer_tokens=2048), MODEL).request.max_new_tokens == 2048
