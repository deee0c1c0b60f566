"""The data key, and which of them this process holds.

A data folder is locked if a key file (`app.chats.key_file`) lies in it. Whoever wants to open one of its databases
needs its data key, which is held here from the moment a password opened the key file until the process ends. It goes to
processes of ours by their pipe, never by arguments or the environment, and is never written but wrapped.

What is encrypted begins with the id of its key, so that a file says itself which key it needs.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from app.base.files import read_regular

ID_BYTES, SECRET_BYTES = 16, 32
MOST_BYTES = 4096  # of a key file
KEY_FILE = "chats.key"
PASSWORD_VARIABLE = "DEWPOINT_CHATS_PASSWORD"  # for commands, where no terminal is
COMPANION = ".key"  # behind the name of a backup that lies elsewhere
KEY_COPY = Path("backups", "chats-key.copy")  # of the key file, below the data folder
LOCKING, UNLOCKING = "chats-locking", "chats-unlocking"  # where `app.chats.conversion` lays files ready
FOLDERS_UP = 3  # from a file of a data folder to the folder itself: backups/, files/ab/, what an import lays ready


@dataclass(frozen=True, slots=True)
class DataKey:
    """What encrypts one data folder; its secret is shown by no `repr`.

    Attributes:
        id: 16 random bytes, with which whatever is encrypted begins.
        secret: 32 random bytes.
    """

    id: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls) -> DataKey:
        """A new one."""
        return cls(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))

    def part(self, purpose: str, salt: bytes = b"") -> bytes:
        """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869) of one block."""
        extracted = hmac.digest(salt or bytes(32), self.secret, hashlib.sha256)
        return hmac.digest(extracted, purpose.encode() + b"\x01", hashlib.sha256)

    def of_database(self) -> str:
        """As SQLCipher takes it: the raw key, and the id as the salt that the file begins with."""
        return f"x'{self.part('database').hex()}{self.id.hex()}'"


Held: TypeAlias = tuple[tuple[str, DataKey], ...]

_by_folder: dict[str, DataKey] = {}
_by_id: dict[bytes, DataKey] = {}
_key_files: dict[str, bytes] = {}  # what the key files of held folders hold
_askers: list[Callable[[Path], DataKey | None]] = []


def hold(folder: Path, key: DataKey) -> None:
    """From here on the files of a data folder are opened, and made, with this key."""
    name = os.path.realpath(folder)
    _by_folder[name] = key
    _by_id[key.id] = key
    with contextlib.suppress(OSError):
        _key_files[name] = read_regular(folder / KEY_FILE, MOST_BYTES)


def know(key: DataKey) -> None:
    """From here on files that begin with the id of this key are opened with it, wherever they lie."""
    _by_id[key.id] = key


def lost_key_file(folder: Path) -> bytes | None:
    """What the key file of a held folder held, if it is there no more."""
    return None if (folder / KEY_FILE).exists() else _key_files.get(os.path.realpath(folder))


def forget(folder: Path) -> None:
    """A data folder is not locked any more, or is not needed."""
    key = _by_folder.pop(os.path.realpath(folder), None)
    _key_files.pop(os.path.realpath(folder), None)
    if key is not None and key not in _by_folder.values():
        _by_id.pop(key.id, None)


def held() -> Held:
    """What is held, for a process of ours."""
    return tuple(_by_folder.items())


def hold_all(keys: Held) -> None:
    """Hold what another process of ours holds."""
    for folder, key in keys:
        hold(Path(folder), key)


def with_id(identity: bytes) -> DataKey | None:
    """The key of this id, if it is held."""
    return _by_id.get(identity)


def key_of(folder: Path) -> DataKey | None:
    """The key of a data folder, if it is held."""
    return _by_folder.get(os.path.realpath(folder))


def data_folder_of(path: Path) -> Path | None:
    """The locked data folder that a file lies in, or would; None if it lies in none.

    A key file in it counts, and so does a key that is held for it.
    """
    near = dict.fromkeys((os.path.abspath(path.parent), os.path.realpath(path.parent)))  # a folder may be a link
    for folder in map(Path, near):
        for each in (folder, *folder.parents)[:FOLDERS_UP]:
            if each.name == UNLOCKING:
                return None  # what is made there is plain
            real = Path(os.path.realpath(each))
            if str(real) in _by_folder or (each / KEY_FILE).is_file() or (each / UNLOCKING / KEY_FILE).is_file():
                return real
    return None


@contextlib.contextmanager
def asking(ask: Callable[[Path], DataKey | None]) -> Iterator[None]:
    """In this block `ask` is given a key file whose data key is not held, and says it; None is no answer."""
    _askers.append(ask)
    try:
        yield
    finally:
        _askers.remove(ask)


def asked_for(key_file: Path) -> DataKey | None:
    """What somebody answers; None if nobody does."""
    return next((key for ask in reversed(_askers) if (key := ask(key_file)) is not None), None)
