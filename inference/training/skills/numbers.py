"""Sums and counting up to 20, with or without a thought before the answer."""

from __future__ import annotations

import random

from inference.training.intents import NUMBER_WORDS
from inference.training.skills.chat import Chat, said

LARGEST = 20
_PLUS = (
    "{what is|whats|how much is|} $a {plus|+|and} $b{?| =|}",
    "{add|sum of} $a and $b",
    "$a + $b{?| =|}",
    "$a plus $b{?|}",
    "{can you add|please add} $a and $b",
)
_MINUS = (
    "{what is|whats|how much is|} $a {minus|-|less} $b{?| =|}",
    "{take|subtract} $b from $a",
    "$a - $b{?| =|}",
    "$a minus $b{?|}",
    "what is left if i take $b from $a?",
)
_STORY_PLUS = (
    "i have $a $w and get $b more. how many {have i|are there}{ now|}?",
    "there are $a $w, then $b more come. how many{ are there|}?",
)
_STORY_MINUS = (
    "i have $a $w and {eat|lose|give away} $b. how many are left?",
    "$a $w, $b are gone. how many are left?",
)
_COUNT = ("count {from $a |}to $b", "{count|say the numbers} from $a to $b", "{please |}count from $a {up |}to $b")
_COUNT_TO = ("count {up |}to $b", "{can you |please }count to $b", "count from {1|one} to $b")
_DOWN = ("count {down|backwards} from $b", "count {down|backwards} from $b to {1|one}", "{a |}countdown from $b")
_THINGS = ("apples", "books", "cups", "stones", "birds", "coins", "pens", "eggs", "hats", "fish")


def _shown(value: int, rng: random.Random) -> str:
    return NUMBER_WORDS[value] if rng.random() < 0.25 else str(value)


def calculation(rng: random.Random) -> Chat:
    """A sum or difference with all numbers up to 20."""
    plus = rng.random() < 0.55
    if plus:
        result = rng.randint(0, LARGEST)
        first = rng.randint(0, result)
        second = result - first
    else:
        first = rng.randint(0, LARGEST)
        second = rng.randint(0, first)
        result = first - second
    told = rng.random() < 0.15
    patterns = (_STORY_PLUS if told else _PLUS) if plus else (_STORY_MINUS if told else _MINUS)
    text = said(patterns, rng, a=_shown(first, rng), b=_shown(second, rng), w=rng.choice(_THINGS))
    sign = "plus" if plus else "minus"
    answer = f"{first} {sign} {second} is {result}."
    if rng.random() < 0.25:
        thought = (
            f"The first number is {first}, the second is {second}. {first} {'+' if plus else '-'} {second} = {result}."
        )
        return Chat(
            (("user", text),), f"<|channel>thought\n{thought}\n<channel|>{answer}", "sum", "thought", thinking=True
        )
    return Chat((("user", text),), answer, "sum", sign)


def counting(rng: random.Random) -> Chat:
    """Up to 20, up from a number, or down."""
    draw = rng.random()
    if draw < 0.3:
        last = rng.randint(3, LARGEST)
        numbers = list(range(last, 0, -1))
        text = said(_DOWN, rng, b=_shown(last, rng))
    elif draw < 0.65:
        last = rng.randint(3, LARGEST)
        numbers = list(range(1, last + 1))
        text = said(_COUNT_TO, rng, b=_shown(last, rng))
    else:
        first = rng.randint(2, LARGEST - 3)
        last = rng.randint(first + 2, LARGEST)
        numbers = list(range(first, last + 1))
        text = said((_COUNT[1], _COUNT[2], "count from $a to $b"), rng, a=_shown(first, rng), b=_shown(last, rng))
    return Chat((("user", text),), ", ".join(map(str, numbers)) + ".", "sum", "count")


TOO_MUCH = "That is too much for me: I add and subtract up to 20. But I can count for you: Count to 12."
_HARD = (
    "{what is|whats|how much is|calculate|} $a {times|x|*|divided by|/} $b{?| =|}", "{what is|how much is|} $c {plus|+|minus|-} $d{?| =|}", "{add|multiply|divide} $c and $d", "{the |}{square root|cube|square|half} of $c",
    "count {up |}to $c", "what is $d percent of $c?",
)  # fmt: skip


def too_much(rng: random.Random) -> Chat:
    """What it cannot work out."""
    text = said(
        _HARD,
        rng,
        a=str(rng.randint(2, 99)),
        b=str(rng.randint(2, 99)),
        c=str(rng.randint(21, 9999)),
        d=str(rng.randint(3, 999)),
    )
    return Chat((("user", text),), TOO_MUCH, "sum", "too_much")
