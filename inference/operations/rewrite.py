"""Write a part of an answer anew; what stands before and behind it stays as it is, to the byte.

What stands before is read as settled text. What follows is held as far as one canvas has room: it may slide, so the new
part may be longer or shorter than the old one. What does not fit is no matter of the canvas and is put behind it again.
The old words, however they are set, are no new part: a form rules them out (`inference.forms.said`), for a model that
is sure of its answer would write them again. How likely something else is, its score says.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from inference.denoising.controls import NO_CONTROLS, Controls
from inference.events import BlockCommitted, Event, Finished, VariantWritten
from inference.forms.errors import FormError
from inference.forms.wanted import Form
from inference.operations.requests import RewriteRequest
from inference.params import ChatTurn, GenerationRequest
from inference.stats import ratio

if TYPE_CHECKING:
    from inference.backends.base import CancelFlag
    from inference.session import Session

_LONGER = 1.5  # times the tokens of the old part
_SLACK = 8  # tokens
_BORDER = re.compile(r".*[.!?:;\n](?=\s)|.*\s", re.DOTALL)


def rewrite(
    session: Session, request: RewriteRequest, cancel: CancelFlag | None = None, controls: Controls = NO_CONTROLS
) -> Iterator[Event]:
    """Write the part anew, several times, over one prompt that is read once.

    1. Refuse an answer that changed.
    2. Find how much of what follows fits onto the canvas beside the part.
    3. Write each variant; leave out those that are there already.
    4. Score it: how likely the model finds what follows (the part itself where nothing does), behind the new part.

    Yields:
        For each variant PromptEncoded, drafts and blocks, and VariantWritten if it is one; at last one Finished, which
        counts all of them and whose answer and seed are those of the variant with the highest score.

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
    seen, ends, written = {request.selected}, list[Finished](), list[VariantWritten]()
    for number in range(request.variants):
        canvases: list[tuple[int, ...]] = []
        for event in session.generate(dataclasses.replace(asked, seed=request.seed + number), cancel, controls):
            if isinstance(event, Finished):
                ends.append(event)
                continue
            if isinstance(event, BlockCommitted):
                canvases.append(event.token_ids)
            yield event
        whole = asked.answer_start + ends[-1].answer
        part = whole[first : len(whole) - len(held)]
        kept = whole.startswith(before) and whole[first:].endswith(held) and len(whole) >= first + len(held)
        if canvases and kept and part not in seen:
            seen.add(part)
            # 4.
            score = _score(session, canvases[-1], len((held or part).encode()))
            written.append(VariantWritten(number, before + part + behind, part, score, ends[-1].seed))
            yield written[-1]
        if ends[-1].reason == "cancelled":
            break
    yield _end_of_all(ends, written)


def _end_of_all(ends: list[Finished], written: list[VariantWritten]) -> Finished:
    """The closing event of several answers."""
    best = max(written, key=lambda variant: variant.score, default=None)
    tokens, wall, decode = (
        sum(getattr(end, name) for end in ends) for name in ("answer_tokens", "wall_seconds", "decode_seconds")
    )
    steps = tuple(step for end in ends for step in end.steps_per_block)
    return dataclasses.replace(
        ends[0],
        reason=ends[-1].reason,
        answer="" if best is None else best.answer,
        seed=ends[0].seed if best is None else best.seed,
        steps_per_block=steps,
        answer_tokens=tokens,
        tokens_per_step=ratio(tokens, sum(steps)),
        wall_seconds=wall,
        decode_seconds=decode,
        wall_tokens_per_second=ratio(tokens, wall),
        decode_tokens_per_second=ratio(tokens, decode),
    )


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
    *earlier, question = request.turns
    if request.wish:
        question = ChatTurn(question.role, f"{question.text}\n\n{request.wish}")
    start = before.rstrip(" ")  # tokens begin with spaces
    return GenerationRequest(
        turns=(*earlier, question),
        sampler=request.sampler,
        max_new_tokens=most,
        answer_start=start,
        form=Form("otherwise", request.selected, (before[len(start) :], held, request.unlike)),
        form_is_new=True,
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
    if begin == end:
        return 0.0
    return float(session.beliefs(ids, np.arange(begin, end), ids[begin:end], 1).logs.mean())
