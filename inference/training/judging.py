"""Whether an answer is right: what each held-out question expects, and how near an answer must come.

A held-out line names what is expected:

    help.copy_answer                 the answer of a written intent (of several: joined by "|")
    explain.seed                     that explanation, explain.seed_shorter its short form
    story hero=fox place=the zoo     a whole story whose sentences belong to one plot, with these slots
    short_story hero=fox             the same told in two sentences
    rhyme w=fox                      two of the couplets, with this noun
    letter invitation_formal to=...  that letter with these values
    exact TEXT                       exactly that
    holds A; B                       it ends properly and holds all of these
    joke | joke animal | joke other  one of the jokes (of a topic; another one than was told before)
    decline                          one of the refusals
    language                         the sentence for other languages
    call NAME VALUE                  the call of a tool
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from inference.training.corpus import load_intents
from inference.training.skills import explaining, jokes, languages, letters, numbers, rhymes, stories, tools
from inference.training.skills.plots import ENDINGS, OWN_ENDING, PLOTS

_TOLERANCE = 0.1
_KEY_WORD = re.compile(r"\S*\d\S*")
_VALUE = re.compile(r"(\w+)=(.*?)(?= \w+=|$)")


def is_right(expected: str, answer: str, before: Sequence[str] = ()) -> bool:
    """Whether `answer` is what a held-out line expects.

    Args:
        expected: See the head of this file.
        answer: The model's text.
        before: Its earlier answers in the chat.

    Raises:
        ValueError: Nobody can expect that.
    """
    word, _, rest = expected.partition(" ")
    judge = _JUDGES.get(word)
    if judge is not None:
        return judge(rest, answer.strip(), before)
    return any(nearly(wanted, answer) for name in expected.split("|") for wanted in _written(name))


def _written(name: str) -> tuple[str, ...]:
    found = written_answers().get(name)
    if found is None:
        raise ValueError(f"there is no intent {name!r}")
    return found


@cache
def written_answers() -> Mapping[str, tuple[str, ...]]:
    """Answers of all written intents and explanations by "kind.name"."""
    answers = {f"{intent.kind}.{intent.name}": intent.answers for intent in load_intents()}
    answers |= {f"explain.{subject.name}": (subject.answer,) for subject in explaining.SUBJECTS}
    answers |= {f"explain.{name}_shorter": (text,) for name, text in explaining.SHORT.items()}
    return answers


def nearly(expected: str, answer: str) -> bool:
    """The expected answer, or nearly so: up to a tenth of its words differ, and no key word."""
    wanted, found = expected.split(), answer.split()
    if wanted == found:
        return True
    return key_words(expected) == key_words(answer) and word_distance(wanted, found) <= _TOLERANCE * len(wanted)


def key_words(text: str) -> Counter[str]:
    """Words that must be right: numbers, keys, and names inside sentences, in small letters with their counts."""
    words, keys = text.split(), []
    for place, word in enumerate(words):
        starts_sentence = place == 0 or words[place - 1][-1] in ".!?:"
        if _KEY_WORD.fullmatch(word) or (word[0].isupper() and not starts_sentence and word != "I"):
            keys.append(word.strip(".,;:!?\"'()").lower())
    return Counter(keys)


def word_distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Words to insert, drop or change to turn one text into the other."""
    row = list(range(len(right) + 1))
    for place, word in enumerate(left, start=1):
        diagonal, row[0] = row[0], place
        for column, other in enumerate(right, start=1):
            change = diagonal + (word != other)
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, change)
    return row[-1]


def _values(rest: str) -> dict[str, str]:
    return dict(_VALUE.findall(rest))


# -- stories ---------------------------------------------------------------------------------------------------------


def read_story(text: str, short: bool = False) -> dict[str, str] | None:
    """The slots of a story (`hero`, `name`, `place`, ..., and `plot`); None if it is none, or mixes two."""
    for number, plot in enumerate(PLOTS):
        found = _story_pattern(number, short).fullmatch(" ".join(text.split()))
        if found is not None:
            slots = {key: value for key, value in found.groupdict().items() if value and "_" not in key}
            return {**slots, "plot": plot.name}
    return None


@cache
def _story_pattern(number: int, short: bool) -> re.Pattern[str]:
    """Every way to tell a plot, as one pattern in which each slot has one value; the slot of an article follows it."""
    plot = PLOTS[number]
    seen: set[str] = set()
    parts = [_sentence_pattern(text, seen) for text in ((plot.short,) if short else plot.told)]
    own = _sentence_pattern(OWN_ENDING, seen)
    ways = [own]
    if not short:
        ways += [_sentence_pattern(text, set(seen)) for texts in ENDINGS.values() for text in texts if text]
    return re.compile(" ".join(parts) + f"(?: (?:{'|'.join(ways)}))?")


