"""Chats are removed for good: their rows, and the files that nobody names then."""

from __future__ import annotations

from sqlite_utils import Database

from app.chats.documents.kept import waiting_files


def delete_chats(db: Database, condition: str, value: object) -> tuple[int, set[str]]:
    """Delete chats from the tables, within a transaction of the caller's.

    Args:
        db: The history's connection.
        condition: On the columns of `conversation`, with one mark for `value`.
        value: What stands for the mark.

    Returns:
        How many chats that were, and the hashes of files that nobody names any more (`app.chats.files.remove`).
    """
    named = f"""SELECT DISTINCT digest FROM attachment WHERE message_id IN (
        SELECT id FROM message WHERE conversation_id IN (SELECT id FROM conversation WHERE {condition}))"""
    digests = {str(digest) for (digest,) in db.execute(named, [value])}
    waiting = {each.digest for each in waiting_files(db)}
    removed = db.execute(f"DELETE FROM conversation WHERE {condition}", [value]).rowcount
    still = "SELECT COUNT(*) FROM attachment WHERE digest = ?"
    return removed, {each for each in digests - waiting if db.execute(still, [each]).fetchone() == (0,)}
