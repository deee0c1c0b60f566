"""A window that has the history open, and other programs that open and close the same file.

Closing a descriptor of a file by hand drops this process's locks on it (POSIX); the next program that closes the
database then deletes the log under the window, and what the window writes from there on is lost.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.chats import database
from app.chats.connections import connect
from app.chats.database import Health, examine
from app.chats.errors import StoreBusyError, StoreDamagedError
from app.chats.history import HistoryStore
from app.chats.migrations import apply_migrations
from app.chats.recovery.recover import finish_interrupted_recovery, recover
from tests.app.chats.support import bodies_in
from tests.helpers.waiting import WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[3]
SHARED_LOCK = 0x40000002  # where SQLite's lock of a reader begins
LOCKS = Path("/proc/locks")
ORDERS = [
    *itertools.permutations(("history", "library", "doctor")),
    ("library", "history", "backup", "doctor"),
    ("history", "history", "doctor", "library"),
    ("history", "close", "history", "library"),
    ("history", "damaged"),
    ("history", "dropped"),
]
MODEL = str(ROOT / "resources" / "starter")  # as a folder of the user's
# Each way that a command takes into the data folder; what it says of models that are not there is no matter.
COMMANDS = [
    ("doctor",),
    ("doctor", "--json"),
    ("models", "list"),
    ("models", "list", "--json"),
    ("models", "show", "starter"),
    ("models", "plan"),
    ("models", "import", MODEL),
    ("models", "verify", MODEL),
    ("models", "move", MODEL, "elsewhere"),
    ("models", "remove", MODEL, "--yes"),
    ("models", "download", "owner/no-such-model", "--accept-licence"),
    ("models", "network"),
    ("engines", "list"),
    ("engines", "plan"),
    ("engines", "prune"),
    ("gpu", "status"),
    ("update",),
]
WINDOW = """
import sys
from pathlib import Path
from app.chats import counted
from app.chats.connections import SIDE_FILES
from app.chats.database import examine
from app.chats.dropped import dropped_text
from app.chats.errors import StoreError
from app.chats.history import HistoryStore
from app.chats.recovery.recover import recover
from app.library.records import LibraryStore

path = Path(sys.argv[1])
files = {str(path) + side for side in ("", *SIDE_FILES)}
stores = []

def watch(event, arguments):
    if event == "open" and str(arguments[0]) in files and any(counted._connections.values()):
        raise SystemExit(f"{arguments[0]} was opened by hand")

def dropped():
    (path.parent / "link").symlink_to(path)
    found = dropped_text([path, *map(Path, sorted(files)), path.parent / "link"])
    assert not found.names, found

def damaged():
    try:
        recover(path, path.parent / "backups", "a test says so")
    except StoreError:
        pass

sys.addaudithook(watch)
steps = {
    "history": lambda: stores.append(HistoryStore.open(path)),
    "close": lambda: stores.pop().close(),
    "library": lambda: LibraryStore(path, path.parent / "backups").models(),
    "doctor": lambda: examine(path, whole=True),
    "backup": lambda: stores[0].backup_if_due(),
    "damaged": damaged,
    "dropped": dropped,
}
for step in sys.argv[2:]:
    steps[step]()
print("ready", flush=True)
for line in sys.stdin:
    stores[0].add_user_message(None, line.strip())
    print("written", flush=True)
"""


class Window:
    """A process that has the history open, as a window has."""

    def __init__(self, path: Path, *steps: str) -> None:
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, "-c", WINDOW, str(path), *steps],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ready(self) -> Window:
        """It has done its steps."""
        assert self._said() == "ready"
        return self

    def write(self, text: str) -> None:
        """Store a message; it is on the disk when this returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        assert self._said() == "written"

    def kill(self) -> None:
        """As a crash of the system would end it."""
        self.process.kill()
        self.process.communicate(timeout=WAIT_SECONDS)

    def check(self) -> None:
        """It holds its lock, and no file of the database was deleted under it."""
        if not LOCKS.exists():
            return
        inode = self.path.stat().st_ino
        mine = rf"READ\s+{self.process.pid} \S+:{inode} {SHARED_LOCK} "
        assert re.search(mine, LOCKS.read_text("ascii")), "the window holds no lock"
        descriptors = Path(f"/proc/{self.process.pid}/fd")
        names = [os.readlink(each) for each in descriptors.iterdir() if each.is_symlink()]
        assert not [name for name in names if self.path.name in name and "(deleted)" in name]

    def _said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


OpenWindow = Callable[..., Window]


@pytest.fixture
def window(data_file: Path) -> Iterator[OpenWindow]:
    """Opens a window; what is left in the end is killed."""
    opened: list[Window] = []

    def make(*steps: str) -> Window:
        opened.append(Window(data_file, *steps))
        return opened[-1].ready()

    yield make
    for each in opened:
        each.kill()


