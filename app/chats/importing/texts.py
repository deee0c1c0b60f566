"""What is said of imports: why a file cannot be read, and what could not be taken over."""

from __future__ import annotations

from pathlib import Path

from app.base.texts import name_of

FILE_HINT = "Check the file, its folder and its rights."
ZIP_HINT = "Download the export again, and import that."
NOTHING_HINT = (
    "Dewpoint imports its own JSON, and exports of ChatGPT, Claude, Open WebUI, LM Studio and Jan: a zip, a JSON file, "
    "or a folder."
)
TOO_MANY_FILES = "there are too many files; those beyond were not looked at"
TOO_NESTED = "zips are nested too deeply in it"
NO_CHATS_IN_IT = "no chats were recognised in it"
NO_CHAT = "it is no chat"
NOT_IN_EXPORT = "the file is not part of the export"
NAMED_BUT_MISSING = "the list of files names it, and it is not there"
BELONGS_TO_NOTHING = "no message names this file"
NOT_A_CHAT = "it holds no chats (settings, sign-ins, opinions, or a page made of the same chats)"
A_PROJECT = "it is a project with its documents, not a chat"
MEMORIES = "these are memories, not a chat"
TOO_LARGE_FILE = "the file is larger than a gigabyte"
TOO_DEEP = "it is nested too deeply"
EMPTY_FILE = "it is empty"
CUT_OFF = "it ends in the middle"
NO_JSON = "what stands there is no JSON"
NO_TEXT = "it holds bytes that are no text"
BAD_NUMBER = "it holds a number that cannot be read"
DISK_FULL = "The chats could not be imported, because the disk is full."
DISK_FULL_HINT = "Nothing was changed. Free some space, then import the file again."
NEWER_HINT = "Update Dewpoint, and import the file with the new version."
LONG_NUMBER = "it holds a number of more than 400 characters"
NO_LIST_OF_CHATS = "it has no list 'chats'"
SAME_CHAT = "a chat before it in the file has the same id; messages that only this one has were added to that one"
TITLE_LINE = "its 'title' is not one line; spaces stand for what steers a line (breaks and the like)"
HEAD_OF_NOTHING = "its 'head_message_id' names a message, and it has none"
HEAD_MISSING = "its 'head_message_id' names no message of it; its last message is shown"
PARENT_MISSING = "its 'parent_id' names no message of the chat before it; it became a first message"
IN_A_CIRCLE = "it stood in a circle of messages; it became a first message"
DAMAGED_HINT = "Take another copy of the file, or export the chats again, and import that."
_SOURCES = {
    "dewpoint": "Dewpoint",
    "chatgpt": "ChatGPT",
    "claude": "Claude",
    "open-webui": "Open WebUI",
    "lm-studio": "LM Studio",
    "jan": "Jan",
}
UNTITLED = "Untitled chat"
TOOL_CALL = "Tool call"
TOOL_RESULT = "Tool result"


def cannot_read(path: Path, reason: str) -> str:
    """What is to be imported."""
    return f"{name_of(path)} cannot be read ({reason})."


def bad_zip(name: str, reason: str) -> str:
    """The outermost zip."""
    return f"{name_of(name)} cannot be unpacked ({reason})."


def nothing_found(name: str, reasons: str) -> str:
    """No chat at all; what was found instead, or "" for nothing."""
    return f"No chats were found in {name_of(name)}.{reasons and f' {reasons}.'}"


def nothing_readable(name: str, reason: str) -> str:
    """A file whose damage begins before its first chat."""
    return f"No chats were found in {name_of(name)}: {reason}."


def more_than(megabytes: int) -> str:
    """A file that has to be read at once."""
    return f"it has more than {megabytes:,} MB"


def no_json_at(line: int, column: int) -> str:
    """Where a file stops being what it should be."""
    return f"what stands in line {line:,}, column {column:,} is no JSON"


def not_read(reason: str) -> str:
    """A member."""
    return f"it cannot be read ({reason})"


def damaged_after(count: int, reason: str) -> str:
    """A file of which the beginning could be read."""
    if not count:
        return not_read(reason)
    behind = "its first chat" if count == 1 else f"its first {count:,} chats"
    return f"it is damaged behind {behind} ({reason}); how many chats follow cannot be told, and none of them came in"


