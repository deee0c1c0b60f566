"""The user's access token for the Hub: in the system's keyring, or for this session alone where there is none.

It is never written to a file of ours, to the log or to the database, and no error names it.
"""

from __future__ import annotations

from app.base.log import get_logger

SERVICE = "Dewpoint"

_log = get_logger("models")


class TokenStore:
    """The token for one Hub."""

    def __init__(self, endpoint: str) -> None:
        self._name = endpoint
        self._session: str | None = None

    def get(self) -> str | None:
        """The token, None if there is none."""
        if self._session is not None:
            return self._session or None
        import keyring
        from keyring.errors import KeyringError

        try:
            self._session = keyring.get_password(SERVICE, self._name) or ""
        except KeyringError as exc:
            _log.info("no keyring: %s", type(exc).__name__)
            self._session = ""
        return self._session or None

    def set(self, token: str) -> bool:
        """Keep a token; False if there is no keyring and it lasts only until the program ends."""
        import keyring
        from keyring.errors import KeyringError

        self._session = token.strip()
        try:
            keyring.set_password(SERVICE, self._name, self._session)
        except KeyringError as exc:
            _log.info("no keyring: %s", type(exc).__name__)
            return False
        return True

    def remove(self) -> None:
        """Forget the token, here and in the keyring."""
        import keyring
        from keyring.errors import KeyringError

        self._session = ""
        try:
            keyring.delete_password(SERVICE, self._name)
        except KeyringError as exc:
            _log.info("nothing removed from the keyring: %s", type(exc).__name__)
