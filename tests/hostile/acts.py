"""What can be done with the window: each act is a generator of states that it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.library.answering import ModelChoice, ModelPhase
from app.ui.models.add_dialogs import AdapterDialog
from app.ui.models.licence_dialog import LicenceDialog
from app.ui.models.removal_dialog import RemovalDialog
from inference.text.surrogates import storable
from tests.helpers.scripted_process import committed, draft, finished
from tests.hostile.misdeeds import MISDEEDS
from tests.hostile.stage import Stage

REST_BEATS = 3
BLOCK, PIECE = 1200, 8  # characters of a block, and of a draft's token
MOST_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class Wait:
    """A state that an act waits for."""

    reached: Callable[[], object]
    what: str


Act = Callable[[Stage, dict[str, Any]], Iterator[Wait]]


def at_rest(stage: Stage) -> Wait:
    """Some beats have come, and the chat's height stays."""
    heartbeat, first, heights = stage.heartbeat, stage.heartbeat.beats, [-1]

    def reached() -> bool:
        height = stage.parts.window.pane.chat.widget().height()
        if height != heights[0]:
            heights[0] = height
            heights[1:] = [heartbeat.beats]
        return heartbeat.beats - max(first, heights[1]) >= REST_BEATS

    return Wait(reached, "the window at rest")


def ready(stage: Stage) -> Wait:
    """The model answers."""
    model = stage.parts.controller.model
    return Wait(lambda: model.status.phase in (ModelPhase.READY, ModelPhase.FAILED), "a model that is ready")


def not_busy(stage: Stage) -> Wait:
    """No answer is being made."""
    return Wait(lambda: not stage.parts.controller.busy, "the end of the answer")


def send(stage: Stage, text: str) -> Iterator[Wait]:
    """As the Send button does."""
    composer = stage.parts.window.pane.composer
    composer.set_text(text)
    composer.button.click()
    yield not_busy(stage)


def look_at(stage: Stage) -> Iterator[Wait]:
    """Scroll through the chat, and show it anew from the store."""
    controller, bar = stage.parts.controller, stage.parts.window.pane.chat.verticalScrollBar()
    yield at_rest(stage)
    for place in (bar.minimum(), bar.maximum()):
        bar.setValue(place)
        yield at_rest(stage)
    chat = controller.chat_id
    controller.open_chat(None)
    controller.open_chat(chat)
    yield at_rest(stage)


