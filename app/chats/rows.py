"""Rows of the database as values, and values as rows.

The tables are strict, so every value has its column's type. What it says may still be odd, for SQLite has no checksums;
reading is patient, and an odd value never hides a whole chat.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import struct
from typing import Any

from app.base.files import parse_json
from app.chats import texts
from app.chats.messages import (
    LONGEST_TITLE,
    MESSAGE_ROLES,
    BlockOutcome,
    BlockRecord,
    Conversation,
    GenerationRecord,
    Message,
    MessageError,
    MessageFile,
    MessageState,
)
from app.chats.options import options_from_json
from inference.events import BlockCommitted, Failed
from inference.params import SamplerParams
from inference.text.surrogates import storable

_STATES = {state.value: state for state in MessageState}

BLOCK_COLUMNS = "ord, token_ids, settled_step, final_entropy, steps, max_steps, settled, seconds, answer, thinking"
LONGEST_SENTENCE, LONGEST_REPORT = 20_000, 200_000  # characters of a stored error that are shown
_DECODER = json.JSONDecoder()
_ESCAPE = 6  # characters of the longest escape in JSON
CONVERSATION_COLUMNS = f"""
    id, substr(title, 1, {LONGEST_TITLE}), title_source, head_message_id, created_at, updated_at, deleted_at, used_no,
    pinned, archived, folder_id, options_json,
    (SELECT group_concat(name, char(10)) FROM tag WHERE conversation_id = conversation.id)"""

# What one message needs, in the order in which `message_from_row` takes it apart.
MESSAGE_SQL = """
SELECT m.id, m.conversation_id, m.parent_id, m.sibling_no,
    (SELECT COUNT(*) FROM message s WHERE s.conversation_id = m.conversation_id AND s.parent_id IS m.parent_id),
    m.role, m.state, m.body, m.thinking, substr(m.error_json, 1, 1000000), m.created_at, m.updated_at,
    COALESCE(g.draft_length, 0),
    CASE WHEN EXISTS (SELECT 1 FROM attachment WHERE message_id = m.id) THEN
        (SELECT json_group_array(json_array(name, media_type, size, digest))
            FROM (SELECT name, media_type, size, digest FROM attachment WHERE message_id = m.id ORDER BY position)) END,
    g.seq, g.seed, g.params_json, g.backend, g.model,
    CASE WHEN g.seq IS NOT NULL THEN
        (SELECT group_concat(steps || ',' || max_steps || ',' || settled, ' ')
            FROM (SELECT steps, max_steps, settled FROM block WHERE message_id = m.id ORDER BY ord)) END,
    CASE WHEN g.seq IS NOT NULL THEN
        COALESCE(g.max_steps, (SELECT MAX(max_steps) FROM block WHERE message_id = m.id)) END,
    g.reason, g.answer_tokens, g.tokens_per_step, g.time_to_first_draft, g.time_to_first_block, g.wall_seconds,
    g.decode_seconds, g.wall_tokens_per_second, g.decode_tokens_per_second