def _sentence_pattern(text: str, seen: set[str]) -> str:
    text = text.replace("A $friend", "$afriend").replace("a $friend", "$afriend")
    made = ""
    for piece in re.split(r"(\$(?:afriend|hero|name|place|friend|thing|end|a)|\{[^}]*\})", text):
        if piece.startswith("{"):
            made += "(?:" + "|".join(re.escape(choice) for choice in piece[1:-1].split("|")) + ")"
        elif piece == "$a":
            made += f"[Aa]n? {_slot('hero', seen)}"
        elif piece == "$afriend":
            made += f"[Aa]n? {_slot('friend', seen)}"
        elif piece.startswith("$"):
            made += _slot(piece[1:], seen)
        else:
            made += re.escape(piece)
    return made


def _slot(name: str, seen: set[str]) -> str:
    if name in seen:
        return f"(?i:(?P={name}))"
    seen.add(name)
    return f"(?P<{name}>[^.,:]+?)"


def _story(rest: str, answer: str, before: Sequence[str]) -> bool:
    return _has_slots(read_story(answer), rest, before)


def _short_story(rest: str, answer: str, before: Sequence[str]) -> bool:
    return _has_slots(read_story(answer, short=True), rest, before)


def _has_slots(found: dict[str, str] | None, rest: str, before: Sequence[str]) -> bool:
    """Given slots are there; `same=plot,name` are those of the answer before, `other=plot` are not."""
    if found is None:
        return False
    wanted = _values(rest)
    earlier = (read_story(before[-1]) or {}) if before else {}
    for name in wanted.pop("same", "").split(","):
        if name and found.get(name, "").lower() != earlier.get(name, "").lower():
            return False
    for name in wanted.pop("other", "").split(","):
        if name and found.get(name) == earlier.get(name):
            return False
    return all(found.get(name, "").lower() == value.lower() for name, value in wanted.items())


def _long_story(rest: str, answer: str, before: Sequence[str]) -> bool:
    return nearly(stories.LONG.replace("$hero", _values(rest).get("hero", "fox")), answer)


# -- the rest --------------------------------------------------------------------------------------------------------


def _rhyme(rest: str, answer: str, before: Sequence[str]) -> bool:
    """Four lines that are two of the couplets, of one noun: the given one, if one is given."""
    lines = answer.split("\n")
    wanted = _values(rest).get("w", "")
    nouns = [wanted] if wanted else sorted(set(re.findall(r"[a-z]+", answer.lower())))
    return any(
        "\n".join(lines[:2]) in rhymes.couplets(noun)[0] and "\n".join(lines[2:]) in rhymes.couplets(noun)[1]
        for noun in nouns
    )


def _letter(rest: str, answer: str, before: Sequence[str]) -> bool:
    """The letter with its values; a value that is not given may be anything."""
    name, _, values = rest.partition(" ")
    kind, _, tone = name.rpartition("_")
    text = next(getattr(each, tone) for each in letters.LETTERS if each.name == kind)
    given = _values(values)
    pattern = re.escape(text)
    for key in ("to", "from", "day", "time", "at", "what"):
        value = f"(?i:{re.escape(given[key])})" if key in given else "[^\n]{1,60}?"
        pattern = pattern.replace(re.escape(f"${key}"), value)
    return re.fullmatch(pattern, answer) is not None


def _exact(rest: str, answer: str, before: Sequence[str]) -> bool:
    return any(" ".join(answer.split()) == " ".join(each.split()) for each in rest.split(" || "))


def _holds(rest: str, answer: str, before: Sequence[str]) -> bool:
    return all(each.strip().lower() in answer.lower() for each in rest.split(";"))


def _joke(rest: str, answer: str, before: Sequence[str]) -> bool:
    topics = [rest] if rest in jokes.JOKES else list(jokes.JOKES)
    known = [each for topic in topics for each in jokes.JOKES[topic]]
    return answer in known and not (rest == "other" and answer in [text.strip() for text in before])


def _decline(rest: str, answer: str, before: Sequence[str]) -> bool:
    known = [text for name, texts in written_answers().items() if name.startswith("refusal.") for text in texts]
    return any(nearly(each, answer) for each in [*dict.fromkeys(known), numbers.TOO_MUCH])


def _language(rest: str, answer: str, before: Sequence[str]) -> bool:
    return answer == languages.ANSWER


def _call(rest: str, answer: str, before: Sequence[str]) -> bool:
    name, _, value = rest.partition(" ")
    return answer == tools.call(name, value)


_JUDGES: dict[str, Callable[[str, str, Sequence[str]], bool]] = {
    "story": _story,
    "short_story": _short_story,
    "long_story": _long_story,
    "rhyme": _rhyme,
    "letter": _letter,
    "exact": _exact,
    "holds": _holds,
    "joke": _joke,
    "decline": _decline,
    "language": _language,
    "call": _call,
}
