"""Labels and sentences around the chat (what is said of chats elsewhere, too: `app.chats.texts`)."""

from __future__ import annotations

from collections.abc import Sequence

from app.base.graphemes import shortened
from app.chats import texts
from app.chats.messages import Message, MessageState
from app.chats.unfinished import cut_off
from inference.events import NothingWritten

PLACEHOLDER = "Write a message"
PLACEHOLDER_BUSY = "Write the next message; it can be sent when this answer is finished"
PLACEHOLDER_DROP = "Drop files here: their text goes into the message"
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
STOPPED_DRAFT_NOTE = "Stopped. What had settled is kept; \u2026 stands for words that had not."
CUT_OFF_NOTE = "The answer was cut off at its greatest length. Continue lets it go on; Settings has the length."
CONTEXT_FULL_NOTE = (
    "The answer was cut off because the model's memory is full. Continue lets it go on without the oldest text."
)
TRY_AGAIN_HINT = "Try again: ask for a new answer"
CONTINUE = "Continue"
CONTINUE_HINT = "Continue: let this answer go on from where it stands"
EMPTY_ANSWER = f"{NothingWritten().user_text} {NothingWritten().hint}"
BUSY_ELSEWHERE = "An answer is being written in another chat. Stop it, or wait until it is finished."
BUSY_HERE = "The answer is still being written. Stop it first, or wait until it is finished."
MEASURING = "The model measures your message before it is sent \u2026"
DROPPED_TURNS = "The chat is longer than the model's memory: the oldest messages were left out."
LONG_FILE = "Long text"
LONG_FILE_TITLE = "Put all of this text into the message?"
LONG_FILE_AGREE = "Put it in"
_MOST_REFUSALS = 3
_LONGEST_PATH = 120
SHOW_EARLIER = "Show earlier messages"
MODELS_LINK = "Models (Ctrl+M)"  # behind the name of the model, above the chat
JUMP_TO_LATEST = "Go to the newest message"
REMOVED_MODEL = "The model folder of last time is gone, so Dewpoint started with the starter model."
NO_REST = (
    "The last start did not get as far as showing your chat, so Dewpoint started without it. It is still in the list."
)
OPEN_ANYWAY = "Open it"
HELD = "Dewpoint"
HELD_TITLE = "Another program is holding the chat file"
QUIT = "Quit"
WRITE_ANEW = "Write it anew"
WRITTEN_ANEW = "The chat file is written anew, with all chats."
UNSAVED = "Not saved"
UNSAVED_TITLE = "Close, and lose what could not be saved?"
TRY_SAVING_AGAIN = "Try again"
SAVE_ELSEWHERE = "Save as a text file \u2026"
CLOSE_ANYWAY = "Close anyway"
STAY_OPEN = "Stay open"
UNSAVED_FILE = "Dewpoint, not saved.txt"
TEXT_FILES = "Text files (*.txt)"
STILL_UNSAVED = "It still cannot be saved."


def held_detail(path: str) -> str:
    """What is done about it, and what can be."""
    return (
        f"Dewpoint opens as soon as {path} is free; it looks again every second. Close other windows of Dewpoint, or "
        "backup programs that read the file. Nothing in it was changed."
    )


def unsaved_detail(count: int, characters: int, reason: str, hint: str, file_gone: bool) -> str:
    """What would be lost, and why."""
    what = f"One text of {characters:,} characters on the screen is not in the chat file."
    if count != 1:
        what = f"{count} texts of {characters:,} characters on the screen are not in the chat file."
    if file_gone:
        lost = "If Dewpoint closes now, all chats since the newest backup are lost."
        return " ".join(filter(None, (reason, hint, lost, what if count else "")))
    return (
        f"{what} {reason} {hint} You can also save a text file in another place. Dewpoint closes as soon as everything "
        "is saved."
    )


def saved_elsewhere(path: str) -> str:
    """What is typed is safe, and the chats are not."""
    return f"What was not in the chat file is in {path} now; the chats are not."


