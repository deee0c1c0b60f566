"""Rows of the database as values, and values as rows.

The tables are strict, so every value has its column's type. What it says may still be odd, for SQLite has no checksums;
reading is patient, and an odd value never hides a whole chat.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import Any

from app.chats.messages import (
    LONGEST_TITLE,
    BlockRecord,
    Conversation,
    GenerationRecord,
    Message,
    MessageError,
    MessageState,
)
from inference.events import BlockCommitted, Failed
from inference.params import ROLES, SamplerParams
from inference.text.surrogates import storable

_STATES = frozenset(MessageState)

BLOCK_COLUMNS = "ord, token_ids, settled_step, final_entropy, steps, max_steps, settled, seconds, answer, thinking"
CONVERSATION_COLUMNS = (
    f"id, substr(title, 1, {LONGEST_TITLE}), title_source, head_message_id, created_at, updated_at, deleted_at, used_no"
)

# What one message needs, in the order in which `message_from_row` takes it apart.
MESSAGE_SQL = """
SELECT m.id, m.conversation_id, m.parent_id, m.sibling_no,
    (SELECT COUNT(*) FROM message s WHERE s.conversation_id = m.conversation_id AND s.parent_id IS m.parent_id),
    m.role, m.state, m.body, m.thinking, m.error_json, m.created_at, m.updated_at,
    COALESCE(g.draft_length, 0),
    g.seq, g.seed, g.params_json, g.backend, g.model,
    (SELECT group_concat(steps, ' ') FROM (SELECT steps FROM block WHERE message_id = m.id ORDER BY ord)),
    COALESCE(g.max_steps, (SELECT MAX(max_steps) FROM block WHERE message_id = m.id)),
    g.reason, g.answer_tokens, g.tokens_per_step, g.time_to_first_draft, g.time_to_first_block, g.wall_seconds,
    g.decode_seconds, g.wall_tokens_per_second, g.decode_tokens_per_second
FROM message m LEFT JOIN generation g ON g.message_id = m.id
"""


def conversation_from_row(row: tuple[Any, ...]) -> Conversation:
    """The chat of a row of `CONVERSATION_COLUMNS`."""
    return Conversation(*row)


def message_from_row(row: tuple[Any, ...]) -> Message:
    """The message of a row of `MESSAGE_SQL`."""
    message, generation = row[:13], row[13:]
    return Message(
        id=message[0],
        conversation_id=message[1],
        parent_id=message[2],
        sibling_no=message[3],
        sibling_count=message[4],
        role=message[5] if message[5] in ROLES else "user" if generation[0] is None else "assistant",
        state=MessageState(message[6]) if message[6] in _STATES else MessageState.STOPPED,
        body=message[7],
        thinking=message[8],
        error=error_from_json(message[9]),
        generation=None if generation[0] is None else _generation_from_row(generation[1:]),
        created_at=message[10],
        updated_at=message[11],
        draft_length=min(max(message[12], 0), len(message[7])),
    )


def _generation_from_row(row: tuple[Any, ...]) -> GenerationRecord:
    seed, params, backend, model, steps, max_steps, *figures = row
    return GenerationRecord(
        int(seed) if isinstance(seed, str) and seed.lstrip("-").isdecimal() else None,
        params_from_json(params),
        backend,
        model,
        tuple(int(number) for number in (steps or "").split()),
        max_steps,
        *figures,
    )


def params_to_json(params: SamplerParams) -> str:
    """The parameters that are set, as JSON."""
    return json.dumps({name: value for name, value in dataclasses.asdict(params).items() if value is not None})


def params_from_json(text: str) -> SamplerParams:
    """Parameters from JSON; what is unknown or wrong is left out."""
    try:
        found = json.loads(text)
        known = {field.name for field in dataclasses.fields(SamplerParams)}
        return SamplerParams(**{name: value for name, value in found.items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return SamplerParams()


def error_to_json(event: Failed) -> str:
    """What a failure said, as JSON."""
    return json.dumps({"user_text": event.user_text, "hint": event.hint, "known": event.known, "detail": event.detail})


def error_from_json(text: str | None) -> MessageError | None:
    """What a failure said."""
    if text is None:
        return None
    try:
        found = json.loads(text)
        return MessageError(str(found["user_text"]), str(found["hint"]), bool(found["known"]), str(found["detail"]))
    except (ValueError, TypeError, KeyError):
        return MessageError("", "", True, "")


def block_to_row(message_id: str, event: BlockCommitted) -> dict[str, Any]:
    """The row of a committed block; the arrays are little endian int32, uint16 and float32."""
    count = len(event.token_ids)
    settled = [min(max(step, 0), 0xFFFF) for step in event.settled_step]
    return {
        "message_id": message_id,
        "ord": event.block,
        "steps": event.steps,
        "max_steps": event.max_steps,
        "settled": int(event.settled),
        "seconds": event.seconds,
        "answer": storable(event.answer),
        "thinking": storable(event.thinking),
        "token_ids": struct.pack(f"<{count}i", *event.token_ids),
        "settled_step": struct.pack(f"<{len(settled)}H", *settled),
        "final_entropy": struct.pack(f"<{len(event.entropy)}f", *event.entropy),
    }


def block_from_row(row: tuple[Any, ...]) -> BlockRecord:
    """The block of a row of `BLOCK_COLUMNS`."""
    order, tokens, settled_step, entropy, steps, max_steps, settled, seconds, answer, thinking = row
    return BlockRecord(
        ord=order,
        token_ids=struct.unpack(f"<{len(tokens) // 4}i", tokens[: len(tokens) // 4 * 4]),
        settled_step=struct.unpack(f"<{len(settled_step) // 2}H", settled_step[: len(settled_step) // 2 * 2]),
        entropy=struct.unpack(f"<{len(entropy) // 4}f", entropy[: len(entropy) // 4 * 4]),
        steps=steps,
        max_steps=max_steps,
        settled=bool(settled),
        seconds=seconds,
        answer=answer,
        thinking=thinking,
    )
