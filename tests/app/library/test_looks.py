"""Models that cannot be looked at: listed as such, with a sentence, beside the others, and removed like the others."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.library import care
from app.library.answering import remembered_model
from app.library.overview import library_status
from app.library.records import MoveNote
from app.library.services import LibraryServices
from app.library.tasks import LibraryTasks
from app.library.values import ModelState, ModelStatus
from inference.errors import LookError, LookStoppedError
from inference.look.client import Looks
from inference.look.questions import LookAtFolder
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.hub_behaviour import Repo, hub_file
from tests.helpers.looks import answered_here
from tests.helpers.own_folders import add_folder
from tests.helpers.tiny_models import NAME
from tests.helpers.waiting import NEVER_SECONDS, WAIT_SECONDS

SENTENCE = LookError("It could not be looked at within 20 seconds.", "Check whether its drive answers.")


def own_model(folder: Path) -> Path:
    return write_model(folder, random_tensors(tiny_config(), dtype=np.float32), tiny_config())


def listed(services: LibraryServices, model_id: str) -> ModelStatus:
    found = library_status(services).model(model_id)
    assert found is not None
    return found


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path, error: Exception) -> None:
    """Every look at `folder` ends with `error`."""

    def ask(looks: Looks, question: Any, cancel: object = None) -> Any:
        if isinstance(question, LookAtFolder) and question.folder == folder:
            raise error
        return answered_here(looks, question)

    monkeypatch.setattr(Looks, "ask", ask)


def test_one_that_hangs_is_listed_among_the_others_and_removed(
    services: LibraryServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add_folder(services, own_model(tmp_path / "first"))
    bad = add_folder(services, own_model(tmp_path / "bad"))
    last = add_folder(services, own_model(tmp_path / "last"))
    refuse(monkeypatch, bad.folder, SENTENCE)
    model = listed(services, bad.id)
    assert model.state == ModelState.DAMAGED
    assert model.problem is not None
    assert (model.problem.kind, model.problem.text) == ("known", SENTENCE.user_text)
    assert {listed(services, each.id).state for each in (first, last)} == {ModelState.INSTALLED}
    care.remove(services, care.removal(services, model))
    assert library_status(services).model(bad.id) is None
    assert (bad.folder / "config.json").is_file()


def test_what_could_not_be_looked_at_is_not_touched_either(
    services: LibraryServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = add_folder(services, own_model(tmp_path / "bad"))
    refuse(monkeypatch, bad.folder, SENTENCE)
    stat, here = os.stat, threading.current_thread()

    def watched(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if threading.current_thread() is here:
            assert not str(path).startswith(str(bad.folder)), "its drive may hang"
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", watched)
    assert listed(services, bad.id).state == ModelState.DAMAGED


@pytest.mark.log_allowed("a look at")
@pytest.mark.parametrize(
    "error", [RuntimeError("loop"), RecursionError("deep"), OSError(errno.ESTALE, "Stale file handle"), KeyError("x")]
)
def test_whatever_goes_wrong_with_one_the_page_is_there(
    services: LibraryServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    good = add_folder(services, own_model(tmp_path / "good"))
    bad = add_folder(services, own_model(tmp_path / "bad"))
    refuse(monkeypatch, bad.folder, error)
    model = listed(services, bad.id)
    assert model.state == ModelState.DAMAGED
    assert model.problem is not None
    assert str(bad.folder) in model.problem.text
    assert listed(services, good.id).state == ModelState.INSTALLED


def test_a_look_that_was_stopped_is_no_verdict(
    services: LibraryServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = add_folder(services, own_model(tmp_path / "bad"))
    refuse(monkeypatch, bad.folder, LookStoppedError("The look was stopped."))
    with pytest.raises(LookStoppedError):
        library_status(services)


@pytest.fixture
def drives(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Path, Callable[[], object]]]:
    """What happens where the drive of a folder is asked, before it answers."""
    acts: dict[Path, Callable[[], object]] = {}
    stat = os.stat

    def ask(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if threading.current_thread().name == "question to a drive" and path in acts:
            acts[path]()
        return stat(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", ask)
        yield acts


def test_the_drives_of_all_models_are_asked_at_the_same_time(
    services: LibraryServices, tmp_path: Path, drives: dict[Path, Callable[[], object]]
) -> None:
    """Each of these answers when all of them are asked: one after the other, none would."""
    models = [add_folder(services, own_model(tmp_path / str(number))) for number in range(3)]
    asked, all_asked = set[Path](), threading.Event()

    def wait(folder: Path) -> None:
        asked.add(folder)
        if len(asked) == len(models):
            all_asked.set()
        all_asked.wait(WAIT_SECONDS)

    drives.update({model.folder: partial(wait, model.folder) for model in models})
    found = library_status(services)
    assert {found.model(model.id).state for model in models} == {ModelState.INSTALLED}  # type: ignore[union-attr]


def test_drives_that_hang_are_waited_for_together_and_once(
    services: LibraryServices, tmp_path: Path, drives: dict[Path, Callable[[], object]]
) -> None:
    good = add_folder(services, own_model(tmp_path / "good"))
    hung = [add_folder(services, own_model(tmp_path / str(number))) for number in range(2)]
    wake_up, asked = threading.Event(), []

    def hang() -> None:
        asked.append(threading.current_thread())
        wake_up.wait(NEVER_SECONDS)

    drives.update({model.folder: hang for model in hung})
    services.looks._drives.seconds = 0.2
    try:
        for _ in range(2):
            found = library_status(services)
            for model in hung:
                status = found.model(model.id)
                assert status is not None
                assert status.state == ModelState.DAMAGED
                assert status.problem is not None
                assert f"{model.folder} could not be looked at within" in status.problem.text
            assert found.model(good.id).state == ModelState.INSTALLED  # type: ignore[union-attr]
            services.looks._drives.seconds = -1.0  # whoever begins to wait now gives up at once
        assert len(asked) == len(hung)
        status = found.model(hung[0].id)
        assert status is not None
        assert care.remove(services, care.removal(services, status)) == 0
        assert hung[0].folder.is_dir()
    finally:
        wake_up.set()
    services.looks._drives.seconds = WAIT_SECONDS
    assert {listed(services, model.id).state for model in hung[1:]} == {ModelState.INSTALLED}


def test_nothing_that_dewpoint_wrote_is_touched_on_a_drive_that_hangs(
    services: LibraryServices, tmp_path: Path, drives: dict[Path, Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed move left there, leftovers, and models whose list of files is not read yet."""
    places = [tmp_path / name for name in ("model", "source", "target", "scratch", "left")]
    wake_up, lstat = threading.Event(), os.lstat
    for place in places:
        place.mkdir()
        services.ledger.new_folder(place / "x")
    services.library.add("merged", places[0], "Merged")
    with services.library.opened() as db:
        db.execute("UPDATE model SET listed = 0")
        db.conn.commit()
    services.library.begin_move(MoveNote(places[1], places[2], places[3]))

    def touched(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        assert not any(str(path).startswith(str(place)) for place in places), path
        return lstat(path, *arguments, **options)

    monkeypatch.setattr(os, "lstat", touched)
    drives.update({folder: lambda: wake_up.wait(NEVER_SECONDS) for place in places for folder in (place, place / "x")})
    services.looks._drives.seconds = 0.1
    try:
        found = library_status(services)
    finally:
        wake_up.set()
    assert len(services.library.moves()) == 1
    assert not found.leftovers


def loop(folder: Path) -> Path:
    folder.symlink_to(folder)
    return folder


@pytest.mark.skipif(os.name != "posix", reason="Windows has neither such names nor such links")
@pytest.mark.parametrize("kind", ["too long", "loop", "no folder"])
def test_places_that_the_system_refuses(services: LibraryServices, tmp_path: Path, kind: str) -> None:
    places = {
        "too long": lambda: tmp_path / ("x" * 5000),
        "loop": lambda: loop(tmp_path / "loop"),
        "no folder": lambda: tmp_path / "file" / "below",
    }
    (tmp_path / "file").write_bytes(b"")
    record = services.library.add("folder", places[kind](), "Odd")
    model = listed(services, record.id)
    assert model.state in (ModelState.DAMAGED, ModelState.MISSING)
    assert model.problem is not None
    assert model.problem.kind == "known"
    care.remove(services, care.removal(services, model))
    assert library_status(services).model(record.id) is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG])
