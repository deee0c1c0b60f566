"""The password of locked chats, for commands: from the environment, or typed at a terminal; never an argument."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from app.base.paths import AppPaths
from app.chats.conversion import finish_conversion
from app.chats.key_file import WrongPasswordError, unwrapped
from app.chats.lock import texts
from app.chats.lock.keys import PASSWORD_VARIABLE, DataKey

TRIES = 3


def ask_for_password(key_file: Path) -> DataKey | None:
    """The data key of a key file; None where nobody can say the password, or the chats turn out not to be locked.

    Raises:
        WrongPasswordError: It is another password.
        StoreError: The key file is damaged, or this computer lacks what decrypting takes.
    """
    paths = AppPaths.resolve()
    if key_file.parent == Path(os.path.realpath(paths.base)):
        finish_conversion(paths.data_file, paths.backups)
        if not key_file.is_file():
            return None
    if (password := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return unwrapped(key_file, password)
    if not sys.stdin.isatty():
        return None
    for left in reversed(range(TRIES)):
        try:
            return unwrapped(key_file, getpass.getpass(texts.prompt(key_file)))
        except WrongPasswordError as exc:
            if not left:
                raise
            sys.stderr.write(f"{exc.user_text}\n")
    raise AssertionError("the last try returns or raises")
