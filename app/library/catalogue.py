"""The models that the page offers: a list that ships with the program and works offline, with newer sizes on a click.

What a refresh learned lies in the data folder and replaces sizes and revisions only: no server adds a model to the list
or changes a word of it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.base.files import read_json, write_whole
from app.base.paths import resources_folder

FILE = "catalogue.json"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model of the list.

    Attributes:
        id: Short name, stable.
        repo: "owner/name" on the Hub.
        title: What the window calls it.
        publisher: Who made this variant.
        layout: How its weights are stored, as `inference.checkpoint.folder` names it.
        bytes: Of the download; about, until the list was refreshed.
        licence: Name of its licence, in the Hub's words.
        terms: What else its card asks for; may be empty.
        good_for: One or two sentences.
        revision: Commit that the last refresh saw; "" before.
        refreshed: When that was, ISO 8601; "" before.
        gated: Whether the Hub asks for an account; None before a refresh.
    """

    id: str
    repo: str
    title: str
    publisher: str
    layout: str
    bytes: int
    licence: str
    terms: str
    good_for: str
    revision: str = ""
    refreshed: str = ""
    gated: bool | None = None


def shipped_entries() -> tuple[CatalogueEntry, ...]:
    """The list as it ships."""
    raw = json.loads((resources_folder() / FILE).read_text(encoding="utf-8"))
    return tuple(CatalogueEntry(**one) for one in raw["models"])


def entries(data_folder: Path) -> tuple[CatalogueEntry, ...]:
    """The list with what the last refresh learned; a damaged note of it counts as none."""
    try:
        known: dict[str, Any] = read_json(data_folder / FILE)
        return tuple(_refreshed(entry, known.get(entry.repo)) for entry in shipped_entries())
    except (OSError, ValueError, AttributeError):
        return shipped_entries()


def note_refresh(data_folder: Path, repo: str, size: int, revision: str, gated: bool, when: str) -> None:
    """Keep what the Hub said of one model.

    Raises:
        OSError: The note cannot be written.
    """
    file = data_folder / FILE
    try:
        known = read_json(file)
        known = known if isinstance(known, dict) else {}
    except (OSError, ValueError):
        known = {}
    known[repo] = {"bytes": size, "revision": revision, "gated": gated, "refreshed": when}
    write_whole(file, json.dumps(known, indent=1))


def _refreshed(entry: CatalogueEntry, note: Any) -> CatalogueEntry:
    try:
        size, revision, when, gated = int(note["bytes"]), str(note["revision"]), str(note["refreshed"]), note["gated"]
    except (KeyError, TypeError, ValueError, OverflowError):
        return entry
    return dataclasses.replace(entry, bytes=size, revision=revision, refreshed=when, gated=gated is True)
