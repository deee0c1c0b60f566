"""Which model the words of a command mean, and the desk that all commands work at."""

from __future__ import annotations

from pathlib import Path

from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.base.settings_file import SettingsFile
from app.library import command_texts as words
from app.library.overview import shelf
from app.library.records import ModelRecord
from app.library.services import ModelDesk
from app.library.values import ModelView

MB = 1_000_000


def new_desk(limit: float | None = None) -> ModelDesk:
    """The desk on the data folder, as offline and as slow as the settings say.

    Args:
        limit: Another download limit, in MB/s.
    """
    paths = AppPaths.resolve().ensure()
    settings = SettingsFile(paths.settings_file).load().settings
    desk = ModelDesk.open(paths, offline=settings.offline)
    desk.rate.change(int((settings.speed_limit if limit is None else limit) * MB))
    return desk


def find_model(desk: ModelDesk, name: str) -> ModelView | None:
    """The model of the shelf that `name` means: its id, repository, title or folder, in any letter case."""
    wanted = name.strip().lower()
    for model in shelf(desk).models:
        names = {model.id, model.id.removeprefix("catalogue:"), model.repo, model.title, str(model.folder or "")}
        if wanted in {each.lower() for each in names if each}:
            return model
    folder = Path(name).expanduser()
    if folder.is_dir():
        place = folder.resolve()
        return next((model for model in shelf(desk).models if model.folder == place), None)
    return None


def chosen_model(desk: ModelDesk, name: str) -> ModelView:
    """The same.

    Raises:
        KnownAppError: There is none.
    """
    model = find_model(desk, name)
    if model is None:
        raise KnownAppError(words.no_such_model(name), words.NO_SUCH_MODEL_HINT)
    return model


def chosen_record(desk: ModelDesk, name: str) -> ModelRecord:
    """A model that is on this disk, or on its way to it.

    Raises:
        KnownAppError: There is none, or it is the starter model or one of the list.
    """
    model = chosen_model(desk, name)
    try:
        return desk.library.find(model.id)
    except KeyError as exc:
        raise KnownAppError(words.not_here(model.title), words.NOT_HERE_HINT) from exc
