"""Reading rows straight from the pages of a damaged file, without the tree that leads to them.

SQLite finds a row through pages that point to others; if one of those is damaged, all rows below it are out of reach,
though their own pages are sound. So every page of the file is looked at, and the rows of each *table leaf* are taken
apart as SQLite's file format says (sqlite.org/fileformat2.html, sections 1.5, 1.6 and 2.1). To which table a row
belongs is told by the number and the types of its columns. Deleted rows do not come back: `secure_delete` has
overwritten them with zeros.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.chats.cipher import PAGE_SIZE, RESERVED, decrypted_page
from app.chats.lock.keys import DataKey

Row = dict[str, Any]
Columns = dict[str, tuple[str, bool]]

TABLE_LEAF = 0x0D
# Columns of each table in its first version; a row written before a column was added lacks it at its end.
FIRST_WIDTHS = {
    "conversation": 8,
    "message": 12,
    "generation": 16,
    "block": 12,
    "unsent": 4,
    "folder": 5,
    "tag": 3,
    "prompt": 6,
    "queued": 5,
    "origin": 7,
    "attachment": 7,
    "file_table": 6,
    "file_row": 6,
}
_INTEGER_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}


class PageCarver:
    """Takes rows from the pages of one file.

    Attributes:
        columns: For each table its columns, the row number first, each with its type and whether it must not be NULL.
    """

    def __init__(self, columns: dict[str, Columns], key: DataKey | None = None) -> None:
        """With a key the pages are encrypted."""
        self.columns = columns
        self._key = key
        self._room = PAGE_SIZE - (RESERVED if key is not None else 0)  # bytes of a page that SQLite uses
        self._data: bytes | mmap.mmap = b""

    def rows(self, path: Path) -> Iterator[tuple[str, Row, bool]]:
        """Table, row, and whether the row is whole, for every row that can be read, in the order of the pages."""
        with path.open("rb") as file:
            if path.stat().st_size < PAGE_SIZE:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as self._data:
                for start in range(PAGE_SIZE, len(self._data) - PAGE_SIZE + 1, PAGE_SIZE):
                    page = self._page(start)
                    if page[0] == TABLE_LEAF:
                        yield from self._leaf_rows(page)
        self._data = b""

    def _page(self, start: int) -> bytes:
        page = bytes(self._data[start : start + PAGE_SIZE])
        return page if self._key is None else decrypted_page(page, self._key)

    def _leaf_rows(self, page: bytes) -> Iterator[tuple[str, Row, bool]]:
        count = min(int.from_bytes(page[3:5], "big"), PAGE_SIZE // 6)
        for number in range(count):
            pointer = int.from_bytes(page[8 + 2 * number : 10 + 2 * number], "big")
            try:
                payload, size = self._payload(page, pointer)
                found = self._row(payload, size)
            except (IndexError, struct.error):
                continue
            if found is not None:
                yield found

    def _payload(self, page: bytes, pointer: int) -> tuple[bytes, int]:
        """What can be read of a cell's payload, and how long it should be; overflow pages are followed."""
        size, at = _varint(page, pointer)
        _, at = _varint(page, at)
        longest = self._room - 35
        if size <= longest:
            return page[at : at + size], size
        least = (self._room - 12) * 32 // 255 - 23
        local = least + (size - least) % (self._room - 4)
        local = local if local <= longest else least
        parts = [page[at : at + local]]
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        missing = size - local
        while missing > 0 and 1 < following <= len(self._data) // PAGE_SIZE:
            overflow = self._page((following - 1) * PAGE_SIZE)
            following = int.from_bytes(overflow[:4], "big")
            parts.append(overflow[4 : 4 + min(missing, self._room - 4)])
            missing -= self._room - 4
        return b"".join(parts), size

    def _row(self, payload: bytes, size: int) -> tuple[str, Row, bool] | None:
        end, at = _varint(payload, 0)
        types = []
        while at < min(end, len(payload)):
            kind, at = _varint(payload, at)
            types.append(kind)
        table = self._table_of(types)
        if table is None:
            return None
        row: Row = {}
        at = end
        for name, kind in zip(self.columns[table], types, strict=False):
            length = _length(kind)
            if at + length > len(payload):
                break
            row[name] = _value(kind, payload[at : at + length])
            at += length
        return table, row, len(payload) == size and len(row) == len(types)

    def _table_of(self, types: list[int]) -> str | None:
        for table, columns in self.columns.items():
            if FIRST_WIDTHS[table] <= len(types) <= len(columns):
                wanted = list(columns.values())[1:]
                if types[0] == 0 and all(_fits(kind, *want) for kind, want in zip(types[1:], wanted, strict=False)):
                    return table
        return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = 0
    for position in range(at, at + 8):
        byte = data[position]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + 1
    return value << 8 | data[at + 8], at + 9


def _length(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == 7 else _INTEGER_SIZES.get(kind, 0)


def _fits(kind: int, declared: str, required: bool) -> bool:
    """Whether a value of this serial type may stand in a column of this declared type."""
    if kind == 0:
        return not required
    integer = kind in _INTEGER_SIZES
    match declared:
        case "TEXT":
            return kind >= 13 and kind % 2 == 1
        case "BLOB":
            return kind >= 12 and kind % 2 == 0
        case "REAL":  # a whole number is stored as an integer to save space
            return kind == 7 or integer
        case _:
            return integer


def _value(kind: int, data: bytes) -> Any:
    if kind >= 12:
        return data.decode("utf-8", "replace") if kind % 2 else data
    match kind:
        case 7:
            return struct.unpack(">d", data)[0]
        case 8 | 9:
            return kind - 8
        case 0:
            return None
        case _:
            return int.from_bytes(data, "big", signed=True)
