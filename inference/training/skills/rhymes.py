"""Rhymes of four lines on a named thing: two couplets, each complete in itself, in which the thing is named."""

from __future__ import annotations

import random

from inference.training.skills.chat import Chat, article, pick, said, sentence
from inference.training.skills.stories import hero

_ASK = (
    "{write|make|tell|give} me a {rhyme|poem|little poem|short poem|verse} {about|on|for} {a|the|my} $w", "a {rhyme|poem|verse|short poem} {about|on} {a|the|my} $w{ please|}",
    "{can|could} you {write|make} a {rhyme|poem|verse} {about|on} {a|the} $w?", "{rhyme|poem|verse} {about|on} {a |the |}$w", "four lines {about|on} {a|the} $w{ that rhyme|, rhymed|}",
    "i {need|want|would like} a {rhyme|poem} {about|on} {a|the|my} $w", "{write|make up} {four lines|a rhyme} for my $w",
)  # fmt: skip
_ANY = (
    "{write|tell|make} me a {rhyme|poem|short poem}",
    "a {poem|rhyme|verse}{ please|}",
    "{do you know|can you write} {a poem|a rhyme|poems}?",
    "{rhyme|poem}{ please|}",
)
_FIRST = (
    ("The $w woke up and saw the sun", "and said: today I want some fun."), ("I know a $w, both kind and old", "whose feet are never, ever cold."),
    ("Deep in the night, when all is still,", "a $w goes dancing on the hill."), ("There was a $w that liked to sing", "of winter, summer and of spring."),
    ("My little $w has lost its way", "and walks in circles all the day."), ("One fine $w sat under a tree", "and wondered what the world might be."),
    ("A $w once bought a yellow boat", "and hoped that it would stay afloat."), ("Hello, said the $w, and how do you do?", "I brought a sandwich for me and you."),
    ("The fog came in and hid the street,", "the $w could hardly see its feet."), ("A $w that had nothing at all to do", "began to paint the ceiling blue."),
    ("If I were a $w, I know what I'd do:", "I'd write a long letter and send it to you."), ("Look at the $w, so small and so proud,", "it sings to the moon and it sings to a cloud."),
    ("The oldest $w in all the land", "built a great castle out of sand."), ("They say that a $w can never fly,", "but this one was willing to give it a try."),
    ("In every drop of morning dew", "a tiny $w looks out at you."), ("A $w fell into a bowl of cream", "and thought it was in a lovely dream."),
)  # fmt: skip
_SECOND = (
    ("It hopped and it skipped till the day was done,", "and then it told jokes to everyone."), ("The stars came out, the wind was low,", "and home it went, quite soft and slow."),
    ("And when the evening turned to grey,", "the $w had danced the clouds away."), ("So if you meet it, say hello,", "and give it time, for it is slow."),
    ("It ate some soup, it ate some bread,", "and then it happily went to bed."), ("The neighbours laughed, the neighbours stared,", "but nobody knew how much it cared."),
    ("It never asked for gold or fame,", "it only wanted a better name."), ("The rain came down, the rain was cold,", "but friends are warmer than any gold."),
    ("The morning came, the fog was gone,", "and still the $w sang on and on."), ("We drank hot tea, we shared a bun,", "and that was all, and that was fun."),
    ("It is not big, it is not tall,", "but I like the $w best of all."), ("Then something went bang, and something went bump,", "and off flew the $w with one big jump."),
    ("And if this rhyme is much too short,", "go, ask the $w for a full report."), ("It lost its hat, it found its shoe,", "and what comes next is up to you."),
)  # fmt: skip


def couplets(noun: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All first and all second couplets on a noun, each as two lines."""
    of = article(noun)

    def named(pair: tuple[str, str]) -> str:
        lines = (line.replace("A $w", sentence(of)).replace("a $w", of).replace("$w", noun) for line in pair)
        return "\n".join(sentence(line) for line in lines)

    return tuple(map(named, _FIRST)), tuple(map(named, _SECOND))


def verse(noun: str, rng: random.Random) -> str:
    """Four lines."""
    first, second = couplets(noun)
    return f"{pick(first, rng)}\n{pick(second, rng)}"


def rhyme(rng: random.Random) -> Chat:
    """A rhyme on what is named, or on anything."""
    noun = hero(rng)
    if rng.random() < 0.15:
        return Chat((("user", said(_ANY, rng)),), verse(noun, rng), "rhyme", "any")
    return Chat((("user", said(_ASK, rng, w=noun)),), verse(noun, rng), "rhyme", "named")


_OTHER = (
    "{another one|one more|a different one|again}{ please|}",
    "{now |and now |}{about|on} {a|the} $w{ please|}",
    "{another|one more} {rhyme|poem|verse}{ about a $w|}",
    "{the same|do it} {about|for} a $w",
)


def after_rhyme(rng: random.Random) -> Chat:
    """Another one, about the same thing or another."""
    first = rhyme(rng)
    wish = pick(_OTHER, rng)
    noun = hero(rng)
    return Chat((*first.whole(), ("user", said((wish,), rng, w=noun))), verse(noun, rng), "rhyme", "another")
