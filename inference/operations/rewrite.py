"""Write a part of an answer anew; what stands before and behind it stays as it is, to the byte.

What stands before is read as settled text. What follows is held as far as one canvas has room: it may slide, so the new
part may be longer or shorter than the old one. What does not fit is no matter of the canvas and is put behind it again.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inference.events import BlockCommitted, Event, Finished, VariantWritten
from inference.forms.errors import FormError
from inference.forms.template import escaped
from inference.forms.wanted import Form
from inference.params import ChatTurn, GenerationRequest, SamplerParams

if TYPE_CHECKING:
    from inference.backends.base import CancelFlag
    from inference.session import Session

MOST_VARIANTS = 8
_LONGER = 1.5  # times the tokens of the old part
_SLACK = 8  # tokens
_SHORTER = 0.5  # times the characters of the old part
_BORDER = re.compile(r".*[.!?:;\n](?=\s)|.*\s", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """A part of an answer that shall be written anew.

    Attributes:
        turns: The chat up to the question that the answer is to.
        answer: The answer, as it is shown.
        first: Where the part begins, in characters.
        last: Where it ends.
        selected: What stood there when it was selected; an answer that changed since is refused.
        wish: What shall be different, in words; "" for another way to say it.
        variants: How many are written.
        seed: Of the first one; the next ones have the next numbers.
        sampler: See `GenerationRequest`.
    """

    turns: tuple[ChatTurn, ...]
    answer: str
    first: int
    last: int
    selected: str
    wish: str = ""
    variants: int = 3
    seed: int = 0
    sampler: SamplerParams = field(default_factory=SamplerParams)

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last <= len(self.answer):
            size = len(self.answer)
            raise ValueError(f"the part {self.first}..{self.last} is none of an answer of {size} characters")
        if not 1 <= self.variants <= MOST_VARIANTS:
            raise ValueError(f"variants must be within 1..{MOST_VARIANTS}, not {self.variants!r}")


def rewrite(session: Session, request: RewriteRequest, cancel: CancelFlag | None = None) -> Iterator[Event]:
    """Write the part anew, several times, over one prompt that is read once.

    1. Refuse an answer that changed.
    2. Find how much of what follows fits onto the canvas beside the part.
    3. Write each variant; leave out those that are there already, or as it was.
    4. Score it: how likely the model finds what follows (the part itself where nothing does), behind the new part.

    Yields:
        The events of each answer, and behind its Finished a VariantWritten if it is one.

    Raises:
        FormError: The answer changed, or the part is too long for one canvas.
        KnownError: See `Session.generate`.
    """
    # 1.
    answer, first, last = request.answer, request.first, request.last
    if answer[first:last] != request.selected:
        raise FormError("The answer has changed since the part was selected.", "Select it again.")
    # 2.
    before, behind = answer[:first], answer[last:]
    held, most = _held_behind(session, request.selected, behind)
    asked = _asked(request, before, held, most)
    # 3.
    seen = {request.selected}
    for number in range(request.variants):
        canvases: list[tuple[int, ...]] = []
        for event in session.generate(dataclasses.replace(asked, seed=request.seed + number), cancel):
            if isinstance(event, BlockCommitted):
                canvases.append(event.token_ids)
            yield event
        if not isinstance(event, Finished) or not canvases:
            return
        whole = asked.answer_start + event.answer
        part = whole[first : len(whole) - len(held)]
        kept = whole.startswith(before) and whole[first:].endswith(held) and len(whole) >= first + len(held)
        if kept and part not in seen:
            seen.add(part)
            # 4.
            score = _score(session, canvases[-1], len((held or part).encode()))
            yield VariantWritten(number, before + part + behind, part, score, event.seed)
        if event.reason == "cancelled":
            return


def _held_behind(session: Session, selected: str, behind: str) -> tuple[str, int]:
    """What of the text behind the part is held, and the most tokens of both."""
    tokenizer, places = session.tokenizer, session.config.canvas_length
    most = int(_LONGER * len(tokenizer.encode_parts([selected]))) + _SLACK
    if most >= places:
        raise FormError("This part is too long to be written anew at once.", "Select a shorter one.")
    held = behind
    while (count := len(tokenizer.encode_parts([held]))) > places - 1 - most:
        cut = held[: max(1, len(held) * (places - 1 - most) // count - 1)]
        found = _BORDER.match(cut)
        held = found[0] if found is not None and len(found[0]) < len(held) else cut[: len(cut) // 2]
    return held, most + count


def _asked(request: RewriteRequest, before: str, held: str, most: int) -> GenerationRequest:
    least = max(1, int(_SHORTER * len(request.selected)))
    *earlier, question = request.turns
    if request.wish:
        question = ChatTurn(question.role, f"{question.text}\n\n{request.wish}")
    return GenerationRequest(
        turns=(*earlier, question),
        sampler=request.sampler,
        max_new_tokens=most,
        answer_start=before.rstrip(" "),
        form=Form("template", f"{escaped(before)}{{/[\\s\\S]{{{least},}}/}}{escaped(held)}"),
    )


def _score(session: Session, canvas: tuple[int, ...], size: int) -> float:
    """Mean log-probability (at temperature 1) of the tokens that hold the last `size` bytes of a committed canvas."""
    tokenizer = session.tokenizer
    end = next((place for place, token in enumerate(canvas) if token in tokenizer.eos_ids), len(canvas))
    begin = end
    while begin > 0 and size > 0:
        begin -= 1
        size -= len(tokenizer.token_bytes(canvas[begin]) or b"")
    ids = np.array(canvas, dtype=np.int64)
    logits = session.logits(ids)[begin:end].astype(np.float64)
    if not len(logits):
        return 0.0
    highest = logits.max(axis=1)
    whole = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((logits[np.arange(end - begin), ids[begin:end]] - whole).mean())
