"""Labels of what is chosen for one chat alone, and what is said of its model and of how much it holds."""

from __future__ import annotations

from app.base.graphemes import shortened
from app.chats.options import ChatOptions

OPTIONS = "Options"
OPTIONS_HINT = "Model, system prompt, preset, steps and answer length of this chat"
MODEL = "Model"
MODEL_AS_ELSEWHERE = "As in other chats"
OPTIONS_TITLE = "Options of this chat"
OPTIONS_DETAIL = "They hold for this chat alone, from the next message on."
OPTIONS_AGREE = "Use them"
SYSTEM_PROMPT = "System prompt"
SYSTEM_PROMPT_HINT = "What the model is told before your first message"
LIBRARY = "Library of prompts"
NO_LIBRARY_PROMPT = "Choose from the library"
KEEP_PROMPT = "Keep in the library"
REMOVE_PROMPT = "Remove from it"
PRESET = "Preset"
PRESET_NAMES = {"": "As in Settings", "fast": "Fast", "balanced": "Balanced", "careful": "Careful"}
STEPS = "Most steps a block"
LENGTH = "Most tokens of an answer"
THINKING = "Let the model think first, if it can"
SHOW_CHAT = "Show that chat"
AS_IN_SETTINGS = "As in Settings"


def options_line(options: ChatOptions) -> str:
    """On the button: what differs from the settings."""
    chips = [
        shortened(options.model_name, 24) if options.model else "",
        (shortened(options.prompt_name, 24) or SYSTEM_PROMPT) if options.system_prompt else "",
        PRESET_NAMES[options.preset] if options.preset else "",
        f"{options.steps:,} steps" if options.steps else "",
        f"{options.answer_tokens:,} tokens" if options.answer_tokens else "",
        "thinking" if options.thinking else "",
    ]
    told = " \u00b7 ".join(chip for chip in chips if chip)
    return f"{OPTIONS}: {told}" if told else OPTIONS


def prompt_too_long(characters: int, most: int) -> str:
    """Below the box of the system prompt."""
    return (
        f"This text has {characters:,} characters; a system prompt may have {most:,}. Shorten it: nothing of it is cut "
        "off for you."
    )


def model_missing(name: str, title: str, trouble: str) -> str:
    """A chat's own model cannot be asked; `title` is that of the chat if another one is shown."""
    why = f"cannot be read ({trouble})" if trouble else "is not there any more"
    return f"{name}, the model of {_chat(title)}, {why}. Nothing was sent. {_choose(title)}"


def model_not_loaded(name: str, title: str, why: str, instead: str) -> str:
    """A chat's own model does not load."""
    told = f"{name}, the model of {_chat(title)}, could not be loaded. {why}"
    return f"{told} {_choose(title)} In other chats {instead} answers as before."


def _chat(title: str) -> str:
    return f"the chat \u201c{shortened(title, 40)}\u201d" if title else "this chat"


def _choose(title: str) -> str:
    return f"Choose another one in the options of {'that' if title else 'this'} chat."


def answer_instead(name: str) -> str:
    """The way out, where the chat is shown."""
    return f"Answer with {shortened(name, 24)}"


# -- the context -----------------------------------------------------------------------------------------------------


def context_line(tokens: int, most: int, left_out: int, system_too_long: bool = False) -> str:
    """Beside the bar."""
    if tokens > most and system_too_long:
        return "system prompt too long"
    if tokens > most:
        return f"message too long: {tokens:,} tokens"
    if left_out:
        return f"{left_out:,} oldest {'message' if left_out == 1 else 'messages'} left out"
    return f"{tokens:,} of {most:,} tokens"


def context_told(tokens: int, most: int, left_out: int, system_too_long: bool = False) -> str:
    """All of it."""
    if tokens > most and system_too_long:
        return (
            f"The system prompt and the message have {tokens:,} tokens. The model can take {most:,} of both, which "
            "leave room for a short answer, and the message alone would fit. Shorten the system prompt in the options "
            "of this chat."
        )
    if tokens > most:
        return (
            f"The message has {tokens:,} tokens. Of a single message the model can take {most:,}, which leave room for "
            "a short answer: it cannot be sent as it is. Shorten it, or send it in parts."
        )
    told = f"The model would read {tokens:,} tokens now; {most:,} fit, with room for an answer."
    if left_out:
        count = "the oldest message" if left_out == 1 else f"the {left_out:,} oldest messages"
        told += f" So that they fit, {count} of this chat will not be read. They stay in the chat."
    return told
