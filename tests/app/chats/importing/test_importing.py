"""Imports of whatever a stranger wrote: a sentence or chats, all of them or none, also after a kill."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from sqlite_utils import Database

from app.base.errors import KnownAppError, StoppedError
from app.chats import texts as chat_texts
from app.chats.apart import ApartError, ApartWork, worked_apart
from app.chats.database import examine
from app.chats.exporting.snapshot import snapshot
from app.chats.history import HistoryStore
from app.chats.importing import importer, reading, streams, texts
from app.chats.importing.importer import ReadyImport
from app.chats.importing.reading import READY, read_apart
from app.chats.incoming import FOLDER_PREFIX
from app.chats.migrations import INCOMING
from inference.text.surrogates import storable
from tests.app.chats.importing.exports import chatgpt_chat, exported_lines, our_chat, ours, write_chatgpt, write_jan
from tests.app.chats.importing.mangling import import_anything, mangled, take
from tests.app.chats.support import sql
from tests.helpers.waiting import WAIT_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[4]


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = take(write_chatgpt(tmp_path / "x.zip"), tmp_path / "data")
    assert (done.added.conversations, done.added.messages) == (3, 36)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("x.json", b"", "No chats were found"),
        ("x.json", b"no json", "No chats were found"),
        ("x.json", b'{"some": "thing"}', texts.NO_CHATS_IN_IT),
        ("x.json", b"[" * 100_000, "No chats were found"),
        ("x.zip", b"PK\x03\x04 and nothing more", "cannot be unpacked"),
        ("x.bin", bytes(range(256)) * 10, "No chats were found"),
    ],
)
def test_what_is_no_export_gets_a_sentence(
    name: str, data: bytes, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    (tmp_path / name).write_bytes(data)
    with pytest.raises(KnownAppError, match=sentence):
        take(tmp_path / name, tmp_path / "data")
    with pytest.raises(KnownAppError, match="cannot be read"):
        take(tmp_path / "missing", tmp_path / "data")
    assert not (tmp_path / "data" / "chats.sqlite3").exists()
    assert [each.name for each in (tmp_path / "data").iterdir()] in ([], ["import.lock"])


def test_a_file_that_is_cut_off_gives_what_stands_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    text = json.dumps([chatgpt_chat(0), chatgpt_chat(1), chatgpt_chat(2)])
    (tmp_path / "x.json").write_text(text[: len(text) * 5 // 6])
    done = take(tmp_path / "x.json", tmp_path / "data")
    assert done.added.conversations == 2
    assert "damaged behind its first 2 chats" in done.found.skipped[-1]["why"]


def test_only_one_import_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    path = write_jan(tmp_path / "x")
    with ReadyImport(tmp_path / "data" / "chats.sqlite3", tmp_path / "data" / "backups") as first:
        list(first.read(path))
        with pytest.raises(KnownAppError, match="Another import"):
            take(path, tmp_path / "data")
        assert first.count().added.conversations == 1
        assert first.take().done
    assert take(path, tmp_path / "data").added.conversations == 0


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    path = write_chatgpt(tmp_path / "x.zip")
    taken: list[Any] = []

    class Failing(importer.ChatTaker):
        def take(self, chat: dict[str, Any]) -> Iterator[bool]:
            yield from super().take(chat)
            taken.append(chat)
            if len(taken) == 2:
                raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(importer, "ChatTaker", Failing)
        with pytest.raises(KnownAppError, match=texts.DISK_FULL):
            take(path, tmp_path / "data")
    history = tmp_path / "data" / "chats.sqlite3"
    assert sql(history, "SELECT (SELECT COUNT(*) FROM conversation), (SELECT COUNT(*) FROM message)") == [(0, 0)]
    assert take(path, tmp_path / "data").added.messages == 36


def test_who_waits_for_an_import_is_told_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    said: list[str] = []
    with HistoryStore.open(tmp_path / "data" / "chats.sqlite3", patience=0.0) as store:
        store._waits._set(0)

        class Watched(importer.ChatTaker):
            def take(self, chat: dict[str, Any]) -> Iterator[bool]:
                yield from super().take(chat)
                with pytest.raises(KnownAppError) as caught:
                    store.add_user_message(None, "Hello")
                said.append(caught.value.user_text)

        monkeypatch.setattr(importer, "ChatTaker", Watched)
        assert take(write_jan(tmp_path / "x"), tmp_path / "data").done
        assert set(said) == {chat_texts.STORE_IMPORTING}
        assert store.add_user_message(None, "Hello").body == "Hello"


def test_others_write_while_an_import_is_taken_in_and_see_nothing_of_it(
    tmp_path: Path, pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = tmp_path / "data" / "chats.sqlite3"
    (tmp_path / "x.json").write_text(json.dumps([chatgpt_chat(0), chatgpt_chat(1)]))
    seen: list[tuple[int, int, str]] = []
    with HistoryStore.open(history, patience=0.0) as store:
        store._waits._set(0)

        def rest(_: float) -> None:
            store.add_user_message(None, "Hello")
            with snapshot(history) as found:
                told = len(found.conversations(deleted=True))
            seen.append((told - len(store.list_conversations()), len(store.bin()), store.search("word")[:1] != ()))
            store.purge_deleted(timedelta(0))

        monkeypatch.setattr(importer.time, "sleep", rest)
        done = take(tmp_path / "x.json", tmp_path / "data")
        assert (done.added.conversations, done.added.messages > 6) == (2, True)
        assert len(seen) > 4, "a chat is cut between its messages"
        assert set(seen) == {(0, 0, False)}
        assert len(store.list_conversations()) == len(seen) + 2
        assert sum(len(store.messages(each.id)) > 1 for each in store.list_conversations()) == 2
    assert examine(history, whole=True).reason == ""


def test_every_moment_of_an_import_is_a_sound_history(
    tmp_path: Path, pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill would leave at each rest: nothing that is seen, and the next import makes it whole."""
    path, history = write_chatgpt(tmp_path / "x.zip"), tmp_path / "data" / "chats.sqlite3"
    copies: list[Path] = []

    def rest(_: float) -> None:
        copies.append(tmp_path / f"copy-{len(copies)}")
        shutil.copytree(history.parent, copies[-1])

    with monkeypatch.context() as patched:
        patched.setattr(importer.time, "sleep", rest)
        take(path, history.parent)
    whole = exported_lines(history)
    assert len(copies) > 8
    for copy in (copies[0], copies[len(copies) // 2], copies[-1]):
        killed = copy / "chats.sqlite3"
        assert examine(killed, whole=True).reason == ""
        with HistoryStore.open(killed) as store:
            assert (store.list_conversations(), store.bin(), store.recovery) == ((), (), None)
        importer.remove_leftovers(killed)
        assert sql(killed, "SELECT (SELECT COUNT(*) FROM conversation), (SELECT COUNT(*) FROM attachment)") == [(0, 0)]
        assert not list((copy / "files").glob("??/*"))
        assert take(path, copy).added.messages == 36
        assert exported_lines(killed) == whole


def test_a_stop_in_the_middle_leaves_nothing(tmp_path: Path, pieces: None) -> None:
    path, history = write_chatgpt(tmp_path / "x.zip"), tmp_path / "data" / "chats.sqlite3"
    asked = itertools.count()
    with ReadyImport(history, history.parent / "backups") as ready:
        list(ready.read(path))
        with pytest.raises(StoppedError):
            ready.take(lambda: next(asked) == 35)
    assert sql(history, "SELECT (SELECT COUNT(*) FROM conversation), (SELECT COUNT(*) FROM message)") == [(0, 0)]
    assert not importer.leftovers(history)
    assert not list((history.parent / "files").glob("??/*"))


def test_what_cannot_be_removed_is_removed_by_the_next_start(
    tmp_path: Path, pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, history = write_chatgpt(tmp_path / "x.zip"), tmp_path / "data" / "chats.sqlite3"
    asked = itertools.count()

    def locked(db: Database, _: Path) -> None:
        if db.execute("SELECT 1 FROM conversation").fetchone() is not None:
            raise sqlite3.OperationalError("database is locked")

    with ReadyImport(history, history.parent / "backups") as ready, monkeypatch.context() as patched:
        list(ready.read(path))
        patched.setattr(importer, "remove_hidden", locked)
        with pytest.raises(StoppedError):
            ready.take(lambda: next(asked) == 5)
    (left,) = importer.leftovers(history)
    assert not list(left.iterdir()), "no chat lies there as plain text"
    importer.remove_leftovers(history)
    assert sql(history, "SELECT COUNT(*) FROM conversation") == [(0,)]
    assert not importer.leftovers(history)


def test_what_a_killed_import_hid_is_kept_in_mind_while_the_file_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, history = write_chatgpt(tmp_path / "x.zip"), tmp_path / "data" / "chats.sqlite3"
    with HistoryStore.open(history) as store:
        hidden = store.add_user_message(None, "of a killed import").conversation_id
    sql(history, f"UPDATE conversation SET deleted_at = {INCOMING} WHERE id = '{hidden}'")
    left = history.parent / f"{FOLDER_PREFIX}abcdefgh"
    left.mkdir()
    (left / READY).write_text("chats as plain text")

    def locked(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(importer, "remove_hidden", locked)
        importer.remove_leftovers(history)
    assert importer.leftovers(history) == [left]
    assert not list(left.iterdir()), "no chat lies there as plain text"
    left.rmdir()  # somebody tidies up: even so an import shows only what is its own
    assert take(path, history.parent).added.conversations == 3
    assert sql(history, "SELECT COUNT(*), SUM(deleted_at IS NULL) FROM conversation") == [(3, 3)]


KILLED = """
import sys
from pathlib import Path
from app.chats.importing.importer import ChatTaker, import_chats
from app.chats.importing import importer
class Slow(ChatTaker):
    def take(self, chat):
        yield from super().take(chat)
        print("taken", flush=True)
        import time
        time.sleep(1000)
importer.ChatTaker = Slow
if __name__ == "__main__":
    base = Path(sys.argv[2])
    list(import_chats(Path(sys.argv[1]), base / "chats.sqlite3", base / "backups"))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
def test_a_kill_leaves_all_or_nothing(tmp_path: Path) -> None:
    path, base = write_chatgpt(tmp_path / "x.zip"), tmp_path / "data"
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script), str(path), str(base)], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_SECONDS)
    assert [each.name for each in base.iterdir() if each.name.startswith("import-")]
    with HistoryStore.open(base / "chats.sqlite3") as store:
        assert store.list_conversations() == ()
        assert store.recovery is None
    assert take(path, base).added.messages == 36
    assert not [each.name for each in base.iterdir() if each.name.startswith("import-")]
    assert examine(base / "chats.sqlite3", whole=True).reason == ""


def test_what_killed_imports_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    history = tmp_path / "chats.sqlite3"
    for name in ("import-abcd1234", "import-mine_now", "import-notes", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "chats.jsonl").write_text("{}")
    (tmp_path / "import-mine_now" / "thesis.txt").write_text("mine")
    (tmp_path / "import-link_000").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "import-file_000").write_text("mine")
    (tmp_path / "import-abcd1234" / ".chats.jsonl.0a1b2c3d.tmp").write_text("{}")
    with importer.import_lock(history):
        importer.remove_leftovers(history)
        assert importer.leftovers(history) == [tmp_path / "import-abcd1234"], "an import is at work"
    importer.remove_leftovers(history)
    left = {each.name for each in tmp_path.iterdir()} - {"import.lock"}
    assert left == {"import-mine_now", "import-notes", "import-link_000", "import-file_000", "elsewhere"}
    assert (tmp_path / "elsewhere" / "chats.jsonl").exists()


# -- the process -----------------------------------------------------------------------------------------------------


def forever(_: dict[str, Any]) -> Any:
    yield {"begun": os.getpid()}
    time.sleep(1000)


def greedy(_: dict[str, Any]) -> Any:
    held = []
    while True:
        held.append(bytearray(10 << 20))
        yield {}


def dead(_: dict[str, Any]) -> Any:
    yield {}
    os._exit(3)


def work(name: str, **more: Any) -> ApartWork:
    return ApartWork(f"{__name__}:{name}", {}, "a thing", **more)


def test_a_process_is_ended_when_it_is_not_wanted_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [True]
    with closing(worked_apart(work("forever"), lambda: not wanted[0])) as values:
        pid = next(values)["begun"]
        wanted[0] = False
        with pytest.raises(StoppedError):
            next(values)

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(gone)


@pytest.mark.parametrize(("name", "sentence"), [("greedy", "memory"), ("dead", "ended unexpectedly")])
def test_what_becomes_of_a_process_is_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(ApartError, match=sentence):
        list(worked_apart(work(name, memory=300 << 20)))


# -- anything ---------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(mangled())
def test_anything_gets_chats_or_a_sentence(shared: Path, data: bytes) -> None:
    """`benchmarks/import_fuzz.py` does the same ten thousand times."""
    import_anything(data, shared)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder for all of them, which is sound in the end."""
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
        yield folder
    assert examine(folder / "data" / "chats.sqlite3", whole=True).reason == ""


@pytest.mark.parametrize(
    "escaped", [r"x\udc00", r"x\ud800", r"\ud800\uD800\udc00\udc00", r"\\\udc00", r"\\udc00", r"\ud83d\ude00"]
)
@pytest.mark.parametrize("of_chatgpt", [False, True])
def test_lone_surrogates_drop_no_chat(
    escaped: str, of_chatgpt: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    if of_chatgpt:
        text = json.dumps([chatgpt_chat(0), {**chatgpt_chat(1), "title": "TITLE"}, chatgpt_chat(2)])
    else:
        text = ours(our_chat(0), our_chat(1, title="TITLE"), our_chat(2))
    (tmp_path / "x.json").write_text(text.replace("TITLE", escaped))
    done = take(tmp_path / "x.json", tmp_path / "data")
    assert done.added.conversations == 3
    assert not any("damaged" in each["why"] for each in done.found.skipped)
    titles = [row[0] for row in sql(tmp_path / "data" / "chats.sqlite3", "SELECT title FROM conversation")]
    assert storable(json.loads(f'"{escaped}"')) in titles


def test_pieces_of_any_length_give_the_same_text() -> None:
    parts = ["\\ud83d\\ude00", "\\udc00", "\\ud800", "\\\\", "\\n", "\\\\ud800", "\\uD83D", "\\uDE00", "a", "\\u0041"]
    text = '["' + "".join(a + b + c for a in parts for b in parts for c in parts[:4]) + '"]'
    expected = [storable(json.loads(text)[0])]
    for most in (1, 2, 3, 5, 7, 11, 12, 13, 17, 100):
        assert list(streams.values(Piecemeal(text.encode(), most), "item", streams.Mended())) == expected


class Piecemeal(io.BytesIO):
    """A file that gives few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._most)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ours().removesuffix("]}"), "it ends in the middle"),
        (ours().removesuffix("]}") + "nonsense", "no JSON"),
        (ours().removesuffix("]}") + "[" * 5000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ('{"a": \n!}', "line 2, column 1 is no JSON"),
        ("[{]", "no JSON"),
        ('{"a": ' + "1" * 5000 + "}", "a number of more than 400"),
    ],
)
def test_damage_before_the_first_chat_is_an_error(
    data: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    (tmp_path / "x.json").write_text(data)
    with pytest.raises(KnownAppError, match=reason) as error:
        take(tmp_path / "x.json", tmp_path / "data")
    assert error.value.user_text.startswith("No chats were found in x.json: it cannot be read (")
    assert error.value.hint == texts.DAMAGED_HINT


def test_an_export_without_chats_is_none_with_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    (tmp_path / "x.json").write_text(ours())
    assert take(tmp_path / "x.json", tmp_path / "data").added.conversations == 0


def test_a_disk_that_fills_while_files_are_laid_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))

    def full(folder: Path, pieces: Any) -> tuple[str, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reading, "keep_pieces", full)
    with pytest.raises(KnownAppError) as error:
        take(write_chatgpt(tmp_path / "x.zip"), tmp_path / "data")
    assert (error.value.user_text, error.value.hint) == (texts.DISK_FULL, texts.DISK_FULL_HINT)


def _odd_message(**fields: Any) -> dict[str, Any]:
    chat = our_chat(0)
    chat["messages"][1].update(fields)
    return chat


@pytest.mark.parametrize(
    ("chat", "why"),
    [
        (_odd_message(role="root"), "unknown role 'root'"),
        (_odd_message(state="odd"), "unknown state 'odd'"),
        (_odd_message(body=7), "its 'body' is no text"),
        (_odd_message(created_at=10**30), "its 'created_at' is no time"),
        (_odd_message(parent_id="nobody"), "its 'parent_id' names no message"),
        (_odd_message(parent_id=["odd"]), "its 'parent_id' names no message"),
        (_odd_message(id="m0a"), "has the same id"),
        (our_chat(0, created_at=10**30), "its 'created_at' is no time"),
        (our_chat(0, title={"a": 1}), "its 'title' is no text"),
        (our_chat(0, tags=["one", None, 7, " "]), "no name in its 'tags'"),
        (our_chat(0, head_message_id="nobody"), "its 'head_message_id' names no message"),
        (our_chat(0, messages=[3]), "entry 1 of its messages is no message"),
        (
            _odd_message(attachments=[{"name": "a.txt", "digest": "0" * 64, "data": {"base64": "YWJj"}}]),
            "the file a.txt is not the one",
        ),
    ],
)
def test_what_of_ours_is_put_right_is_named(
    chat: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    (tmp_path / "x.json").write_text(ours(chat))
    done = take(tmp_path / "x.json", tmp_path / "data")
    assert done.added.conversations == 1
    (skipped,) = done.found.skipped
    assert skipped["what"] == ("chat-0" if isinstance(chat["title"], dict) else "Title 0")
    assert why in skipped["why"]
    tags = sql(tmp_path / "data" / "chats.sqlite3", "SELECT name FROM tag")
    assert tags == ([("one",)] if "tags" in chat else [])


def test_an_export_of_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "worked_apart", lambda work, stopped: read_apart(work.given))
    (tmp_path / "x.json").write_text(ours(our_chat(0), version=99))
    with pytest.raises(KnownAppError, match="a newer version of Dewpoint wrote it") as error:
        take(tmp_path / "x.json", tmp_path / "data")
    assert error.value.hint == texts.NEWER_HINT
    (tmp_path / "x.json").write_text(ours(our_chat(0), version="odd"))
    (skipped,) = take(tmp_path / "x.json", tmp_path / "data").found.skipped
    assert 'version "odd" of the format is unknown' in skipped["why"]
