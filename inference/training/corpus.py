"""Examples for training and questions for evaluation, drawn from the intents."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from inference.training.generated import generated_intents
from inference.training.intents import CorpusError, Intent, augment, expand, normalise, parse_file
from inference.training.nouns import STORY_NOUNS

CORPUS_FOLDER = Path(__file__).parent / "corpus"
KIND_WEIGHTS = {
    "help": 26.0,
    "smalltalk": 18.0,
    "about": 13.0,
    "diffusion": 14.0,
    "refusal": 13.0,
    "sum": 0.6,
    "count": 0.4,
    "story": 14.0,
    "capital": 0.5,
    "fact": 0.9,
    "joke": 2.0,
    "long": 1.2,
}
# Kinds that no run has learned well enough yet: their questions are trained and tested as refusals. A fluent wrong
# answer is worse than none.
DECLINED_KINDS = frozenset({"sum", "count", "capital", "fact"})
REFUSAL = "I do not know that. I am only a small starter model."
_BOOSTS = {
    "refusal.unknown": 30, "refusal.danger": 5, "refusal.unknown_capital": 2, "refusal.unknown_word": 3,
    "refusal.unknown_fact": 3, "refusal.big_sum": 3, "story.any": 60, "diffusion.how_it_works": 6,
}  # fmt: skip
_SAMPLED_KINDS = {"sum": 15, "count": 15, "story": 60, "story unseen": 60, "capital": 15, "fact": 15}
_EXACT_KINDS = frozenset({"sum", "count", "capital", "fact"})
_TOLERANCE = 0.1

_SYSTEM_TURNS = (
    "You are a helpful assistant.", "You are Dewpoint.", "Be kind and short.", "Answer in plain English.",
    "You are a friendly helper.", "You help with this program.",
)  # fmt: skip
_KEY_WORD = re.compile(r"\S*\d\S*")


@dataclass(frozen=True)
class Example:
    """One piece of training: a chat that ends in a user turn, and the answer to it.

    Attributes:
        turns: Pairs of role and text.
        answer: The model's answer.
        kind: Kind of the last question's intent.
        name: Name of that intent.
    """

    turns: tuple[tuple[str, str], ...]
    answer: str
    kind: str
    name: str


@dataclass(frozen=True)
class HeldOutQuestion:
    """A question whose wording is not in the training data.

    Attributes:
        kind: Kind of its intent.
        name: Name of its intent.
        wording: What the user writes.
        answers: Accepted answers.
    """

    kind: str
    name: str
    wording: str
    answers: tuple[str, ...]


def load_intents(folder: Path = CORPUS_FOLDER, decline: bool = True) -> tuple[Intent, ...]:
    """Loads the written and the computed intents.

    Args:
        folder: Folder of the corpus files.
        decline: Whether intents of `DECLINED_KINDS` get the refusal as their answer; a tokenizer is made without, so
            that a kind can be claimed later.

    Returns:
        All intents, in a fixed order.

    Raises:
        CorpusError: For a malformed file or an intent that occurs twice.
    """
    intents = [intent for path in sorted(folder.glob("*.txt")) for intent in parse_file(path)]
    intents.extend(generated_intents())
    seen: set[tuple[str, str]] = set()
    for intent in intents:
        key = (intent.kind, intent.name)
        if key in seen:
            raise CorpusError(f"{folder}: the intent {intent.kind}.{intent.name} occurs twice")
        seen.add(key)
    declined = DECLINED_KINDS if decline else frozenset()
    return tuple(replace(i, answers=(REFUSAL,)) if i.kind in declined else i for i in intents)


def sample_examples(intents: Sequence[Intent], seed: int) -> Iterator[Example]:
    """Yields training examples without end, the same for the same seed.

    Args:
        intents: All intents.
        seed: Seed of every choice.

    Yields:
        Examples, none of which has a held-out wording.
    """
    sampler = _Sampler(intents, seed)
    while True:
        yield sampler.example()


class _Sampler:
    """Draws examples by the weights of the kinds, and within a kind uniformly (a few names more often)."""

    def __init__(self, intents: Sequence[Intent], seed: int) -> None:
        self._rng = random.Random(seed)
        self._held_out = frozenset(normalise(wording) for intent in intents for wording in intent.held_out)
        self._by_kind: dict[str, list[Intent]] = {}
        for intent in intents:
            if intent.patterns:
                self._by_kind.setdefault(intent.kind, []).extend([intent] * _boost(intent))
        self._kinds = list(self._by_kind)
        self._sums = list(accumulate(KIND_WEIGHTS.get(kind, 1.0) for kind in self._kinds))

    def example(self) -> Example:
        """Draws one example."""
        rng = self._rng
        turns: list[tuple[str, str]] = []
        if rng.random() < 0.04:
            turns.append(("system", rng.choice(_SYSTEM_TURNS)))
        if rng.random() < 0.2:
            long_seen = False
            for _ in range(rng.randint(1, 3)):
                earlier = self._intent()
                if earlier.kind == "long" and long_seen:
                    continue
                long_seen |= earlier.kind == "long"
                turns += [("user", self._wording(earlier)), ("model", earlier.answers[0])]
        intent = self._intent()
        turns.append(("user", self._wording(intent)))
        return Example(tuple(turns), intent.answers[0], intent.kind, intent.name)

    def _intent(self) -> Intent:
        """Draws an intent."""
        kind = self._rng.choices(self._kinds, cum_weights=self._sums)[0]
        members = self._by_kind[kind]
        return members[int(self._rng.random() * len(members))]

    def _wording(self, intent: Intent) -> str:
        """Draws a wording that is not held out."""
        patterns = intent.patterns
        while True:
            base = expand(patterns[int(self._rng.random() * len(patterns))], self._rng)
            wording = augment(base, intent, self._rng)
            if wording and normalise(wording) not in self._held_out:
                return wording


def _boost(intent: Intent) -> int:
    """Says how often an intent stands in its kind's list."""
    if intent.kind == "story" and intent.name in STORY_NOUNS:
        return 3
    if intent.kind == "count" and intent.name.startswith("1_"):
        return 4
    return _BOOSTS.get(f"{intent.kind}.{intent.name}", 1)