def newer_export(name: str, version: int) -> str:
    """An export of ours that this program does not know."""
    return (
        f"{name_of(name)} cannot be imported: a newer version of Dewpoint wrote it (version {version:,} of the format)."
    )


def unknown_version(version: str) -> str:
    """What stands there is no number of a version."""
    return f"the version {version} of the format is unknown; it was read as the version of today"


def two_versions(name: str, one: str, other: str) -> str:
    """An export of ours that contradicts itself."""
    return f"{name_of(name)} cannot be imported: it names two versions of its format ({one} and {other})."


def stray_bytes(count: int) -> str:
    """In a file."""
    return f"{_count(count, 'byte', 'bytes')} in it that are no text (UTF-8) became \ufffd"


def half_characters(count: int) -> str:
    """In a file."""
    return f"{_count(count, 'half of a character', 'halves of characters')} in it (surrogates) became \ufffd"


def of_message(message: str, why: str) -> str:
    """Where in a chat something is not as it should be; "" for the chat itself."""
    return f"message {message}: {why}" if message else why


def no_message(number: int) -> str:
    """In the list of messages."""
    return f"entry {number:,} of its messages is no message, and was left out"


def same_id(message: str) -> str:
    """Only one of them can be stored."""
    return f"message {message}: another message of the chat has the same id; the first one came in"


def unknown_state(state: str) -> str:
    """Of a message."""
    return f"the unknown state {state!r} became 'stopped'"


def no_text(name: str) -> str:
    """A field of a chat, or a message."""
    return f"its {name!r} is no text, and was left out"


def no_time(name: str, value: str) -> str:
    """A field of a chat, or a message."""
    if name == "deleted_at":
        return f"its {name!r} is no time that can be ({value}); it is not in the bin"
    return f"its {name!r} is no time that can be ({value}); the time of the import stands in its place"


def no_names(field: str) -> str:
    """Tags, or folders."""
    return f"what is no name in its {field!r} was left out"


def other_digest(name: str) -> str:
    """A file in an export."""
    return f"the file {name} is not the one that its digest names; it came in as it is in the export"


def bad_line(number: int) -> str:
    """A line of JSON lines."""
    return f"line {number:,} is no JSON"


def unknown_kind(kind: str) -> str:
    """Content whose kind nobody knows; what it holds stays beside the message."""
    return f"content of the unknown kind {kind!r} is kept, and not shown"


def unknown_role(role: str) -> str:
    """A message of somebody else."""
    return f"the unknown role {role!r} became the assistant's"


STOPPED = "The import was stopped. Nothing was changed."
ANOTHER_IMPORT = "Another import into these chats is at work, or a backup is being brought back."
ANOTHER_IMPORT_HINT = "Wait until it is through, then try again."
CHATS_THAT_GREW = "chats that were here and have grown"
JOINED_LATER = "what they lack is stored, and comes into them when Dewpoint starts the next time"
IN_THE_BIN = "this chat is in the bin here; bring it back from there"


def counts(conversations: int, messages: int, branches: int, assets: int) -> str:
    """What an import has, or adds."""
    parts = [
        _count(conversations, "chat", "chats"),
        _count(messages, "message", "messages"),
        _count(branches, "branch", "branches"),
        _count(assets, "file", "files"),
    ]
    return ", ".join(parts)


def chats_so_far(count: int) -> str:
    """While a file is read."""
    return f"{_count(count, 'chat', 'chats')} found \u2026"


def found_line(source: str, what: str) -> str:
    """The first line of a report."""
    names = ", ".join(_SOURCES.get(each, each) for each in source.split("+"))
    return f"Found in this export of {names}: {what}."


def added_line(what: str, done: bool) -> str:
    """The second line."""
    return f"{'Added' if done else 'Would be added'}: {what}."


def skipped_line(what: str, why: str) -> str:
    """One line for each thing that could not be taken over."""
    return f"  {what}: {why}"


def skipped_head(count: int) -> str:
    """Above them."""
    return f"Not taken over ({count:,}):"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
