"""Intents of the starter model's corpus: the text format, its parser, and the wordings that patterns give.

A corpus file holds sections. `[kind.name]` opens one, `A:` gives an answer, `Q:` a training pattern with
`{one|other|}` alternatives, and `#` starts a comment.
A section whose name contains `*` is a table: every `R:` row (columns between `|`) makes one intent, `$1`, `$2`, ...
stand for the row's columns in `A:` and `Q:`, and the first column takes the place of `*` in the name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

_HEADER = re.compile(r"\[([a-z]+)\.([a-z0-9_*]+)\]")
_GROUP = re.compile(r"\{([^{}]*)\}")
_COLUMN = re.compile(r"\$(\d)")
_MINUS = re.compile(r"(?<![a-z])[-−](?![a-z])")
_TIMES = re.compile(r"[*×]|(?<![a-z])x(?![a-z])")
_DROPPED = re.compile(r"[^a-z0-9 ]+")
_BEFORE_MARK = re.compile(r" +([?!.,;])")


def split_words(text: str) -> tuple[str, ...]:
    """Splits a list of words that is written as one text with spaces."""
    return tuple(text.split())


NUMBER_WORDS = split_words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_KEYED_KINDS = frozenset({"sum", "count", "capital", "fact", "story"})
_QUESTION = re.compile(r"(what|how|where|which|why|who|when|is|are|does|do)\b", re.IGNORECASE)
_PREFIXES = (
    "please", "hey dewpoint,", "hi,", "hello,", "ok,", "so", "well,", "quick question:", "hey,", "dewpoint,", "um,",
    "hi dewpoint,", "now", "sorry,", "one question:",
)  # fmt: skip
_QUESTION_PREFIXES = (
    "can you tell me", "could you tell me", "i want to know", "i would like to know", "tell me", "please tell me",
    "do you know", "just wondering,", "i have a question,", "please explain", "question:", "i wonder",
)  # fmt: skip
_SUFFIXES = ("please", "thanks", "thank you", "now", "for me", "then", "exactly", "dewpoint", "pls", "ok")
_SMALL_WORDS = frozenset(split_words("a an the is are do does to of can i my you me it in"))


class CorpusError(ValueError):
    """A corpus file that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class Intent:
    """One thing that a user may want, with its answer and its wordings.

    Attributes:
        kind: Group of intents, for weights and scores, such as `help`.
        name: Name within the kind.
        answers: Accepted answers; the first is the one that is trained.
        patterns: Training patterns.
    """

    kind: str
    name: str
    answers: tuple[str, ...]
    patterns: tuple[str, ...]


@dataclass
class _Section:
    """A section of a corpus file while it is read."""

    kind: str
    name: str
    line: int
    lines: dict[str, list[str]] = field(default_factory=lambda: {"A": [], "Q": [], "R": []})


def parse_file(path: Path) -> tuple[Intent, ...]:
    """Reads one corpus file.

    Args:
        path: The file, UTF-8.

    Returns:
        Its intents in the order of the file.

    Raises:
        CorpusError: Where a line or a section is malformed.
    """
    intents: list[Intent] = []
    for section in _sections(path):
        intents.extend(_intents_of(section, path))
    return tuple(intents)


def _sections(path: Path) -> Iterator[_Section]:
    """Yields the sections of a file, checking each line."""
    section: _Section | None = None
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            header = _HEADER.fullmatch(line)
            if header is None:
                raise CorpusError(f"{path}:{number}: expected a header like [kind.name], found {line!r}")
            if section is not None:
                yield section
            section = _Section(header[1], header[2], number)
            continue
        tag, colon, text = line.partition(":")
        if section is None or not colon or tag not in section.lines or not text.strip():
            raise CorpusError(f"{path}:{number}: expected 'A:', 'Q:' or 'R:' with text in a section: {line!r}")
        _check_braces(text, tag, f"{path}:{number}")
        section.lines[tag].append(text.strip())
    if section is not None:
        yield section


def _check_braces(text: str, tag: str, place: str) -> None:
    """Refuses nested or open braces in patterns."""
    rest = _GROUP.sub("", text)
    if tag == "Q" and ("{" in rest or "}" in rest):
        raise CorpusError(f"{place}: nested, unbalanced or misplaced braces in {tag}: {text.strip()!r}")


def _intents_of(section: _Section, path: Path) -> Iterator[Intent]:
    """Turns a section into its intents, one for each row of a table."""
    place = f"{path}:{section.line}: [{section.kind}.{section.name}]"
    lines = section.lines
    if len(lines["A"]) != 1 or not lines["Q"]:
        raise CorpusError(f"{place} needs exactly one A: and at least one Q:")
    if ("*" in section.name) != bool(lines["R"]):
        raise CorpusError(f"{place} needs rows R: exactly where its name contains *")
    for row in lines["R"] or [""]:
        columns = [column.strip() for column in row.split("|")]
        slug = re.sub(r"[^a-z0-9]+", "_", columns[0].lower()).strip("_")
        try:
            answers, patterns = (tuple(_fill(text, columns) for text in lines[tag]) for tag in "AQ")
        except IndexError:
            raise CorpusError(f"{place} the row {row!r} has too few columns") from None
        yield Intent(section.kind, section.name.replace("*", slug), answers, patterns)


