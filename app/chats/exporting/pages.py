"""What is read of a chat: the branch that is shown, message by message, ready for any kind of page."""

from __future__ import annotations

from dataclasses import dataclass

from app.chats.exporting import texts
from app.chats.exporting.snapshot import Snapshot
from app.chats.messages import Conversation, Message, MessageState

_NOTES = {MessageState.STOPPED: texts.STOPPED, MessageState.ERROR: texts.FAILED}


@dataclass(frozen=True, slots=True)
class PageMessage:
    """One message of a page.

    Attributes:
        role: As the history has it.
        who: Who says it.
        about: When, by which model, and which version of several it is.
        body: Markdown source; plain text where `role` is not "assistant".
        thinking: Text of the thinking channel.
        note: How it ended, if not well.
    """

    role: str
    who: str
    about: str
    body: str
    thinking: str
    note: str


@dataclass(frozen=True, slots=True)
class ChatPage:
    """A chat to be read: its title, when it was begun, and its messages."""

    title: str
    begun: str
    messages: tuple[PageMessage, ...]


def page_of(found: Snapshot, conversation: Conversation) -> ChatPage:
    """The page of a chat.

    Raises:
        StoreError: It cannot be read.
    """
    messages = tuple(_message(each) for each in found.branch(conversation))
    return ChatPage(conversation.title, texts.written_at(conversation.created_at), messages)


def _message(message: Message) -> PageMessage:
    about = [texts.written_at(message.created_at)]
    if message.sibling_count > 1:
        about.append(texts.version_of(message.sibling_no + 1, message.sibling_count))
    note = _NOTES.get(message.state, "")
    if message.error is not None:
        note = f"{note} {message.error.user_text}".strip()
    return PageMessage(
        message.role,
        _who(message),
        " \u00b7 ".join(part for part in about if part),
        message.body,
        message.thinking,
        note,
    )


def _who(message: Message) -> str:
    names: dict[str, str] = {"user": texts.YOU, "system": texts.SYSTEM, "tool": texts.TOOL}
    if message.role in names:
        return names[message.role]
    model = message.generation.model if message.generation is not None else ""
    return model or texts.SOMEBODY
