"""Reads what an import is given and lays it ready: every chat as a line of JSON, every file under its hash.

It runs in a process of its own (`app.chats.apart`): nothing that a stranger wrote is parsed in the window's.
"""

from __future__ import annotations

import json
import mimetypes
import re
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from app.base.files import writing_whole
from app.chats.apart import ApartError
from app.chats.exporting.portable import VERSION
from app.chats.files import keep_pieces, key_for
from app.chats.importing import chatgpt, claude, jan, lm_studio, open_webui, own, texts
from app.chats.importing.building import Asset, ChatDraft, Fields, fields_of, leaves, portable, text_of
from app.chats.importing.containers import Member, is_full, opened_members, reason_of
from app.chats.importing.report import Report
from app.chats.importing.streams import (
    JsonDamageError,
    Mended,
    beginning,
    has_list,
    is_ours,
    lines,
    values,
    versions_of,
    whole,
)
from app.chats.importing.zips import ZipError
from app.chats.lock.sealed import SealingStream

READY = "chats.jsonl"
FILES = "files"
MOST_FILE = 1 << 30
_NEWS_SECONDS = 0.2
_ASSET_NAMES, _MANIFEST = "conversation_asset_file_names.json", "export_manifest.json"
_NO_CHATS = frozenset(
    {
        "user.json", "users.json", "login_history.json", "message_feedback.json", "model_comparisons.json",
        "shared_conversations.json", "ads.json", "chat.html", "sora.json", "shopping.json", "group_chats.json",
        "user_settings.json", _ASSET_NAMES, _MANIFEST,
    }
)  # fmt: skip
_FILE_ID = re.compile(r"file[-_][0-9A-Za-z]+")
_PIECE = 1 << 18


def read_apart(given: Fields) -> Generator[Fields, None, None]:
    """Read `given["path"]` and lay what is in it ready in `given["folder"]`; yields how far it is, at last a report.

    Raises:
        ApartError: There is nothing to read, or no chat in it.
    """
    path, folder = Path(given["path"]), Path(given["folder"])
    report = Report()
    try:
        with opened_members(path, folder, report) as members, writing_whole(folder / READY, private=True) as stream:
            into = stream if (key := key_for(folder)) is None else SealingStream(stream, key)
            reading = _Reading(members, folder / FILES, report, into)
            told = time.monotonic()
            for _ in reading.chats():
                if time.monotonic() - told > _NEWS_SECONDS:
                    told = time.monotonic()
                    yield {"chats": report.conversations}
            reading.name_the_rest()
            if isinstance(into, SealingStream):
                into.finish(READY)
    except OSError as exc:
        if is_full(exc):
            raise ApartError(texts.DISK_FULL, texts.DISK_FULL_HINT) from exc
        raise
    if not report.conversations and reading.unreadable:
        raise ApartError(texts.nothing_readable(path.name, reading.unreadable[0]), texts.DAMAGED_HINT)
    if not report.conversations and not report.source:
        reasons = "; ".join(f"{each['what']}: {each['why']}" for each in report.skipped[:3])
        raise ApartError(texts.nothing_found(path.name, reasons), texts.NOTHING_HINT)
    yield {"report": report.plain()}


