"""Damaged histories always open, the damaged file is kept, and what can be read is there."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from app.chats import texts
from app.chats.database import Health, examine
from app.chats.errors import NewerDatabaseError, StoreFullError
from app.chats.history import HistoryStore
from app.chats.recovery.recover import RECOVERY_LOCK, recover
from tests.app.chats.support import bodies_in, fill, open_damaged, sql
from tests.helpers.scale import sized

PAGE = 4096
CHATS, TURNS = 6, 4

Damage = Callable[[bytearray, random.Random], None]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, str]]:
    """The bytes of a sound history, and its bodies."""
    path = tmp_path_factory.mktemp("pristine") / "chats.sqlite3"
    with HistoryStore.open(path) as store:
        bodies = fill(store, CHATS, TURNS)
    return path.read_bytes(), bodies


def flip_bytes(data: bytearray, rng: random.Random) -> None:
    """Some random bytes change."""
    for _ in range(rng.choice([1, 4, 30])):
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)


def zero_page(data: bytearray, rng: random.Random) -> None:
    """A page is lost."""
    start = rng.randrange(len(data) // PAGE) * PAGE
    data[start : start + PAGE] = bytes(PAGE)


def garble_page(data: bytearray, rng: random.Random) -> None:
    """A page is overwritten by noise."""
    start = rng.randrange(len(data) // PAGE) * PAGE
    data[start : start + PAGE] = rng.randbytes(PAGE)


def truncate(data: bytearray, rng: random.Random) -> None:
    """The end is missing."""
    del data[rng.randrange(1, len(data)) :]


def swap_pages(data: bytearray, rng: random.Random) -> None:
    """Two pages change places."""
    first, second = (rng.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    data[first : first + PAGE], data[second : second + PAGE] = (
        data[second : second + PAGE],
        data[first : first + PAGE],
    )


def damage_header(data: bytearray, rng: random.Random) -> None:
    """The first 100 bytes change."""
    for _ in range(rng.choice([1, 5])):
        data[rng.randrange(100)] ^= rng.randrange(1, 256)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flip_bytes, zero_page, garble_page, truncate, swap_pages, damage_header])
def test_random_damage(
    tmp_path: Path, pristine: tuple[bytes, dict[str, str]], damage: Damage, subtests: pytest.Subtests
) -> None:
    data, bodies = pristine
    for seed in range(sized(8, 25)):
        with subtests.test(seed=seed):
            damaged = bytearray(data)
            damage(damaged, random.Random(f"{damage.__name__}{seed}"))
            path = tmp_path / str(seed) / "chats.sqlite3"
            try:
                _, found = open_damaged(path, bytes(damaged))
            except NewerDatabaseError:  # the very byte that holds the version
                assert path.read_bytes() == damaged
                continue
            assert len(found) <= len(bodies)
            strange = [body for body in found.values() if body not in {*bodies.values(), texts.UNREADABLE_MESSAGE}]
            assert len(strange) <= (30 if damage is flip_bytes else 2)


def test_a_damaged_schema_that_is_no_utf8(data_file: Path, pristine: tuple[bytes, dict[str, str]]) -> None:
    data = pristine[0].replace(b"sibling_no INTEGER", b"sibling_no INTE\xffER", 1)
    report, found = open_damaged(data_file, data)
    assert report is not None
    assert found == pristine[1]


@pytest.mark.slow
def test_every_single_page_may_be_lost(tmp_path: Path, pristine: tuple[bytes, dict[str, str]]) -> None:
    data, bodies = pristine
    lost = []
    for number in range(0, len(data) // PAGE, sized(3, 1)):
        damaged = data[: number * PAGE] + bytes(PAGE) + data[(number + 1) * PAGE :]
        report, found = open_damaged(tmp_path / str(number) / "chats.sqlite3", damaged)
        assert set(found) <= set(bodies)
        sound = {id_ for id_, body in found.items() if body == bodies[id_]}
        # The zeroed end of a long text is all that SQLite, which has no checksums, cannot notice.
        assert all(found[id_] == texts.UNREADABLE_MESSAGE or "\0" in found[id_] for id_ in found.keys() - sound)
        assert report is not None or found.keys() == bodies.keys()
        lost.append(len(bodies) - len(sound))
    assert lost[0] == 0  # without its first page the file is still read
    assert sorted(lost)[len(lost) // 2] == 0  # most pages hold no chats, or parts that a body can do without
    assert max(lost) <= 25  # what one page holds: the pages that lead to others can be done without


def test_the_backup_gives_what_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "chats.sqlite3"
    with HistoryStore.open(path) as store:
        old = fill(store, 3, 3)
        store.backup_if_due()
        new = fill(store, 1, 1, seed=2)
        kept = store.list_conversations()[1].id
        store.rename(kept, "Renamed after the backup")
    data = path.read_bytes()
    path.write_bytes(data[: 3 * PAGE] + b"\xff" * PAGE * (len(data) // PAGE - 3))
    with HistoryStore.open(path) as store:
        assert store.recovery is not None
        assert store.recovery.from_backup > 0
        assert store.recovery.backup is not None
        assert "backup" in store.recovery.user_text
        found = bodies_in(store)
    assert old.items() <= found.items()
    assert found.keys() <= {**old, **new}.keys()


def test_a_sound_row_wins_over_the_backup(tmp_path: Path) -> None:
    path = tmp_path / "chats.sqlite3"
    with HistoryStore.open(path) as store:
        fill(store, 1, 1)
        store.backup_if_due()
        chat = store.list_conversations()[0].id
        store.rename(chat, "Newer title")
    sql(path, "DROP INDEX message_tree")
    with HistoryStore.open(path) as store:
        assert store.recovery is not None
        assert "schema" in store.recovery.reason
        assert store.conversation(chat).title == "Newer title"


@pytest.mark.parametrize("content", [None, b""])
def test_a_missing_or_empty_file_comes_back_from_the_backup(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "chats.sqlite3"
    with HistoryStore.open(path) as store:
        bodies = fill(store, 1, 2)
        store.backup_if_due()
    path.unlink() if content is None else path.write_bytes(content)
    with HistoryStore.open(path) as store:
        assert store.recovery is not None
        assert bodies_in(store) == bodies


def test_an_empty_file_without_a_backup_is_a_new_history(data_file: Path) -> None:
    data_file.parent.mkdir(parents=True)
    data_file.touch()
    with HistoryStore.open(data_file) as store:
        assert store.recovery is None


@pytest.mark.parametrize("content", [bytes(64560), b"just some text, no database at all\n" * 300])
def test_what_was_never_a_history_is_kept_beside(data_file: Path, content: bytes) -> None:
    report, found = open_damaged(data_file, content)
    assert report is not None
    assert (report.chats, report.messages, found) == (0, 0, {})


def test_another_programs_database_is_kept_beside(data_file: Path) -> None:
    data_file.parent.mkdir(parents=True)
    sql(data_file, "CREATE TABLE message (id INTEGER, body TEXT)")
    report, _ = open_damaged(data_file, data_file.read_bytes())
    assert report is not None


def test_nothing_is_overwritten_when_damage_comes_twice_in_a_second(data_file: Path) -> None:
    kept = []
    for number in range(3):
        report, _ = open_damaged(data_file, f"damage {number}".encode() * 100)
        assert report is not None
        kept.append(report.kept_as)
    assert len(set(kept)) == 3
    assert all(path is not None and path.exists() for path in kept)


def test_the_log_of_a_damaged_file_is_read_and_kept(store: HistoryStore, data_file: Path, tmp_path: Path) -> None:
    bodies = fill(store, 1, 2)
    log = data_file.with_name(data_file.name + "-wal")
    fill_log = store.add_user_message(None, "only in the log")
    data, logged = bytearray(data_file.read_bytes()), log.read_bytes()
    data[18] = 9  # an unknown file format
    path = tmp_path / "copy" / "chats.sqlite3"
    path.parent.mkdir()
    path.with_name("chats.sqlite3-wal").write_bytes(logged)
    report, found = open_damaged(path, bytes(data))
    assert report is not None
    assert report.kept_as is not None
    assert report.kept_as.with_name(report.kept_as.name + "-wal").read_bytes() == logged
    assert found == {**bodies, fill_log.id: "only in the log"}


def test_messages_whose_chat_is_lost_come_back(store: HistoryStore, data_file: Path) -> None:
    bodies = fill(store, 2, 2)
    store.close()
    sql(data_file, "DELETE FROM conversation")  # from outside, where foreign keys are off
    sql(data_file, "DELETE FROM message WHERE seq = 3")
    sql(data_file, "DROP INDEX message_parent")
    with HistoryStore.open(data_file) as again:
        found = bodies_in(again)
        assert [chat.title[:3] for chat in again.list_conversations()] == ["1.0", "0.0"]
    assert len(found) == len(bodies) - 1
    assert found.items() <= bodies.items()


@pytest.mark.parametrize("place", ["recovered", "moved"])
def test_a_crash_during_recovery_loses_nothing(
    data_file: Path, pristine: tuple[bytes, dict[str, str]], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    data = b"\0" * PAGE + pristine[0][PAGE:]
    data_file.parent.mkdir(parents=True)
    data_file.write_bytes(data)
    name = "set_aside" if place == "recovered" else "os.replace"
    calls = []

    def crash(*args: Path) -> None:
        calls.append(args)
        if place == "recovered" or len(calls) == 2:
            raise KeyboardInterrupt
        args[0].rename(args[1])

    with monkeypatch.context() as patch:
        patch.setattr(f"app.chats.recovery.recover.{name}", crash)
        with pytest.raises(KeyboardInterrupt):
            HistoryStore.open(data_file)
    assert data_file.exists() == (place == "recovered")
    with HistoryStore.open(data_file) as store:
        assert bodies_in(store) == pristine[1]
    assert any(file.read_bytes() == data for file in data_file.parent.glob("chats-damaged-*"))
    assert not list(data_file.parent.glob("*recover*"))


def test_a_full_disk_during_recovery_leaves_the_file_as_it_was(
    data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_file.parent.mkdir(parents=True)
    data_file.write_bytes(b"damaged" * 1000)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.chats.recovery.recover.sync_file", full)
    with pytest.raises(StoreFullError):
        HistoryStore.open(data_file)
    assert {file.name for file in data_file.parent.iterdir()} == {data_file.name, data_file.name + RECOVERY_LOCK}
    assert data_file.read_bytes() == b"damaged" * 1000


def test_an_examination_changes_nothing(store: HistoryStore, data_file: Path) -> None:
    fill(store, 1, 1)
    before = data_file.read_bytes()
    assert examine(data_file).health is Health.GOOD
    assert data_file.read_bytes() == before


def test_two_starts_on_a_damaged_file_recover_it_once(data_file: Path, pristine: tuple[bytes, dict[str, str]]) -> None:
    """The second one waits for the first, and takes what that one has made."""
    data_file.parent.mkdir(parents=True)
    data_file.write_bytes(b"\0" * PAGE + pristine[0][PAGE:])
    found = examine(data_file)
    assert found.health is Health.DAMAGED
    HistoryStore.open(data_file).close()  # the other start, between this one's look and its lock
    assert recover(data_file, data_file.parent / "backups", found.reason, unless_sound=True) is None
    assert len(list(data_file.parent.glob("*-damaged-*.sqlite3"))) == 1
    with HistoryStore.open(data_file) as opened:
        assert opened.recovery is None
