"""From words that are selected in an answer as it is shown to the part of its source that they stand in.

What is shown has no Markdown in it, so the two differ in their signs; their words are the same, in the same order, but
for those that are not shown (addresses of links, languages of code). A part is given only if it holds all of the
selected words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

# One sign of a script without spaces, or a run of what is neither white space nor a sign of punctuation.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff"
_SIGNS = r"\s!-/:-@\[-`{-~\u00a0-\u00bf\u2010-\u205f\u3000-\u303f\uff01-\uff0f\ufffc"
WORD = re.compile(f"[{_UNSPACED}]|[^{_SIGNS}{_UNSPACED}]+")
_BULLET = re.compile(r"(?m)^(\s*)\*(?= )")
_MARKERS = ("**", "~~", "`", "*")
_MOST_COMPARED = 3_000  # words of texts that are compared as a whole
_PARAGRAPH = re.compile(r"\n\s*\n")


def source_part(source: str, shown: str, first: int, last: int) -> tuple[int, int] | None:
    """Where the selected words stand in the source.

    Args:
        source: The answer's Markdown.
        shown: All of its text as it is shown.
        first: Where the selection begins in `shown`; words that are cut are taken whole.
        last: Where it ends.

    Returns:
        Begin and end in `source`, markers that belong together included; None where it cannot be told.
    """
    words = [found.span() for found in WORD.finditer(shown)]
    chosen = [at for at, (begin, end) in enumerate(words) if begin < last and end > first]
    if not chosen:
        return None
    there = [found.span() for found in WORD.finditer(source)]
    names = [shown[begin:end] for begin, end in words]
    others = [source[begin:end] for begin, end in there]
    ends = _same_place(names, others, chosen[0], len(chosen))
    if ends is None:
        return None
    begin, end = there[ends[0]][0], there[ends[1]][1]
    begin, end = _with_signs(source, shown, (begin, end), (first, last), (words[chosen[0]][0], words[chosen[-1]][1]))
    return _balanced(source, begin, end)


def shown_part(shown: str, source: str, first: int, last: int) -> tuple[int, int] | None:
    """Where a part of the source is shown: the other way round, and to the sign, not to the word.

    Args:
        shown: All of an answer's text as it is shown.
        source: Its Markdown.
        first: Where the part begins in `source`, perhaps within a word.
        last: Where it ends.

    Returns:
        Begin and end in `shown`; None where it cannot be told.
    """
    found = source_part(shown, source, first, last)
    touched = [each.span() for each in WORD.finditer(source) if each.start() < last and each.end() > first]
    if found is None or not touched:
        return found
    begin, end = found
    (start, _), (_, stop) = touched[0], touched[-1]
    if start < first and shown.startswith(source[start:first], begin):
        begin += first - start
    if last < stop and shown.endswith(source[last:stop], 0, end):
        end -= stop - last
    return begin, end


def word_at(text: str, at: int) -> tuple[int, int] | None:
    """The word in which, or at whose end, a place is."""
    return next((found.span() for found in WORD.finditer(text) if found.start() <= at <= found.end()), None)


def paragraph_of(source: str, first: int, last: int) -> tuple[int, int]:
    """The paragraphs around a part; all of the text where that would cut code in two."""
    begin = max((found.end() for found in _PARAGRAPH.finditer(source, 0, first)), default=0)
    behind = _PARAGRAPH.search(source, last)
    end = behind.start() if behind else len(source)
    if any(source.count(fence, 0, begin) % 2 for fence in ("```", "~~~")):
        return 0, len(source)
    return begin, end


def _same_place(names: Sequence[str], others: Sequence[str], first: int, count: int) -> tuple[int, int] | None:
    """Which words of the source are the `first` one that is shown, and the last of `count`."""
    wanted = list(names[first : first + count])
    here, there = _places(names, wanted), _places(others, wanted)
    if len(here) == len(there):
        at = there[here.index(first)]
        return at, at + count - 1
    if max(len(names), len(others)) > _MOST_COMPARED:
        return None
    same: dict[int, int] = {}
    for block in SequenceMatcher(None, names, others, autojunk=False).get_matching_blocks():
        same.update((block.a + at, block.b + at) for at in range(block.size))
    if any(at not in same for at in range(first, first + count)):
        return None
    return same[first], same[first + count - 1]


def _places(words: Sequence[str], wanted: list[str]) -> list[int]:
    count = len(wanted)
    return [at for at, word in enumerate(words) if word == wanted[0] and list(words[at : at + count]) == wanted]


def _with_signs(
    source: str, shown: str, part: tuple[int, int], selected: tuple[int, int], words: tuple[int, int]
) -> tuple[int, int]:
    """Signs that are selected before the first word and behind the last one, as far as the source has them, too."""
    begin, end = part
    for sign in reversed(shown[selected[0] : words[0]]):
        if sign.isspace() or begin == 0 or source[begin - 1] != sign:
            break
        begin -= 1
    for sign in shown[words[1] : selected[1]]:
        if sign.isspace() or end == len(source) or source[end] != sign:
            break
        end += 1
    return begin, end


def _balanced(source: str, begin: int, end: int) -> tuple[int, int]:
    """A part grown so that no pair of markers is cut: bold words, code, a link."""
    start, stop = paragraph_of(source, begin, end)
    text = _BULLET.sub(r"\1 ", source[start:stop])  # of the same length
    for marker in _MARKERS:
        plain = text if marker != "*" else text.replace("**", "  ")
        inside = plain.count(marker, begin - start, end - start)
        if inside % 2 == 0:
            continue
        if plain.count(marker, 0, begin - start) % 2 == 0:
            at = plain.find(marker, end - start)
            end = start + at + len(marker) if at >= 0 else end
        else:
            begin = start + plain.rfind(marker, 0, begin - start)
    part = source[begin:end]
    if part.count("[") > part.count("]("):
        at = source.find(")", end, stop)
        end = at + 1 if at >= 0 and "](" in source[begin : at + 1] else end
    elif part.count("](") > part.count("["):
        at = source.rfind("[", start, begin)
        begin = at if at >= 0 else begin
    return begin, end
