"""Text with blanks as a regular language.

    Dear {word}, we meet on {date} at {10|11|12} o'clock. {1-3 words} ___

A blank is `{TYPE}`, `{LEAST-MOST words}`, `{LEAST-MOST characters}`, `{one|of|these}`, `{/regular expression/}`, or
three or more underscores for a text within one line. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re

from inference.forms.errors import FormError
from inference.forms.nodes import Node, Repeat, Seq, choice, literal, other_chars
from inference.forms.regex import regex
from inference.forms.schema import FORMATS

# Letters of all scripts are some hundred states of an automaton; no white space and no ASCII punctuation are a few.
_LETTERS = r"[^\s!-/:-@\[-`{-~\x00-\x1f\x7f]+"
_WORD = rf"{_LETTERS}(?:['\-]{_LETTERS})*"
_TYPES = {
    "word": _WORD,
    "words": f"{_WORD}(?: {_WORD}){{0,7}}",
    "number": r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?",
    "date": FORMATS["date"],
    "time": r"([01][0-9]|2[0-3]):[0-5][0-9]",
    "email": FORMATS["email"],
    "text": r"[^\n]+",
    "lines": r"[^\n]+(?:\n+[^\n]+)*",
}
BLANK_TYPES = tuple(_TYPES)
_COUNTED = re.compile(r"(\d{1,4})(?:-(\d{1,4}))? (words?|characters?)")
_PART = re.compile(r"\{\{|\}\}|\{/.*?/\}|\{[^{}]*\}|_{3,}|[^{}_]+|.", re.DOTALL)
_HINT = (
    f"Blanks are {{TYPE}} with a type out of {', '.join(BLANK_TYPES)}, {{2-5 words}}, {{a|b}}, {{/expression/}} or ___."
)


def template(text: str) -> Node:
    """The language of a template: everything outside its blanks as it stands there.

    Raises:
        FormError: A blank cannot be read, or a brace stands alone.
    """
    return Seq(tuple(_part(found[0]) for found in _PART.finditer(text)))


def escaped(text: str) -> str:
    """A text as a template without blanks."""
    braces = text.replace("{", "{{").replace("}", "}}")
    return re.sub(r"_{3,}", lambda found: f"{{/{found[0]}/}}", braces)


def has_blank(text: str) -> bool:
    """Whether a template has a blank."""
    return any(_is_blank(found[0]) for found in _PART.finditer(text))


def before_blank(text: str) -> tuple[str, str]:
    """The text before a template's first blank, as it will be written, and the rest as a template."""
    plain = ""
    for found in _PART.finditer(text):
        part = found[0]
        if _is_blank(part):
            return plain, text[found.start() :]
        plain += {"{{": "{", "}}": "}"}.get(part, part)
    return plain, ""


def blank(kind: str) -> Node:
    """The language of one blank, by what stands between its braces.

    Raises:
        FormError: It cannot be read.
    """
    if kind.startswith("/") and kind.endswith("/") and len(kind) > 1:
        return regex(kind[1:-1])
    if "|" in kind:
        return choice(kind.split("|"))
    if kind in _TYPES:
        return regex(_TYPES[kind])
    counted = _COUNTED.fullmatch(kind)
    if counted is None:
        raise FormError(f"{{{kind}}} is no blank.", _HINT)
    least, most = int(counted[1]), int(counted[2] or counted[1])
    if not 0 < most >= least:
        raise FormError(f"{{{kind}}} is no blank: it can hold nothing.", _HINT)
    if counted[3].startswith("character"):
        return Repeat(other_chars(((10, 10),)), least, most)
    word = regex(_WORD)
    return Seq((word, Repeat(Seq((literal(" "), word)), max(0, least - 1), most - 1)))


def _is_blank(part: str) -> bool:
    return part.startswith("___") or (part.startswith("{") and part.endswith("}") and part != "{{")


def _part(part: str) -> Node:
    if part in ("{{", "}}"):
        return literal(part[0])
    if part in ("{", "}"):
        raise FormError(f"A {part} stands alone in the template.", "Write {{ and }} for braces that are text.")
    if part.startswith("___"):
        return blank("text")
    return blank(part[1:-1]) if _is_blank(part) else literal(part)
