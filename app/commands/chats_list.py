"""`chats list`, `chats show` and `chats check`."""

from __future__ import annotations

import argparse
from typing import Any

from app.chats import texts as store_texts
from app.chats.errors import StoreDamagedError, only_read, translated
from app.chats.exporting import texts
from app.chats.exporting.as_markdown import markdown_of
from app.chats.exporting.pages import page_of
from app.chats.importing.importer import remove_leftovers
from app.chats.messages import Conversation
from app.chats.search.index import SearchHit
from app.commands.chats_place import history_file, opened_chats, searchable
from app.commands.console import say, say_object, visible

MOST_HITS = 50


def add_list(commands: Any) -> None:
    """The command's own arguments."""
    listing = commands.add_parser("list", help="show all chats, the one used last first")
    listing.add_argument("--deleted", action="store_true", help="those in the bin, too")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    listing.set_defaults(command=list_chats)


def add_show(commands: Any) -> None:
    """The command's own arguments."""
    show = commands.add_parser("show", help="print one chat: the branch that is shown")
    show.add_argument("chat", metavar="CHAT", help="its id, the beginning of it, or its title")
    show.add_argument("--json", action="store_true", help="print all of it as one JSON object, every branch")
    show.set_defaults(command=show_chat)


def add_check(commands: Any) -> None:
    """The command's own arguments."""
    check = commands.add_parser("check", help="look at every page and row; exit status 1 if something is wrong")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(command=check_chats)


def add_search(commands: Any) -> None:
    """The command's own arguments."""
    search = commands.add_parser("search", help="find words, their beginnings, or a quoted phrase in all chats")
    search.add_argument("text", metavar="TEXT", help='what to look for; "words in quotes" as they stand together')
    search.add_argument("--json", action="store_true", help="print one JSON array")
    search.set_defaults(command=search_chats)


def list_chats(options: argparse.Namespace) -> int:
    """Print all chats."""
    with opened_chats() as found:
        chats, counts = found.conversations(options.deleted), found.message_counts()
    if options.json:
        say_object([_facts(each, counts.get(each.id, 0)) for each in chats], indent=1)
        return 0
    for each in chats:
        say(visible(texts.chat_line(each.id, each.title, counts.get(each.id, 0), each.deleted_at is not None)))
    if not chats:
        say(texts.NO_CHATS)
    return 0


def _facts(chat: Conversation, messages: int) -> dict[str, Any]:
    facts = {
        "id": chat.id,
        "title": chat.title,
        "created_at": chat.created_at,
        "updated_at": chat.updated_at,
        "messages": messages,
    }
    return facts | ({"deleted_at": chat.deleted_at} if chat.deleted_at is not None else {})


def show_chat(options: argparse.Namespace) -> int:
    """Print one chat.

    Raises:
        NoSuchChatError: There is none of this name, or several.
    """
    with opened_chats() as found:
        (chat,) = found.chosen([options.chat])
        if options.json:
            say_object(found.portable(chat.id), indent=1)
        else:
            say(markdown_of(page_of(found, chat)).rstrip("\n"))
    return 0


def search_chats(options: argparse.Namespace) -> int:
    """Print what was found, the best first.

    Raises:
        StoreError: The index cannot be made or read.
    """
    with opened_chats() as found:
        there = found.db is not None
    hits: tuple[SearchHit, ...] = ()
    if there:
        path = history_file()
        remove_leftovers(path)
        full = (store_texts.SEARCH_FULL, store_texts.READ_FULL_HINT)
        with only_read(path), translated(path, full), searchable(path) as index:
            index.refresh()
            hits = index.find(options.text, MOST_HITS + 1)
    more, hits = len(hits) > MOST_HITS, hits[:MOST_HITS]
    if options.json:
        say_object([_hit_facts(each) for each in hits], indent=1)
        return 0
    for each in hits:
        say(texts.hit_line(each.conversation_id, visible(each.title), visible(each.snippet)))
    if not hits:
        say(texts.NOTHING_FOUND)
    if more:
        say(texts.more_hits(MOST_HITS))
    return 0


def _hit_facts(hit: SearchHit) -> dict[str, Any]:
    return {"chat": hit.conversation_id, "title": hit.title, "message": hit.message_id, "snippet": hit.snippet}


def check_chats(options: argparse.Namespace) -> int:
    """Say whether every page and every row is sound.

    Raises:
        StoreError: They cannot be read for another reason than damage.
    """
    chats = messages = hidden = 0
    problem, hint = "", ""
    try:
        with opened_chats() as found:
            problem = found.damage()
            hint = store_texts.STORE_DAMAGED_HINT if problem else ""
            if not problem:
                chats, messages = found.totals(deleted=True)
                hidden = sum(found.message_counts().values()) - messages
    except StoreDamagedError as exc:
        problem, hint = exc.detail or exc.user_text, exc.hint
    if options.json:
        facts = {"sound": not problem, "chats": chats, "messages": messages, "problem": problem}
        say_object(facts | ({"hidden": hidden} if hidden else {}), indent=1)
    elif problem:
        say(f"{store_texts.STORE_DAMAGED} ({visible(problem)}) {hint}")
    else:
        say(texts.all_sound(chats, messages))
        if hidden:
            say(texts.hidden_messages(hidden))
    return 1 if problem else 0
