"""Whether this computer has what encrypting takes."""

from __future__ import annotations

import functools
import importlib
import sys

from app.chats.lock import texts


@functools.cache
def why_not() -> str:
    """Why nothing can be encrypted on this computer; "" if it can."""
    for name in ("sqlcipher3.dbapi2", "cryptography.hazmat.primitives.ciphers.aead"):
        try:
            importlib.import_module(name)
        except ImportError as exc:
            return texts.no_cipher(name.partition(".")[0], sys.platform, str(exc))
    return ""
