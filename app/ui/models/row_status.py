"""What the row of one model shows, as a value: texts, tones, one fraction, buttons. No widgets here."""

from __future__ import annotations

from dataclasses import dataclass

from app.base import texts as base_texts
from app.base import units
from app.base.errors import ErrorReport
from app.engines import texts as engine_texts
from app.library import texts as model_texts
from app.library.values import ModelState, ModelStatus, ModelWork, Transferring
from app.ui.engines import words as engines_words
from app.ui.models import words
from app.ui.models.buttons import Button, Now, buttons_of, menu_of, shown_state

TONES = {
    ModelState.DOWNLOADING: "busy",
    ModelState.VERIFYING: "busy",
    ModelState.BUILDING: "busy",
    ModelState.READY: "good",
    ModelState.DAMAGED: "bad",
    ModelState.MISSING: "bad",
}
FIT_TONES = {"resident": "good", "streamed": "good", "processor": "calm", "no": "bad", "unknown": "calm"}
LAYOUTS = {
    "plain": "16 bits, as it was trained (safetensors)",
    "modelopt-nvfp4": "NVFP4, 4 bits (NVIDIA ModelOpt)",
    "compressed-nvfp4": "NVFP4, 4 bits (compressed-tensors)",
    "compressed-fp8": "FP8, 8 bits (compressed-tensors)",
}
UNFINISHED = (ModelState.QUEUED, ModelState.PAUSED, ModelState.ELSEWHERE)
DOWNLOADS = (ModelState.DOWNLOADING, ModelState.VERIFYING)


@dataclass(frozen=True, slots=True)
class Bar:
    """The one progress bar of a row.

    Attributes:
        fraction: 0 to 1.
        text: What stands below it.
        note: Why nothing moves; may be empty.
        calm: Whether nothing is going on.
    """

    fraction: float
    text: str
    note: str = ""
    calm: bool = False


@dataclass(frozen=True, slots=True)
class RowStatus:
    """One row.

    Attributes:
        title: Name of the model.
        origin: Where it comes from.
        state: In words, and its tone: "calm", "good", "busy", "warn" or "bad".
        mark: "In use" or "Suits this computer"; may be empty.
        fit: Verdict, sentence and tone.
        about: What it is good for, where somebody may choose it; what is ambiguous about its files, where it is here.
        sizes: One line.
        bar: Progress; None if there is none.
        problem: What is wrong.
        buttons: Below.
        menu: Behind "More".
        facts: Details: name and value.
    """

    title: str
    origin: str
    state: tuple[str, str]
    mark: str
    fit: tuple[str, str, str]
    about: str
    sizes: str
    bar: Bar | None
    problem: ErrorReport | None
    buttons: tuple[Button, ...]
    menu: tuple[Button, ...]
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def spoken(self) -> str:
        """All that matters, for screen readers."""
        parts = (self.title, self.state[0], self.mark, self.fit[1], self.bar.text if self.bar else "")
        return ". ".join(part.rstrip(".") for part in parts if part)


def row_status(model: ModelStatus, state: ModelState, now: Now, details: bool = False) -> RowStatus:
    """The row of a model; `state` is what is known now, `details` whether they are shown."""
    state = shown_state(model, state, now)
    fit, entry = model.fit, model.entry
    publisher = entry.publisher if entry is not None else ""
    return RowStatus(
        title=model.title,
        origin=words.origin(model.kind, publisher, model.repo, model.folder),
        state=_state(model, state, now),
        mark=words.IN_USE if now.uses(model) else words.SUITS if now.advises(model) else "",
        fit=(
            words.FITS[fit.verdict],
            f"{fit.text} {fit.hint}".strip(),
            "warn" if _slow(model) else FIT_TONES[fit.verdict],
        ),
        about=entry.good_for if entry is not None and state == ModelState.AVAILABLE else model.note,
        sizes=_sizes(model, state, now),
        bar=_bar(model, state, now),
        problem=None if _moves(model, state, now) else model.problem,
        buttons=buttons_of(model, state, now),
        menu=menu_of(model, state, now, details),
        facts=_facts(model) if details else (),
    )


def _moves(model: ModelStatus, state: ModelState, now: Now) -> bool:
    """Whether something is being done about a problem."""
    return state in (*DOWNLOADS, ModelState.QUEUED) or now.works_on(model)


def _slow(model: ModelStatus) -> bool:
    return bool(model.fit.hint) and model.fit.runs


