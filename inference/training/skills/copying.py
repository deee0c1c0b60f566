"""Copying: repeat, spell, reverse, pick, count letters; the answer is made of the question's own words."""

from __future__ import annotations

import random

from inference.training.skills import words
from inference.training.skills.chat import Chat, listed, pick, said

_REPEAT = (
    "{repeat|say|echo} after me: $v", "{repeat|echo|write|say} this: $v", "{please |}{repeat|say|write}: $v", "{say|write} exactly this: $v",
    'say "$v"', 'repeat "$v"', "copy this {sentence|text|line}: $v", "{repeat|copy} the following: $v", "type this for me: $v",
)  # fmt: skip
_SPELL = (
    "{spell|please spell|can you spell} $v", "how {do|would} you spell $v?", "spell the word $v", "spell {out |}$v{ for me|}", "the letters of $v",
    "how is $v {spelt|spelled|written}?", "{give|tell} me the letters of $v", "spelling of $v",
)  # fmt: skip
_REVERSE = (
    "reverse {this list|the list|these words}: $v", "{turn|put} {this list|these words} around: $v", "{say|write} {this|these words} backwards: $v",
    "{in|the list in} reverse order: $v", "put {these|the words} in reverse order: $v", "from last to first: $v",
)  # fmt: skip
_LONGEST = (
    "{which|what} {word |}is {the |}longest: $v?", "{pick|find|choose|say} the longest word: $v", "the longest of these words: $v",
    "which of these words is longest: $v", "{longest|longest word}: $v", "which word has the most letters: $v",
)  # fmt: skip
_SHORTEST = (
    "{which|what} {word |}is {the |}shortest: $v?", "{pick|find|choose|say} the shortest word: $v", "the shortest of these words: $v",
    "{shortest|shortest word}: $v", "which word has the fewest letters: $v",
)  # fmt: skip
_FIRST = (
    "{what is|say|pick} the first {word|one} of: $v",
    "{first|the first} word: $v",
    "which word {comes|is} first: $v",
)
_LAST = ("{what is|say|pick} the last {word|one} of: $v", "{last|the last} word: $v", "which word {comes|is} last: $v")
_HOW_MANY = (
    "how many words are {these|in this list}: $v",
    "count {these words|the words}: $v",
    "how many {words|things}: $v",
)
_CAPITALS = (
    "{write|put} {this |}in capital letters: $v",
    "in {capitals|upper case}: $v",
    "make it all {capitals|upper case}: $v",
    "capital letters: $v",
)
_THRICE = ("{say|write|repeat} $v $n times", "$n times $v{ please|}", "write the word $v $n times")
_COUNT_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

_SENTENCES = (
    "$n1 and $n2 go to $c", "the $w1 is under the $w2", "i like $w1 and $w2", "$n1 has a $w1 and a $w2", "we meet on $d at $t",
    "a $w1 is no $w2", "$n1 sings about the $w1", "there is a $w1 in $c", "my $w1 comes on $d", "$n1 gave $n2 a $w1", "do not feed the $w1",
    "the $w1 {ran|walked|swam} to $c", "every $w1 needs a $w2", "where is the $w1?", "$c is far away", "it is $t, says $n1", "good morning, $n1!",
)  # fmt: skip


def some_sentence(rng: random.Random) -> str:
    """A sentence of common and made-up words, with a capital in some."""
    text = said(_SENTENCES, rng, polish=False, n1=words.name(rng), n2=words.name(rng), c=words.city(rng), d=pick(words.DAYS, rng),
                t=words.clock(rng), w1=words.any_word(rng), w2=words.any_word(rng))  # fmt: skip
    if rng.random() < 0.6:
        text = text[:1].upper() + text[1:]
    return text + ("." if text[-1] not in "?!" and rng.random() < 0.5 else "")


def repeat(rng: random.Random) -> Chat:
    """The same words again."""
    text = " ".join(words.any_word(rng) for _ in range(rng.randint(1, 5))) if rng.random() < 0.4 else some_sentence(rng)
    return Chat((("user", said(_REPEAT, rng, v=text)),), text, "copy", "repeat")


def spell(rng: random.Random) -> Chat:
    """The letters of a word, in capitals with dashes."""
    word = words.name(rng) if rng.random() < 0.25 else words.any_word(rng)
    answer = "-".join(letter.upper() for letter in word if letter.isalpha()) + "."
    return Chat((("user", said(_SPELL, rng, v=word)),), answer, "copy", "spell")


def lists(rng: random.Random) -> Chat:
    """A list turned around, or one of its words picked."""
    count = rng.randint(3, 6)
    chosen: dict[str, None] = {}
    while len(chosen) < count:
        chosen[words.name(rng) if rng.random() < 0.2 else words.any_word(rng)] = None
    items = list(chosen)
    shown = rng.choice((", ".join(items), listed(items), ", ".join(items)))
    draw = rng.random()
    if draw < 0.34:
        return Chat((("user", said(_REVERSE, rng, v=shown)),), ", ".join(reversed(items)) + ".", "copy", "reverse")
    if draw < 0.7:
        longest = draw < 0.58
        by_length = sorted(items, key=len, reverse=longest)
        if len(by_length[0]) == len(by_length[1]):
            return lists(rng)
        text = said(_LONGEST if longest else _SHORTEST, rng, v=shown)
        return Chat((("user", text),), f"{by_length[0]}.", "copy", "longest" if longest else "shortest")
    if draw < 0.9:
        first = rng.random() < 0.5
        text = said(_FIRST if first else _LAST, rng, v=shown)
        return Chat((("user", text),), f"{items[0 if first else -1]}.", "copy", "first" if first else "last")
    return Chat(
        (("user", said(_HOW_MANY, rng, v=shown)),), f"These are {_COUNT_WORDS[count]} words.", "copy", "how_many"
    )


def capitals(rng: random.Random) -> Chat:
    """The same words in capitals."""
    text = " ".join(words.any_word(rng) for _ in range(rng.randint(1, 4)))
    return Chat((("user", said(_CAPITALS, rng, v=text)),), text.upper(), "copy", "capitals")


def several_times(rng: random.Random) -> Chat:
    """A word two to five times."""
    word, count = words.any_word(rng), rng.randint(2, 5)
    shown = str(count) if rng.random() < 0.5 else _COUNT_WORDS[count]
    return Chat((("user", said(_THRICE, rng, v=word, n=shown)),), " ".join([word] * count) + ".", "copy", "times")


def copying(rng: random.Random) -> Chat:
    """One of them."""
    return rng.choices((repeat, spell, lists, capitals, several_times), (4, 3, 5, 1, 1))[0](rng)
