"""What the user said earlier in the chat: name, favourite things, home, pets, and the last message."""

from __future__ import annotations

import random

from inference.training.skills import words
from inference.training.skills.chat import Chat, Turns, article, pick, said, said_with

# What is told: how it is said, what comes back, how it is asked for later, and the answer.
_NAME_TOLD = (
    "my name is $v", "i am $v", "i'm $v", "{hello|hi}, {i am|my name is} $v", "{call me|you can call me} $v", "$v {is my name|here}",
    "{people|my friends|they} call me $v", "{hi|hey}, $v here", "i am called $v",
)  # fmt: skip
_NAME_ASKED = (
    "what is my name?", "{do you know|do you remember|remember|can you say|tell me} {my name|what i am called}?", "who am i?", "what am i called?",
    "how am i called?", "{say|spell out|repeat} my name", "my name {was|is} ...?", "what did i say my name was?",
)  # fmt: skip
_TOPICS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str, str]] = {
    "colour": (
        ("my favourite colour is $v", "i like $v best of all colours", "i {love|like} the colour $v", "$v is my favourite colour", "the best colour is $v"),
        ("what is my favourite colour?", "{do you remember|do you know|tell me} my favourite colour?", "which colour do i {like|love}{ best|}?", "what colour do i like?"),
        "$V is a fine colour. I will keep it in mind in this chat.", "Your favourite colour is $v.",
    ),
    "food": (
        ("my favourite food is $v", "i {love|like} to eat $v", "i could eat $v every day", "$v is my favourite food", "i like $v most"),
        ("what is my favourite food?", "what do i {like|love} to eat?", "{do you remember|do you know} what i like to eat?", "which food do i like{ best|}?"),
        "$V, that sounds good. I will keep it in mind in this chat.", "You like to eat $v.",
    ),
    "sport": (
        ("my favourite sport is $v", "i {love|like|do} $v", "$v is my sport", "my hobby is $v", "on sundays i go $v"),
        ("what is my {favourite sport|hobby|sport}?", "which sport do i {like|do}?", "{do you remember|do you know} my {hobby|sport}?"),
        "$V must be fun. I will keep it in mind in this chat.", "Your sport is $v.",
    ),
    "city": (
        ("i live in $v", "i am from $v", "my home is $v", "i come from $v", "my {town|city} is $v", "home is in $v"),
        ("where do i live?", "where am i from?", "{do you remember|do you know|tell me} where i {live|come from}?", "what is my {town|city|home}?", "in which {town|city} do i live?"),
        "I would like to see $v one day. I will keep it in mind in this chat.", "You live in $v.",
    ),
    "job": (
        ("i am $av", "i work as $av", "my job is $v", "by day i am $av", "i earn my money as $av"),
        ("what is my job?", "what do i work as?", "{do you remember|do you know} what i do for a living?", "what do i do for a living?", "which job do i have?"),
        "That is a good job. I will keep it in mind in this chat.", "You are $av.",
    ),
    "pet": (
        ("i have $av {named|called} $w", "my $v is {named|called} $w", "my pet is $av, {named|called} $w", "$w is my $v"),
        ("what is my pet called?", "what is the name of my pet?", "{do you remember|do you know} my pet?", "which pet do i have?", "who is my pet?"),
        "Say hello to $w from me. I will keep it in mind in this chat.", "Your pet is $av called $w.",
    ),
}  # fmt: skip
_GREETED = ("Nice to meet you, $v! I will remember your name in this chat.",)
_UNKNOWN = {
    "name": "You have not told me your name in this chat. What is it?",
    "colour": "You have not told me your favourite colour in this chat.",
    "food": "You have not told me in this chat what you like to eat.",
    "sport": "You have not told me your sport in this chat.",
    "city": "You have not told me in this chat where you live.",
    "job": "You have not told me your job in this chat.",
    "pet": "You have not told me about a pet in this chat.",
}
_WHAT_SAID = (
    "what did i {say|write|just say|just write}?", "what was my last {message|question|sentence}?", "{repeat|quote} {my last message|what i said}",
    "what did i {say|write} before{ that| this|}?", "can you repeat what i said?", "what have i just {said|written}?", "say again what i wrote",
)  # fmt: skip


def _values(topic: str, rng: random.Random) -> dict[str, str]:
    value = {
        "colour": lambda: pick(words.COLOURS, rng), "food": lambda: pick(words.FOODS, rng), "sport": lambda: pick(words.SPORTS, rng),
        "city": lambda: words.city(rng), "job": lambda: pick(words.JOBS, rng), "pet": lambda: pick(words.ANIMALS, rng),
    }[topic]()  # fmt: skip
    return {"v": value, "V": value.capitalize(), "av": article(value), "w": words.name(rng)}


def _told(topic: str, rng: random.Random) -> tuple[Turns, tuple[str, ...], str]:
    """The exchange in which something is told, how it is asked for later, and what is to be said then."""
    if topic == "name":
        value = words.name(rng)
        told = said(_NAME_TOLD, rng, v=value)
        return (("user", told), ("model", _GREETED[0].replace("$v", value))), _NAME_ASKED, f"Your name is {value}."
    telling, asking, comes_back, answer = _TOPICS[topic]
    values = _values(topic, rng)
    told = said_with(telling, rng, values)
    for key in ("av", "v", "V", "w"):
        comes_back, answer = comes_back.replace(f"${key}", values[key]), answer.replace(f"${key}", values[key])
    return (("user", told), ("model", comes_back)), asking, answer


def telling(rng: random.Random) -> Chat:
    """Something told: it is taken note of."""
    topic = "name" if rng.random() < 0.45 else pick(tuple(_TOPICS), rng)
    (question, reply), _, _ = _told(topic, rng)
    return Chat((question,), reply[1], "memory", f"told_{topic}")


def recalling(rng: random.Random, between: Turns = ()) -> Chat:
    """Something asked for that was told before; one or two things are told, and other talk may lie between."""
    topics = rng.sample(["name", "name", *_TOPICS], 2 if rng.random() < 0.5 else 1)
    turns: list[tuple[str, str]] = []
    wanted: tuple[tuple[str, ...], str] = ((), "")
    ask_for = rng.choice(topics)
    for topic in dict.fromkeys(topics):
        exchange, asking, answer = _told(topic, rng)
        turns += exchange
        if topic == ask_for:
            wanted = (asking, answer)
    turns += between
    return Chat((*turns, ("user", said(wanted[0], rng))), wanted[1], "memory", f"recalled_{ask_for}")


def unknown(rng: random.Random, before: Turns = ()) -> Chat:
    """Something asked for that was never told."""
    topic = "name" if rng.random() < 0.4 else pick(tuple(_TOPICS), rng)
    asking = _NAME_ASKED if topic == "name" else _TOPICS[topic][1]
    return Chat((*before, ("user", said(asking, rng))), _UNKNOWN[topic], "memory", f"never_told_{topic}")


def last_message(rng: random.Random, before: Turns) -> Chat:
    """The user's own last message, word for word; without one, that there is none."""
    asked = said(_WHAT_SAID, rng)
    mine = [text for role, text in before if role == "user"]
    if not mine:
        return Chat((("user", asked),), "That is your first message in this chat.", "memory", "no_message")
    return Chat((*before, ("user", asked)), f'You wrote: "{mine[-1]}"', "memory", "last_message")
