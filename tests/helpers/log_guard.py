"""A log record of WARNING or above that a test does not expect fails it.

Three ways to expect one: the fixture `log_allowed` (may come), the fixture `log_expected` (must come), or the marker
`@pytest.mark.log_allowed(pattern)`. A pattern is a regular expression that is searched in "logger: message".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import pytest


class LogGuard(logging.Handler):
    """Collects records and knows which of them are expected."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.allowed: list[str] = []
        self.expected: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's text."""
        text = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({record.exc_info[1]!r})"
        self.lines.append(text)

    def complaints(self) -> list[str]:
        """What is wrong with the records so far, one sentence each."""
        patterns = self.allowed + self.expected
        unexpected = [line for line in self.lines if not any(re.search(pattern, line) for pattern in patterns)]
        missing = [pattern for pattern in self.expected if not any(re.search(pattern, line) for line in self.lines)]
        return [f"unexpected log record: {line}" for line in unexpected] + [
            f"no log record matches {pattern!r}" for pattern in missing
        ]


@pytest.fixture(autouse=True)
def log_guard(request: pytest.FixtureRequest) -> Iterator[LogGuard]:
    """Fail the test if it logged what it did not announce."""
    guard = LogGuard()
    for marker in request.node.iter_markers("log_allowed"):
        guard.allowed.extend(marker.args)
    root = logging.getLogger()
    root.addHandler(guard)
    yield guard
    root.removeHandler(guard)
    if complaints := guard.complaints():
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def log_allowed(log_guard: LogGuard) -> Callable[[str], None]:
    """Call it with a pattern: such records may come."""
    return log_guard.allowed.append


@pytest.fixture
def log_expected(log_guard: LogGuard) -> Callable[[str], None]:
    """Call it with a pattern: such a record must come before the test ends."""
    return log_guard.expected.append
