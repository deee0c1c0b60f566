"""What the history holds, as frozen values: conversations, messages in a tree, how each answer was generated.

Times are whole milliseconds since 1970 UTC. Ids are text that sorts by time (see `app.chats.ids`).
"""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from app.base.graphemes import ELLIPSIS, LONGEST, graphemes, one_line
from app.chats import texts
from app.chats.options import NO_OPTIONS, ChatOptions
from inference.params import ROLES, ChatTurn, Role, SamplerParams
from inference.text.surrogates import storable

LEAST_TITLE = 6  # characters of a title that says something
FIRST_CHARACTERS = 4_000  # of a message, which a title may come from
_MARKS = re.compile(r"^\s*(#{1,6}\s|>\s?|[-*+]\s|\d{1,3}[.)]\s)*|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|hallo|good (?:morning|evening|day)|guten (?:tag|morgen)|bonjour|hola|please|bitte|thanks)\b"
    r"(?: there)?[\s,.!:\u2013-]*)+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+|(?<=[\u3002\uff01\uff1f])")
TITLE_LENGTH = 48  # of a title that is made from the first message
RENAMED_LENGTH = 200
LONGEST_TITLE = RENAMED_LENGTH * LONGEST  # code points; what is longer was not written by this program
MessageRole = Role | Literal["tool"]
MESSAGE_ROLES: tuple[MessageRole, ...] = (*ROLES, "tool")
TitleSource = Literal["default", "first_message", "user"]


class MessageState(StrEnum):
    """Where a message is in its life; `STREAMING` becomes one of the last three."""

    DRAFT = "draft"
    STREAMING = "streaming"
    DONE = "done"
    STOPPED = "stopped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One chat in the list.

    Attributes:
        id: Sortable text id.
        title: One line.
        title_source: "default" until there is a message, "first_message", or "user" after a rename.
        head_message_id: Last message of the branch that is shown; None in an empty chat.
        created_at: Milliseconds since 1970 UTC.
        updated_at: When the user last asked something in it.
        deleted_at: When it was deleted; None for a living one.
        used_no: Grows with every use of any chat: the list is in its order.
        pinned: Whether it is kept at the top of the list.
        archived: Whether it is out of the list, and not deleted.
        folder_id: The folder that it lies in.
        tags: Its tags, in alphabetical order.
        options: What was chosen for it alone.
    """

    id: str
    title: str
    title_source: TitleSource
    head_message_id: str | None
    created_at: int
    updated_at: int
    deleted_at: int | None
    used_no: int = 0
    pinned: bool = False
    archived: bool = False
    folder_id: str | None = None
    tags: tuple[str, ...] = ()
    options: ChatOptions = NO_OPTIONS

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it is in the list, which has the greatest first."""
        return self.used_no, self.updated_at, self.id


