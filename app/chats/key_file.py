"""The key file: the data key, wrapped by a key that scrypt makes of the password.

A new password wraps the same data key anew, so that only this small file is written, whole or not at all. A wrong
password shows by the wrapping itself (AES-256-GCM), before any chat is looked at. All chats hang on these few bytes, so
there is a second copy of them among the backups, which is written first, and takes the file's place where that is gone
or damaged.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import secrets
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.base.files import parse_json, read_regular, sync_folder, write_whole
from app.base.log import get_logger
from app.chats.connections import MAGIC, first_bytes
from app.chats.encrypted_pages import seem_encrypted, seem_of
from app.chats.errors import StoreError, StoreLockedError
from app.chats.lock import texts
from app.chats.lock.available import why_not
from app.chats.lock.keys import (
    COMPANION,
    ID_BYTES,
    KEY_COPY,
    KEY_FILE,
    MOST_BYTES,
    SECRET_BYTES,
    DataKey,
    hold,
    key_of,
    lost_key_file,
    with_id,
)

FORMAT = 1
N, R, P = 1 << 17, 8, 1  # of scrypt: 128 MB, and half a second of a processor
MOST_N, MOST_R, MOST_P = 1 << 20, 16, 16  # that a file may ask for
SALT_BYTES, NONCE_BYTES = 16, 12
HISTORY = "chats.sqlite3"

_log = get_logger("store")


class WrongPasswordError(StoreError):
    """The password does not open the key file."""

    def __init__(self) -> None:
        super().__init__(texts.WRONG_PASSWORD, texts.WRONG_PASSWORD_HINT)


def wrapped(key: DataKey, password: str) -> bytes:
    """What a key file holds.

    Raises:
        StoreError: This computer lacks what encrypting takes.
    """
    cipher = _cipher()
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    sealed = cipher(_derived(password, salt, N, R, P)).encrypt(nonce, key.secret, key.id)
    fields = {
        "format": FORMAT, "id": _text(key.id), "kdf": "scrypt", "n": N, "r": R, "p": P,
        "salt": _text(salt), "nonce": _text(nonce), "key": _text(sealed),
    }  # fmt: skip
    return (json.dumps(fields, indent=1) + "\n").encode("ascii")


def unwrapped(path: Path, password: str) -> DataKey:
    """The data key of a key file; where only its second copy opens, that takes its place.

    Raises:
        WrongPasswordError: It is another password.
        StoreError: The file is damaged, of a newer version, or this computer lacks what decrypting takes.
        OSError: It cannot be read.
    """
    try:
        key = _opened(path, password)
        if path.name == KEY_FILE and not _fits(path.parent, key):
            raise StoreError(texts.key_of_others(path), texts.KEY_OF_OTHERS_HINT)
    except StoreError:
        from_copy = _from_copy(path, password)
        if from_copy is None:
            raise
        return from_copy
    return key


def _opened(path: Path, password: str) -> DataKey:
    cipher = _cipher()
    fields = _read(path)
    if fields.get("format") != FORMAT or fields.get("kdf") != "scrypt":
        raise StoreError(texts.key_newer(path), texts.KEY_NEWER_HINT)
    try:
        n, r, p = (int(fields[name]) for name in ("n", "r", "p"))
        identity, salt, nonce, sealed = (_bytes(fields[name]) for name in ("id", "salt", "nonce", "key"))
        sensible = 1 < n <= MOST_N and n & (n - 1) == 0 and 0 < r <= MOST_R and 0 < p <= MOST_P
        if not sensible or len(identity) != ID_BYTES or len(nonce) != NONCE_BYTES:
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise StoreError(texts.key_damaged(path), texts.KEY_DAMAGED_HINT) from exc
    from cryptography.exceptions import InvalidTag

    try:
        secret = cipher(_derived(password, salt, n, r, p)).decrypt(nonce, sealed, identity)
    except InvalidTag as exc:
        raise WrongPasswordError from exc
    if len(secret) != SECRET_BYTES:
        raise StoreError(texts.key_damaged(path), texts.KEY_DAMAGED_HINT)
    return DataKey(identity, secret)


def _from_copy(path: Path, password: str) -> DataKey | None:
    """What the second copy of a key file gives; it takes the file's place then. It must be that of these chats."""
    copy = path.parent / KEY_COPY
    with contextlib.suppress(StoreError, OSError):
        if path.name == KEY_FILE and not _same(path, copy):
            key = _opened(copy, password)
            if encrypted_with(path.parent, key.id):
                _log.warning("the key file is replaced by its copy")
                with contextlib.suppress(OSError):
                    write_key_file(path, read_regular(copy, MOST_BYTES))
                return key
    return None


def _fits(folder: Path, key: DataKey) -> bool:
    """Whether a key may be that of a folder: nothing there is encrypted with another one."""
    return (
        head_of(folder / HISTORY) in (b"", MAGIC, key.id)
        or not encrypted(folder)
        or encrypted_with(folder, key.id)
        or seem_of(folder / HISTORY, key)
    )


def encrypted(folder: Path) -> bool:
    """Whether the history is encrypted, whoever knows its key: others begin with the same id, or its pages say so."""
    head = head_of(folder / HISTORY)
    known = _heads_beside(folder) | {id_in(folder / KEY_COPY)}
    return len(head) == ID_BYTES and head != MAGIC and (head in known or seem_encrypted(folder / HISTORY))


def of_another_key(history: Path, key: DataKey) -> bool:
    """Whether a history is encrypted with another key than its folder's."""
    head = head_of(history)
    known = head in (b"", MAGIC, key.id) or not seem_encrypted(history)
    return not known and not seem_of(history, key)