def answer(stage: Stage, case: dict[str, Any]) -> Iterator[Wait]:
    """The model answers with a text of strangers."""
    text = Path(case["file"]).read_bytes().decode("utf-8", "surrogatepass")
    stage.begin()  # reading it was ours
    yield ready(stage)
    stage.parts.controller.open_chat(None)
    size = max(BLOCK, -(-len(text) // MOST_BLOCKS))
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    events: list[Any] = []
    for number, part in enumerate(parts):
        pieces = [part[at : at + PIECE] for at in range(0, min(len(part), 32 * PIECE), PIECE)]
        events += [draft(pieces, 1.5, number, 1), draft(pieces, 0.01, number, 2), committed(part, number)]
    stage.script.answer = [*events, finished(text, (14,) * len(parts))]
    yield from send(stage, "Go on")
    yield from look_at(stage)
    stored = stage.parts.store.messages(stage.parts.controller.chat_id or "")[-1]
    stage.notes["stored"] = stored.body == storable(text)
    stage.heartbeat.skip()  # reading it was ours
    yield from clean_up(stage)


def message(stage: Stage, case: dict[str, Any]) -> Iterator[Wait]:
    """The user's own text, pasted from somewhere."""
    text = Path(case["file"]).read_bytes().decode("utf-8", "surrogatepass")
    stage.begin()
    yield ready(stage)
    stage.parts.controller.open_chat(None)
    stage.script.answer = [committed("Yes."), finished("Yes.")]
    yield from send(stage, text)
    yield from look_at(stage)
    yield from clean_up(stage)


def clean_up(stage: Stage) -> Iterator[Wait]:
    """The chat goes, so that one case does not slow the next."""
    controller = stage.parts.controller
    if controller.chat_id is not None:
        controller.delete(controller.chat_id)
    stage.parts.window.pane.undo_bar.dismiss()
    yield at_rest(stage)


# -- models ----------------------------------------------------------------------------------------------------------


def looked(stage: Stage) -> Wait:
    """A look has come back, or a problem."""
    before = len(stage.news)
    return Wait(
        lambda: any(name in ("status_changed", "problem") for name, _ in stage.news[before:]), "a look at the models"
    )


def look_again(stage: Stage) -> Iterator[Wait]:
    """Look at everything."""
    wait = looked(stage)
    stage.parts.library.look()
    yield wait


def folder(stage: Stage, case: dict[str, Any]) -> Iterator[Wait]:
    """Add a folder of strangers on the models page, look, choose it if the case says so, and forget it again."""
    window, library = stage.parts.window, stage.parts.library
    window.models.show_page()
    yield looked(stage)
    library.add_folder(Path(case["folder"]))
    yield Wait(lambda: stage.heard("added", "adapter_found", "problem"), "the folder added, or why not")
    for dialog in stage.dialogs(AdapterDialog):
        yield from merge(stage, dialog, case)
    added = stage.last("added")
    if added is not None:
        yield from look_again(stage)
        yield at_rest(stage)
        if case.get("spoil"):  # what was good when it was added is damaged later
            target, spoilt = map(Path, case["spoil"])
            if target.is_file() and spoilt.is_dir():
                target.unlink()
            spoilt.replace(target)
            yield from look_again(stage)
    if case.get("choose"):
        yield from choose(stage, Path(case["folder"]))
    if added is not None:
        yield from forget(stage, added)
    window.models.page.close()
    yield at_rest(stage)


def merge(stage: Stage, dialog: AdapterDialog, case: dict[str, Any]) -> Iterator[Wait]:
    """Merge the adapter if there is a base and the case says so."""
    at = next((number for number, model in enumerate(dialog._models) if model.kind == "folder"), -1)
    if not case.get("merge") or at < 0:
        dialog.reject()
        return
    dialog.base.setCurrentIndex(at)
    dialog.accept()
    yield Wait(lambda: stage.heard("work_ended", "problem"), "the end of the merge")
    yield from look_again(stage)
    for model in stage.parts.library.status.models if stage.parts.library.status else ():
        if model.kind == "merged":
            yield from forget(stage, model.id)


def choose(stage: Stage, place: Path) -> Iterator[Wait]:
    """Let the folder's model answer, ask it, and go back."""
    controller = stage.parts.controller
    stage.parts.window.models.open_model(place)
    yield Wait(lambda: stage.heard("choice", "refused"), "the model loaded, or why not")
    if stage.heard("choice"):
        controller.open_chat(None)
        stage.parts.window.pane.composer.set_text("Hello")
        stage.parts.window.pane.composer.button.click()
        yield not_busy(stage)
        yield from ended(stage)
        yield from clean_up(stage)
        controller.model.load(ModelChoice(None, "fake", "Fake model"))
        yield Wait(lambda: stage.last("choice").folder is None, "the scripted model again")


def ended(stage: Stage) -> Iterator[Wait]:
    """What the answer's end says."""
    for message in stage.parts.store.messages(stage.parts.controller.chat_id or "")[-1:]:
        if message.error is not None:
            (stage.said if message.error.known else stage.bugs).append(message.error.user_text + message.error.detail)
    yield at_rest(stage)


def forget(stage: Stage, model_id: str) -> Iterator[Wait]:
    """Remove a model from the list, as its button does; a folder of the user's stays."""
    library = stage.parts.library
    model = library.status.model(model_id) if library.status is not None else None
    if model is None:
        stage.parts.library.services.library.forget(model_id)
        return
    library.ask_removal(model)
    before = len(stage.news)
    yield Wait(
        lambda: any(name in ("removal_known", "problem") for name, _ in stage.news[before:]), "what a removal deletes"
    )
    for dialog in stage.dialogs(RemovalDialog):
        dialog.accept()
    yield Wait(lambda: any(name in ("freed", "problem") for name, _ in stage.news[before:]), "the model removed")
    if stage.parts.library.services.library.models() and stage.heard("problem"):
        for record in stage.parts.library.services.library.models():
            if record.id == model_id:
                stage.parts.library.services.library.forget(model_id)


def repo(stage: Stage, case: dict[str, Any]) -> Iterator[Wait]:
    """Add by name; download if the case says so."""
    window, library = stage.parts.window, stage.parts.library
    window.models.show_page()
    yield looked(stage)
    library.ask(case["name"])
    yield Wait(lambda: stage.heard("offered", "problem"), "what the Hub says")
    yield at_rest(stage)
    for dialog in stage.dialogs(LicenceDialog):
        if not case.get("download"):
            dialog.reject()
            continue
        dialog.accept()
        yield Wait(lambda: stage.heard("download_ended", "problem"), "the end of the download")
        yield from look_again(stage)
        for record in stage.parts.library.services.library.models():
            if record.repo == case["name"]:
                yield from forget(stage, record.id)
    window.models.page.close()
    yield at_rest(stage)


# -- starts ----------------------------------------------------------------------------------------------------------


def start(stage: Stage, case: dict[str, Any]) -> Iterator[Wait]:
    """A window on a data folder of strangers; every chat is opened, and one goes on."""
    from app.base.errors import AppError

    try:
        stage.reopen(Path(case["base"]))
    except AppError as exc:  # the program says so and ends
        stage.said.append(f"{exc.user_text} {exc.hint}".strip())
        stage.notes["refused"] = True
        stage._stack.close()
        stage.open(stage.base)
        yield ready(stage)
        return
    yield ready(stage)
    yield at_rest(stage)
    controller = stage.parts.controller
    for conversation in stage.parts.store.list_conversations()[:3]:
        controller.open_chat(conversation.id)
        yield at_rest(stage)
    stage.script.answer = [committed("Yes."), finished("Yes.")]
    before = len(stage.parts.store.list_conversations())
    controller.open_chat(None)
    yield from send(stage, "Goes on")
    yield at_rest(stage)
    stage.notes["goes_on"] = len(stage.parts.store.list_conversations()) > before
    yield from look_again(stage)
    stage.reopen(stage.base)
    yield ready(stage)


def misbehave(stage: Stage, case: dict[str, Any]) -> Iterator[Wait]:
    """What no program may do: for the tests of those who watch it."""
    yield at_rest(stage)
    MISDEEDS[case["how"]](case)
    yield at_rest(stage)


# Fonts of other scripts are looked for when their first letter is shown: that takes Qt half a second, once.
_LETTERS = "\U0001f469\u200d\U0001f4bb \u6f22 \u0639 \u0e17 \u0939\u093f"
_FIRST = (
    f"# One {_LETTERS}\n\n**two {_LETTERS}** `three {_LETTERS}` *{_LETTERS}*\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```\n\n$x^2$\n\n"
    "https://example.com/ mailto:a@example.com ftp://example.com/ <https://example.com/>"
)


def warm_up(stage: Stage, case: dict[str, Any]) -> Iterator[Wait]:
    """What is imported and drawn for the first time is no case's fault."""
    yield ready(stage)
    stage.script.answer = [
        draft(["One "]),
        committed(_FIRST),
        finished(_FIRST),
    ]
    yield from send(stage, "Hello")
    yield from look_at(stage)
    yield from clean_up(stage)
    stage.parts.window.models.show_page()
    yield looked(stage)
    if case.get("base"):
        stage.parts.library.add_folder(Path(case["base"]))
        yield Wait(lambda: stage.heard("added", "problem"), "the base model added")
        yield looked(stage)
    stage.parts.window.models.page.close()
    yield at_rest(stage)


ACTS: dict[str, Act] = {
    "answer": answer, "message": message, "folder": folder, "repo": repo, "start": start, "warm_up": warm_up,
    "misbehave": misbehave,
}  # fmt: skip
