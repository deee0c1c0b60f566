"""From what somebody types into the search box to what SQLite's full text search is asked.

Words are found from their beginning (of two letters or more), whatever their case and accents; "words in quotes" as
they stand behind each other. Scripts without spaces (Chinese, Japanese, Thai; Korean, whose words carry endings) are
indexed sign by sign, so that any run of them is found, also one of a single sign: a trigram index would find none
shorter than three.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Thai to Burmese, Khmer, kana, bopomofo, Han, Hangul, and their compatibility and half-width forms.
_SIGNS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_SIGN = re.compile(f"[{_SIGNS}]")
_RUN = re.compile(f"([{_SIGNS}])|([^\\W_{_SIGNS}]+)")
_PART = re.compile(r'"([^"]*)("|$)|([^\s"]+)')
GAP = "\u200b"  # stands around each of these signs in the index, and is no part of a word
MOST_TERMS = 24  # a pasted page is not a search


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Attributes:
        match: For `MATCH`; "" if there is nothing to look for.
        signs: Whether it holds signs of a script without spaces.
        phrase: Whether it is one run of several words, or signs, and nothing else.
    """

    match: str
    signs: bool
    phrase: bool


def indexed(text: str) -> str:
    """`text` as it goes into the index."""
    text = text.replace("\0", " ")  # SQLite's snippets end there
    return _SIGN.sub(rf"{GAP}\g<0>{GAP}", text) if not text.isascii() else text


def readable(snippet: str) -> str:
    """A piece of an indexed text as it was."""
    return snippet.replace(GAP, "")


def parsed(text: str) -> Query:
    """What `text` asks for: all of its words and quoted phrases, in one message or one title."""
    terms: list[str] = []
    for part in _PART.finditer(unicodedata.normalize("NFC", text)):
        quoted, closed, word = part[1], part[2], part[3]
        if word is not None:
            terms += _terms(word)
        elif phrase := _tokens(quoted):
            terms.append(_phrase(phrase, prefix=not closed))
    match = " AND ".join(terms[:MOST_TERMS])
    one_run = len(terms) == 1 and " " in match.removesuffix(" *")
    return Query(match, bool(match) and _SIGN.search(text) is not None, one_run)


def words_of(text: str, most: int = 64) -> tuple[str, ...]:
    """The different words of a text, and each sign of a script without spaces, for a search that wants any of them."""
    return tuple(dict.fromkeys(match[0] for match in _RUN.finditer(unicodedata.normalize("NFC", text))))[:most]


def _tokens(text: str) -> list[str]:
    return [match[0] for match in _RUN.finditer(text)]


def _terms(word: str) -> list[str]:
    """A word that was not quoted: what stands together in it is looked for together, its end may be missing."""
    tokens = _tokens(word)
    return [_phrase(tokens, prefix=len(tokens[-1]) > 1 and _SIGN.match(tokens[-1]) is None)] if tokens else []


def _phrase(tokens: list[str], *, prefix: bool) -> str:
    return f'"{" ".join(tokens)}"{" *" if prefix else ""}'


def folded(text: str) -> str:
    """`text` without case and accents, for comparing; not of the same length."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
