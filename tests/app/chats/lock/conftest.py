"""Locks that take no time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.locks import quick_keys


@pytest.fixture(autouse=True)
def _quick_keys() -> Iterator[None]:
    with quick_keys():
        yield