def held_out_questions(intents: Sequence[Intent]) -> tuple[HeldOutQuestion, ...]:
    """Lists the evaluation questions: every held-out wording, of the large tables a fixed sample.

    Half of the stories are about nouns that no training example names.

    Args:
        intents: All intents.

    Returns:
        The questions in a fixed order.
    """
    by_group: dict[str, list[HeldOutQuestion]] = {}
    for intent in intents:
        for wording in intent.held_out:
            kind = "refusal" if intent.kind in DECLINED_KINDS else intent.kind
            question = HeldOutQuestion(kind, intent.name, wording, intent.answers)
            group = intent.kind if intent.patterns else f"{intent.kind} unseen"
            by_group.setdefault(group, []).append(question)
    chosen: list[HeldOutQuestion] = []
    for group, questions in by_group.items():
        limit = _SAMPLED_KINDS.get(group, len(questions))
        rng = random.Random(f"held out {group}")
        chosen.extend(rng.sample(questions, limit) if limit < len(questions) else questions)
    return tuple(chosen)


def is_correct(question: HeldOutQuestion, answer: str) -> bool:
    """Judges an answer: an expected one, or for longer texts nearly so with every key word right.

    Args:
        question: The question.
        answer: The model's text.

    Returns:
        Whether the answer counts as correct.
    """
    return any(_agrees(question.kind, expected, answer) for expected in question.answers)


def _agrees(kind: str, expected: str, answer: str) -> bool:
    """Compares an answer with one expected answer."""
    wanted, found = expected.lower().split(), answer.lower().split()
    if wanted == found:
        return True
    if kind in _EXACT_KINDS or key_words(kind, expected) != key_words(kind, answer):
        return False
    return word_distance(wanted, found) <= _TOLERANCE * len(wanted)


def key_words(kind: str, text: str) -> Counter[str]:
    """Counts the words that must be right: numbers, names inside sentences, and a story's noun.

    Args:
        kind: Kind of the intent.
        text: An answer.

    Returns:
        The key words in lower case with their counts.
    """
    words = text.split()
    keys: list[str] = []
    for place, word in enumerate(words):
        starts_sentence = place == 0 or words[place - 1][-1] in ".!?:"
        if _KEY_WORD.fullmatch(word) or (word[0].isupper() and not starts_sentence and word != "I"):
            keys.append(word.strip(".,;:!?\"'()").lower())
    noun = re.search(r"a little (\w+)", text.lower()) if kind == "story" else None
    if noun:
        keys += re.findall(rf"\b{noun[1]}\b", text.lower())
    return Counter(keys)


def word_distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Counts the words to insert, drop or change to turn one text into the other.

    Args:
        left: Words of one text.
        right: Words of the other.

    Returns:
        The edit distance.
    """
    row = list(range(len(right) + 1))
    for place, word in enumerate(left, start=1):
        diagonal, row[0] = row[0], place
        for column, other in enumerate(right, start=1):
            change = diagonal + (word != other)
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, change)
    return row[-1]
