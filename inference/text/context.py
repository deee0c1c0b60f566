"""What of a chat goes into the model's context, and what of that is still in the KV cache."""

from __future__ import annotations

import bisect
import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.errors import ContextFullError, SystemPromptTooLongError
from inference.params import ChatTurn

# Leaving out one exchange a turn, no more than must be, leaves nothing of the KV cache to use again.
HOPS = 4
# No token of ordinary text is that long: what has more characters a token cannot fit, and is not tokenised at all.
MOST_CHARACTERS_A_TOKEN = 40
_SAMPLE = 4  # characters a token of the context from which the length of such a text is told


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that leaves room for an answer.

    Attributes:
        ids: Token ids of the rendered prompt.
        dropped_turns: Oldest turns that were left out.
    """

    ids: tuple[int, ...]
    dropped_turns: int


def room_wanted(tokens: int, canvas_length: int, usual: int) -> int:
    """Room for an answer of so many tokens: old turns make room for the usual answer, not for the longest allowed."""
    return min(-(-tokens // canvas_length) * canvas_length, usual)


def fit_turns(
    turns: Sequence[ChatTurn],
    encode: Callable[[Sequence[ChatTurn]], Sequence[int]],
    max_context: int,
    wanted_tokens: int,
    canvas_length: int,
    start: Sequence[int] = (),
    hops: int = HOPS,
) -> FittedPrompt:
    """Leave out the oldest exchanges until prompt and answer fit into the context.

    1. Group the turns into exchanges: a user's turn and the answers after it. System turns belong to none and stay.
    2. Leave out the oldest exchanges, in hops, until there is room for the wanted answer; the newest always stays, and
       the one before it wherever it fits. Where a hop ends depends on the chat alone: as it grows, the prompt begins
       with the same tokens until the next hop.
    3. If even the newest alone leaves no room for the whole answer, one block must do; of a start of the answer that
       leaves no room for that, its end is read.

    Args:
        turns: The chat, oldest first.
        encode: Renders and tokenises some of the turns.
        max_context: Longest prompt plus answer, in tokens.
        wanted_tokens: Room that the answer would like, in tokens.
        canvas_length: Room that it needs at least, in tokens.
        start: Token ids of an answer that goes on; they follow the rendered turns.
        hops: How many hops it takes to leave out as much as a prompt may hold.

    Raises:
        SystemPromptTooLongError: System turn and newest message leave no room for one block, the message alone does.
        ContextFullError: The newest message alone leaves none.
    """
    # 1.
    exchanges = _exchanges(turns)

    @functools.cache
    def prompt_without(dropped: int) -> FittedPrompt:
        gone = {index for exchange in exchanges[:dropped] for index in exchange}
        kept = [turn for index, turn in enumerate(turns) if index not in gone]
        return FittedPrompt((*encode(kept), *start), len(gone))

    # 2. The usual chat fits whole; only then is every further try worth its tokenising.
    whole = prompt_without(0)
    if len(whole.ids) + wanted_tokens <= max_context:
        return whole
    least = prompt_without(len(exchanges) - 1)
    room = wanted_tokens if len(least.ids) + wanted_tokens <= max_context else canvas_length
    if len(least.ids) + room > max_context and start:  # 3.
        return _with_end_of_start(least, len(start), max_context, wanted_tokens, canvas_length)
    if len(least.ids) + room > max_context:
        alone = len(encode([turn for turn in newest_alone(turns) if turn.role != "system"]))
        raise _too_long(len(least.ids), alone, max(0, max_context - canvas_length))
    longest = max_context - room
    wanted_longest = longest - (longest - len(whole.ids)) % max(1, longest // hops)
    newest = len(exchanges) - 1
    dropped = bisect.bisect_left(range(newest), True, key=lambda drop: len(prompt_without(drop).ids) <= wanted_longest)
    if dropped == newest > 0 and len(prompt_without(newest - 1).ids) <= longest:
        dropped = newest - 1
    return prompt_without(dropped)


def _too_long(tokens: int, message: int, most: int) -> ContextFullError:
    """Of a newest message that has so many tokens, with its system turns `tokens` in all, where `most` are taken."""
    if message > most or message >= tokens:
        return ContextFullError(
            f"This message has {message:,} tokens; with room for an answer the model can take {most:,}.",
            "Shorten the message, or send it in parts.",
        )
    system = tokens - message
    return SystemPromptTooLongError(
        f"The system prompt is too long: with this message it has {tokens:,} tokens ({system:,} and {message:,}); with"
        f" room for an answer the model can take {most:,}.",
        "Shorten the system prompt." if system >= most else "Shorten the system prompt, or the message.",
    )


def check_characters(characters: int, max_context: int, system: int = 0) -> None:
    """Refuse at once what is far too long for the context: tokenising it would take minutes.

    Args:
        characters: Of all that is never left out.
        max_context: Longest prompt plus answer, in tokens.
        system: How many of them are those of system turns.

    Raises:
        SystemPromptTooLongError: It is, and the rest is not.
        ContextFullError: It is.
    """
    most = MOST_CHARACTERS_A_TOKEN * max_context
    if characters > most >= characters - system:
        raise SystemPromptTooLongError(
            f"The system prompt is too long: it has {system:,} characters; the model can take {max_context:,} tokens in"
            " all.",
            "Shorten the system prompt.",
        )
    if characters > most:
        raise ContextFullError(
            f"This message has {characters - system:,} characters; the model can take {max_context:,} tokens.",
            "Shorten the message, or send it in parts.",
        )


def beginnings(turns: Sequence[ChatTurn], max_context: int) -> tuple[Sequence[ChatTurn], float]:
    """The turns, each cut to the same share where they are far too long to be tokenised whole; and that share."""
    characters = sum(len(turn.text) for turn in turns)
    if characters <= MOST_CHARACTERS_A_TOKEN * max_context:
        return turns, 1.0
    share = _SAMPLE * max_context / characters
    return [dataclasses.replace(turn, text=turn.text[: int(len(turn.text) * share)]) for turn in turns], share


def tokenisable(turns: Sequence[ChatTurn], max_context: int) -> list[ChatTurn]:
    """The turns without the oldest exchanges that cannot fit, however short their tokens were.

    Raises:
        ContextFullError: What is never left out is far too long.
    """
    system = sum(turn.characters for turn in turns if turn.role == "system")
    check_characters(sum(turn.characters for turn in newest_alone(turns)), max_context, system)
    exchanges = _exchanges(turns)
    left = sum(turn.characters for turn in turns)
    gone: set[int] = set()
    while left > MOST_CHARACTERS_A_TOKEN * max_context and exchanges:
        oldest = exchanges.pop(0)
        left -= sum(turns[index].characters for index in oldest)
        gone |= set(oldest)
    return [turn for index, turn in enumerate(turns) if index not in gone]


def newest_alone(turns: Sequence[ChatTurn]) -> list[ChatTurn]:
    """What of a chat is never left out: its system turns, and its newest exchange."""
    gone = {index for exchange in _exchanges(turns)[:-1] for index in exchange}
    return [turn for index, turn in enumerate(turns) if index not in gone]


def _with_end_of_start(
    least: FittedPrompt, start: int, max_context: int, wanted_tokens: int, canvas_length: int
) -> FittedPrompt:
    """The newest message, and as much of the end of an answer of `start` tokens as leaves room for its going on."""
    asked = len(least.ids) - start
    left = max_context - asked
    kept = max(left - wanted_tokens, min(canvas_length, left - canvas_length))
    if kept <= 0:
        raise ContextFullError(
            f"This answer cannot go on: what must be read before it has {asked:,} tokens, and the model can take"
            f" {max_context:,} for all.",
            "Ask for the rest in a new chat.",
        )
    return FittedPrompt((*least.ids[:asked], *least.ids[-kept:]), least.dropped_turns)


def common_prefix(held: Sequence[int], wanted: Sequence[int]) -> int:
    """Number of ids that both begin with."""
    for index, (left, right) in enumerate(zip(held, wanted, strict=False)):
        if left != right:
            return index
    return min(len(held), len(wanted))


def _exchanges(turns: Sequence[ChatTurn]) -> list[list[int]]:
    """Indices of the turns of each exchange; an answer at the very beginning is an exchange of its own."""
    exchanges: list[list[int]] = []
    for index, turn in enumerate(turns):
        if turn.role == "system":
            continue
        if turn.role == "user" or not exchanges:
            exchanges.append([])
        exchanges[-1].append(index)
    return exchanges
