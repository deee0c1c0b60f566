"""Sample content for the picture of the models window: one download runs, one model is ready, the others are offered.

What is said of each model is the planner's real arithmetic for a pretended computer.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from app.base.paths import starter_model_folder
from app.library import texts
from app.library.catalogue import CatalogueEntry, shipped_entries
from app.library.fit import advice_for, fit_of
from app.library.values import STARTER_ID, Computer, Fit, LibraryStatus, ModelState, ModelStatus, Transferring
from trt_engines.planning.hardware import GIB
from trt_engines.planning.probe import DetectedGpu
from trt_engines.planning.shape import PUBLISHED

FOLDER = Path("/home/you/.local/share/Dewpoint")
DOWNLOADING = "sample-download"
FETCHED = 0.43  # of it
LINE = 61_300_000.0  # bytes a second


def sample_library(card: DetectedGpu) -> LibraryStatus:
    """A status for this card in a computer with 32 GiB of memory."""
    models, engines = FOLDER / "models", FOLDER / "engines"
    machine = Computer(card.gpu.name, card.gpu.memory, "", 32 * GIB, 412 * 10**9, models, engines, LINE)
    entries = shipped_entries()
    fits = {entry: fit_of(PUBLISHED, entry.layout, card, machine, entry.bytes) for entry in entries}
    starter = ModelStatus(
        STARTER_ID, "starter", texts.STARTER_MODEL_NAME, ModelState.READY,
        Fit("processor", "Runs on the processor, in 34 MB of memory."), starter_model_folder(),
        size=34_000_000, done=34_000_000,
    )  # fmt: skip
    downloads = _downloads(entries[0], fits[entries[0]], models)
    offered = tuple(
        ModelStatus(
            f"catalogue:{entry.id}", "catalogue", entry.title, ModelState.AVAILABLE, fits[entry], None, entry.repo,
            entry.bytes, False, entry=entry,
        )
        for entry in entries[1:]
    )  # fmt: skip
    return LibraryStatus((starter, downloads, *offered), machine, advice_for(fits, machine), (), False)


def sample_transfer(status: LibraryStatus) -> Transferring:
    """The download that runs."""
    model = status.model(DOWNLOADING)
    total = model.size if model is not None else 1
    left = total * (1 - FETCHED) / LINE
    return Transferring(DOWNLOADING, round(total * FETCHED), total, LINE, left, "model-00002-of-00004.safetensors")


def _downloads(entry: CatalogueEntry, fit: Fit, models: Path) -> ModelStatus:
    status = ModelStatus(
        DOWNLOADING, "download", entry.title, ModelState.QUEUED, fit, models / entry.id, entry.repo, entry.bytes
    )
    return dataclasses.replace(status, entry=entry, licence=entry.licence, checkable=True)
