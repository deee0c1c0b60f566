"""Mails and invitations, filled with the names, days, times and places of the question."""

from __future__ import annotations

import random
from dataclasses import dataclass

from inference.training.skills import words
from inference.training.skills.chat import Chat, pick, said, said_with


@dataclass(frozen=True, slots=True)
class Letter:
    """One kind of letter.

    Attributes:
        name: For tables.
        asked: How it is asked for; `$to`, `$from`, `$day`, `$time`, `$at`, `$what` are given.
        formal: The letter, formal.
        friendly: The letter, friendly.
    """

    name: str
    asked: tuple[str, ...]
    formal: str
    friendly: str


_PARTS = {
    "to": (" {to|for} $to",),
    "when": (" {for|on} $day at $time", ", $day, $time", " on $day at $time"),
    "where": (" {in|at} $at", ", at $at", ", the place is $at"),
    "from": (", from $from", ". {My name is|I am} $from", ", {sign it|signed} $from", ". {Sign|Sign it} with $from"),
}
_PLACES = ("the park", "my house", "the town hall", "the cafe", "the office", "the school", "the museum", "the harbour", "the library", "our garden",
           "the old mill", "room 12", "the station", "the big tent", "the swimming pool", "the restaurant")  # fmt: skip
_EVENTS = (
    "birthday party",
    "dinner",
    "picnic",
    "wedding",
    "concert",
    "meeting",
    "game night",
    "garden party",
    "housewarming",
    "barbecue",
    "tea",
    "film night",
)
LETTERS = (
    Letter(
        "invitation",
        ("{write|make|draft} an invitation to {a|my|our} $what$parts", "an invitation to {a|my|our} $what$parts", "{write|draft} {a mail|an email|a letter} that invites $to to {a|my} $what$rest",
         "invite $to to {a|my} $what$rest", "i need an invitation to my $what$parts"),
        "Dear $to,\n\nI would like to invite you to a $what on $day at $time. It takes place at $at. Please let me know whether you can come.\n\nKind regards\n$from",
        "Hi $to,\n\nyou are invited to my $what on $day at $time! We meet at $at. Tell me if you can come.\n\nSee you soon\n$from",
    ),
    Letter(
        "thanks",
        ("{write|draft} {a thank-you mail|a thank-you letter|a thank you note}$parts_to for the $what$parts_from", "thank $to for the $what in a {mail|letter|note}$parts_from",
         "{write|draft} {a mail|an email|a note} that thanks $to for the $what$parts_from"),
        "Dear $to,\n\nthank you very much for the $what. It was a great pleasure, and I am grateful to you.\n\nKind regards\n$from",
        "Hi $to,\n\nthanks a lot for the $what! I was so happy about it.\n\nAll the best\n$from",
    ),
    Letter(
        "sick_note",
        ("{write|draft} {a mail|an email|a note} to $to that i am {ill|sick} on $day$parts_from", "tell $to {in a mail|by mail} that i am {ill|sick} on $day$parts_from",
         "i am {ill|sick} on $day, {write|draft} a mail to $to$parts_from"),
        "Dear $to,\n\nI am sorry to tell you that I am ill and cannot come on $day. I will write as soon as I am well again.\n\nKind regards\n$from",
        "Hi $to,\n\nsorry, I am ill and cannot come on $day. I will write when I am well again.\n\nTake care\n$from",
    ),
    Letter(
        "new_date",
        ("{write|draft} {a mail|an email} to $to to move {the|our} $what to $day at $time$parts_from", "move {the|our} $what with $to to $day, $time, {as|in} a mail$parts_from",
         "{ask|tell} $to {by mail|in a mail} to move {the|our} $what to $day at $time$parts_from"),
        "Dear $to,\n\nunfortunately I have to move our $what. Would $day at $time suit you? I am sorry for the trouble.\n\nKind regards\n$from",
        "Hi $to,\n\ncan we move our $what to $day at $time? Sorry for the trouble.\n\nCheers\n$from",
    ),
)  # fmt: skip
_GIFTS = (
    "flowers",
    "book",
    "cake",
    "help",
    "lovely evening",
    "gift",
    "good advice",
    "photos",
    "lift",
    "tickets",
    "soup",
    "long talk",
)
_FORMAL = (
    "{make|write} {it|that|the mail} {more |}{formal|polite}{ please|}",
    "{more |}formal{ please|, please|}",
    "a {formal|more formal|polite} version{ please|}",
    "can you {make|write} it {more |}formal{ly|}?",
)
_FRIENDLY = (
    "{make|write} {it|that|the mail} {more |}{friendly|casual|relaxed}{ please|}",
    "{more |}{friendly|casual}{ please|, please|}",
    "a {friendly|more friendly|casual} version{ please|}",
    "less formal{ please|}",
)


def _draw(rng: random.Random) -> tuple[Letter, str, dict[str, str]]:
    letter = LETTERS[rng.choices(range(len(LETTERS)), (5, 2, 2, 2))[0]]
    values = {
        "to": words.name(rng), "from": words.name(rng), "day": words.date(rng), "time": words.clock(rng), "at": pick(_PLACES, rng),
        "what": pick(_GIFTS if letter.name == "thanks" else _EVENTS, rng),
    }  # fmt: skip
    pieces = {key: pick(texts, rng) for key, texts in _PARTS.items()}
    rest = pieces["when"] + pieces["where"] + pieces["from"]
    pattern = pick(letter.asked, rng)
    pattern = pattern.replace("$parts_to", pieces["to"]).replace("$parts_from", pieces["from"])
    pattern = pattern.replace("$parts", pieces["to"] + rest).replace("$rest", rest)
    return letter, said_with((pattern,), rng, values), values


def _filled(text: str, values: dict[str, str]) -> str:
    for key in sorted(values, key=len, reverse=True):
        text = text.replace(f"${key}", values[key])
    return text


def letter(rng: random.Random) -> Chat:
    """A letter: friendly among first names unless it shall be formal."""
    kind, text, values = _draw(rng)
    if rng.random() < 0.4:
        text = said(
            ("$t, {formal|make it formal|in a formal tone|formal please}", "{formal|in a formal tone}: $t"),
            rng,
            polish=False,
            t=text.rstrip("."),
        )
        return Chat((("user", text),), _filled(kind.formal, values), "letter", f"{kind.name}_formal")
    return Chat((("user", text),), _filled(kind.friendly, values), "letter", f"{kind.name}_friendly")


def rewritten(rng: random.Random) -> Chat:
    """The other tone, after a letter."""
    kind, text, values = _draw(rng)
    formal, friendly = _filled(kind.formal, values), _filled(kind.friendly, values)
    if rng.random() < 0.6:
        return Chat((("user", text), ("model", friendly), ("user", said(_FORMAL, rng))), formal, "letter", "to_formal")
    return Chat((("user", text), ("model", formal), ("user", said(_FRIENDLY, rng))), friendly, "letter", "to_friendly")