class _Reading:
    """One import while it is read.

    Attributes:
        unreadable: What is damaged, and why.
    """

    def __init__(self, members: list[Member], files: Path, report: Report, stream: BinaryIO | SealingStream) -> None:
        self._members, self._files, self._report, self._stream = members, files, report, stream
        self.unreadable: list[str] = []
        self._used: set[str] = set()
        self._kept: dict[str, tuple[str, int]] = {}
        self._chats: set[str] = set()
        self._messages: set[str] = set()
        self._own: set[tuple[str, str]] = set()  # chats of our own export: the member, the id
        self._mended = Mended()  # of the member that is read
        self._by_key: dict[str, Member] = {}
        for member in members:
            base = member.base.lower()
            self._by_key.setdefault(base, member)
            self._by_key.setdefault(base.rpartition(".")[0] or base, member)
            if (match := _FILE_ID.match(member.base)) is not None:
                self._by_key.setdefault(match[0].lower(), member)
        self._names = self._asset_names()

    # -- chats ------------------------------------------------------------------------------------------------------

    def chats(self) -> Iterator[None]:
        """Lay every chat ready; gives control back after each."""
        self._look_at_manifest()
        for member in sorted(self._members, key=lambda each: each.name):
            name = member.base.lower()
            if name in _NO_CHATS:
                self._used.add(member.name)
                if not name.startswith(("conversation_asset", "export_manifest")):
                    self._report.skip(member.name, texts.NOT_A_CHAT)
            elif name == jan.MESSAGES:
                self._used.add(member.name)
            elif name.endswith((".json", ".jsonl")) or len(self._members) == 1:
                self._used.add(member.name)
                try:
                    yield from self._of_json(member)
                except (JsonDamageError, ZipError, OSError) as exc:
                    self._is_damaged(member, texts.not_read(reason_of(exc)))
                self._name_mended(member)

    def _name_mended(self, member: Member) -> None:
        mended, self._mended = self._mended, Mended()
        if mended.stray:
            self._report.skip(member.name, texts.stray_bytes(mended.stray))
        if mended.halves:
            self._report.skip(member.name, texts.half_characters(mended.halves))

    def _is_damaged(self, member: Member, why: str) -> None:
        self._report.skip(member.name, why)
        self.unreadable.append(why if len(self._members) == 1 else f"{member.name}: {why}")

    def _of_json(self, member: Member) -> Iterator[None]:
        start = self._beginning(member)
        if start.lstrip().startswith("["):
            yield from self._of_list(member, "item")
        elif start.lstrip().startswith("{") and self._is_ours(member):
            self._look_at_version(member)
            damaged = len(self.unreadable)
            if (yield from self._of_list(member, "chats.item")):
                return
            with member.reader() as file:
                has_chats = has_list(file, "chats")
            if has_chats:
                self._report.comes_from(own.SOURCE)
            elif damaged == len(self.unreadable):
                self._is_damaged(member, texts.NO_LIST_OF_CHATS)
        else:
            yield from self._of_object(member)

    def _is_ours(self, member: Member) -> bool:
        with member.reader() as file:
            return is_ours(file)

    def _look_at_version(self, member: Member) -> None:
        """Refuse what a newer version wrote: it may hold what this one would drop."""
        with member.reader() as file:
            versions = versions_of(file)
        if len(versions) > 1:
            raise ApartError(texts.two_versions(member.name, *map(_version_text, versions[:2])), texts.DAMAGED_HINT)
        for version in versions:
            if type(version) is int and version > VERSION:
                raise ApartError(texts.newer_export(member.name, version), texts.NEWER_HINT)
            if type(version) is not int or version != VERSION:
                self._report.skip(member.name, texts.unknown_version(_version_text(version)))

    def _beginning(self, member: Member) -> str:
        with member.reader() as file:
            return beginning(file)

    def _of_list(self, member: Member, path: str) -> Generator[None, None, int]:
        """Lay the chats of a list ready; gives how many values it has."""
        count = found = 0
        unknown: list[str] = []
        try:
            with member.reader() as file:
                for value in values(file, path, self._mended):
                    count += 1
                    if self._take(value, member):
                        found += 1
                        yield
                    else:
                        unknown.append(f"{member.name} [{count}]")
        except (JsonDamageError, ZipError, OSError) as exc:
            self._is_damaged(member, texts.damaged_after(found, reason_of(exc)))
        if count and not found:
            self._report.skip(member.name, texts.NO_CHATS_IN_IT)
            return count
        for name in unknown:
            self._report.skip(name, texts.NO_CHAT)
        return count

    def _of_object(self, member: Member) -> Iterator[None]:
        with member.reader() as file:
            value = whole(file, self._mended)
        if member.base.lower() == jan.THREAD and jan.is_thread(value):
            self._write_draft(self._thread(member, value))
            yield
        elif self._take(value, member):
            yield
        else:
            self._report.skip(member.name, _what_it_is(member.name, value))

    def _thread(self, member: Member, value: Fields) -> ChatDraft:
        """A thread of Jan with the messages beside it."""
        folder = member.name[: -len(member.base)]
        beside = [each for each in self._members if each.name == f"{folder}{jan.MESSAGES}"]
        if not beside:
            return jan.read_thread(value, (), folder.rstrip("/").rsplit("/", 1)[-1])
        with beside[0].reader() as file:
            return jan.read_thread(value, lines(file, self._mended), folder.rstrip("/").rsplit("/", 1)[-1])

    def _take(self, value: Any, member: Member) -> bool:
        """Lay one chat ready; False if it is none."""
        readers: tuple[tuple[Callable[[Any], bool], Callable[[Fields], ChatDraft]], ...] = (
            (chatgpt.is_chat, chatgpt.read_chat),
            (claude.is_chat, claude.read_chat),
            (open_webui.is_chat, open_webui.read_chat),
            (lm_studio.is_chat, lambda found: lm_studio.read_chat(found, member.name)),
        )
        for known, read in readers:
            if known(value):
                self._write_draft(read(value))
                return True
        if own.is_chat(value):
            self._report.comes_from(own.SOURCE)
            title = text_of(value.get("title")) or value["id"]

            def trouble(why: str) -> None:
                self._report.skip(title, why)

            if (member.name, value["id"]) in self._own:
                trouble(texts.SAME_CHAT)
            self._own.add((member.name, value["id"]))
            chat = own.read_chat(value, trouble)
            for message in chat["messages"]:
                self._attach(message, own.assets_of(message, trouble), title)
            self._write(chat)
            return True
        return False

    def _write_draft(self, draft: ChatDraft) -> None:
        self._report.comes_from(draft.source)
        chat = portable(draft)
        assets = {f"{draft.key}/{each.key}": each.assets for each in draft.messages if each.assets}
        for message in chat["messages"]:
            self._attach(message, assets.get(message["origin"]["source_id"], []), chat["title"])
        for trouble in dict.fromkeys(draft.trouble):
            self._report.skip(chat["title"], trouble)
        self._write(chat)

    def _write(self, chat: Fields) -> None:
        """A line, and what it counts; a chat that several files of an export hold counts once."""
        messages = chat["messages"]
        fresh = [message for message in messages if f"{chat['id']} {message['id']}" not in self._messages]
        self._messages.update(f"{chat['id']} {message['id']}" for message in fresh)
        self._report.messages += len(fresh)
        if chat["id"] not in self._chats:
            self._chats.add(chat["id"])
            self._report.conversations += 1
            self._report.branches += leaves(messages)
        self._stream.write(json.dumps(chat, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n")

    # -- files ------------------------------------------------------------------------------------------------------

    def _attach(self, message: Fields, assets: list[Asset], title: str) -> None:
        found = []
        for asset in assets:
            kept = self._keep(asset, title)
            if kept is not None:
                found.append(kept)
        if found:
            message["attachments"] = found

    def _keep(self, asset: Asset, title: str) -> Fields | None:
        """Lay a file ready; None if the export does not hold it."""
        name = asset.name
        if asset.data is not None:
            digest, size = keep_pieces(self._files, [asset.data])
        else:
            keys = [key.lower() for key in asset.keys]
            member = next((self._by_key[key] for key in keys if key in self._by_key), None)
            if member is None:
                self._report.skip(f"{title}: {name}", texts.NOT_IN_EXPORT)
                return None
            name = self._names.get(member.base.lower(), name if name != member.base else member.base)
            try:
                digest, size = self._kept.get(member.name) or self._copied(member)
            except (ZipError, OSError) as exc:
                self._used.add(member.name)
                self._report.skip(f"{title}: {name}", texts.not_read(reason_of(exc)))
                return None
            self._used.add(member.name)
            self._kept[member.name] = digest, size
        self._report.assets += 1
        media_type = asset.media_type or mimetypes.guess_type(name)[0] or ""
        return {"digest": digest, "size": size, "media_type": media_type, "name": name}

    def _copied(self, member: Member) -> tuple[str, int]:
        def pieces(file: BinaryIO) -> Iterator[bytes]:
            total = 0
            while piece := file.read(_PIECE):
                total += len(piece)
                if total > MOST_FILE:
                    raise ZipError(texts.TOO_LARGE_FILE)
                yield piece

        with member.reader() as file:
            return keep_pieces(self._files, pieces(file))

    def _asset_names(self) -> dict[str, str]:
        """What files of ChatGPT's are called, by the names that they have in the export."""
        value = self._small(_ASSET_NAMES)
        return {key.lower(): text_of(name) for key, name in fields_of(value).items() if text_of(name)}

    def _look_at_manifest(self) -> None:
        """Name the files that ChatGPT's list names, and that are not there."""
        logical = fields_of(fields_of(self._small(_MANIFEST)).get("logical_files"))
        here = {member.base.lower() for member in self._members}
        for entry in logical.values():
            for each in fields_of(entry).get("files") or []:
                name = text_of(each) or text_of(fields_of(each).get("path")) or text_of(fields_of(each).get("name"))
                if name and name.rsplit("/", 1)[-1].lower() not in here:
                    self._report.skip(name, texts.NAMED_BUT_MISSING)

    def _small(self, base: str) -> Any:
        member = next((each for each in self._members if each.base.lower() == base), None)
        if member is None:
            return None
        try:
            with member.reader() as file:
                return whole(file, Mended())
        except (JsonDamageError, ZipError, OSError):
            return None

    def name_the_rest(self) -> None:
        """Files that no message names are told of, too."""
        for member in self._members:
            if member.name not in self._used:
                self._report.skip(member.name, texts.BELONGS_TO_NOTHING)


def _version_text(version: Any) -> str:
    return json.dumps(version)[:40]


def _what_it_is(name: str, value: Any) -> str:
    found = fields_of(value)
    if "docs" in found and ("/projects/" in f"/{name}" or "prompt_template" in found):
        return texts.A_PROJECT
    if "conversations_memory" in found or "memory_files" in found:
        return texts.MEMORIES
    return texts.NO_CHATS_IN_IT
