"""Sentences of the menu Help: About, the table of keys (the README has the same), the network, and the doctor."""

from __future__ import annotations

from dataclasses import dataclass

ABOUT = (
    "Dewpoint chats, offline, with DiffusionGemma, a language model that denoises a whole block of text, step by step, "
    "from noise to an answer. No cloud, no account, no token charges: nothing leaves this computer."
)
LICENSE_LINE = "Apache License 2.0"


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One key and what it does; `keys` is written for people ("Ctrl+Plus")."""

    keys: str
    action: str


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("Enter", "Send the message"),
    Shortcut("Shift+Enter", "Begin a new line in the message"),
    Shortcut("Esc", "Stop the answer; what is already written or has settled is kept"),
    Shortcut("Ctrl+E", "Settle the block that is being written now"),
    Shortcut("Ctrl+Shift+E", "Let it take more steps than its limit"),
    Shortcut("Ctrl+R", "Try again: ask for a new answer to the last message"),
    Shortcut("Ctrl+Shift+R", "Write selected words of an answer anew"),
    Shortcut("Ctrl+Shift+B", "Insert a blank, or choose the form of the answer"),
    Shortcut("Alt+Left", "The answer before, where there are several"),
    Shortcut("Alt+Right", "The answer after"),
    Shortcut("Ctrl+Shift+C", "Copy the last answer"),
    Shortcut("Ctrl+Shift+A", "Attach files to the message"),
    Shortcut("Ctrl+Shift+T", "Ask many files the same questions, in a table"),
    Shortcut("Ctrl+K", "Go to a chat, command, setting or model"),
    Shortcut("Ctrl+Shift+F", "Search all chats"),
    Shortcut("Ctrl+F", "Find in this chat"),
    Shortcut("F3", "Next message found"),
    Shortcut("Shift+F3", "Message found before"),
    Shortcut("Ctrl+L", "Go to the message box"),
    Shortcut("Ctrl+M", "Models"),
    Shortcut("Ctrl+N", "New chat"),
    Shortcut("Ctrl+PageDown", "Next chat"),
    Shortcut("Ctrl+PageUp", "Previous chat"),
    Shortcut("F2", "Rename the selected chat"),
    Shortcut("Delete", "Delete the selected chat in the list"),
    Shortcut("Ctrl+Z", "Bring the deleted chat back, or the words that were replaced"),
    Shortcut("Ctrl+Shift+M", "Show or hide the map of the block"),
    Shortcut("Ctrl+B", "Hide or show the chat list"),
    Shortcut("Ctrl+Plus", "Larger text"),
    Shortcut("Ctrl+Minus", "Smaller text"),
    Shortcut("Ctrl+0", "Text at its normal size"),
    Shortcut("Ctrl+,", "Settings"),
    Shortcut("F1", "Keyboard shortcuts"),
    Shortcut("Ctrl+Q", "Quit"),
)
NETWORK_TEXT = (
    "Dewpoint opens a connection for these reasons only, each after a click of yours. Nothing else is ever asked: no "
    "telemetry, no account, and no update check that you have not switched on. A test of the program holds this list."
)
NETWORK_CHATS = "Your chats, your files and your engines never leave this computer."
STAY_OFFLINE = "Stay offline"
STAY_OFFLINE_TEXT = "Dewpoint opens no connection at all, whatever you click; a download that runs is paused."
NETWORK_TITLE = "What Dewpoint asks the network"
MONITOR = "This machine"
NEWEST_ANSWER = "The newest answer"
COMPUTER = "This computer"
PROCESSOR_GRAPH, MEMORY_GRAPH = "Processor", "Memory"
CARD_GRAPHS = (("Load", " %"), ("Memory", " %"), ("Temperature", " \u00b0C"), ("Power", " W"))
CARD_SERIES = ("load", "memory", "temperature", "power")
NOT_TOLD = "\u2013"
BENCH = "How fast it is"
BENCH_WHOLE = "The whole round (ten times as long)"
MEASURE, STOP_BENCH = "Measure", "Stop"
COPY_FORUM = "Copy for a forum"
COPY_WHAT_BENCH = "table"
COPY_MONITOR = "Copy"
COPY_WHAT_MONITOR = "figures"
DOCTOR = "Check this computer"
DOCTOR_TEXT = "What Dewpoint needs, and what it found. Nothing is changed and nobody is asked."
LOOKING = "Looking \u2026"
GOOD = "Everything that Dewpoint needs is there."
COPY_REPORT = "Copy report"
COPY_WHAT = "report"
PILLS = {"pass": "fine", "note": "note", "fail": "fails"}
TONES = {"pass": "good", "note": "calm", "fail": "bad"}


def bench_text(model: str) -> str:
    """What is measured."""
    return (
        f"Asks {model} the same questions by every way there is to run it here, in processes of their own, and says "
        "how soon and how fast answers come. It needs the model's memory once more. Nothing is sent anywhere."
    )


def bad(count: int) -> str:
    """How many things do not work."""
    return f"{'One thing does' if count == 1 else f'{count} things do'} not work; what to do stands beside it."


WHEN, WHO, SENT = "When", "Who is asked", "What is sent"
