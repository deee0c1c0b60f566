"""Answers that are not whole: what is kept of a draft, and how an answer goes on that ended before its end.

Of a block that is stopped, or lost with its model, those words are kept that had *settled*; a gap stands for the
others, and for positions without text, however certain the model is of them. It is kept as far as most of it can be
read: behind that a draft is noise with some full stops in it. This text
stands at the end of the answer's body (`Message.draft_length` is its length) until the next block takes its place.

An answer goes on from its *start*: what is committed, and the draft up to its first gap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from app.chats.messages import Message, MessageState
from inference.events import BlockCommitted, DraftUpdated, Finished
from inference.text.draft_text import is_placeholder

SETTLED_NATS = 0.12
GAP = "\N{HORIZONTAL ELLIPSIS}"
_CUT_OFF = ("max_new_tokens", "context_full")


def settled_words(pieces: Sequence[str], settled: Sequence[bool]) -> str:
    """The settled pieces, and a gap between spaces for every run of others and of placeholders."""
    text, gap = "", False
    for piece, certain in zip(pieces, settled, strict=True):
        if not piece:
            continue
        firm = certain and not is_placeholder(piece)
        if firm and gap and not piece[0].isspace():
            text += " "
        if not firm and not gap:
            text += GAP if not text or text[-1].isspace() else f" {GAP}"
        text, gap = text + (piece if firm else ""), not firm
    return text


def kept_text(draft: DraftUpdated) -> str:
    """What is kept of a draft that will not be finished; "" where it is noise from its beginning on.

    The cut is where the settled pieces before it outnumber the others by most.
    """
    certain = zip(draft.pieces, draft.entropy, strict=True)
    settled = [entropy < SETTLED_NATS and not is_placeholder(piece) for piece, entropy in certain]
    lead = best = end = 0
    for at, (piece, firm) in enumerate(zip(draft.pieces, settled, strict=True)):
        if piece:
            lead += 1 if firm else -1
            if lead > 0 and lead >= best:
                best, end = lead, at + 1
    return settled_words(draft.pieces[:end], settled[:end]).rstrip()


def can_continue(message: Message) -> bool:
    """Whether an answer has text and ended before its end: at a limit, stopped, or with its model."""
    if message.role != "assistant" or not message.body.strip():
        return False
    return message.state in (MessageState.STOPPED, MessageState.ERROR) or cut_off(message) != ""


def cut_off(message: Message) -> str:
    """At which limit a complete-looking answer was cut off: "max_new_tokens", "context_full", or "" at none."""
    reason = message.generation.reason if message.generation is not None else None
    return reason if message.state == MessageState.DONE and reason in _CUT_OFF else ""


def start_of(message: Message) -> str:
    """The text from which an answer goes on; half a character at its end is left out."""
    draft = message.body[len(message.committed) :]
    if not draft:
        return message.committed.rstrip("\N{REPLACEMENT CHARACTER}")
    return message.committed + draft.partition(GAP)[0].rstrip(" ")


def numbered_on(event: BlockCommitted, before: Message) -> BlockCommitted:
    """A block of an answer that went on, numbered behind the blocks that it had."""
    return dataclasses.replace(event, block=event.block + block_count(before))


def added_up(event: Finished, before: Message) -> Finished:
    """The end of an answer that went on: its whole text, and the figures of all its runs together."""
    made = before.generation
    if made is None or not before.body:
        return event
    tokens = (made.answer_tokens or 0) + event.answer_tokens
    steps = (*made.steps_per_block, *event.steps_per_block)
    wall = (made.wall_seconds or 0.0) + event.wall_seconds
    decode = (made.decode_seconds or 0.0) + event.decode_seconds
    return dataclasses.replace(
        event,
        answer=start_of(before) + event.answer,
        thinking=before.thinking + event.thinking,
        seed=event.seed if made.seed is None else made.seed,
        steps_per_block=steps,
        max_steps=max(event.max_steps, made.max_steps or 0),
        answer_tokens=tokens,
        tokens_per_step=tokens / sum(steps) if any(steps) else 0.0,
        time_to_first_draft=made.time_to_first_draft or event.time_to_first_draft,
        time_to_first_block=made.time_to_first_block or event.time_to_first_block,
        wall_seconds=wall,
        decode_seconds=decode,
        wall_tokens_per_second=tokens / wall if wall > 0 else 0.0,
        decode_tokens_per_second=tokens / decode if decode > 0 else 0.0,
    )


def block_count(message: Message) -> int:
    """Blocks that an answer has."""
    return len(message.generation.steps_per_block) if message.generation is not None else 0
