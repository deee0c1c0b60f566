"""How the blocks of an answer ended, in words: the line and note under it, and the status line."""

from __future__ import annotations

from collections.abc import Sequence

from app.base.units import token_rate
from app.chats import texts
from app.chats.messages import BlockOutcome, Message, MessageState
from inference.params import SamplerParams

_OUTCOME_MEANS = (
    "A block is a canvas of words that are denoised together. It has settled when no word changes any more and the "
    "model is sure of all of them. That says nothing about whether it is true."
)
_NOT_SETTLED_HINT = "Its words may not fit together. Try again, or give blocks more steps: "
_MORE_BY = {  # whatever kept them few
    "fast": "the preset Balanced has three times as many.",
    "own": "Options of this chat, Most steps a block.",
    "careful": (
        "Options of this chat, Most steps a block; or choose the preset Balanced, for which a block is settled sooner."
    ),
    "": "Options of this chat, Most steps a block, or More steps while it is written.",
}
_MOST_OUTCOMES = 4  # blocks whose ends have room in a line
_MOST_TOLD = 12  # in a tool tip


def outcome_line(outcomes: Sequence[BlockOutcome]) -> str:
    """Under an answer: how its blocks ended; "" where there is none."""
    if not outcomes:
        return ""
    if not any(each.max_steps for each in outcomes):
        return texts.BY_SERVER
    if len(outcomes) > _MOST_OUTCOMES:
        return f"{sum(each.settled for each in outcomes)} of {len(outcomes)} blocks settled"
    each = [_outcome(outcome) for outcome in outcomes]
    if len(each) == 1:
        return f"{each[0]} steps"
    line = " \u00b7 ".join(f"block {number} {how}" for number, how in enumerate(each, 1))
    return f"{line[0].upper()}{line[1:]}"


def _outcome(outcome: BlockOutcome) -> str:
    if outcome.settled:
        return f"settled in {outcome.steps} of {outcome.max_steps}"
    if outcome.by_you:
        return f"ended by you after {outcome.steps} of {outcome.max_steps}"
    return f"not settled in {outcome.max_steps}"


def outcome_tip(outcomes: Sequence[BlockOutcome]) -> str:
    """What these figures mean, for each block."""
    if not any(each.max_steps for each in outcomes):
        return texts.BY_SERVER_HINT
    lines = [_OUTCOME_MEANS]
    for number, outcome in enumerate(outcomes[:_MOST_TOLD], 1):
        if outcome.settled:
            how = f"settled after {outcome.steps} of at most {outcome.max_steps} steps"
        elif outcome.by_you:
            how = f"you ended it after {outcome.steps} of {outcome.max_steps} steps; it had not settled"
        else:
            how = f"all {outcome.max_steps} steps were taken, and it had not settled"
        lines.append(f"Block {number}: {how}.")
    return "\n".join(lines)


def unsettled_note(outcomes: Sequence[BlockOutcome], params: SamplerParams) -> str:
    """What an unsettled block means, and what to do; "" where all have settled or were ended by the user."""
    hit = [number for number, each in enumerate(outcomes, 1) if not each.settled and not each.by_you]
    if not hit:
        return ""
    which = "This answer" if len(outcomes) == 1 else f"Block {hit[0]}" if len(hit) == 1 else f"{len(hit)} blocks"
    limits = sorted({outcomes[number - 1].max_steps for number in hit})
    steps = f"{limits[0]} steps" if len(limits) == 1 else f"{limits[0]} to {limits[-1]} steps"
    few = "own" if params.max_denoising_steps else "fast" if params.steps_divisor else ""
    cause = few or ("careful" if params.confidence_divisor else "")
    return f"{which} did not settle in {steps}. {_NOT_SETTLED_HINT}{_MORE_BY[cause]}"


def stored_status(message: Message) -> str:
    """The status line of an answer: why it ended, and its figures as far as they are known; "" if nothing is."""
    made = message.generation
    if made is None or message.state in (MessageState.STREAMING, MessageState.DRAFT):
        return ""
    limit, seconds = made.max_steps, made.wall_seconds
    speed = made.wall_tokens_per_second or 0.0  # by the seconds beside it
    if message.state in (MessageState.STOPPED, MessageState.ERROR):
        how = "stopped" if message.state == MessageState.STOPPED else "failed"
        return texts.ended_early(how, len(made.outcomes), seconds, speed)
    if limit is None or seconds is None:
        return ""
    if limit == 0:
        return texts.server_line(seconds, speed)
    return status_line(made.outcomes, seconds, speed)


def status_line(blocks: Sequence[BlockOutcome], seconds: float, tokens_per_second: float) -> str:
    """Such as "settled in 14 of 48 steps · 3.1 s · 82 tokens/s"; with several blocks, the steps of each.

    A block that the limit ended comes first, whatever the others did, then one that was ended by the user. `seconds` is
    all of the time that the answer took, and `tokens_per_second` its tokens by that time.
    """
    hit = [block for block in blocks if not block.settled and not block.by_you]
    ended = sum(block.by_you for block in blocks)
    if hit:
        how = _stopped(blocks, len(hit))
    elif ended:
        how = "ended by you after" if ended == len(blocks) == 1 else f"{ended} of {len(blocks)} blocks ended by you,"
        how = f"{how} {_steps(blocks)}"
    else:
        how = f"settled in {_steps(blocks)}"
    return f"{how} · {seconds:.1f} s · {token_rate(tokens_per_second)}"


def _stopped(blocks: Sequence[BlockOutcome], hit: int) -> str:
    limits = {block.max_steps for block in blocks}
    if len(limits) == 1 and len(blocks) <= _MOST_OUTCOMES and not any(block.by_you for block in blocks):
        return f"stopped at {_each(blocks)} of {limits.pop()} steps before settling"
    return f"{hit} of {len(blocks)} blocks stopped before settling, {_steps(blocks)}"


def _steps(blocks: Sequence[BlockOutcome]) -> str:
    """All that were taken, of all that there might have been."""
    total, limit = sum(block.steps for block in blocks), sum(block.max_steps for block in blocks)
    each = f" ({_each(blocks)})" if len(blocks) > 1 else ""
    return f"{total:,} of {limit:,} steps{each}"


def _each(blocks: Sequence[BlockOutcome]) -> str:
    if len(blocks) > _MOST_OUTCOMES:
        return f"{len(blocks)} blocks"
    return " + ".join(str(block.steps) for block in blocks)