@dataclass(frozen=True, slots=True)
class MessageError:
    """Why an answer failed: what `inference.events.Failed` said."""

    user_text: str
    hint: str
    known: bool
    detail: str


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """How one block of an answer ended.

    Attributes:
        steps: Denoising steps that it took.
        max_steps: The most that it might have taken.
        settled: Whether it had settled.
    """

    steps: int
    max_steps: int
    settled: bool

    @property
    def by_you(self) -> bool:
        """Whether the user ended it: it had not settled and had steps left."""
        return not self.settled and self.steps < self.max_steps


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """How an answer was made. Everything from `reason` on is None (or empty) until it is finished.

    Attributes:
        seed: Seed of the draws; None if it was never known.
        params: Overrides of the model's sampler values.
        backend: "onnx", "torch", "tensorrt" or "fake".
        model: Name of the model, as the window showed it.
        steps_per_block: Denoising steps of each committed block.
        max_steps: Upper limit of steps a block.
        reason: Why it ended.
        answer_tokens: As in `inference.events.Finished`, and so are all that follow, but the last.
        outcomes: How each committed block ended.
    """

    seed: int | None
    params: SamplerParams
    backend: str
    model: str
    steps_per_block: tuple[int, ...]
    max_steps: int | None
    reason: str | None
    answer_tokens: int | None
    tokens_per_step: float | None
    time_to_first_draft: float | None
    time_to_first_block: float | None
    wall_seconds: float | None
    decode_seconds: float | None
    wall_tokens_per_second: float | None
    decode_tokens_per_second: float | None
    outcomes: tuple[BlockOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageFile:
    """A file of a message; it lies beside the history under its hash (`app.chats.files`).

    Attributes:
        name: As it was called where it came from.
        media_type: "application/pdf".
        size: Bytes.
        digest: SHA-256, in hexadecimal digits.
    """

    name: str
    media_type: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class FileSource:
    """A message that holds the text of files, which an answer below it may quote."""

    body: str
    files: tuple[MessageFile, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; its parent is the message it answers or follows.

    Attributes:
        id: Sortable text id.
        conversation_id: The chat it belongs to.
        parent_id: The message before it; None for the first.
        sibling_no: Its number, from 0, among the messages with the same parent.
        sibling_count: How many messages have that parent, itself included.
        role: "user", "assistant", "system", or "tool", whose messages come from other programs.
        state: Where it is in its life.
        body: The text, as Markdown source.
        thinking: Text of the thinking channel.
        error: Why it failed, in state `ERROR`.
        generation: How it was made, for answers.
        created_at: Milliseconds since 1970 UTC.
        updated_at: Milliseconds since 1970 UTC.
        draft_length: How many characters at the end of `body` come from a block that was not finished.
        files: Its files.
        sources: For answers: the messages before it that hold files.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    sibling_no: int
    sibling_count: int
    role: MessageRole
    state: MessageState
    body: str
    thinking: str
    error: MessageError | None
    generation: GenerationRecord | None
    created_at: int
    updated_at: int
    draft_length: int = 0
    files: tuple[MessageFile, ...] = ()
    sources: tuple[FileSource, ...] = ()

    @property
    def foreign(self) -> bool:
        """Whether another program wrote it: it is no question, and no model of ours was counted while it answered."""
        counted = self.generation is not None and self.generation.answer_tokens is not None
        return self.role != "user" and self.state == MessageState.DONE and not counted

    @property
    def committed(self) -> str:
        """The text without what comes from an unfinished block."""
        return self.body[: len(self.body) - self.draft_length]


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One committed block of an answer, as `inference.events.BlockCommitted` told it."""

    ord: int
    token_ids: tuple[int, ...]
    settled_step: tuple[int, ...]
    entropy: tuple[float, ...]
    steps: int
    max_steps: int
    settled: bool
    seconds: float
    answer: str
    thinking: str


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was saved from a chat file that was damaged or gone.

    Attributes:
        kept_as: Where the damaged file lies now; None if it was gone.
        reason: What was wrong, for the log.
        chats: Chats in the new file.
        messages: Messages in the new file.
        from_backup: Those of the messages that only the backup had.
        lost: Chats and messages that are known to be missing, because others name them, and messages without
            their text (there may be more).
        backup: The backup that was used, if any.
    """

    kept_as: Path | None
    reason: str
    chats: int
    messages: int
    from_backup: int
    lost: int
    backup: Path | None

    @property
    def user_text(self) -> str:
        """What happened, for the user."""
        return texts.store_recovered(self.chats, self.messages, self.from_backup, self.kept_as is None)

    @property
    def hint(self) -> str:
        """Where the damaged file is and what is lost, for the user."""
        return texts.store_recovered_hint(self.kept_as.name if self.kept_as else "", self.lost)

    def plain(self) -> dict[str, Any]:
        """By name, for programs."""
        return dataclasses.asdict(self)


def with_changed(conversations: Sequence[Conversation], changed: Conversation) -> tuple[Conversation, ...]:
    """The list of all chats after one of them changed, was used, is new, came back, or was deleted."""
    others = [each for each in conversations if each.id != changed.id]
    if changed.deleted_at is None:
        at = bisect_left(range(len(others)), True, key=lambda at: others[at].place < changed.place)
        others.insert(at, changed)
    return tuple(others)


def times_of_use(conversations: Sequence[Conversation], now: int) -> list[int]:
    """When each chat was used, as far as the clock was right: never before a chat below it, and never after `now`.

    The chats come in the order of their use, the last one first, which is known for certain. A time in the future says
    nothing, and one that is too early gives way to that of the chat below. All times are milliseconds since 1970 UTC.
    """
    told = (chat.updated_at if 0 < chat.updated_at <= now else 0 for chat in reversed(conversations))
    times = list(accumulate(told, max))
    return times[::-1]


def title_from_text(text: str, limit: int = TITLE_LENGTH) -> str:
    """`text` as one line of at most `limit` characters (as a reader counts them), cut between words where possible.

    "" for a text of which nothing can be seen.
    """
    words = storable(text).split(None, 2 * limit)[: 2 * limit]  # a pasted book is not read to its end for this
    line = one_line(" ".join(words)[: limit * LONGEST])
    characters = list(graphemes(line))
    if len(characters) <= limit:
        return line
    cut = characters[: limit - 1]
    if characters[limit - 1] != " " and " " in cut[limit // 2 :]:
        cut = cut[: len(cut) - 1 - cut[::-1].index(" ")]
    return "".join(cut).rstrip(" ,;:.-") + ELLIPSIS


def title_from_exchange(asked: str, answer: str = "") -> str:
    """A title from the first message and its answer: what the message asks, without greeting and code.

    Where it asks nothing that a title could be made of, the answer's first heading or sentence.
    """
    question = _substance(asked)
    if len(question) >= LEAST_TITLE:
        return title_from_text(question)
    return title_from_text(_substance(answer)) or title_from_text(asked)


def _substance(text: str) -> str:
    """The first line, or its first sentence, that says something; "" for none."""
    fenced = False
    for line in text[:FIRST_CHARACTERS].splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        whole = _MARKS.sub("", line).strip()
        plain = _GREETING.sub("", whole).lstrip(" ,.!?:;-\u2013\u2014\t")
        if fenced or not any(sign.isalnum() for sign in plain):
            continue
        sentence = _SENTENCE.split(plain, maxsplit=1)[0]
        plain = sentence if len(sentence) >= LEAST_TITLE else plain
        plain = plain if whole.startswith(plain) else plain[:1].upper() + plain[1:]
        return plain.rstrip(" .,:;\u3002-")
    return ""


def turns_of(branch: Sequence[Message]) -> tuple[ChatTurn, ...]:
    """A branch, oldest first, as the model is to read it.

    Answers without a text, and those still being written, are left out; two user turns may then follow one another.
    So are what tools said, and of a system's messages all but one at the beginning: templates know no others.
    """
    unfinished = (MessageState.STREAMING, MessageState.DRAFT)
    return tuple(
        ChatTurn(message.role, message.body)
        for number, message in enumerate(branch)
        if message.role != "tool"
        if message.role != "system" or (number == 0 and message.body.strip())
        if message.role != "assistant" or (message.body.strip() and message.state not in unfinished)
    )