FROM message m LEFT JOIN generation g ON g.message_id = m.id
"""


def conversation_from_row(row: tuple[Any, ...]) -> Conversation:
    """The chat of a row of `CONVERSATION_COLUMNS`."""
    chat, title, source, head, created, updated, deleted, used, pinned, archived, folder, options, tags = row
    return Conversation(
        chat,
        title,
        source,
        head,
        created,
        updated,
        deleted,
        used,
        pinned=bool(pinned),
        archived=bool(archived),
        folder_id=folder,
        tags=tuple(sorted(tags.split("\n"), key=str.casefold)) if tags else (),
        options=options_from_json(options),
    )


def message_from_row(row: tuple[Any, ...]) -> Message:
    """The message of a row of `MESSAGE_SQL`."""
    message, generation = row[:14], row[14:]
    return Message(
        id=message[0],
        conversation_id=message[1],
        parent_id=message[2],
        sibling_no=message[3],
        sibling_count=message[4],
        role=message[5] if message[5] in MESSAGE_ROLES else "user" if generation[0] is None else "assistant",
        state=_STATES.get(message[6], MessageState.STOPPED),
        body=message[7],
        thinking=message[8],
        error=None if message[9] is None else error_from_json(message[9]),
        generation=None if generation[0] is None else _generation_from_row(generation[1:]),
        created_at=message[10],
        updated_at=message[11],
        draft_length=min(max(message[12], 0), len(message[7])) if message[12] else 0,
        files=() if message[13] is None else files_from_json(message[13]),
    )


def files_from_json(text: str) -> tuple[MessageFile, ...]:
    """The files of a message; what cannot be read is none."""
    try:
        return tuple(MessageFile(str(each[0]), str(each[1]), int(each[2]), str(each[3])) for each in parse_json(text))
    except (ValueError, TypeError, IndexError):
        return ()


def _generation_from_row(row: tuple[Any, ...]) -> GenerationRecord:
    seed, params, backend, model, blocks, max_steps, *figures = row
    outcomes = tuple(_outcome(block) for block in (blocks or "").split())
    record = GenerationRecord(
        int(seed) if isinstance(seed, str) and seed.lstrip("-").isdecimal() else None,
        params_from_json(params),
        backend,
        model,
        tuple(outcome.steps for outcome in outcomes),
        max_steps,
        *figures,
    )
    return dataclasses.replace(record, outcomes=outcomes)


def _outcome(block: str) -> BlockOutcome:
    steps, max_steps, settled = map(int, block.split(","))
    return BlockOutcome(steps, max_steps, bool(settled))


def params_to_json(params: SamplerParams) -> str:
    """The parameters that are set, as JSON."""
    return json.dumps({name: value for name, value in dataclasses.asdict(params).items() if value is not None})


def params_from_json(text: str) -> SamplerParams:
    """Parameters from JSON; what is unknown or wrong is left out."""
    try:
        found = parse_json(text)
        known = {field.name for field in dataclasses.fields(SamplerParams)}
        return SamplerParams(**{name: value for name, value in found.items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return SamplerParams()


def error_to_json(event: Failed) -> str:
    """What a failure said, as JSON."""
    return json.dumps({"user_text": event.user_text, "hint": event.hint, "known": event.known, "detail": event.detail})


def error_from_json(text: str) -> MessageError:
    """What a failure said, as much of it as one of ours is long."""
    try:
        found = parse_json(text)
        said, hint, detail = (str(found[name]) for name in ("user_text", "hint", "detail"))
        said, hint = said[:LONGEST_SENTENCE], hint[:LONGEST_SENTENCE]
        return MessageError(said, hint, bool(found["known"]), detail[:LONGEST_REPORT])
    except (ValueError, TypeError, KeyError, AttributeError):
        said, hint = (_part_of_cut(text, name, LONGEST_SENTENCE) for name in ("user_text", "hint"))
        detail = _part_of_cut(text, "detail", LONGEST_REPORT)
        return MessageError(said or texts.ERROR_UNREADABLE, hint, True, detail)


def _part_of_cut(text: str, name: str, most: int) -> str:
    """The text of a name in JSON that was cut off: as far as it goes, at most so many characters."""
    found = re.search(f'"{name}": ?"', text)
    if found is None:
        return ""
    start = found.end()
    try:
        return str(_DECODER.raw_decode(text, start - 1)[0])[:most]
    except ValueError:
        part = text[start : start + _ESCAPE * most]
        escape = part.rfind("\\", len(part) - _ESCAPE)
        for end in (len(part), escape, escape - 1):  # behind the last whole escape, or before one that is cut
            with contextlib.suppress(ValueError):
                return str(json.loads(f'"{part[: max(0, end)]}"'))[:most]
    return ""


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
