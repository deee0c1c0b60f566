"""What both command lines read their arguments with: a text is text, or one sentence says that it is none."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

NO_TEXT = "holds bytes that are no text (UTF-8)"
# What the help calls paths, and names that may be one: a file system may give them any bytes.
_PATHS = frozenset({"FILE", "FILE.svg", "DIR", "FOLDER", "PATH", "MODEL", "FORM"})


class TextParser(argparse.ArgumentParser):
    """A parser whose values, but for paths, can be printed, stored and sent; its commands have parsers of this kind."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]
        """As argparse does it; ends the program with status 2 if a value is no text."""
        found, others = super().parse_known_args(args, namespace)
        for action in self._actions:
            if action.metavar not in _PATHS and not is_text(getattr(found, action.dest, None)):
                name = action.option_strings[-1] if action.option_strings else str(action.metavar)
                self.error(f"{name} {NO_TEXT}")
        return found, others


def is_text(value: object) -> bool:
    """Whether a value, or each of a list, is free of the lone surrogates that undecodable bytes leave in arguments.

    A path is fit as it is.
    """
    if isinstance(value, list):
        return all(map(is_text, value))
    if not isinstance(value, str):
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