def not_written(path: str, reason: str) -> str:
    """The other place is no better."""
    return f"{path} cannot be written ({reason})."


SHOW_LESS = "Show less"
NOT_FORMATTED = "This answer is very long: from here on it is shown as it was written."
FORMAT_MORE = "Format more"


def unreadable_model(folder: str, reason: str) -> str:
    """The model of last time is there, and nobody may look at it."""
    text = f"The model folder of last time, {shortened(folder, _LONGEST_PATH)}, cannot be read ({reason})"
    return f"{text}, so Dewpoint started with the starter model."


def show_all(characters: int) -> str:
    """Under the beginning of a long message."""
    return f"Show all ({characters:,} characters)"


def deleted(title: str) -> str:
    """In the undo bar."""
    return f"\u201c{title}\u201d was deleted."


def long_file_detail(names: Sequence[str], characters: int) -> str:
    """What a click on "Put it in" does."""
    what = f"\u201c{names[0]}\u201d has" if len(names) == 1 else f"These {len(names)} files have"
    pages = max(1, round(characters / 2000))
    return f"{what} {characters:,} characters, about {pages:,} pages. All of it goes into your message."


def too_much_text(characters: int, lines: int, most: int, most_lines: int) -> str:
    """A text that was pasted or dropped, and not put in."""
    rows = "1 line" if lines == 1 else f"{lines:,} lines"
    return (
        f"This text is too long for a message: it has {characters:,} characters in {rows}, and a message "
        f"takes {most:,} in {most_lines:,}. Nothing was put in."
    )


def refused_files(sentences: Sequence[str]) -> str:
    """Files whose text was not put into the box, the first few by name."""
    more = len(sentences) - _MOST_REFUSALS
    said = list(sentences[:_MOST_REFUSALS])
    if more > 0:
        said.append(f"{more} more could not be read.")
    return " ".join(said)


def message_too_long(tokens: int, most: int, characters: int, fit: int) -> str:
    """A message that was not sent: it stands in the box, to be changed. So many of its characters fit."""
    return (
        f"This message is too long and was not sent: it has {tokens:,} tokens, and this model can take {most:,}. "
        f"Shorten it from {characters:,} to about {fit:,} characters, or send it in parts."
    )


def question_too_long(tokens: int, most: int, characters: int, fit: int) -> str:
    """An old question that was not asked anew, since another model answers now."""
    return (
        f"The question is too long for this model: it has {tokens:,} tokens, and it can take {most:,}. Of the "
        f"{characters:,} characters about {fit:,} would fit. Choose a model with a larger memory."
    )


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


def stopped_note(message: Message) -> str:
    """Under an answer that was stopped, by the user or with the program."""
    if not message.body.strip():
        return texts.NO_ANSWER_YET
    return STOPPED_DRAFT_NOTE if message.draft_length else STOPPED_NOTE


def cut_off_note(message: Message) -> str:
    """Under an answer that looks whole and is not; "" under one that is."""
    return {"max_new_tokens": CUT_OFF_NOTE, "context_full": CONTEXT_FULL_NOTE}.get(cut_off(message), "")


def stored_status(message: Message) -> str:
    """The status line of an answer: why it ended, and its figures as far as they are known; "" if nothing is."""
    made = message.generation
    if made is None or message.state in (MessageState.STREAMING, MessageState.DRAFT):
        return ""
    steps, limit, seconds = made.steps_per_block, made.max_steps, made.wall_seconds
    speed = made.wall_tokens_per_second or 0.0  # by the seconds beside it
    if message.state in (MessageState.STOPPED, MessageState.ERROR):
        how = "stopped" if message.state == MessageState.STOPPED else "failed"
        return texts.ended_early(how, len(steps), seconds, speed)
    if limit is None or seconds is None:
        return ""
    if any(number >= limit for number in steps):
        return texts.unsettled_line(steps, limit, seconds, speed)
    return texts.status_line(steps, limit, seconds, speed)


def sibling_label(number: int, count: int) -> str:
    """Which of several answers is shown; `number` counts from 0."""
    return f"{number + 1} of {count}"
