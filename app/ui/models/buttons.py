"""Which buttons a model has, by its state, and why one of them is grey. No widgets here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.base.paths import same_folder
from app.library.values import Computer, ModelState, ModelStatus
from app.ui.models import words

if TYPE_CHECKING:
    from app.engines.values import EngineWork
    from app.library.values import ModelWork, Transferring

HUB_BUTTONS = ("download", "again", "resume", "repair")
DONE = (ModelState.INSTALLED, ModelState.READY)


@dataclass(frozen=True, slots=True)
class Now:
    """What is going on around the models, at one moment.

    Attributes:
        machine: What the verdicts are about.
        advised: Id of the model that suits; may be empty.
        offline: Whether the program stays offline.
        asking: Whether the Hub is being asked.
        transfer: The download that runs.
        work: The check, move or merge that runs.
        engine_work: The engines that are built or tested.
        in_use: Folder of the model that answers.
        busy: Why another model cannot be used now; "" if it can.
        pausing: Ids of downloads that were told to stop and have not stopped yet.
    """

    machine: Computer
    advised: str = ""
    offline: bool = False
    asking: bool = False
    transfer: Transferring | None = None
    work: ModelWork | None = None
    engine_work: EngineWork | None = None
    in_use: Path | None = None
    busy: str = ""
    pausing: frozenset[str] = frozenset()

    def uses(self, model: ModelStatus) -> bool:
        """Whether this model answers."""
        return same_folder(model.folder, self.in_use)

    def advises(self, model: ModelStatus) -> bool:
        """Whether this model suits the computer, be it in the list or here already."""
        entry = f"catalogue:{model.entry.id}" if model.entry is not None else model.id
        return bool(self.advised) and self.advised in (model.id, entry)

    def builds(self, model: ModelStatus) -> bool:
        """Whether engines are built or tested for this model."""
        return self.engine_work is not None and same_folder(model.folder, self.engine_work.status.folder)

    def works_on(self, model: ModelStatus) -> bool:
        """Whether this model is checked, moved, or a base that is merged into."""
        return self.work is not None and self.work.model_id == model.id


@dataclass(frozen=True, slots=True)
class Button:
    """One button, or one line of the menu.

    Attributes:
        name: What it does.
        label: What stands on it.
        why: Why it is grey; "" if it is not.
        primary: Whether it is the one to press.
    """

    name: str
    label: str
    why: str = ""
    primary: bool = False


def shown_state(model: ModelStatus, state: ModelState, now: Now) -> ModelState:
    """The state as people see it: what waits while nothing runs (after a restart) is paused."""
    if model.usable and now.builds(model):
        return ModelState.BUILDING
    waits = state == ModelState.QUEUED or (state == ModelState.PAUSED and model.id in now.pausing)
    return ModelState.PAUSED if waits and now.transfer is None else state


def buttons_of(model: ModelStatus, state: ModelState, now: Now) -> tuple[Button, ...]:
    """The buttons of a row, the first one first."""
    if now.works_on(model) and now.work is not None:
        stopping = now.work.stopping
        return (
            Button("stop", words.STOPPING if stopping else words.BUTTONS["stop"], words.STOPPING if stopping else ""),
        )
    names = _names(model, state, now)
    return tuple(
        Button(name, _label(name, model, now), why_not(name, model, state, now), name == _first(model, state, now))
        for name in names
    )


def menu_of(model: ModelStatus, state: ModelState, now: Now, details: bool) -> tuple[Button, ...]:
    """The lines of a row's menu; `details` if they are shown."""
    names = ["details"]
    if model.checkable and state in (*DONE, ModelState.DAMAGED):
        names.append("verify_again")
    if model.kind in ("download", "merged") and state in (*DONE, ModelState.BUILDING):
        names.append("move")
    if model.folder is not None and model.kind != "catalogue" and state != ModelState.MISSING:
        names.append("folder")
    if model.repo:
        names.append("page")
    if state in (*DONE, ModelState.BUILDING):
        names.append("engines")
    if model.kind not in ("starter", "catalogue"):
        names.append("forget" if _only_listed(model, state) else "remove")
    labels = {"details": words.HIDE_DETAILS} if details else {}
    return tuple(
        Button(name, labels.get(name, words.BUTTONS[name]), why_not(name, model, state, now)) for name in names
    )


def why_not(name: str, model: ModelStatus, state: ModelState, now: Now) -> str:
    """Why a button is grey at this moment; "" if it is not."""
    if name in HUB_BUTTONS and now.offline:
        return words.OFFLINE_WHY
    match name:
        case "download" | "again" if now.asking:
            return words.ASKING_WHY
        case "pause" if model.id in now.pausing:
            return words.PAUSING
        case "use":
            return now.busy
        case "verify" | "verify_again" if now.work is not None:
            return words.ONE_AT_A_TIME
        case "repair" if now.works_on(model):
            return words.WORKING_WHY
        case "move":
            return _why_not_touched(model, state, now) or (words.ONE_AT_A_TIME if now.work is not None else "")
        case "remove" | "forget":
            return _why_not_touched(model, state, now)
    return ""


def _why_not_touched(model: ModelStatus, state: ModelState, now: Now) -> str:
    """Why a model's folder must stay as it is."""
    if now.uses(model):
        return words.IN_USE_WHY
    if now.builds(model):
        return words.BUILDING_WHY
    if now.works_on(model):
        return words.WORKING_WHY
    downloads = (ModelState.QUEUED, ModelState.DOWNLOADING, ModelState.VERIFYING, ModelState.ELSEWHERE)
    return words.DOWNLOADING_WHY if state in downloads else ""


def _names(model: ModelStatus, state: ModelState, now: Now) -> tuple[str, ...]:
    match state:
        case ModelState.AVAILABLE:
            return ("download",)
        case ModelState.QUEUED | ModelState.DOWNLOADING | ModelState.VERIFYING:
            return ("pause",)
        case ModelState.PAUSED:
            return ("resume", "remove")
        case ModelState.DAMAGED:
            mend = (("repair", "verify") if model.checkable else ("again",)) if model.repo else ()
            return mend or (
                ("verify", "remove") if model.checkable else ("forget" if model.kind == "folder" else "remove",)
            )
        case ModelState.MISSING:
            return ("forget",)
        case ModelState.BUILDING:
            return ("engines",)
        case ModelState.INSTALLED | ModelState.READY:
            use = () if now.uses(model) else ("use",)
            build = state == ModelState.INSTALLED and words.needs_engines(model.fit)
            return (*use, "build") if build else use
    return ()


def _label(name: str, model: ModelStatus, now: Now) -> str:
    if name == "pause" and model.id in now.pausing:
        return words.PAUSING
    return words.BUTTONS[name]


def _first(model: ModelStatus, state: ModelState, now: Now) -> str:
    """The button to press in this state; none of a model that nobody advises."""
    match state:
        case ModelState.AVAILABLE:
            return "download" if model.id == now.advised else ""
        case ModelState.PAUSED:
            return "resume"
        case ModelState.DAMAGED:
            return "repair" if model.checkable else "again"
        case ModelState.INSTALLED if words.needs_engines(model.fit):
            return "build"
    return ""


def _only_listed(model: ModelStatus, state: ModelState) -> bool:
    return model.kind == "folder" or state == ModelState.MISSING
