"""Which committed tokens make up the text that a client is given: together they are that text, to the byte.

A stop text, the held end of a gap or a call of a tool may end the text within a token: of it only the part that stands
in the text is named. Tokens behind it are none of the answer.
"""

from __future__ import annotations

import codecs
import dataclasses
from collections import deque
from collections.abc import Iterable, Sequence

from inference.events import TokenLikelihood

Tokens = tuple[TokenLikelihood, ...]


class SaidTokens:
    """Tokens as they are committed, and the text of them as it is given out."""

    def __init__(self) -> None:
        self._groups: deque[tuple[Tokens, str]] = deque()  # of tokens that end with a whole character
        self._open: list[TokenLikelihood] = []  # whose last character goes on in the next token
        self._text = ""  # of those
        self._decoder = _decoder()

    def come(self, tokens: Iterable[TokenLikelihood]) -> None:
        """They are committed; their text may be given out from now on."""
        for token in tokens:
            self._open.append(token)
            self._text += self._decoder.decode(token.text)
            if not self._decoder.getstate()[0]:
                self._close()

    def take(self, text: str, last: bool) -> tuple[str, Tokens]:
        """What of a text can be given out, and its tokens.

        Args:
            text: What follows the text that was given out before.
            last: Nothing follows: all of it is given out, and of a token that goes on the part in the text.

        Returns:
            Its beginning, up to the end of a token, and those tokens. With no token left it is the whole text.
        """
        if last:
            self._text += self._decoder.decode(b"", final=True)
            self._close()
        given, found = 0, list[TokenLikelihood]()
        while self._groups and given < len(text):
            tokens, said = self._groups.popleft()
            if text.startswith(said, given):
                given += len(said)
                found += tokens
            elif said.startswith(rest := text[given:]):
                if not last:
                    self._groups.appendleft((tokens, said))
                    return text[:given], tuple(found)
                found += _cut(tokens, len(rest.encode()))
                given = len(text)
            elif len(said) > 1 and said.startswith("\n"):  # line breaks behind a channel are no text
                self._groups.appendleft((_without_first_byte(tokens), said[1:]))
        held = given if self._open and not last else len(text)
        return text[:held], tuple(found)

    def _close(self) -> None:
        if self._open:
            self._groups.append((tuple(self._open), self._text))
        self._open, self._text = [], ""


def token_texts(tokens: Sequence[TokenLikelihood]) -> list[str]:
    """What each token adds to their text: a character that is spread over several stands at the last of them."""
    decoder = _decoder()
    last = len(tokens) - 1
    return [decoder.decode(token.text, final=number == last) for number, token in enumerate(tokens)]


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


def _cut(tokens: Tokens, size: int) -> list[TokenLikelihood]:
    """Those of some tokens that stand in the first `size` bytes of their text, the last one as far as it does."""
    found = []
    for token in tokens:
        if size > 0:
            found.append(dataclasses.replace(token, text=token.text[:size]))
        size -= len(token.text)
    return found


def _without_first_byte(tokens: Tokens) -> Tokens:
    first = dataclasses.replace(tokens[0], text=tokens[0].text[1:])
    return (first, *tokens[1:]) if first.text else tokens[1:]