def _fill(text: str, columns: Sequence[str]) -> str:
    """Puts the columns of a row in the places of `$1`, `$2` and so on."""
    return _COLUMN.sub(lambda place: columns[int(place[1]) - 1], text)


@cache
def _parts(pattern: str) -> tuple[tuple[str, ...], ...]:
    """Splits a pattern into its choices: a literal is a choice of one."""
    pieces = _GROUP.split(pattern)
    return tuple(tuple(piece.split("|")) if odd % 2 else (piece,) for odd, piece in enumerate(pieces))


def expand(pattern: str, rng: random.Random) -> str:
    """Draws one wording of a pattern.

    Args:
        pattern: A training pattern.
        rng: Source of the choices.

    Returns:
        The wording, with single spaces.
    """
    chosen = "".join(part[0] if len(part) == 1 else part[int(rng.random() * len(part))] for part in _parts(pattern))
    return _BEFORE_MARK.sub(r"\1", " ".join(chosen.split()))


@lru_cache(maxsize=1 << 16)
def normalise(text: str) -> str:
    """Reduces a wording to lower-case words and numbers, with signs of arithmetic as words.

    Args:
        text: Any wording.

    Returns:
        The words with single spaces between them.
    """
    low = text.lower().replace("+", " plus ")
    low = _TIMES.sub(" times ", _MINUS.sub(" minus ", low))
    return " ".join(_DROPPED.sub("", low.replace("=", " equals ").replace("\t", " ")).split())


@cache
def language(pattern: str) -> re.Pattern[str]:
    """Compiles a pattern to a regular expression over normalised text (see `normalise`) without spaces."""
    source = ""
    for part in _parts(pattern):
        source += "(?:" + "|".join(normalise(choice).replace(" ", "") for choice in part) + ")"
    return re.compile(source)


def matches(pattern: str, wording: str) -> bool:
    """Says whether a wording is in the language of a pattern.

    Letter case, punctuation and spaces do not count, so the answer errs on the side of yes.

    Args:
        pattern: A training pattern.
        wording: Any wording.

    Returns:
        Whether some choice of alternatives gives the wording.
    """
    return language(pattern).fullmatch(normalise(wording).replace(" ", "")) is not None


def augment(wording: str, intent: Intent, rng: random.Random) -> str:
    """Varies a wording as people do: polite words, dropped words, a typing error, letter case, punctuation.

    Args:
        wording: A wording of the intent.
        intent: Where it comes from; its key words are never misspelt.
        rng: Source of the choices.

    Returns:
        The varied wording.
    """
    if rng.random() < 0.15:
        asks = _QUESTION.match(wording) is not None and rng.random() < 0.6
        wording = f"{rng.choice(_QUESTION_PREFIXES if asks else _PREFIXES)} {wording}"
    if intent.kind != "smalltalk" and rng.random() < 0.08:
        wording = f"{wording.rstrip('?.! ')} {rng.choice(_SUFFIXES)}"
    if intent.kind != "sum" and rng.random() < 0.06:
        wording = _drop_small_word(wording, rng)
    if rng.random() < 0.12:
        wording = _mistype(wording, _protected(intent), rng)
    return _punctuate(_change_case(wording, intent, rng), rng)


def _drop_small_word(wording: str, rng: random.Random) -> str:
    """Leaves out one small word, where enough words stay."""
    words = wording.split()
    places = [place for place, word in enumerate(words) if word.lower() in _SMALL_WORDS]
    if len(words) > 3 and places:
        del words[rng.choice(places)]
    return " ".join(words)


@cache
def _protected(intent: Intent) -> frozenset[str]:
    """Names the words that carry the answer and so must stay readable."""
    words = set(NUMBER_WORDS)
    if intent.kind in _KEYED_KINDS:
        words.update(intent.name.split("_"))
        words.update(intent.answers[0].lower().strip(".").split())
    return frozenset(words)


def _mistype(wording: str, protected: frozenset[str], rng: random.Random) -> str:
    """Makes one typing error in a longer word: two letters swapped, one dropped or one doubled."""
    words = wording.split()
    places = [p for p, word in enumerate(words) if len(word) > 3 and word.isalpha() and word.lower() not in protected]
    if not places:
        return wording
    place = rng.choice(places)
    word = words[place]
    spot = rng.randrange(1, len(word) - 1)
    error = rng.random()
    if error < 0.4:
        word = word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]
    elif error < 0.8:
        word = word[:spot] + word[spot + 1 :]
    else:
        word = word[:spot] + word[spot] + word[spot:]
    words[place] = word
    return " ".join(words)


def _change_case(wording: str, intent: Intent, rng: random.Random) -> str:
    """Writes some wordings with a capital at the start, in small letters or in capitals."""
    draw = rng.random()
    if draw < 0.45:
        return wording[:1].upper() + wording[1:]
    if draw < 0.75:
        return wording.lower()
    if draw < 0.76 and intent.kind not in _KEYED_KINDS:
        return wording.upper()
    return wording


def _punctuate(wording: str, rng: random.Random) -> str:
    """Changes or leaves out the final mark."""
    draw = rng.random()
    if draw < 0.3:
        return wording.rstrip("?.!").rstrip()
    if draw < 0.36:
        return wording.rstrip("?.!").rstrip() + rng.choice((".", "!", "??", "...", " ?"))
    return wording
