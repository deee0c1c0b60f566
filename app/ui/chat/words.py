"""Labels and sentences around the chat (what is said of chats elsewhere, too: `app.chats.texts`)."""

from __future__ import annotations

from app.chats import texts
from app.chats.messages import Message
from inference.events import Finished, NothingWritten

PLACEHOLDER = "Write a message"
PLACEHOLDER_BUSY = "Write the next message; it can be sent when this answer is finished"
EXAMPLES: tuple[str, ...] = (
    "What are you, and what can you do?",
    "Why do words melt again?",
    "Tell me a tiny story about a hedgehog.",
    "How do I rename a chat?",
)
WAITING_FOR_MODEL = "Waiting for the model \u2026"
READING = "Reading the chat \u2026"
WRITING = "Writing \u2026"
NOT_LOADED = "No model is loaded"
STOPPING = "Stopping \u2026"
STOPPED_NOTE = "Stopped. What was finished is kept."
EMPTY_ANSWER = f"{NothingWritten().user_text} {NothingWritten().hint}"
BUSY_ELSEWHERE = "An answer is being written in another chat. Stop it, or wait until it is finished."
BUSY_HERE = "The answer is still being written. Stop it first, or wait until it is finished."
DROPPED_TURNS = "The chat is longer than the model's memory: the oldest messages were left out."
SHOW_EARLIER = "Show earlier messages"
MODELS_LINK = "Models (Ctrl+M)"  # behind the name of the model, above the chat
JUMP_TO_LATEST = "Go to the newest message"
REMOVED_MODEL = "The model folder of last time is gone, so Dewpoint started with the starter model."


SHOW_LESS = "Show less"


def show_all(characters: int) -> str:
    """Under the beginning of a long message."""
    return f"Show all ({characters:,} characters)"


def deleted(title: str) -> str:
    """In the undo bar."""
    return f"\u201c{title}\u201d was deleted."


def writing_status(block: int, step: int, max_steps: int) -> str:
    """While a block is denoised; `block` counts from 0."""
    return f"block {block + 1} \u00b7 step {step} of {max_steps}"


def loading_state(fraction: float) -> str:
    """In the header, while the model is loaded."""
    return f"Loading {round(fraction * 100)} %"


_NO_CARD = " (no graphics card in use)"


def ready_state(device: str, why: str = "") -> str:
    """In the header, when the model can be asked."""
    return f"Ready \u00b7 {device}{_NO_CARD if why else ''}"


def finished_status(finished: Finished) -> str:
    """The status line of an answer that has just ended."""
    steps, limit = finished.steps_per_block, finished.max_steps
    text = _status(steps, limit, finished.wall_seconds, finished.decode_tokens_per_second, finished.reason)
    return f"stopped by you \u00b7 {text}" if finished.reason == "cancelled" and steps else text


def stored_status(message: Message) -> str:
    """The status line of an answer from the history; "" if it is not known how it was made."""
    made = message.generation
    if made is None or made.max_steps is None or made.wall_seconds is None:
        return ""
    speed = made.decode_tokens_per_second or 0.0
    return _status(made.steps_per_block, made.max_steps, made.wall_seconds, speed, made.reason or "")


def _status(steps: tuple[int, ...], limit: int, seconds: float, speed: float, reason: str) -> str:
    if steps and steps[-1] >= limit and reason != "cancelled":
        return _unsettled_status(steps, limit, seconds, speed)
    return texts.status_line(steps, limit, seconds, speed)


def _unsettled_status(steps: tuple[int, ...], max_steps: int, seconds: float, tokens_per_second: float) -> str:
    """The status line of an answer whose last block hit the limit."""
    each = " + ".join(str(number) for number in steps)
    speed = f"{tokens_per_second:.0f}" if tokens_per_second >= 10 else f"{tokens_per_second:.1f}"
    return f"stopped at {each} of {max_steps} steps before settling \u00b7 {seconds:.1f} s \u00b7 {speed} tokens/s"


def sibling_label(number: int, count: int) -> str:
    """Which of several answers is shown; `number` counts from 0."""
    return f"{number + 1} of {count}"
