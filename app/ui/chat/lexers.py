"""Pygments' lexers, made in a thread: the patterns of Scala, Kotlin or MATLAB take up to a third of a second."""

from __future__ import annotations

import threading
from collections import deque
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_SAMPLE, _SAMPLE_TOKENS = "x = 1 /* a */ <b> 'c'\n", 50  # what some lexers need comes with their first tokens


class Lexers(QObject):
    """Those that were wanted since the program began.

    Signals:
        made: A language, as it was asked for: `get` has its lexer now. In the thread of whoever is connected.
    """

    made = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, Lexer | None] = {}
        self._wanted: deque[str] = deque()
        self._lock = threading.Lock()
        self._works = False

    def has(self, language: str) -> bool:
        """Whether `get` gives it at once."""
        return language in self._made

    def get(self, language: str) -> Lexer | None:
        """The lexer of a language, made now if need be; None for an unknown one."""
        if language not in self._made:
            self._made[language] = _made(language)
        return self._made[language]

    def want(self, language: str) -> None:
        """Have it made; `made` tells when."""
        with self._lock:
            if language in self._wanted:
                return
            self._wanted.append(language)
            if not self._works:
                self._works = True
                threading.Thread(target=self._work, name="lexers", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._works = False
                    return
                language = self._wanted[0]
            self.get(language)
            with self._lock:
                self._wanted.popleft()
            try:
                self.made.emit(language)
            except RuntimeError:  # the program ends
                return


@lru_cache(maxsize=1)
def lexers() -> Lexers:
    """Those of this program."""
    return Lexers()


def _made(language: str) -> Lexer | None:
    # Imported here: a chat without code needs no lexers, and the window is there sooner.
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    list(islice(lexer.get_tokens(_SAMPLE), _SAMPLE_TOKENS))
    return lexer
