"""Chats for training: which of them, how often, and what comes before them.

A chat's intent is drawn first, then its wording, then what was said before: a short answer and a long one never compete
for the same question. Nothing here knows the held-out questions (`heldout/`), which only `evaluate` reads.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from inference.training.intents import CorpusError, Intent, augment, expand, parse_file
from inference.training.skills import (
    copying,
    explaining,
    jokes,
    json_forms,
    labels,
    languages,
    letters,
    memory,
    numbers,
    rhymes,
    stories,
    tools,
)  # fmt: skip
from inference.training.skills.chat import Chat, Skill, Turns, pick, said

CORPUS_FOLDER = Path(__file__).parent / "corpus"
# How often each kind is drawn. Written kinds are drawn by intent, the others by skill.
WRITTEN_WEIGHTS = {"help": 19.0, "smalltalk": 11.0, "about": 8.0, "diffusion": 8.0, "refusal": 10.0, "long": 0.7}
SKILL_WEIGHTS: tuple[tuple[Skill, float], ...] = (
    (explaining.explanation, 6.0),
    (stories.story, 8.0),
    (stories.after_story, 7.0),
    (stories.long_story, 0.7),
    (memory.telling, 3.0),
    (copying.copying, 9.0),
    (letters.letter, 5.0),
    (letters.rewritten, 2.0),
    (json_forms.to_json, 4.5),
    (labels.label, 5.0),
    (labels.contains, 1.5),
    (rhymes.rhyme, 3.5),
    (rhymes.after_rhyme, 1.0),
    (numbers.calculation, 4.0),
    (numbers.counting, 1.0),
    (numbers.too_much, 1.0),
    (languages.other_language, 2.0),
    (tools.tool, 2.5),
    (jokes.joke, 2.0),
    (jokes.another, 1.0),
)
MEMORY_WEIGHT = 6.0  # asked for what was said before
EARLIER = 0.22  # share of chats with turns before the last question
_BOOSTS = {
    "refusal.unknown": 30,
    "refusal.danger": 5,
    "refusal.unknown_word": 3,
    "refusal.unknown_fact": 3,
    "diffusion.how_it_works": 6,
}
_SYSTEM_TURNS = (
    "You are a helpful assistant.", "You are Dewpoint.", "Be kind and short.", "Answer in plain English.",
    "You are a friendly helper.", "You help with this program.",
)  # fmt: skip
_SHORTER = (
    "{shorter|in short|shorter please|make it shorter|the short version}",
    "{too long|that is too long}{, shorter please|}",
    "{in|say it in} one sentence{ please|}",
    "{can|could} you {say it|make it} {shorter|short}?",
)


def load_intents(folder: Path = CORPUS_FOLDER) -> tuple[Intent, ...]:
    """The written intents, in a fixed order.

    Raises:
        CorpusError: A file is malformed, or an intent occurs twice.
    """
    intents = tuple(intent for path in sorted(folder.glob("*.txt")) for intent in parse_file(path))
    seen: set[tuple[str, str]] = set()
    for intent in intents:
        if (intent.kind, intent.name) in seen:
            raise CorpusError(f"{folder}: the intent {intent.kind}.{intent.name} occurs twice")
        seen.add((intent.kind, intent.name))
    return intents


def sample_chats(intents: Sequence[Intent], seed: int) -> Iterator[Chat]:
    """Training chats without end, the same for the same seed."""
    sampler = _Sampler(intents, seed)
    while True:
        yield sampler.chat()


class _Sampler:
    """Draws chats by the weights of their kinds."""

    def __init__(self, intents: Sequence[Intent], seed: int) -> None:
        self._rng = random.Random(seed)
        by_kind: dict[str, list[Intent]] = {}
        for intent in intents:
            by_kind.setdefault(intent.kind, []).extend([intent] * _BOOSTS.get(f"{intent.kind}.{intent.name}", 1))
        makers: list[tuple[Skill, float]] = [
            (self._written(members), WRITTEN_WEIGHTS[kind]) for kind, members in by_kind.items()
        ]
        makers += [*SKILL_WEIGHTS, (self._remembered, MEMORY_WEIGHT)]
        self._makers = [maker for maker, _ in makers]
        self._sums = list(accumulate(weight for _, weight in makers))

    def chat(self) -> Chat:
        """One chat; in some, other talk or a system turn comes before."""
        rng = self._rng
        chat = self._alone()
        if chat.kind not in ("memory", "language", "tool") and rng.random() < EARLIER:
            chat = chat.after(self._earlier(rng.randint(1, 3)))
        if rng.random() < 0.04:
            chat = chat.after((("system", pick(_SYSTEM_TURNS, rng)),))
        return chat

    def _alone(self) -> Chat:
        return self._rng.choices(self._makers, cum_weights=self._sums)[0](self._rng)

    def _earlier(self, count: int, without: str = "") -> Turns:
        """At least `count` exchanges, none of the kind `without`."""
        turns: Turns = ()
        while len(turns) < 2 * count:
            chat = self._alone()
            if chat.kind not in ("long", "tool", without) and not chat.thinking:
                turns += chat.whole()
        return turns

    def _written(self, members: list[Intent]) -> Callable[[random.Random], Chat]:
        def make(rng: random.Random) -> Chat:
            intent = members[int(rng.random() * len(members))]
            text = augment(expand(pick(intent.patterns, rng), rng), intent, rng)
            chat = Chat((("user", text),), intent.answers[0], intent.kind, intent.name)
            first = intent.answers[0].partition(". ")[0] + "."
            if (
                intent.kind in ("help", "about", "diffusion")
                and first != chat.answer + "."
                and ". " in chat.answer
                and rng.random() < 0.05
            ):
                return Chat((*chat.whole(), ("user", said(_SHORTER, rng))), first, intent.kind, "shorter")
            return chat

        return make

    def _remembered(self, rng: random.Random) -> Chat:
        draw = rng.random()
        between = self._earlier(rng.choice((0, 0, 1, 1, 2)), without="memory")
        if draw < 0.6:
            return memory.recalling(rng, between)
        if draw < 0.75:
            return memory.unknown(rng, self._earlier(rng.choice((0, 1)), without="memory"))
        return memory.last_message(rng, self._earlier(rng.choice((0, 1, 1, 2))))
