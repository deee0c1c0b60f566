"""Our own JSON as other programs write it: in any order, with odd numbers and texts; nothing changes in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.chats.importing import importer, streams, texts
from app.chats.importing.building import moment
from app.chats.importing.importer import Imported
from app.chats.importing.reading import read_apart
from tests.app.chats.importing.mangling import take
from tests.app.chats.importing.test_importing import Piecemeal, our_chat, ours
from tests.app.chats.support import sql


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports read in this process."""
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))


def imported(data: str | bytes, folder: Path) -> Imported:
    """What became of a file that holds this."""
    (folder / "x.json").write_bytes(data.encode() if isinstance(data, str) else data)
    return take(folder / "x.json", folder / "data")


@pytest.mark.parametrize("number", ["9" * 10_000, "-" + "1" * 401, "0." + "3" * 500, "1e" + "0" * 500])
def test_a_number_beyond_all_bounds_is_refused(number: str, tmp_path: Path) -> None:
    """The parser in C died of the first one."""
    for text in (ours(our_chat(0, created_at=0)).replace('"created_at": 0', f'"created_at": {number}'), f"[{number}]"):
        assert number in text
        with pytest.raises(KnownAppError, match=texts.LONG_NUMBER):
            imported(text, tmp_path)
        with pytest.raises(streams.JsonDamageError, match=texts.LONG_NUMBER):
            list(streams.values(Piecemeal(text.encode(), 7), "item", streams.Mended()))


def test_numbers_within_the_bounds_and_digits_in_texts_come_in(tmp_path: Path) -> None:
    body = "7" * 5000 + '\\"' + "8" * 5000
    text = ours(our_chat(0, title="T", sizes=[10**300, 1e300, 0.1])).replace("a question", body)
    assert imported(text, tmp_path).added.messages == 2
    assert moment(10**400) == moment(-(10**400)) == moment(float("nan")) == moment(float("inf")) == 0


def test_the_order_of_keys_has_no_meaning(tmp_path: Path) -> None:
    text = json.dumps(json.loads(ours(our_chat(0), our_chat(1))), sort_keys=True)
    assert text.startswith('{"chats"')
    done = imported(text, tmp_path)
    assert (done.added.conversations, done.found.source, done.found.skipped) == (2, "dewpoint", [])


def test_the_version_counts_wherever_it_stands(tmp_path: Path) -> None:
    text = ours(our_chat(0)).replace('"version": 1, ', "").removesuffix("}")
    with pytest.raises(KnownAppError, match="a newer version of Dewpoint wrote it"):
        imported(text + ', "version": 99}', tmp_path)
    with pytest.raises(KnownAppError, match=r"two versions of its format \(1 and 99\)"):
        imported(ours(our_chat(0)).removesuffix("}") + ', "version": 99}', tmp_path)
    assert imported(text + ', "version": 1}', tmp_path).found.skipped == []


@pytest.mark.parametrize("rest", ['"chats": {}', '"chats": null', '"chats": {"a": [{"id": "b"}]}', '"program": "1"'])
def test_an_export_without_a_list_of_chats_is_an_error(rest: str, tmp_path: Path) -> None:
    with pytest.raises(KnownAppError, match=texts.NO_LIST_OF_CHATS):
        imported('{"format": "dewpoint-chats", "version": 1, ' + rest + "}", tmp_path)


def test_bytes_and_halves_that_are_no_text_are_named(tmp_path: Path) -> None:
    data = ours(our_chat(0, title="BAD")).encode()
    (skipped,) = imported(data.replace(b"BAD", b"\xff\xfe \xef\xbf\xbd"), tmp_path).found.skipped
    assert skipped == {"what": "x.json", "why": texts.stray_bytes(2)}
    halves = data.replace(b"BAD", rb"\ud800 \ud83d\ude00").replace(b"an answer", rb"\udfff")
    (skipped,) = imported(halves, tmp_path).found.skipped
    assert skipped["why"] == texts.half_characters(2)


def test_a_title_of_several_lines_is_named_and_a_body_stays(tmp_path: Path) -> None:
    chat = our_chat(0, title="a\x00\n\x1b[31mred")
    chat["messages"][0]["body"] = "x\x00y\n"
    (skipped,) = imported(ours(chat), tmp_path).found.skipped
    assert skipped["why"] == texts.TITLE_LINE
    history = tmp_path / "data" / "chats.sqlite3"
    assert sql(history, "SELECT title FROM conversation") == [("a [31mred",)]
    assert sql(history, "SELECT body FROM message WHERE id = 'm0a'") == [("x\x00y\n",)]


def test_two_chats_with_one_id_are_named(tmp_path: Path) -> None:
    (skipped,) = imported(ours(our_chat(0), our_chat(0, title="Other")), tmp_path).found.skipped
    assert skipped == {"what": "Other", "why": texts.SAME_CHAT}


def test_a_sentence_ends_where_the_next_begins_and_says_what_is_so(tmp_path: Path) -> None:
    with pytest.raises(KnownAppError, match=rf"{texts.NO_CHATS_IN_IT}\. Dewpoint"):
        imported('{"some": "thing"}', tmp_path)
    (skipped,) = imported(ours(our_chat(0, messages=[], head_message_id="m")), tmp_path).found.skipped
    assert skipped["why"] == texts.HEAD_OF_NOTHING
