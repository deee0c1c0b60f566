"""Which model the words of a command mean, and what all commands that work with models need."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.paths import AppPaths, named_path
from app.commands.settings import settings_in_use
from app.library import texts
from app.library.hub import typed_name
from app.library.overview import library_status
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.library.values import STARTER_ID, ModelStatus

MB = 1_000_000


def new_services(limit: float | None = None) -> LibraryServices:
    """What works with the library of the data folder, as offline and as slow as the settings say.

    Args:
        limit: Another download limit, in MB/s.
    """
    paths = AppPaths.resolve().ensure()
    settings = settings_in_use()
    services = LibraryServices.open(paths, offline=settings.offline)
    services.rate.change(int((settings.speed_limit if limit is None else limit) * MB))
    return services


def find_model(services: LibraryServices, name: str) -> ModelStatus | None:
    """The model of the library that `name` means: its id, folder, repository or title, in any letter case.

    What is said first counts more; of the same rank, a model of this computer counts more than one that is offered.

    Raises:
        KnownAppError: Several models have this name.
    """
    models = library_status(services).models
    for names_of in (_ids, _folder, _repository, _title):
        found = _named(models, name.strip(), names_of)
        if len(found) > 1:
            raise KnownAppError(texts.same_name(len(found), name), texts.SAME_NAME_HINT)
        if found:
            return found[0]
    folder = named_path(name)
    if name and os.path.isdir(folder):  # False also where the system does not say
        place = Path(os.path.realpath(folder))
        return next((model for model in models if model.folder == place), None)
    return None


def _named(
    models: Sequence[ModelStatus], name: str, names_of: Callable[[ModelStatus], tuple[str, ...]]
) -> Sequence[ModelStatus]:
    found = [model for model in models if name.lower() in map(str.lower, filter(None, names_of(model)))]
    here = [model for model in found if model.kind != "catalogue"] or found
    return [model for model in here if name in names_of(model)] or here


def _ids(model: ModelStatus) -> tuple[str, ...]:
    return model.id, model.id.removeprefix("catalogue:")


def _folder(model: ModelStatus) -> tuple[str, ...]:
    return (str(model.folder or ""),)


def _repository(model: ModelStatus) -> tuple[str, ...]:
    return (typed_name(model.repo, model.title),)


def _title(model: ModelStatus) -> tuple[str, ...]:
    return (model.title,)


def chosen_model(services: LibraryServices, name: str) -> ModelStatus:
    """The same.

    Raises:
        KnownAppError: There is none, or several.
    """
    model = find_model(services, name)
    if model is None:
        raise KnownAppError(texts.no_such_model(name), texts.NO_SUCH_MODEL_HINT)
    return model


def chosen_record(services: LibraryServices, name: str) -> ModelRecord:
    """A model that is on this disk, or on its way to it.

    Raises:
        KnownAppError: There is none, or several, or it is the starter model or one of the list.
    """
    model = chosen_model(services, name)
    try:
        return services.library.find(model.id)
    except KeyError as exc:
        if model.id == STARTER_ID:
            raise KnownAppError(texts.STARTER_STAYS, texts.STARTER_STAYS_HINT) from exc
        raise KnownAppError(texts.not_here(model.title), texts.NOT_HERE_HINT) from exc
