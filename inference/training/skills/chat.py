"""A chat of the training data, and how its wordings are drawn and varied."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from inference.training.intents import expand

Turns = tuple[tuple[str, str], ...]

_PREFIXES = (
    "please", "hey,", "hi,", "ok,", "now", "well,", "quick one:", "Dewpoint,", "so,", "one more thing:", "next:",
)  # fmt: skip
_SUFFIXES = ("please", "thanks", "thank you", "for me", "now", "pls")


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat that ends with the user's turn, and the answer to it.

    Attributes:
        turns: Pairs of role ("system", "user", "model", "tool") and text, oldest first.
        answer: What the model writes; may hold a thinking channel or a call of a tool in the template's own syntax.
        kind: The skill.
        name: What of the skill, for tables.
        thinking: Whether the thinking channel is asked for.
        tools: Declarations of tools in the template's own syntax, "" for none.
    """

    turns: Turns
    answer: str
    kind: str
    name: str
    thinking: bool = False
    tools: str = ""

    def after(self, earlier: Turns) -> Chat:
        """The same chat behind earlier turns."""
        return replace(self, turns=(*earlier, *self.turns))

    def whole(self) -> Turns:
        """All turns with the answer as the last one: what a later chat comes after."""
        return (*self.turns, ("model", self.answer))


Skill = Callable[[random.Random], Chat]


@dataclass(frozen=True, slots=True)
class Slots:
    """Values for the `$names` of a pattern."""

    values: Mapping[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """`text` with each `$name` replaced by its value, longer names first."""
        for name in sorted(self.values, key=len, reverse=True):
            text = text.replace(f"${name}", self.values[name])
        return text


def said(patterns: Sequence[str], rng: random.Random, polish: bool = True, **values: str) -> str:
    """See `said_with`."""
    return said_with(patterns, rng, values, polish)


def said_with(patterns: Sequence[str], rng: random.Random, values: Mapping[str, str], polish: bool = True) -> str:
    """One wording of the patterns, filled and varied as people write.

    Args:
        patterns: Alternatives with `{one|other|}` groups and `$names`.
        rng: Source of all choices.
        values: What stands for the `$names`; never changed.
        polish: Whether polite words, letter case and the last mark may vary.
    """
    pattern = patterns[int(rng.random() * len(patterns))]
    text = expand(pattern, rng)
    if polish and rng.random() < 0.12:
        text = f"{rng.choice(_PREFIXES)} {text}"
    if polish and rng.random() < 0.08 and text[-1:] not in ":\"'":
        text = f"{text.rstrip('?.! ')} {rng.choice(_SUFFIXES)}"
    if polish:
        text = _cased(_marked(text, rng), rng)
    return Slots(values).fill(text)


def _cased(text: str, rng: random.Random) -> str:
    """A capital at the start in most cases; names of slots keep their letters."""
    if rng.random() < 0.6 and text[:1].isalpha():
        return text[:1].upper() + text[1:]
    return text


def _marked(text: str, rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.25:
        return text.rstrip("?.!").rstrip()
    if draw < 0.4 and text[-1:].isalnum():
        return text + rng.choice((".", ".", "!"))
    return text


def pick(items: Sequence[str], rng: random.Random) -> str:
    """One of them."""
    return items[int(rng.random() * len(items))]


def sentence(text: str) -> str:
    """With a capital at the start."""
    return text[:1].upper() + text[1:]


def article(noun: str) -> str:
    """The noun with "a" or "an"."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def listed(items: Sequence[str]) -> str:
    """Words as a list in a sentence: "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
