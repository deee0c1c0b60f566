"""How a part differs from what stood there, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

_PIECE = re.compile(r"\s+|\w+|[^\w\s]")
MOST_COMPARED = 2_000  # pieces; longer parts are shown as one piece out, one in
Kind = Literal["same", "out", "in"]


@dataclass(frozen=True, slots=True)
class TextChange:
    """A run of text that stayed, went, or came."""

    kind: Kind
    text: str


def changes(before: str, after: str) -> tuple[TextChange, ...]:
    """From one text to the other."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    if max(len(old), len(new)) > MOST_COMPARED:
        return tuple(each for each in (TextChange("out", before), TextChange("in", after)) if each.text)
    found: list[TextChange] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(TextChange("same", "".join(old[a:b])))
            continue
        if b > a:
            found.append(TextChange("out", "".join(old[a:b])))
        if d > c:
            found.append(TextChange("in", "".join(new[c:d])))
    return tuple(_joined(found))


def _joined(found: list[TextChange]) -> list[TextChange]:
    """Spaces between two changed words belong to the change: else every second piece would change its look."""
    whole: list[TextChange] = []
    for at, each in enumerate(found):
        lonely = each.kind == "same" and each.text.isspace() and "\n" not in each.text and 0 < at < len(found) - 1
        exchanged = [part.kind for part in whole[-2:]] == ["out", "in"]
        if lonely and exchanged and found[at + 1].kind == "out":
            whole[-2:] = [TextChange("out", whole[-2].text + each.text), TextChange("in", whole[-1].text + each.text)]
        elif exchanged and each.kind == "out":
            whole[-2] = TextChange("out", whole[-2].text + each.text)
        elif whole and whole[-1].kind == each.kind:
            whole[-1] = TextChange(each.kind, whole[-1].text + each.text)
        else:
            whole.append(each)
    return whole
