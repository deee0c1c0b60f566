"""A plugin (`-p tests.helpers.locked_run`): every history that a test makes is encrypted, with a key of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.locks import everything_locked


@pytest.fixture(autouse=True)
def _everything_locked() -> Iterator[None]:
    with everything_locked():
        yield