@pytest.mark.parametrize("steps", ORDERS, ids="-".join)
def test_a_message_survives_in_every_order_of_opening(window: OpenWindow, data_file: Path, steps: tuple[str]) -> None:
    first = window(*steps)
    first.check()
    first.write("one")
    for _ in range(2):
        HistoryStore.open(data_file).close()
        first.check()
    first.write("two")
    first.kill()
    with HistoryStore.open(data_file) as store:
        assert sorted(bodies_in(store).values()) == ["one", "two"]
        assert store.recovery is None


@pytest.mark.slow
def test_a_message_survives_every_command(window: OpenWindow, data_file: Path) -> None:
    first = window("history", "library", "doctor")
    environment = os.environ | {"DEWPOINT_HOME": str(data_file.parent), "HF_ENDPOINT": "http://127.0.0.1:9"}
    for command in COMMANDS:
        first.write(" ".join(command))
        done = subprocess.run(
            [sys.executable, "-m", "app", *command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=WAIT_SECONDS, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert "usage:" not in done.stderr, done.stderr
        first.check()
    first.write("last")
    first.kill()
    with HistoryStore.open(data_file) as store:
        assert sorted(bodies_in(store).values()) == sorted([*map(" ".join, COMMANDS), "last"])


def test_the_file_under_a_window_is_not_set_aside(window: OpenWindow, data_file: Path) -> None:
    """A recovery would rename it, and the window would go on to write to what was set aside."""
    first = window("history")
    before = sorted(data_file.parent.iterdir())
    with pytest.raises(StoreBusyError):
        recover(data_file, data_file.parent / "backups", "a test says so")
    assert set(before) <= set(data_file.parent.iterdir())
    first.check()
    first.write("still there")
    first.kill()
    with HistoryStore.open(data_file) as store:
        assert list(bodies_in(store).values()) == ["still there"]


def test_nothing_is_set_aside_under_this_process(store: HistoryStore, data_file: Path) -> None:
    with pytest.raises(StoreDamagedError):
        recover(data_file, data_file.parent / "backups", "a test says so")
    assert store.add_user_message(None, "kept")
    store.close()
    with HistoryStore.open(data_file) as again:
        assert list(bodies_in(again).values()) == ["kept"]


def test_a_recovery_that_runs_is_no_leftover(data_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr("app.chats.connections.BUSY_SECONDS", 0.01)
    work = data_file.parent / "recovery-running0"
    work.mkdir(parents=True)
    with FileLock(f"{data_file}.lock"), pytest.raises(StoreBusyError):
        finish_interrupted_recovery(data_file)
    assert work.exists()
    finish_interrupted_recovery(data_file)
    assert not work.exists()


@pytest.mark.parametrize("moment", ["_noted_version", "_applied"])
def test_a_history_that_is_made_meanwhile_is_not_damaged(
    data_file: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The doctor, at the first start of the window: what it reads is of one moment."""
    data_file.parent.mkdir()
    maker = database.open_database(data_file)
    look = getattr(database, moment)

    def after_it_was_made(connection: object) -> object:
        monkeypatch.setattr(database, moment, look)
        apply_migrations(maker, "")
        return look(connection)

    monkeypatch.setattr(database, moment, after_it_was_made)
    with closing(maker):
        assert examine(data_file).health is Health.ABSENT
        assert examine(data_file).health is Health.GOOD


def test_a_log_that_goes_meanwhile_does_no_harm(data_file: Path) -> None:
    """The other program closes between the look at the log and the opening of the file."""
    with HistoryStore.open(data_file) as store:
        store.add_user_message(None, "text")
    with closing(connect(data_file, "ro")) as reader:
        assert reader.execute("SELECT COUNT(*) FROM message").fetchone() == (1,)
    assert examine(data_file).health is Health.GOOD


def test_an_unfinished_write_without_a_log_is_rolled_back(data_file: Path) -> None:
    """A rollback journal that a killed program left belongs to the file."""
    HistoryStore.open(data_file).close()
    killed = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode = DELETE'); db.execute('PRAGMA cache_size = 1')\n"
        "db.execute('BEGIN')\n"
        "[db.execute('INSERT INTO app_meta VALUES (?, ?)', [str(n), 'x' * 3000]) for n in range(200)]\n"
        "[db.execute(\"UPDATE app_meta SET value = value || 'y'\") for n in range(3)]\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", killed, str(data_file)], check=True, timeout=WAIT_SECONDS)
    assert data_file.with_name(data_file.name + "-journal").stat().st_size
    assert examine(data_file, whole=True).health is Health.GOOD
