"""Tiny stories with the user's own hero, name, place and ending, and what is asked after one."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from inference.training.intents import expand
from inference.training.nouns import MORE_NOUNS, STORY_NOUNS
from inference.training.skills import words
from inference.training.skills.chat import Chat, Slots, article, pick, said, said_with, sentence
from inference.training.skills.plots import ENDINGS, OWN_ENDING, PLOTS

FRIENDS = ["fox", "owl", "mouse", "bear", "goose", "frog", "hare", "crow", "hedgehog", "beaver", "squirrel", "mole", "otter", "donkey", "sailor", "baker", "gardener", "wizard", "robot", "pirate", "giant", "witch", "fisherman", "snail", "swan", "wolf", "goat", "duck"]  # fmt: skip
OWN_ENDINGS = (
    "a party", "a song", "a big feast", "a hug", "a dance", "a thunderstorm", "a wedding", "a cup of tea", "a surprise",
    "a kiss", "a picnic", "fireworks", "a long sleep", "a rainbow", "a loud laugh", "a boat trip", "snow", "a promise",
)  # fmt: skip
_TONES = {"happy": "{happy|good|nice}", "funny": "funny", "sad": "sad", "sleepy": "sleepy", "surprising": "surprising"}

_ASK = (
    "{tell|write|give|read} me a {short |little |tiny |nice |}{story|tale}$about",
    "{tell|write|make up|invent} a {short |little |tiny |nice |}{story|tale}$about{ please|}",
    "{can|could|will|would} you {tell|write|make up} {me |us |}a {short |little |}{story|tale}$about?",
    "{i want|i would like|i need|id like} {to hear |to read |}a {short |little |}{story|tale}$about",
    "a {short |little |tiny |}{story|tale}$about{ please|}",
    "{i am bored|we have time|it is late}, {tell|write} me a {story|tale}$about",
    "{story|story time|a story}$about",
)
_ABOUT = (
    " about {$ahero|$hero}", " {about|of|on} $ahero", " with $ahero{ in it|}", " where $ahero is the hero",
    ", {the hero is|it should be about} $ahero",
)  # fmt: skip
_NAMED = (" {named|called} $name", " whose name is $name", ", name it $name")
_WHERE = (" in $place", " that {happens|plays|takes place} in $place", ", it {happens|plays} in $place")
_TONE = (" with a $tone {ending|end}", ", {make it|it should} have a $tone end", " that has a $tone {ending|end}")
_END = (" that ends with $end", ", {it ends|it should end|let it end} with $end", " and at the end {there is |}$end")


@dataclass(frozen=True, slots=True)
class Story:
    """What is fixed of one story.

    Attributes:
        plot: Index of its plot.
        slots: Values of the plot's names.
        tone: Key of `ENDINGS`.
        end: The user's own ending, "" for none.
        seed: Settles the alternatives, so that a story can be told again.
    """

    plot: int
    slots: dict[str, str]
    tone: str
    end: str
    seed: int

    def told(self) -> str:
        """The whole story."""
        rng = random.Random(self.seed)
        sentences = [expand(text, rng) for text in PLOTS[self.plot].told]
        ending = OWN_ENDING if self.end else pick(ENDINGS[self.tone], rng)
        return self._filled([*sentences, ending])

    def short(self) -> str:
        """The same in two sentences."""
        return self._filled([PLOTS[self.plot].short, OWN_ENDING if self.end else ""])

    def _filled(self, texts: list[str]) -> str:
        friend = article(self.slots["friend"])
        slots = Slots({**self.slots, "a": article(self.slots["hero"]), "end": self.end})
        texts = [text.replace("A $friend", sentence(friend)).replace("a $friend", friend) for text in texts]
        return " ".join(sentence(slots.fill(text)) for text in texts if text)


def new_story(rng: random.Random, **given: str) -> Story:
    """A story of anything, but for what is given (hero, name, place, tone, end)."""
    slots = {
        "hero": given.get("hero") or hero(rng),
        "name": given.get("name") or words.name(rng),
        "place": given.get("place") or pick(words.PLACES, rng),
        "friend": pick(FRIENDS, rng),
        "thing": pick(words.THINGS, rng),
    }
    while slots["friend"] == slots["hero"]:
        slots["friend"] = pick(FRIENDS, rng)
    return Story(rng.randrange(len(PLOTS)), slots, given.get("tone", ""), given.get("end", ""), rng.randrange(2**30))


def hero(rng: random.Random) -> str:
    """Any noun; one in six is made up."""
    if rng.random() < 0.16:
        return words.made_up(rng)
    return pick(STORY_NOUNS if rng.random() < 0.6 else MORE_NOUNS, rng)


def asked(rng: random.Random, share: float = 0.8) -> tuple[str, Story]:
    """A wish for a story with some of its parts given, and such a story."""
    given: dict[str, str] = {}
    about = ""
    if rng.random() < share:
        given["hero"] = hero(rng)
        about = pick(_ABOUT, rng)
        if rng.random() < 0.3:
            given["name"] = words.name(rng)
            about += pick(_NAMED, rng)
    if rng.random() < 0.35:
        given["place"] = pick(words.PLACES, rng)
        about += pick(_WHERE, rng)
    draw = rng.random()
    if draw < 0.15:
        given["tone"] = pick(tuple(_TONES), rng)
        about += pick(_TONE, rng).replace("$tone", expand(_TONES[given["tone"]], rng))
    elif draw < 0.3:
        given["end"] = pick(OWN_ENDINGS, rng)
        about += pick(_END, rng)
    patterns = tuple(pattern.replace("$about", about) for pattern in _ASK)
    noun = given.get("hero", "fox")
    text = said(patterns, rng, ahero=article(noun), hero=noun, name=given.get("name", ""), place=given.get("place", ""),
                end=given.get("end", ""))  # fmt: skip
    return text, new_story(rng, **given)


def story(rng: random.Random) -> Chat:
    """A story, as asked."""
    text, made = asked(rng)
    return Chat((("user", text),), made.told(), "story", PLOTS[made.plot].name)


_SHORTER = (
    "{make|tell} {it|that|the story|this} {shorter|in two sentences|in short}", "{shorter|too long}{ please|, please|}",
    "{the short version|a shorter version|in short}{ please|}", "{can|could} you {shorten it|make it shorter|cut it down}?",
    "{sum it up|summarise it|shorten it|shorten the story}", "{that was|this is|it is} {too|a bit too|much too} long",
)  # fmt: skip
_ANOTHER = (
    "{another|another story|another one|one more|a new one|next one}{ please|}", "{tell|write|give} me {another|another one|one more}{ story|}",
    "{a different|another} {story|one}{ please|}", "{again|once more}, {but another one|a different one}", "more {stories|of that}{ please|}",
)  # fmt: skip
_WITH = (
    "{now |}{with|about} $ahero{ instead|}{ please|}", "{the same|the same story|again}, but {with|about} $ahero",
    "{make it|change it to|make the hero} $ahero{ instead|}", "{could|can} it be {about |}$ahero{ instead|}?", "{do|tell} it {with|about} $ahero",
)  # fmt: skip
_IN = (
    "{now |}{in|let it be in|let it happen in} $place{ instead|}", "{the same|the same story}, but in $place", "{move it|put it} to $place",
)  # fmt: skip
_RENAME = (
    "{call|name} {it|the hero} $name{ instead|}",
    "the {hero|name} should be $name",
    "{the same|again} but with the name $name",
)

_CHANGES: dict[str, tuple[str, ...]] = {"other_hero": _WITH, "other_place": _IN, "other_name": _RENAME}


def after_story(rng: random.Random) -> Chat:
    """What people say after a story: shorter, another one, with a dragon, elsewhere, other name."""
    text, first = asked(rng)
    turns = (("user", text), ("model", first.told()))
    draw = rng.random()
    if draw < 0.28:
        return Chat((*turns, ("user", said(_SHORTER, rng))), first.short(), "story", "shorter")
    if draw < 0.5:
        other = new_story(rng)
        while other.plot == first.plot:
            other = new_story(rng)
        return Chat((*turns, ("user", said(_ANOTHER, rng))), other.told(), "story", "another")
    if draw < 0.78:
        changed, name = {"hero": hero(rng)}, "other_hero"
    elif draw < 0.9:
        changed, name = {"place": pick(words.PLACES, rng)}, "other_place"
    else:
        changed, name = {"name": words.name(rng)}, "other_name"
    wish = said_with(_CHANGES[name], rng, {**changed, "ahero": article(changed.get("hero", "x"))})
    same = replace(first, slots={**first.slots, **changed})
    return Chat((*turns, ("user", wish)), same.told(), "story", name)


LONG = (
    "Once upon a time there was a little $hero. The $hero lived in a small house at the edge of a big forest. Every morning the $hero"
    " went out to look at the sky. One day the sky was gone. There was only fog, white and soft, and the $hero could not see the "
    "trees. The $hero was a little afraid, but also curious. So the $hero put on a red hat, took a lamp, and walked into the fog. "
    "After a while the $hero met an owl. The owl sat on a stone and looked sad. I have lost my tree, said the owl. Come with me, said"
    " the $hero, we will look for it together. So they walked on, the $hero with the lamp and the owl on the hat. After a while they "
    "met a mouse. The mouse sat in a wet shoe and looked sad too. I have lost my garden, said the mouse. Come with us, said the "
    "$hero, we will look for it together. So they walked on, and now there were three of them. The fog was thick, and the way was "
    "long. They sang a song so that nobody would be lost. Then the night came, and it grew cold. The $hero lit the lamp, and the warm"
    " light fell on the fog. Then something strange happened. The fog began to turn into small drops of water. The drops fell on the "
    "leaves, and the leaves began to shine. One drop after another came out of the fog, and step by step the forest came back. First "
    "they saw a stone, then a path, and then a tall tree. That is my tree, said the owl. Under the tree there was a garden. That is "
    "my garden, said the mouse. And behind the garden there was a small house at the edge of the forest. That is my house, said the "
    "$hero, and everybody laughed. They went in and drank hot tea, and they were friends from that day on."
)
_ASK_LONG = (
    "{tell|write|give|read} me a {long|very long|longer|really long} {story|tale}",
    "{tell|write|make up|invent} a {long|very long|longer|really long} {story|tale}{ please|}",
    "{i want|i would like|i need|id like} {to hear |to read |}a {long|very long|longer|really long} {story|tale}",
    "{a |}{long|very long|longer} {story|tale}{ please|}",
    "{can|could|will|would} you {tell|write|make up|read} {me |us |}a {long|very long|longer} {story|tale}?",
    "{do you know|have you got|do you have} {a long|a longer|any long} {story|stories}?",
    "tell me a story{ that is|,} {long|very long|not short|as long as you can}",
    "{the longest|your longest} story{ please| you know| that you know|}",
)  # fmt: skip
_ASK_LONG_ABOUT = (
    "{tell|write|give|read} me a {long|very long|longer|really long} {story|tale} about $ahero", "a {long|very long|longer} {story|tale} {about|with} $ahero{ please|}",
    "{can|could} you {tell|write} {me |us |}a {long|very long|longer} {story|tale} about $ahero?",
)  # fmt: skip


def long_story(rng: random.Random) -> Chat:
    """The one story that fills two blocks, told of any hero."""
    if rng.random() < 0.4:
        return Chat((("user", said(_ASK_LONG, rng)),), LONG.replace("$hero", "fox"), "long", "story")
    noun = hero(rng)
    return Chat(
        (("user", said(_ASK_LONG_ABOUT, rng, ahero=article(noun))),), LONG.replace("$hero", noun), "long", "story_about"
    )
