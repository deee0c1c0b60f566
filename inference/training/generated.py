"""Intents that are computed rather than written: small sums, counting, and tiny stories about a named thing.

Templates use `$1` and `$2` for the values. Held-out templates are whole wordings that no training pattern contains;
some nouns of the stories are held out too, so that copying an unseen word can be tested.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from inference.training.intents import NUMBER_WORDS, Intent
from inference.training.nouns import HELD_OUT_NOUNS, MORE_NOUNS, STORY_NOUNS, made_up_nouns

LARGEST_OPERAND = 10
LARGEST_COUNT = 20
REFUSAL = "I do not know that. I am only a small starter model."
STORY = (
    "Once there was a little $1. One day it saw a warm light far away and went to find it. The light was a kind "
    "friend, and they were happy together."
)


_SUM_STARTS = "{what is|what's|whats|how much is|calculate|compute|work out|tell me|solve|and|so what is|}"
_SUM_PATTERNS = {
    "plus": (
        _SUM_STARTS + " $1 {plus|+|plus|and} $2{?| =|}",
        "$d1+$d2{=|?|}",
        "{what is|how much is|whats|calculate} $d1+$d2{=|?|}",
        "$1 {plus|+} $2 {is|equals|makes|is what|equals what}{?|}",
        "{please |}{add|sum up|add up} $1 and $2",
        "{please |}add $2 to $1",
        "{what is |}the sum of $1 and $2{?|}",
        "{what do you get if you|what do i get if i|what happens if i} add $1 and $2?",
        "{what do|how much do} $1 and $2 make?",
        "{what is|whats} the {answer|result} of $1 {plus|+} $2?",
    ),
    "minus": (
        _SUM_STARTS + " $1 {minus|-|minus|take away|less} $2{?| =|}",
        "$d1-$d2{=|?|}",
        "{what is|how much is|whats|calculate} $d1-$d2{=|?|}",
        "$1 {minus|-} $2 {is|equals|makes|is what|equals what}{?|}",
        "{please |}{subtract|take away|take} $2 from $1",
        "{what is |}the difference {of|between} $1 and $2{?|}",
        "{what do you get if you|what do i get if i|what happens if i} take $2 from $1?",
        "{what is|how much is} left if {i|you} take $2 {from|away from} $1?",
        "{what is|whats} the {answer|result} of $1 {minus|-} $2?",
    ),
    "times": (
        _SUM_STARTS + " $1 {times|*|times|x|multiplied by} $2{?| =|}",
        "$d1*$d2{=|?|}",
        "{what is|how much is|whats|calculate} $d1{*|x}$d2{=|?|}",
        "$1 {times|*|x} $2 {is|equals|makes|is what|equals what}{?|}",
        "{please |}multiply $1 {by|with|and} $2",
        "{what is |}the product of $1 and $2{?|}",
        "{what do you get if you|what do i get if i|what happens if i} multiply $1 {by|and} $2?",
        "{what is|whats} the {answer|result} of $1 {times|*|x} $2?",
    ),
}
_SUM_HELD_OUT = {
    "plus": ("what does $1 plus $2 make?", "can you work out $d1 + $d2 for me?", "$w1 plus $w2 gives what?"),
    "minus": ("what does $1 minus $2 make?", "can you work out $d1 - $d2 for me?", "$w1 minus $w2 gives what?"),
    "times": ("what does $1 times $2 make?", "can you work out $d1 x $d2 for me?", "$w1 times $w2 gives what?"),
}

_COUNT_TO_PATTERNS = (
    "{please |can you |could you |now |}count {up |}{to|until|till} $2{ please|?|}",
    "count {up |}from {1|one} {up |}to $2{ please|}",
    "{say|list|name|write|give me|show me} {all |}the numbers {up |}to $2",
    "{the |all |}numbers {up |}to $2",
    "{i want you to|i would like you to|you should} count {up |}to $2",
    "{do you know how to|are you able to} count {up |}to $2?",
)
_COUNT_RANGE_PATTERNS = (
    "{please |can you |could you |now |}count {up |}from $1 {up |}{to|until|till} $2{ please|?|}",
    "{say|list|name|write|give me|show me} {all |}the numbers {from|between} $1 {to|and|until} $2",
    "{the |all |}numbers from $1 {up |}to $2",
    "{i want you to|i would like you to|you should} count from $1 to $2",
    "{begin|start} {at|with|from} $1, {count to|go to|go up to|end at|stop at} $2",
    "{count |}$1 to $2",
)
_COUNT_TO_HELD_OUT = ("let me hear you count to $2", "keep counting until you reach $2")
_COUNT_RANGE_HELD_OUT = ("let me hear you count from $1 to $2", "start counting at $1 and finish at $2")

_STORY_PATTERNS = (
    "{tell|write|give|read|make} me a {short |little |tiny |small |nice |new |}{story|tale} {about|of|with} $2",
    "{tell|write|make up|invent|make|create} a {short |little |tiny |small |nice |}{story|tale} {about|with|for|of} $2",
    "{a |one |}{short |little |tiny |}{story|tale} {about|with|of} {$2|the $1|$1}{ please|}",
    "{a |}$1 {story|tale}{ please|}",
    "{can|could|will|would} you {tell|write|make up} {me |}{a |}{short |little |}story {about|with} {$2|the $1|my $1}?",
    "{i want|i would like|i need|id like|we want} {to hear |to read |}a {short |little |}story {about|with} {$2|my $1}",
    "{write|tell me|say} {something|a few words|some lines} about {$2|the life of $2}",
    "once {upon a time |}there was $2, {go on|continue|what happened|and then}{?|}",
    "{tell|write|make up} a story {where|in which|with} $2 {is the hero|is in it|comes in}",
    "{story|topic|theme}: $1",
    "{do you know|have you got|do you have} a story {about|with} {$2|the $1}?",
    "{please |now |}{tell|write} {me |us |}{the|a} story of {the|my} {little |}$1",
    "{my kid|my son|my daughter|my friend} {wants|would like} a story {about|with} $2",
    "{now |and now |then |}{a story |one |the same |}about {$2|the $1}{ please|}",
)
_STORY_HELD_OUT = (
    "i would love to hear a story about $2",
    "think of a small tale for me, with $2 in it",
    "could i get a bedtime story about $2?",
    "let $2 be the hero of your story",
)
_ANY_STORY = (
    "{tell|write|give|read} me a {short |little |tiny |nice |}{story|tale}",
    "{tell|write|make up|invent} a {short |little |tiny |nice |}{story|tale}{ please|}",
    "{can|could|will|would} you {tell|write|make up} {me |}a {short |little |}story?",
    "{i want|i would like|i need|id like} {to hear |to read |}a {short |little |}{story|tale}",
    "{a |one |}{short |little |tiny |}{story|tale} please",
    "{do you know|have you got} {a story|any stories}?",
)


def generated_intents() -> tuple[Intent, ...]:
    """Builds every computed intent, always the same.

    Returns:
        Sums, counting, stories, and refusals of larger numbers.
    """
    return (*_sums(), *_counts(), *_stories(), *_refusals())


def sum_table() -> Iterator[tuple[str, int, int, int]]:
    """Yields operation, first number, second number and result of every sum that the model is to know."""
    for first in range(LARGEST_OPERAND + 1):
        for second in range(LARGEST_OPERAND + 1):
            yield "plus", first, second, first + second
            yield "minus", first + second, second, first
            yield "times", first, second, first * second


def _sums() -> Iterator[Intent]:
    """Builds the intents of the table of sums."""
    for sign, first, second, result in sum_table():
        answer = f"{first} {sign} {second} is {result}."
        patterns = tuple(_with_numbers(text, first, second) for text in _SUM_PATTERNS[sign])
        held_out = tuple(_with_numbers(text, first, second, plain=True) for text in _SUM_HELD_OUT[sign])
        yield Intent("sum", f"{first}_{sign}_{second}", (answer,), patterns, held_out)


def _with_numbers(template: str, first: int, second: int, plain: bool = False) -> str:
    """Puts two numbers into a template: `$1` as digits or word, `$d1` as digits, `$w1` as a word."""
    for place, value in (("1", first), ("2", second)):
        word = NUMBER_WORDS[value]
        either = str(value) if plain else f"{{{value}|{value}|{word}}}"
        template = template.replace(f"$d{place}", str(value)).replace(f"$w{place}", word)
        template = template.replace(f"${place}", either)
    return template


def _counts() -> Iterator[Intent]:
    """Builds counting up from 1 or from another number."""
    for first in range(1, LARGEST_COUNT):
        patterns, held_out = _COUNT_RANGE_PATTERNS, _COUNT_RANGE_HELD_OUT
        if first == 1:
            patterns, held_out = _COUNT_TO_PATTERNS, _COUNT_TO_HELD_OUT
        for last in range(first + 1, LARGEST_COUNT + 1):
            answer = ", ".join(str(number) for number in range(first, last + 1)) + "."
            yield Intent(
                "count",
                f"{first}_{last}",
                (answer,),
                tuple(_with_numbers(text, first, last) for text in patterns),
                tuple(_with_numbers(text, first, last, plain=True) for text in held_out),
            )


def _refusals() -> Iterator[Intent]:
    """Builds refusals of sums outside the table, of division, and of long counts."""
    rng = random.Random(11)
    larger = [str(rng.randint(21, 99)) for _ in range(20)] + [str(rng.randint(100, 9999)) for _ in range(20)]
    big, either = "{" + "|".join(larger) + "}", "{" + "|".join([*map(str, range(2, 11)), *larger[:9]]) + "}"
    starts, signs = "{what is|whats|how much is|calculate|tell me|}", "{plus|+|minus|-|times|x|*}"
    patterns = (
        f"{starts} {big} {signs} {either}{{?| =|}}",
        f"{starts} {either} {{plus|+|times|*}} {big}{{?| =|}}",
        f"{{add|multiply}} {either} and {big}",
        f"{starts} {either} {{divided by|/|over|to the power of}} {either}{{?| =|}}",
        f"{{divide}} {either} by {either}",
        "{what is|calculate} the {square root|cube|square|half|logarithm} of " + either,
    )
    held_out = ("what does 57 plus 85 make?", "can you work out 642 x 77 for me?", "what does 8 divided by 2 make?")
    yield Intent("refusal", "big_sum", (REFUSAL,), patterns, held_out)
    counts = (
        f"{{please |can you |}}count {{up |}}to {big}{{?|}}",
        f"count from {{1|5|10|one}} to {big}",
        f"{{say|list|write}} all {{the |}}numbers {{up |}}to {big}",
        "count {backwards|down} from {" + "|".join(map(str, range(3, 21))) + "}",
    )
    yield Intent("refusal", "big_count", (REFUSAL,), counts, ("let me hear you count to 640",))


def _stories() -> Iterator[Intent]:
    """Builds stories about known nouns, made-up nouns (training only) and held-out nouns (evaluation only)."""
    yield Intent("story", "any", (STORY.replace("$1", "fox"),), _ANY_STORY, ("may i have a story now?",))
    for noun in (*STORY_NOUNS, *MORE_NOUNS):
        yield _story(noun, _STORY_PATTERNS, _STORY_HELD_OUT)
    for noun in made_up_nouns(3000):
        yield _story(noun, _STORY_PATTERNS, ())
    for noun in HELD_OUT_NOUNS:
        yield _story(noun, (), _STORY_HELD_OUT)


def _story(noun: str, patterns: Iterable[str], held_out: Iterable[str]) -> Intent:
    """Builds the intent of one noun."""
    article = f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
    asked, tested = (
        tuple(text.replace("$1", noun).replace("$2", article) for text in texts) for texts in (patterns, held_out)
    )
    return Intent("story", noun, (STORY.replace("$1", noun),), asked, tested)
