"""Everything that window and command line do with the GPU add-on: look, install, try, verify, remove.

Installing: what killed installations left is deleted, wheels are fetched into a new folder, every file is hashed
against its package's RECORD (whose wheel had the hash of the lock), the manifest is written, the folder takes its place
by a rename, and a child process builds a small engine with it. Nothing is held between two calls: any thread may call.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.base.errors import ErrorReport, KnownAppError
from app.base.files import free_bytes, read_json, write_whole
from app.base.paths import AppPaths
from app.gpu import folders, texts
from app.gpu.fetcher import Fetcher, found_fetcher
from app.gpu.filling import RESERVE, filled
from app.gpu.manifest import (
    AddonManifest,
    read_manifest,
    wrong_files,
    wrong_sizes,
)
from app.gpu.ownership import VERDICT, AddonHolding, holding
from app.gpu.recipe import Recipe, shipped_recipe
from app.gpu.values import GpuFreed, GpuOffer, GpuState, GpuStatus, GpuStep
from app.network.client import Network
from app.transfers.disk import FULL
from trt_engines.errors import EngineError
from trt_engines.held import remove_below
from trt_engines.planning.probe import DetectedGpu, OldDriverError, check_driver, detected_gpus
from trt_engines.tensorrt.addon import GOING, MANIFEST, elsewhere
from trt_engines.tensorrt.card_report import CardReport, TrialStep, read_report
from trt_engines.tensorrt.flavour import NEEDED_CUDA, RTX_SM
from trt_engines.tensorrt.trial import DEFAULT_SM, Trial, TrialJob, try_tensorrt


def _card_trial(card: DetectedGpu, folder: Path) -> Iterator[TrialStep | CardReport | None]:
    from trt_engines.selftest.card_trial_run import try_card  # ONNX: only when a card is tried

    return try_card(card, folder)


@dataclass(frozen=True, slots=True)
class GpuTools:
    """What the service calls below itself; tests put stand-ins here.

    Attributes:
        detect: The cards of this computer; raises NoGpuError.
        recipe: What is installed.
        fetcher: How.
        elsewhere: Whether another TensorRT is there.
        trial: Tries the add-on.
        card_trial: Tries the card, and keeps the report in a folder.
    """

    detect: Callable[[], tuple[DetectedGpu, ...]] = detected_gpus
    recipe: Callable[[], Recipe] = shipped_recipe
    fetcher: Callable[[], Fetcher] = found_fetcher
    elsewhere: Callable[[], bool] = elsewhere
    trial: Callable[[TrialJob], Iterator[Trial | None]] = try_tensorrt
    card_trial: Callable[[DetectedGpu, Path], Iterator[TrialStep | CardReport | None]] = _card_trial


class GpuService:
    """The add-on of one data folder."""

    def __init__(self, paths: AppPaths, network: Network, tools: GpuTools | None = None) -> None:
        self.folder, self.engines = paths.gpu, paths.engines
        self.network = network
        self._tools = tools or GpuTools()

    # -- looking ----------------------------------------------------------------------------------------------------

    def status(self) -> GpuStatus:
        """How it is, by a glance: sizes, and how it did when it was tried.

        Raises:
            KnownAppError: The program's files are incomplete.
        """
        folders.recover(self.folder)
        recipe, card, manifest = self._tools.recipe(), self._card(), read_manifest(self.folder)
        name = card.gpu.name if card is not None else ""
        absent = GpuStatus(
            GpuState.ABSENT, self.folder, name, self._tools.elsewhere(), recipe.download, recipe.installed,
            recipe.version, offline=self.network.offline, trial=read_report(self.engines),
        )  # fmt: skip
        if not self.folder.is_dir() or (self.folder / GOING).exists():
            return absent
        try:
            there = holding(self.folder, recipe.packages)
        except OSError:
            there = AddonHolding((), (), 0, ())
        absent = dataclasses.replace(absent, others=there.others)
        if manifest is None and not there.ours:
            return absent  # nothing but what the user put there
        if manifest is None:
            return _seen(absent, GpuState.DAMAGED, damaged=(MANIFEST,), size=there.size)
        wrong, verdict = wrong_sizes(self.folder, manifest), self._verdict()
        state = GpuState.DAMAGED if wrong else GpuState.BROKEN if verdict is not None else GpuState.INSTALLED
        return _seen(absent, state, manifest, wrong, None if wrong else verdict)

    def cards(self) -> tuple[DetectedGpu, ...]:
        """The cards of this computer.

        Raises:
            EngineError: There is none, or the driver does not answer.
        """
        return self._tools.detect()

    def trial(self, job: TrialJob) -> Iterator[Trial | None]:
        """Try a TensorRT.

        Raises:
            EngineError: It does not work.
        """
        return self._tools.trial(job)

    def offer(self) -> GpuOffer:
        """What an installation means; nothing is fetched.

        Raises:
            KnownAppError: The program's files are incomplete.
        """
        recipe, card, problem = self._tools.recipe(), self._card(), None
        free = free_bytes(self.folder)
        try:
            needed = self._tools.fetcher().peak(recipe) + RESERVE
            self.network.check()
            if card is not None:
                check_driver(card, NEEDED_CUDA, texts.NAME)
            if free < needed:
                raise KnownAppError(*texts.no_room(needed, free, self.folder.parent))
        except (KnownAppError, OldDriverError) as exc:
            problem = ErrorReport("known", exc.user_text, exc.hint)
        name = card.gpu.name if card is not None else ""
        return GpuOffer(
            recipe.version, name, recipe.download, recipe.installed, free, self.folder, recipe.licences, problem
        )

    # -- doing ------------------------------------------------------------------------------------------------------

    def install(self, cancel: threading.Event) -> Generator[GpuStep, None, None]:
        """Fetch, check, put in place, try. Close the generator, or set `cancel`, to stop: what was there before stays.

        Raises:
            KnownAppError: It cannot be installed; what was there before is there.
        """
        recipe, fetcher = self._tools.recipe(), self._tools.fetcher()
        try:
            folders.recover(self.folder)
            with folders.alone(self.folder):
                folders.tidy(self.folder, recipe.packages)
                offer = self.offer()
                if offer.problem is not None:
                    raise KnownAppError(offer.problem.text, offer.problem.hint)
                part = folders.new_part(self.folder)
                try:
                    yield from filled(part, recipe, fetcher, self.network, cancel)
                    if cancel.is_set():
                        return
                    folders.take_place(part / "site", self.folder, recipe.packages)
                finally:
                    remove_below(part)
        except OSError as exc:
            if exc.errno in FULL:
                raise KnownAppError(texts.DISK_FULL, texts.disk_full_hint(fetcher.peak(recipe))) from exc
            raise KnownAppError(texts.not_written(exc.strerror or type(exc).__name__)) from exc
        yield from self.tried()

    def tried(self) -> Generator[GpuStep, None, None]:
        """Try what is installed; `status` says how it did."""
        card = self._card()
        yield GpuStep("trying")
        job, report = TrialJob(card.gpu.sm if card is not None else DEFAULT_SM, self.folder), None
        try:
            for _ in self._tools.trial(job):
                yield GpuStep("trying")
        except EngineError as exc:
            report = ErrorReport("known", exc.user_text, exc.hint)
        facts = {"text": report.text, "hint": report.hint} if report is not None else {}
        with contextlib.suppress(OSError):
            write_whole(self.folder / VERDICT, json.dumps(facts))

    def try_card(self) -> Generator[TrialStep | CardReport | None, None, None]:
        """Run a small engine on the card in every way that models are run with; at last the report, which is kept.

        Raises:
            EngineError: There is no card, its driver is too old, or TensorRT does not load.
        """
        card = self._tools.detect()[0]
        check_driver(card, NEEDED_CUDA, texts.NAME)
        yield from self._tools.card_trial(card, self.engines)

    def verify(self) -> Generator[GpuStep, None, tuple[str, ...]]:
        """Hash every file; returns those that are wrong."""
        manifest = read_manifest(self.folder)
        if manifest is None:
            return ()
        steps = wrong_files(self.folder, manifest)
        while True:
            try:
                yield GpuStep("checking", next(steps))
            except StopIteration as end:
                return tuple(end.value)

    def remove(self) -> GpuFreed:
        """Remove it; returns what came free. The user's own files in its folder, and links, stay.

        Raises:
            KnownAppError: There is none, somebody installs it, or it is in use and goes at the next start.
        """
        folders.recover(self.folder)
        packages = self._tools.recipe().packages
        with folders.alone(self.folder):
            folders.tidy(self.folder, packages)
            try:
                if not self.folder.is_symlink() and not holding(self.folder, packages).ours:
                    raise KnownAppError(texts.NOTHING_TO_REMOVE)
                gone = folders.put_away(self.folder, packages)
            except PermissionError as exc:
                if os.name != "nt":
                    raise KnownAppError(texts.not_removed(exc.strerror or "no permission")) from exc
                (self.folder / GOING).touch()
                raise KnownAppError(texts.NOT_REMOVED_NOW) from exc
            except OSError as exc:
                raise KnownAppError(texts.not_removed(exc.strerror or type(exc).__name__)) from exc
        return GpuFreed(gone.size, gone.others)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _card(self) -> DetectedGpu | None:
        try:
            return next((card for card in self._tools.detect() if card.gpu.sm in RTX_SM), None)
        except EngineError:
            return None

    def _verdict(self) -> ErrorReport | None:
        """Why it did not work when it was tried last."""
        try:
            facts = read_json(self.folder / VERDICT)
            return ErrorReport("known", facts["text"], facts["hint"]) if facts else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _seen(
    status: GpuStatus, state: GpuState, manifest: AddonManifest | None = None, damaged: tuple[str, ...] = (),
    report: ErrorReport | None = None, size: int = 0,
) -> GpuStatus:  # fmt: skip
    if manifest is None:
        return dataclasses.replace(status, state=state, size=size, damaged=damaged, report=report)
    return dataclasses.replace(
        status, state=state, version=manifest.version, size=manifest.size, installed=manifest.installed,
        damaged=damaged, report=report,
    )  # fmt: skip
