"""The list of models as a version left it that kept the lists of files in the models' folders alone."""

from __future__ import annotations

from app.chats.database import transaction
from app.library.services import LibraryServices


def as_an_older_dewpoint_left_it(services: LibraryServices, model_id: str | None = None) -> None:
    """Forget what the database knows of files: of one model, or of all."""
    which = "" if model_id is None else " WHERE id = ?"
    values = [] if model_id is None else [model_id]
    with services.library.opened() as db, transaction(db, durable=True):
        db.execute(f"UPDATE model SET listed = 0, revision = '', licence = '', accepted = ''{which}", values)
        db.execute("DELETE FROM model_file WHERE model_id IN (SELECT id FROM model WHERE listed = 0)")
        db.execute("DELETE FROM written WHERE folder IN (SELECT folder FROM model WHERE listed = 0)")
