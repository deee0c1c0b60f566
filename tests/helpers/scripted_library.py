"""A `Library` whose answers a test gives: what the window asks for is noted, nothing is fetched or looked at."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from app.base.errors import ErrorReport
from app.base.paths import starter_model_folder
from app.bridge.library import Library
from app.library import texts
from app.library.catalogue import shipped_entries
from app.library.hub import RemoteModel
from app.library.manifest import ModelFile
from app.library.services import LibraryServices
from app.library.values import (
    STARTER_ID,
    Advice,
    Computer,
    DownloadOffer,
    Fit,
    Leftover,
    LibraryStatus,
    ModelState,
    ModelStatus,
    ModelWork,
    Removal,
    Transferring,
)
from app.transfers.values import Digest
from trt_engines.planning.hardware import GIB
from trt_engines.planning.probe import NO_CARD as NO_CARD_FOUND

GB = 10**9
MODELS = Path("/data/Dewpoint/models")
LEFT = (MODELS / "model.safetensors", MODELS / "config.json")
MACHINE = Computer("RTX 4070", 12 * GIB, "", 32 * GIB, 412 * GB, MODELS, Path("/data/Dewpoint/engines"), 61_300_000.0)
NO_CARD = dataclasses.replace(MACHINE, card="", vram=0, why_no_card=NO_CARD_FOUND, rate=0.0)
STREAMED = Fit(
    "streamed",
    "Runs on your RTX 4070 in INT4, about 49 tokens/s, streamed: 50% of it stays on the card.",
    precision="int4", tokens_per_second=49.0, engine_bytes=16_700_000_000, build_seconds=970.0, pinned_bytes=8 * GB,
)  # fmt: skip
RESIDENT = dataclasses.replace(
    STREAMED, verdict="resident", text="Runs on your RTX 5090 in FP8, about 570 tokens/s, all of it on the card.",
    precision="fp8", tokens_per_second=570.0,
)  # fmt: skip
PROCESSOR = Fit("processor", "Runs on the processor, in 34 MB of memory.")
REFUSED = Fit(
    "no", f"It needs an NVIDIA card. {NO_CARD_FOUND}",
    "The starter model runs on every computer; this one is for an NVIDIA RTX card of 6 GB or more.",
)  # fmt: skip
STARTER = ModelStatus(
    STARTER_ID, "starter", "Starter model (small, for trying things out)", ModelState.READY, PROCESSOR,
    starter_model_folder(), size=34_000_000, done=34_000_000, licence="apache-2.0",
)  # fmt: skip
ENTRIES = {entry.id: entry for entry in shipped_entries()}
NVIDIA = ENTRIES["nvidia-nvfp4"]
PROBLEM = ErrorReport("known", "huggingface.co cannot be reached.", "Check this computer's connection, and resume.")


def offered(name: str, fit: Fit = STREAMED) -> ModelStatus:
    """A model of the list that is not here."""
    entry = ENTRIES[name]
    return ModelStatus(
        f"catalogue:{name}", "catalogue", entry.title, ModelState.AVAILABLE, fit,
        MODELS / entry.repo.replace("/", "--"), entry.repo, entry.bytes, False, entry=entry, licence=entry.licence,
    )  # fmt: skip


def mine(model_id: str, state: ModelState, name: str = "nvidia-nvfp4", **changes: Any) -> ModelStatus:
    """A download of this computer."""
    entry = ENTRIES[name]
    done = entry.bytes if state in (ModelState.INSTALLED, ModelState.READY) else entry.bytes // 4
    status = ModelStatus(
        model_id, "download", entry.title, state, STREAMED, MODELS / entry.repo.replace("/", "--"), entry.repo,
        entry.bytes, True, done, entry=entry, licence=entry.licence, revision="8f3c1d2a" * 5, checkable=True,
    )  # fmt: skip
    return dataclasses.replace(status, **changes)


def library_of(*models: ModelStatus, machine: Computer = MACHINE, fit: Fit = STREAMED, **changes: Any) -> LibraryStatus:
    """The starter model, these models, and those of the list that are not among them."""
    here = {model.repo for model in models}
    rest = tuple(offered(name, fit) for name, entry in ENTRIES.items() if entry.repo not in here)
    advice = Advice(
        f"catalogue:{NVIDIA.id}", f"{NVIDIA.title} suits this computer. {fit.text} The download is 18.9 GB."
    )
    if not fit.runs:
        advice = Advice("", texts.NOTHING_WITHOUT_CARD)
    return dataclasses.replace(LibraryStatus((STARTER, *models, *rest), machine, advice, (), False), **changes)


def offer_of(name: str = "nvidia-nvfp4", **changes: Any) -> DownloadOffer:
    """What the Hub says of a model of the list."""
    entry = ENTRIES[name]
    files = (ModelFile("model.safetensors", entry.bytes, Digest("sha256", "0" * 64)),)
    remote = RemoteModel(entry.repo, "8f3c1d2a" * 5, files, 2, entry.licence, "", False, None)
    offer = DownloadOffer(
        remote, entry.title, "Apache License\nVersion 2.0, January 2004\n\n" + "You may read this. " * 400,
        entry.terms, STREAMED, MODELS / entry.repo.replace("/", "--"), entry.bytes, MACHINE.free_disk, None,
    )  # fmt: skip
    return dataclasses.replace(offer, **changes)


def leftovers() -> tuple[Leftover, ...]:
    """A whole model and a half one."""
    return (
        Leftover(MODELS / "me--my-merge", 51 * GB, "My merge: a complete model that is not in the list.", True, LEFT),
        Leftover(MODELS / "x.moving", 2 * GB, "x.moving: what an interrupted move or merge left.", False, LEFT),
    )


def removal_of(model: ModelStatus, **changes: Any) -> Removal:
    """What removing would delete."""
    folder = model.folder or MODELS
    files = (folder / "model.safetensors", folder / "config.json")
    return dataclasses.replace(Removal(model, files, model.size, (), 0, ()), **changes)


class ScriptedLibrary(Library):
    """Notes calls as (name, arguments); signals are emitted by the test."""

    def __init__(self, services: LibraryServices, parent: QObject | None = None) -> None:
        super().__init__(services, parent)
        self.calls: list[tuple[Any, ...]] = []

    def asked_for(self) -> list[tuple[Any, ...]]:
        """The calls but for looks."""
        return [call for call in self.calls if call[0] != "look"]

    def measure(self) -> None:
        """Noted where it would be done."""
        if self.status is not None and self.status.measurable:
            self.calls.append(("measure",))

    def show(self, status: LibraryStatus) -> None:
        """The answer of a look."""
        self.status = status
        self.status_changed.emit(status)

    def show_transfer(self, transfer: Transferring | None) -> None:
        """News of a download."""
        self._set_transfer(transfer)

    def show_work(self, work: ModelWork | None) -> None:
        """News of a check, a move or a merge."""
        self._set_work(work)


def _noted(name: str) -> Any:
    def method(self: ScriptedLibrary, *arguments: Any) -> None:
        self.calls.append((name, *arguments))

    return method


for _name in (
    "look", "ask", "refresh", "accept", "resume", "pause", "add_folder", "ask_removal", "remove", "adopt", "clear",
    "verify", "move", "merge", "stop_work", "stop_asking",
):  # fmt: skip
    setattr(ScriptedLibrary, _name, _noted(_name))