def encrypted_with(folder: Path, identity: bytes) -> bool:
    """Whether the chats of a folder, or its backups where the chats are gone, are encrypted with the key of this id."""
    head = head_of(folder / HISTORY)
    return head == identity or (head in (b"", bytes(ID_BYTES)) and identity in _heads_beside(folder))


def head_of(path: Path) -> bytes:
    """What a file begins with, an id if it is encrypted; nothing if it cannot be read, or is open in this process."""
    try:
        return (first_bytes(path, ID_BYTES) or b"") if path.is_file() else b""
    except OSError:
        return b""


def _heads_beside(folder: Path) -> set[bytes]:
    """What backups, recordings and the search index begin with."""
    found = {
        head_of(path)
        for path in (*folder.glob("*.sqlite3"), *(folder / "backups").glob("*.sqlite3"))
        if path.name != HISTORY
    }
    return found - {b"", MAGIC}


def _same(path: Path, copy: Path) -> bool:
    try:
        return read_regular(path, MOST_BYTES) == read_regular(copy, MOST_BYTES)
    except OSError:
        return False


def id_in(path: Path) -> bytes | None:
    """The id of the key that a key file holds; None if it cannot be read."""
    with contextlib.suppress(StoreError, OSError, KeyError, TypeError, ValueError):
        return _bytes(_read(path)["id"])
    return None


def change_password(folder: Path, old: str, new: str) -> None:
    """Wrap the data key of a folder anew.

    Raises:
        WrongPasswordError: The old one is another.
        StoreError: As `unwrapped`, or the folder is not locked.
        OSError: The file cannot be written; it is as it was.
    """
    path = folder / KEY_FILE
    data = wrapped(key := unwrapped(path, old), new)
    write_key_copy(folder, data)
    write_key_file(path, data)
    if key_of(folder) is not None:
        hold(folder, key)


def write_key_file(path: Path, data: bytes) -> None:
    """Write a key file, whole or not at all, for this user's eyes alone, and see that it lasts.

    Raises:
        OSError: It cannot be written.
    """
    write_whole(path, data, private=True)
    sync_folder(path.parent)


def write_key_copy(folder: Path, data: bytes) -> None:
    """Write the second copy of what a key file holds, or will hold.

    Raises:
        OSError: It cannot be written.
    """
    copy = folder / KEY_COPY
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_key_file(copy, data)


def keep_key_copy(folder: Path) -> None:
    """The key file has just opened: its copy shall be the same. Where that cannot be, the chats open all the same."""
    with contextlib.suppress(OSError):
        data = read_regular(folder / KEY_FILE, MOST_BYTES)
        if not encrypted_with(folder, id_in(folder / KEY_FILE) or b"-"):
            return  # a copy of the right one may be all that is left of it
        if not _same(folder / KEY_FILE, folder / KEY_COPY):
            write_key_copy(folder, data)


def copy_opens(history: Path) -> bool:
    """Whether the key file of a history is gone, and its copy is there: the chats begin with the copy's id."""
    folder = history.parent
    if is_locked(folder) or (identity := id_in(folder / KEY_COPY)) is None:
        return False
    return encrypted_with(folder, identity)


def bring_key_file_back(history: Path) -> None:
    """Where the key file is gone its copy takes its place.

    Raises:
        OSError: It cannot be written.
    """
    if copy_opens(history):
        _log.warning("the key file was gone; its copy takes its place")
        write_key_file(history.with_name(KEY_FILE), read_regular(history.parent / KEY_COPY, MOST_BYTES))


def unknown_key_file(path: Path) -> Path | None:
    """The key file that a password must open before a backup can be read; None if none is needed, or there is none."""
    companion = path.with_name(path.name + COMPANION)
    for found in (companion, path.parent / KEY_FILE, path.parent.parent / KEY_FILE):
        if found.is_file():
            return None if with_id(id_in(found) or b"") is not None else found
    return None


def write_key_file_anew(folder: Path) -> None:
    """Where the folder of an open history was deleted, its key file is made anew: without it nobody reads what follows.

    Raises:
        OSError: It cannot be written.
    """
    if (data := lost_key_file(folder)) is not None:
        write_key_file(folder / KEY_FILE, data)


def keep_key_beside(history: Path, backup: Path) -> None:
    """A backup that lies elsewhere has the key file beside it: without that no password opens it.

    Raises:
        OSError: It cannot be written.
    """
    key_file = history.with_name(KEY_FILE)
    if key_file.is_file():
        write_key_file(backup.with_name(backup.name + COMPANION), read_regular(key_file, MOST_BYTES))


def is_locked(folder: Path) -> bool:
    """Whether the chats of a data folder are locked."""
    return (folder / KEY_FILE).is_file()


def _read(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(read_regular(path, MOST_BYTES).decode("ascii"))
    except FileNotFoundError as exc:
        raise StoreLockedError(texts.key_gone(path), texts.KEY_DAMAGED_HINT) from exc
    except OSError as exc:
        if exc.errno not in (errno.EFBIG, errno.EINVAL, errno.EISDIR):
            raise
        raise StoreError(texts.key_damaged(path), texts.KEY_DAMAGED_HINT) from exc
    except ValueError as exc:
        raise StoreError(texts.key_damaged(path), texts.KEY_DAMAGED_HINT) from exc
    if not isinstance(found, dict):
        raise StoreError(texts.key_damaged(path), texts.KEY_DAMAGED_HINT)
    return found


def _cipher() -> Callable[[bytes], Any]:
    if reason := why_not():
        raise StoreError(reason, texts.NO_CIPHER_HINT)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM


def _derived(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    """The key of a password; the same letters are the same password, however the keyboard composes them."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    data = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=SECRET_BYTES, n=n, r=r, p=p).derive(data)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
