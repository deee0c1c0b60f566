"""Labels and sentences around the chat (what is said of chats elsewhere, too: `app.chats.texts`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.base.graphemes import shortened
from app.base.texts import name_of
from app.base.units import size as human_size
from app.chats import texts
from app.chats.messages import Message
from app.chats.unfinished import cut_off
from inference.events import NothingWritten

PLACEHOLDER = "Write a message"
PLACEHOLDER_BUSY = "Write the next message; it is sent when this answer is finished"
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
SETTLE_NOW = "Settle now"
SETTLE_NOW_HINT = "Settle now (Ctrl+E): take this block as it stands, and go on"
MORE_STEPS = "More steps"
MORE_STEPS_HINT = "More steps (Ctrl+Shift+E): let this block take 8 more steps than its limit"
_NO_TEXT = "\u00b7"
REPLAY = "Replay"
REPLAY_HINT = "Replay: see step by step how this answer was written"
REPLAY_PLAY = "Play"
REPLAY_STOP = "Stand still"
REPLAY_SLIDER = "Step of the replay: arrow keys go step by step"
REPLAY_SPEED = "Speed of the replay"
REPLAY_CLOSE = "Close"
REPLAY_EXPORT = "Save as \u2026"
REPLAY_EXPORTS = {
    "gif": "Animation (GIF) \u2026",
    "webp": "Animation (WebP) \u2026",
    "html": "Web page (HTML) \u2026",
    "png": "Picture of this step (PNG) \u2026",
}
REPLAY_SAVE_TITLE = "Save the replay"
REPLAY_FILE = "Dewpoint replay"
RECORDING_LOST = "The recording of this answer cannot be read, so it cannot be replayed."
MAP = "Map of the block"
MAP_CURVE = "Mean entropy, step by step"
MAP_CLOSE = "Hide"
MAP_CLOSE_NAME = "Hide the map"
MAP_LEGEND = (
    "One cell for each place of the block. Full: settled. Pale: not sure yet. Dot: accepted in this step. Red frame: "
    "melted again. Dark frame: held. Point at a cell to see its word, and at a word to see its cell. How settled a "
    "word is says nothing about whether it is true."
)
MAP_COMMITTED = "committed"
MAP_HELD = "held"
MAP_MELTED = "melted again"
MAP_ACCEPTED = "accepted"
MAP_NOISE = "not accepted"
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
UNFIT_FILE_TITLE = "This text is longer than the model can take"
UNFIT_FILE_PARTS = "Put in what fits"
UNFIT_FILE_ALL = "Put in all of it"
_MOST_REFUSALS = 3
_LONGEST_PATH = 120
_LONGEST_TITLE = 40
SHOW_EARLIER = "Show earlier messages"
SHOW_LATER = "Show later messages"
SEARCH = "Search chats"
SEARCH_HINT = 'Search titles and messages (Ctrl+Shift+F); "words in quotes" as they stand'
SEARCH_CLEAR = "Clear the search"
SEARCH_RESULTS = "Search results"
BRANCH_BUSY = "This message is in another branch of the chat, which can be shown when the answer is finished."
BIN_TITLE = "Deleted chats"
BIN_DETAIL = "They are kept for 30 days, and then removed for good; older backups may hold them longer."
BRING_BACK = "Bring back"
REMOVE_FOR_GOOD = "Remove for good"
REMOVE_TITLE = "Remove these chats for good?"
REMOVE_DETAIL = (
    "Nothing brings them back: their text is overwritten on the disk. Backups of the last days may still hold them."
)
REMOVE_FROM_BACKUPS = "Remove them from the backups, too"
CHAT_MENU = "Chat"
FOLDER_MENU = "Folders"
PINNED = "Pinned"
PIN = "Pin"
UNPIN = "Unpin"
PIN_UNDO = "The pins were changed."
ARCHIVE = "Archive"
UNARCHIVE = "Bring back from the archive"
PUT_IN_FOLDER = "Put into folder"
NEW_FOLDER = "New folder \u2026"
NEW_FOLDER_INSIDE = "New folder inside \u2026"
NO_FOLDER = "No folder"
RENAME_FOLDER = "Rename folder \u2026"
REMOVE_FOLDER = "Remove folder (its chats stay)"
FOLDER_TITLE = "New folder"
FOLDER_NAME = "Folder"
FOLDER_AGREE = "Make it"
RENAME_FOLDER_TITLE = "Rename the folder"
RENAME_AGREE = "Rename"
TAGS = "Tags \u2026"
TAGS_TITLE = "Tags"
TAGS_DETAIL = "Separated by commas. Searching for #name lists the chats with a tag."
TAGS_AGREE = "Set"
TAGGED = "The tags were changed."
EDIT_MENU = "Edit \u2026"
BRANCH_OFF = "New chat from here"
MESSAGE_MENU = "More about this message"
EDIT_OWN = "Edit your message"
EDIT_ANSWER = "Edit the answer"
EDIT_OWN_HINT = "The old message and what followed it stay: the arrows above it lead back. Ctrl+Enter sends."
EDIT_ANSWER_HINT = "The old answer and what followed it stay: the arrows above it lead back."
SEND_EDITED = "Send"
KEEP_EDITED = "Keep as a version"
LEAVE_EDITING = "Cancel"
SAME_AGAIN = "The seed is fixed and nothing else has changed: the answer would be the same again."
NEW_SEED = "Take a new seed"
QUEUED = "Messages that wait"
SHOW_QUEUED = "Show"
SEND_NOW = "Send now"
TAKE_BACK = "Take back"
FIND_IN_CHAT = "Find in this chat"
FIND_NEXT = "Next message found (Enter)"
FIND_PREVIOUS = "Message found before (Shift+Enter)"
FIND_CLOSE = "Close (Esc)"
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


def removed_from_backups(count: int) -> str:
    """They are nowhere any more."""
    if not count:
        return "No backup held the removed chats."
    return f"The removed chats are gone from {'one backup' if count == 1 else f'{count} backups'}, too."


def in_bin(title: str, day: str) -> str:
    """A chat in the bin."""
    return f"{title}  \u00b7  deleted {day}"


def archived(count: int) -> str:
    """The heading of the archive."""
    return f"Archived ({count:,})"


def _chats(count: int) -> str:
    return "The chat was" if count == 1 else f"{count:,} chats were"


def archived_now(count: int) -> str:
    """In the undo bar."""
    return f"{_chats(count)} archived."


def unarchived(count: int) -> str:
    """In the undo bar."""
    return f"{_chats(count)} brought back."


def moved(count: int) -> str:
    """In the undo bar."""
    return f"{_chats(count)} moved."


def deleted_several(count: int) -> str:
    """In the undo bar."""
    return f"{_chats(count)} deleted."


def queued(text: str, title: str) -> str:
    """A message that waits; behind the answer of another chat, if it has a `title`."""
    return (
        f"Next, after the answer in \u201c{shortened(title, _LONGEST_TITLE)}\u201d: {text}"
        if title
        else f"Next: {text}"
    )


def queued_elsewhere(text: str, title: str) -> str:
    """A message that waits in another chat."""
    return f"Waits in \u201c{shortened(title, _LONGEST_TITLE)}\u201d: {text}"


def found_in_chat(number: int, count: int) -> str:
    """Such as "2 of 7 messages"."""
    return f"{number:,} of {count:,} {'message' if count == 1 else 'messages'}" if count else "Not found"


def found_chats(count: int, most: int, waiting: int) -> str:
    """Above the results."""
    if waiting:
        return f"{waiting:,} texts are still to be indexed \u2026"
    if not count:
        return "Nothing found."
    return f"The best {most} places" if count >= most else ""


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


def rest_not_shown(characters: int) -> str:
    """The last line of a huge text."""
    return f"({characters:,} more characters are not shown here. Copy and Export take all of them.)"


def deleted(title: str) -> str:
    """In the undo bar."""
    return f"\u201c{shortened(title, _LONGEST_TITLE)}\u201d was deleted."


def long_file_detail(names: Sequence[str], characters: int) -> str:
    """What a click on "Put it in" does."""
    return f"{_file_size(names, characters)}. All of it goes into your message."


def unfit_file_detail(names: Sequence[str], characters: int, tokens: int, most: int, asked: bool) -> str:
    """The same of a text that the model cannot take: what both buttons do."""
    best = "the parts that fit your question best" if asked else "its beginning; type a question first to get the best"
    return (
        f"{_file_size(names, characters)}: with what you typed {tokens:,} tokens, and this model can take {most:,}. "
        f"What fits is {best}. All of it can be put in, but cannot be sent to this model until you shorten it."
    )


def _file_size(names: Sequence[str], characters: int) -> str:
    what = f"\u201c{names[0]}\u201d has" if len(names) == 1 else f"These {len(names)} files have"
    pages = max(1, round(characters / 2000))
    return f"{what} {characters:,} characters, about {pages:,} {'page' if pages == 1 else 'pages'}"


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
    return f"block {block + 1} \u00b7 {f'step {step} of {max_steps}' if step else 'noise'}"


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


def replay_label(step: int, last: int, block: int) -> str:
    """Which step of how many is shown; `block` counts from 1, 0 where there is only one."""
    at = "noise" if step == 0 else f"step {step} of {last}"
    return f"block {block} \u00b7 {at}" if block else at


def word_told(text: str, step: int, nats: float, was: Sequence[str], others: Sequence[tuple[str, float]]) -> str:
    """What is told of a word that was settled at a step: how sure, what stood there before, what else might have."""
    lines = [f"\u201c{text or _NO_TEXT}\u201d: stands here since step {step}, then {nats:.2f} nats"]
    if len(was) > 1:
        lines.append("was " + " \u203a ".join(each or _NO_TEXT for each in was))
    if others:
        lines.append("instead: " + ", ".join(f"{each or _NO_TEXT} {_percent(share)}" for each, share in others))
    return "\n".join(lines)


def _percent(log_share: float) -> str:
    share = 100 * math.exp(log_share)
    return f"{share:.0f} %" if share >= 1 else "under 1 %"


def map_title(block: int, step: int) -> str:
    """Above the map; `block` counts from 0, and step 0 is noise."""
    return f"Block {block + 1} \u00b7 {'noise' if step == 0 else f'step {step}'}"


def map_cell(place: int, text: str, nats: float, state: str) -> str:
    """What a cell of the map tells; `place` counts from 0."""
    shown = f"\u201c{text}\u201d" if text else "no word"
    return f"Place {place + 1}: {shown}, {nats:.2f} nats, {state}"


def map_described(accepted: Sequence[bool], melted: Sequence[bool]) -> str:
    """The map for screen readers."""
    return f"{sum(accepted)} of {len(accepted)} places accepted, {sum(melted)} melted again"


def curve_described(nats: float | None, step: int) -> str:
    """The curve of entropy in words."""
    return "" if nats is None else f"{nats:.3f} nats a place after step {step}"


def recording_size(size: int, total: int, most: int) -> str:
    """How much room recordings take."""
    return f"This recording takes {human_size(size)}; all of them {human_size(total)} of {human_size(most)} (Settings)."


def exported(path: str) -> str:
    """A replay was written to a file."""
    return f"The replay was saved as {path}."


def not_exported(path: str, reason: str) -> str:
    """It was not."""
    return f"The replay could not be saved as {path} ({reason})."


def sibling_label(number: int, count: int) -> str:
    """Which of several answers is shown; `number` counts from 0."""
    return f"{number + 1} of {count}"


# -- messages of other programs --------------------------------------------------------------------------------------

_FROM = {"tool": "From a tool", "system": "From the system"}


def foreign_note(message: Message) -> str:
    """Below an imported message: who said it, if no model."""
    return _FROM.get(message.role, "")


# -- thinking --------------------------------------------------------------------------------------------------------

THOUGHT = "What the model thought"
THOUGHT_HINT = "What the model thought before it answered: no part of the answer"


def thought_line(count: int, writing: bool) -> str:
    """The line that opens it."""
    if writing:
        return "Thinking \u2026"
    return f"Thought \u00b7 {count:,} {'word' if count == 1 else 'words'}"


def thought_name(line: str, is_open: bool) -> str:
    """The same for screen readers."""
    return f"{line}: {'hide it' if is_open else 'read it'}"


# -- documents -------------------------------------------------------------------------------------------------------

ATTACH = "Attach files"
ATTACH_TIP = "Attach files: text, code, CSV, PDF, Word (Ctrl+Shift+A)"
ATTACH_FILES = "Texts and documents (*)"


def open_file(name: str) -> str:
    """The button of a file under a message."""
    return f"Read {name_of(name)} here"


def open_place(label: str) -> str:
    """The tip of a quote."""
    return f"{name_of(label)}: show it there"
