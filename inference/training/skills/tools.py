"""Calls of declared tools in the template's own syntax, and answers from what they gave.

A turn of the user, a call; then the tool's response, and the answer. Without a fitting tool the question is declined.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from inference.training.skills import words
from inference.training.skills.chat import Chat, pick, said

QUOTE = '<|"|>'
_DECLARED = {
    "calculator": ("expression", "Works out a sum."),
    "get_date": ("", "Says what day it is."),
    "get_weather": ("city", "Says how the weather is in a town."),
    "look_up": ("word", "Looks a word up in a book."),
}


def declaration(name: str) -> str:
    """The declaration of a tool as the template writes it."""
    argument, what = _DECLARED[name]
    parameters = f"{argument}:{{type:{QUOTE}STRING{QUOTE}}}" if argument else ""
    return f"<|tool>declaration:{name}{{description:{QUOTE}{what}{QUOTE},parameters:{{properties:{{{parameters}}},type:{QUOTE}OBJECT{QUOTE}}}}}<tool|>"


def call(name: str, value: str) -> str:
    """A call as the model writes it."""
    argument = _DECLARED[name][0]
    inside = f"{argument}:{QUOTE}{value}{QUOTE}" if argument else ""
    return f"<|tool_call>call:{name}{{{inside}}}<tool_call|>"


def response(name: str, value: str) -> str:
    """A tool's response as the template writes it."""
    return f"<|tool_response>response:{name}{{value:{QUOTE}{value}{QUOTE}}}<tool_response|>"


def _calculator(rng: random.Random) -> tuple[str, str, str, str]:
    first, second = rng.randint(2, 999), rng.randint(2, 99)
    sign, word, result = rng.choice(
        (("+", "plus", first + second), ("-", "minus", first - second), ("*", "times", first * second))
    )
    text = said(
        ("{what is|how much is|calculate|work out} $a $s $b{?|}", "$a $s $b{?| =|}"),
        rng,
        a=str(first),
        b=str(second),
        s=rng.choice((sign, word)),
    )
    return text, f"{first} {sign} {second}", str(result), f"{first} {word} {second} is {result}."


def _date(rng: random.Random) -> tuple[str, str, str, str]:
    day = f"{pick(words.DAYS, rng)}, {pick(words.MONTHS, rng)} {rng.randint(1, 28)}"
    text = said(
        (
            "{what day|which day} is {it|today}?",
            "what is {the date|today's date}{ today|}?",
            "{tell me|say} {the date|what day it is}",
            "which date {is it|do we have}{ today|}?",
        ),
        rng,
    )
    return text, "", day, f"Today is {day}."


def _weather(rng: random.Random) -> tuple[str, str, str, str]:
    town, weather = words.city(rng), pick(("sunny", "rainy", "cloudy", "windy", "foggy", "snowy", "hot", "cold"), rng)
    text = said(
        (
            "{how is|what is} the weather {like |}in $c{ today|}?",
            "{weather|the weather} in $c{?|}",
            "{is it|will it be} {cold|warm|wet|nice} in $c{ today|}?",
        ),
        rng,
        c=town,
    )
    return text, town, weather, f"It is {weather} in {town}."


def _look_up(rng: random.Random) -> tuple[str, str, str, str]:
    word = words.any_word(rng)
    kind = pick(
        (
            "an animal",
            "a tool",
            "a plant",
            "something to eat",
            "a game",
            "a kind of cloth",
            "an old coin",
            "a small boat",
        ),
        rng,
    )
    text = said(
        (
            "{what is|what does} {a |the word |}$w{ mean|}?",
            "{look up|look} $w{ up|}",
            "{explain|define} {the word |}$w",
        ),
        rng,
        w=word,
    )
    return text, word, kind, f"The book says that {word} is {kind}."


_MAKE: dict[str, Callable[[random.Random], tuple[str, str, str, str]]] = {
    "calculator": _calculator, "get_date": _date, "get_weather": _weather, "look_up": _look_up,
}  # fmt: skip


def tool(rng: random.Random) -> Chat:
    """A call, or the answer after the tool's response."""
    name = pick(tuple(_DECLARED), rng)
    offered = [name, *rng.sample([each for each in _DECLARED if each != name], rng.randint(0, 2))]
    rng.shuffle(offered)
    text, value, result, answer = _MAKE[name](rng)
    tools = "".join(declaration(each) for each in offered)
    if rng.random() < 0.5:
        return Chat((("user", text),), call(name, value), "tool", f"call_{name}", tools=tools)
    turns = (("user", text), ("model", call(name, value) + response(name, result)))
    return Chat(turns, answer, "tool", f"answer_{name}", tools=tools)
