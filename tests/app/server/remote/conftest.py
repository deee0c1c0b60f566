"""A stand-in for a server, and a keyring that forgets."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest

from tests.helpers.openai_stand_in import StandInServer, stand_in
from tests.helpers.tiny_models import MemoryKeyring


@pytest.fixture
def server() -> Iterator[StandInServer]:
    """The stand-in; it is no vLLM."""
    with stand_in() as server:
        yield server


@pytest.fixture
def keys() -> Iterator[MemoryKeyring]:
    """The keyring."""
    before = keyring.get_keyring()
    kept = MemoryKeyring()
    keyring.set_keyring(kept)
    yield kept
    keyring.set_keyring(before)
