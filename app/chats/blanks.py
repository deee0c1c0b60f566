"""Blanks in a message: `[[...]]`, `[[date]]`, `[[1-3 words]]`, `[[yes|no]]` ask for exactly this text, filled in.

What stands above a line of `---` is no part of the text: it says what is wished of it. Code is left alone, and so is
`\\[[`. Everything else, what the model is asked and what of an answer was filled, follows from the message itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.chats import texts
from inference.forms.template import BLANK_TYPES, escaped
from inference.operations.infill import infill_request
from inference.params import ChatTurn, GenerationRequest

MOST_BLANKS = 200
MOST_STEPS = 4_096  # of the automaton that keeps an answer to its blanks: as many as `inference.forms` takes
_WORD_STEPS, _CHARACTER_STEPS = 16, 8  # that a word and a character of a counted blank take
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`", re.DOTALL)
_BLANK = re.compile(r"(?<!\\)\[\[([^\[\]\n]{1,200})\]\]")
_COUNTED = re.compile(r"(\d{1,4})(?:\s*[-\u2013]\s*(\d{1,4}))?\s*(words?|characters?)")
_WISH = re.compile(r"^-{3,}[ \t]*\n", re.MULTILINE)
_LIKE_ONE = re.compile(r"[^\W_][\w \-]{0,30}")


@dataclass(frozen=True, slots=True)
class Blanks:
    """A message with blanks.

    Attributes:
        wish: What is said of the text; "" for nothing.
        template: The text as `inference.forms.template` has it.
        between: The text before, between and behind the blanks: one more than there are blanks.
        unknown: What looks like a blank and is none: it stays as it is.
        counted_steps: What its blanks for so many words or characters take of `MOST_STEPS`.
    """

    wish: str
    template: str
    between: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    counted_steps: int = 0

    @property
    def trouble(self) -> tuple[str, str] | None:
        """Why no model can be kept to it, and what could be; None if nothing is known that would be too much."""
        behind = "".join(self.between[1:])
        plain = len(behind.encode("utf-8", "surrogatepass"))
        if plain + self.counted_steps <= MOST_STEPS:
            return None
        if self.counted_steps > plain:
            left = max(0, MOST_STEPS - plain)
            return texts.BLANKS_TOO_LARGE, texts.blanks_fit(_tens(left // _WORD_STEPS), _tens(left // _CHARACTER_STEPS))
        fit = len(behind) * (MOST_STEPS - self.counted_steps) // plain
        return texts.TEXT_TOO_LONG, texts.text_fits(_tens(fit), len(behind))

    @property
    def count(self) -> int:
        """How many blanks there are."""
        return len(self.between) - 1

    def request_parts(self) -> tuple[ChatTurn, GenerationRequest]:
        """What is asked in the place of the message, and a request with the form and the start of the answer."""
        request = infill_request(self.template, self.wish)
        return request.turns[-1], request

    def filled(self, answer: str) -> tuple[tuple[int, int], ...]:
        """Where in an answer the blanks were filled, in characters; () for an answer that is not this text."""
        first, *inner, last = self.between
        if not answer.startswith(first) or not answer.endswith(last) or len(answer) < len(first) + len(last):
            return ()
        at, end, found = len(first), len(answer) - len(last), list[tuple[int, int]]()
        for text in inner:
            if not text:
                continue  # two blanks beside each other: nobody can tell where one ends
            place = answer.find(text, at + 1, end)
            if place < 0:
                return ()
            found.append((at, place))
            at = place + len(text)
        return (*found, (at, end)) if end > at else ()


def blanks_of(message: str) -> Blanks | None:
    """The blanks of a message; None for one that has none."""
    wish, text = "", message
    line = _WISH.search(message)
    if line is not None and not _places(message[: line.start()])[0]:
        wish, text = message[: line.start()].strip(), message[line.end() :]
    text = text.strip("\n")
    places, unknown = _places(text)
    if not 0 < len(places) <= MOST_BLANKS:
        return None
    template, between, at = "", list[str](), 0
    for first, last, kind in places:
        between.append(_bare(text[at:first]))
        template += escaped(between[-1]) + "{" + kind + "}"
        at = last
    between.append(_bare(text[at:]))
    counted = sum(_counted_steps(kind) for _, _, kind in places)
    return Blanks(wish, template + escaped(between[-1]), tuple(between), unknown, counted)


def unknown_blanks(message: str) -> tuple[str, ...]:
    """What looks like a blank of a message and is none."""
    return _places(message)[1]


def with_backslashes(message: str) -> str:
    """The message with a backslash before each blank, so that it is sent as it is."""
    for first, _, _ in reversed(_places(message)[0]):
        message = message[:first] + "\\" + message[first:]
    return message


def _places(text: str) -> tuple[list[tuple[int, int, str]], tuple[str, ...]]:
    """Begin, end and kind of each blank, as a template has it; and what is none."""
    code = [found.span() for found in _CODE.finditer(text)] if "`" in text or "~~~" in text else []
    places, unknown = list[tuple[int, int, str]](), list[str]()
    for found in _BLANK.finditer(text):
        if any(begin <= found.start() < end for begin, end in code):
            continue
        kind = _kind(found[1].strip())
        if kind:
            places.append((*found.span(), kind))
        elif _LIKE_ONE.fullmatch(found[1].strip()):
            unknown.append(found[0])
    return places, tuple(unknown)


def _kind(said: str) -> str:
    """The blank's type as a template names it; "" for none."""
    if said in ("...", "\u2026"):
        return "text"
    if said.lower() in BLANK_TYPES:
        return said.lower()
    counted = _COUNTED.fullmatch(said)
    if counted is not None:
        least, most = int(counted[1]), int(counted[2] or counted[1])
        number = f"{least}-{most}" if counted[2] else str(least)
        return f"{number} {counted[3]}" if 0 < least <= most else ""
    choices = [each.strip() for each in said.split("|")]
    if len(choices) > 1 and all(choices) and not any(sign in said for sign in "{}"):
        return "|".join(dict.fromkeys(choices)) + ("|" + choices[0] if len(set(choices)) == 1 else "")
    return ""


def _tens(number: int) -> int:
    return number // 10 * 10


def _counted_steps(kind: str) -> int:
    counted = _COUNTED.fullmatch(kind)
    if counted is None:
        return 0
    return int(counted[2] or counted[1]) * (_WORD_STEPS if counted[3].startswith("word") else _CHARACTER_STEPS)


def _bare(text: str) -> str:
    """Without the backslashes that keep brackets from being blanks."""
    return text.replace("\\[[", "[[")
