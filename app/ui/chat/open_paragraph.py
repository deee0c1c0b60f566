"""Where a text that goes on is cut: what is whole, and the paragraph that the next block goes on with."""

from __future__ import annotations

import re

MOST_OF_A_PARAGRAPH = 4_000  # characters; a longer one is shown as finished
_FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)
_OTHER = re.compile(
    r"(?m)^(?: {0,3}(?:[-*+>#|<]|\d+[.)]|\$\$)| {4}|\t)"
)  # no plain paragraph: it has a form of its own
_INLINE = re.compile(r"[*_`~$\[\]|<>\\]")


def cut_open_paragraph(source: str) -> tuple[str, str]:
    """What is finished of a Markdown text, and its last paragraph if plain words are all that it holds.

    Only such a paragraph can be shown by the canvas exactly as it is shown in the end.
    """
    before, blank, last = source.rpartition("\n\n")
    plain = last.strip() and len(last) <= MOST_OF_A_PARAGRAPH and not _OTHER.search(last) and not _INLINE.search(last)
    if not plain or "\n" in last or len(_FENCE.findall(source)) % 2:
        return source, ""
    return before + blank, last
