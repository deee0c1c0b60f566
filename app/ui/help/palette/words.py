"""Labels of the box that Ctrl+K opens."""

from __future__ import annotations

GO_TO = "Go to a chat, command, setting or model"
FOUND = "What was found"
KINDS = {"command": "Command", "chat": "Chat", "model": "Model", "setting": "Setting"}
ARCHIVED = "archived"
ANSWERS_NOW = "answers now"


def use_model(title: str) -> str:
    """A model's line."""
    return f"Use {title}"


def search_for(text: str) -> str:
    """The last line."""
    return f"Search all messages for \u201c{text}\u201d"