def test_a_drive_that_fails(
    services: LibraryServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    good = add_folder(services, own_model(tmp_path / "good"))
    bad = add_folder(services, own_model(tmp_path / "bad"))
    stat = os.stat

    def fail(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(str(bad.folder)):
            raise OSError(number, os.strerror(number), str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", fail)
    model = listed(services, bad.id)
    assert model.state == ModelState.DAMAGED
    assert model.problem is not None
    assert listed(services, good.id).state == ModelState.INSTALLED


# -- the model of last time ------------------------------------------------------------------------------------------


def test_the_model_of_last_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert remembered_model(str(tmp_path)).folder == tmp_path
    assert remembered_model("").folder is None
    assert not remembered_model("").gone
    for gone in (tmp_path / "gone", tmp_path / "file", tmp_path / "file" / "below", "a\0b"):
        assert remembered_model(str(gone)).gone


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG, errno.ELOOP])
def test_a_place_of_last_time_that_the_system_refuses(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: object, **__: object) -> os.stat_result:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "stat", fail)
    found = remembered_model("/media/models/mine")
    monkeypatch.undo()
    assert (found.folder, found.gone, found.trouble) == (None, False, os.strerror(number))


# -- repositories ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"\xff\xfe", b""])
def test_a_repository_with_a_damaged_configuration(
    services: LibraryServices, repo: Repo, name: str, content: bytes
) -> None:
    repo.files[name] = hub_file(name, content, lfs=False)
    with pytest.raises(Exception, match=r"damaged|cannot be used") as caught:
        services.hub.look(NAME)
    assert getattr(caught.value, "known", False)


def test_what_a_repository_says_is_read_in_a_look(
    services: LibraryServices, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(looks: Looks, question: Any, cancel: object = None) -> Any:
        asked.append(type(question).__name__)
        return answered_here(looks, question)

    monkeypatch.setattr(Looks, "ask", ask)
    assert services.hub.look(NAME).config is not None
    assert asked == ["ReadListing", "ReadRepoConfig"]


def test_adding_a_folder_hands_its_cancel_to_the_look(
    services: LibraryServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, seen = threading.Event(), []

    def ask(looks: Looks, question: Any, cancel: object = None) -> Any:
        seen.append(cancel)
        raise LookStoppedError("The look was stopped.")

    monkeypatch.setattr(Looks, "ask", ask)
    with pytest.raises(LookStoppedError):
        list(LibraryTasks(services).add_folder(tmp_path, cancel))
    assert seen == [cancel]
