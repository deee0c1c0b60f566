"""A data folder that was copied or moved: what the database says of folders is brought to where they lie now.

Folders stand in the database with their whole path, so the database remembers under which names its data folder was
used. Where it is found under another one, it may be a copy: then the old folder, and whatever lies elsewhere, belong to
the Dewpoint that is still there, and nothing of it counts as ours any more.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from app.base.files import parse_json
from inference.text.surrogates import storable

_HOMES = "data_folder"
_MODELS = "models"  # the folder of the models, in every data folder


@dataclass(frozen=True, slots=True)
class Rehoming:
    """What has to change in the database of a data folder.

    Attributes:
        base: Where the data folder is.
        names: Other names of the same folder, by links, and former ones to which rows still lead.
        rebased: Folders of rows that lie below the data folder by now, and where.
        disowned: Folders of rows that belong to the data folder that this one was copied from.
        former: Names that the data folder had before.
        copied: Whether one of these has a database still.
    """

    base: Path
    names: tuple[Path, ...]
    rebased: dict[Path, Path]
    disowned: frozenset[Path]
    former: tuple[Path, ...]
    copied: bool

    def place(self, path: Path) -> Path:
        """Where a folder lies that a note of a move names: it need not be there."""
        for old in self.former:
            if _belongs(path, old, self.base):
                return self.base / path.relative_to(old)
        return path

    def is_ours(self, *places: Path) -> bool:
        """Whether folders that a note of a move names belong to this data folder alone."""
        return not self.copied or all(place.is_relative_to(self.base) for place in places)

    def apply(self, db: Database) -> None:
        """Write it; the caller opens the transaction."""
        for old, new in self.rebased.items():
            _rebase(db, str(old), str(new))
        for folder in self.disowned:
            db.execute("DELETE FROM written WHERE folder = ?", [str(folder)])
            db.execute(
                "DELETE FROM download WHERE model_id IN (SELECT id FROM model WHERE folder = ?)", [str(folder)]
            )  # it would be fetched into the other data folder
            db.execute("UPDATE model SET kind = 'folder' WHERE folder = ?", [str(folder)])
        packed = json.dumps([storable(str(self.base)), *map(str, self.names)])
        db.execute("INSERT OR REPLACE INTO app_meta (key, value) VALUES (?, ?)", [_HOMES, packed])


def rehoming(db: Database, file: Path) -> Rehoming | None:
    """What has to change because the data folder lies elsewhere now; None if nothing has. Nothing is written.

    Args:
        db: Its database.
        file: Where that lies.
    """
    base, known = Path(storable(str(file.parent))), _homes(db)
    if known == [base]:
        return None
    folders = {Path(row[0]) for row in db.execute("SELECT folder FROM model UNION SELECT folder FROM written")}
    homes = known or sorted({home for folder in folders if (home := _guessed(folder, file)) is not None})
    same = tuple(home for home in homes if home == base or _is_same(home, base))
    former = tuple(home for home in homes if home not in same)
    rebased: dict[Path, Path] = {}
    disowned, left, copied = set[Path](), [], False
    for home in former:
        below = {folder for folder in folders if _belongs(folder, home, base)}
        rebased |= {folder: place for folder in below if os.path.isdir(place := base / folder.relative_to(home))}
        if os.path.lexists(home / file.name):
            copied = True
            disowned |= below - rebased.keys()
        elif not below <= rebased.keys():
            left.append(home)  # only the file was moved, or a drive is not there: it is asked again
    if copied:
        inner = (base, *same)
        disowned |= {each for each in folders - rebased.keys() if not any(map(each.is_relative_to, inner))}
    names = tuple(home for home in (*same, *left) if home != base)
    if known and known[0] == base and known[1:] == list(names) and not rebased and not disowned:
        return None
    return Rehoming(base, names, rebased, frozenset(disowned), former, copied)


def _homes(db: Database) -> list[Path]:
    row = db.execute("SELECT value FROM app_meta WHERE key = ?", [_HOMES]).fetchone()
    with contextlib.suppress(ValueError, TypeError):
        return [Path(each) for each in parse_json(row[0])] if row is not None else []
    return []


def _guessed(folder: Path, file: Path) -> Path | None:
    """The data folder that a model's folder lies in, where none was noted: earlier versions did not."""
    home = folder.parent.parent
    if folder.parent.name != _MODELS or home == file.parent:
        return None
    moved = not os.path.lexists(folder) and os.path.isdir(file.parent / _MODELS / folder.name)
    return home if moved or os.path.lexists(home / file.name) else None


def _belongs(folder: Path, home: Path, base: Path) -> bool:
    """Whether a folder lies in the data folder `home`, and not in `base`, which may lie within that."""
    inner = base.is_relative_to(home) and folder.is_relative_to(base)
    return folder.is_relative_to(home) and not inner


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _rebase(db: Database, old: str, new: str) -> None:
    if _has(db, "model", new):
        db.execute("DELETE FROM model WHERE folder = ?", [old])
    db.execute("UPDATE model SET folder = ? WHERE folder = ?", [new, old])
    if _has(db, "written", new):
        db.execute("DELETE FROM written WHERE folder = ?", [old])
    db.execute("UPDATE written SET folder = ? WHERE folder = ?", [new, old])


def _has(db: Database, table: str, folder: str) -> bool:
    return db.execute(f"SELECT 1 FROM {table} WHERE folder = ? LIMIT 1", [folder]).fetchone() is not None