def _state(model: ModelStatus, state: ModelState, now: Now) -> tuple[str, str]:
    if now.works_on(model) and now.work is not None and now.work.kind != "verify":
        return words.MOVING if now.work.kind == "move" else words.MERGING, "busy"
    tone = "warn" if state == ModelState.PAUSED and model.problem is not None else TONES.get(state, "calm")
    return words.state_words(state, model.fit), tone


def _sizes(model: ModelStatus, state: ModelState, now: Now) -> str:
    missing = max(0, model.size - model.done)
    later = words.engines_later(model.fit.engine_bytes) if model.fit.engine_bytes else ""
    if state == ModelState.AVAILABLE:
        time = model_texts.time_to_fetch(model.size, now.machine.rate)
        parts = [words.to_download(model.size, model.exact), time, later, words.free(now.machine.free_disk)]
    elif state in (*UNFINISHED, ModelState.DOWNLOADING) or (state == ModelState.VERIFYING and not model.usable):
        parts = [later]
    elif state == ModelState.MISSING:
        parts = []
    else:
        there = missing if state == ModelState.DAMAGED and model.repo else 0
        parts = [words.on_disk(model.done), words.to_fetch(there) if there else ""]
        parts.append(words.engines_on_disk(model.engines) if model.engines else later)
    return words.sentence(parts)


def _bar(model: ModelStatus, state: ModelState, now: Now) -> Bar | None:
    if now.transfer is not None and now.transfer.model_id == model.id:
        return _download_bar(now.transfer, model)
    if now.works_on(model) and now.work is not None:
        return _work_bar(now.work)
    if state == ModelState.BUILDING and now.engine_work is not None:
        return _engine_bar(now)
    if state in UNFINISHED and model.size:
        fraction = model.done / model.size
        share = units.percent(fraction) if model.done else ""
        return Bar(fraction, words.sentence([words.so_far(model.done, model.size), share]), calm=True)
    return None


def _download_bar(transfer: Transferring, model: ModelStatus) -> Bar:
    done, total = (transfer.done, transfer.total) if transfer.total else (model.done, model.size)
    fraction = min(1.0, done / total) if total else 0.0
    parts = [words.so_far(done, total), units.percent(fraction) if done else ""]
    if transfer.checking:
        parts.append(f"checking {transfer.detail}".strip())
    elif not transfer.waiting:
        parts.append(units.rate(transfer.rate) if transfer.rate > 0 else "")
        parts.append(words.left(transfer.seconds_left) if transfer.seconds_left is not None else "")
    return Bar(fraction, words.sentence(parts), transfer.waiting)


def _work_bar(work: ModelWork) -> Bar:
    text = words.sentence([units.percent(work.fraction), work.detail])
    bad = f"{len(work.damaged)} found damaged" if work.damaged else ""
    return Bar(work.fraction, text, words.STOPPING if work.stopping else bad)


def _engine_bar(now: Now) -> Bar:
    work = now.engine_work
    if work is None:
        return Bar(0.0, "")
    if work.testing:
        count = len(work.offer.request.identity.cuts) + 2  # input and output
        return Bar(len(work.checks) / count, engines_words.testing_line(len(work.checks), count))
    if work.progress is None:
        return Bar(0.0, "Starting \u2026")
    progress = work.progress
    name = engine_texts.part_name(progress.part, work.offer.request.identity.cuts)
    line = engine_texts.segment_line(progress.number, progress.count, name)
    return Bar(
        progress.fraction, f"{line} \u00b7 {engine_texts.progress_line(progress.fraction, progress.seconds_left)}"
    )


def _facts(model: ModelStatus) -> tuple[tuple[str, str], ...]:
    entry, fit = model.entry, model.fit
    build = f"{units.duration(fit.build_seconds)} to build" if fit.build_seconds else ""
    room = f"{units.size(fit.engine_bytes)} on the disk" if fit.engine_bytes else ""
    pinned = f"{units.size(fit.pinned_bytes)} of the computer's memory while it runs" if fit.pinned_bytes else ""
    facts = (
        ("Repository", model.repo),
        ("Revision", model.revision),
        ("Licence", model.licence),
        ("Terms", entry.terms if entry is not None else ""),
        ("Stored as", LAYOUTS.get(entry.layout, entry.layout) if entry is not None else ""),
        ("Good for", entry.good_for if entry is not None else ""),
        ("Folder", str(model.folder) if model.folder is not None else ""),
        ("Files", units.size(model.done) if model.done else ""),
        ("Engines", f"{units.size(model.engines)} on the disk" if model.engines else ""),
        ("Engines, if built", ", ".join(part for part in (fit.precision.upper(), room, build, pinned) if part)),
        ("Estimate", base_texts.ESTIMATE if fit.precision else ""),
    )
    return tuple((name, value) for name, value in facts if value)
