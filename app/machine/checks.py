"""The doctor: looks at everything that Dewpoint needs on this computer, and says what to do where something is missing.

No text of a chat, no token and no name of a user is in what it says: paths below the home folder begin with "~".
"""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from app import __version__
from app.base import texts as base_texts
from app.base.errors import AppError
from app.base.files import free_bytes
from app.chats import texts as chats_texts
from app.chats.database import Health, examine, shares_memory
from app.chats.errors import StoreBusyError, StoreLockedError, only_read, translated
from app.engines.texts import FLAVOURS
from app.gpu import texts as gpu_texts
from app.gpu.service import GpuService
from app.gpu.values import GpuState
from app.library.services import LibraryServices
from app.machine import texts
from trt_engines.errors import EngineError
from trt_engines.planning.probe import DetectedGpu, OldDriverError, check_driver
from trt_engines.tensorrt.flavour import NEEDED_CUDA, RTX_SM
from trt_engines.tensorrt.trial import DEFAULT_SM, TrialJob

Status = Literal["pass", "note", "fail"]
PYTHONS = ((3, 11), (3, 13))
LEAST_MEMORY, LEAST_DISK = 4 << 30, 1_000_000_000
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        status: "pass", "note" (works without it, or with less) or "fail".
        text: What was found.
        hint: What to do; "" if nothing.
        detail: A library's own words, for the report alone.
    """

    name: str
    status: Status
    text: str
    hint: str = ""
    detail: str = ""


def checks(services: LibraryServices, addon: GpuService) -> Generator[Finding | None, None, None]:
    """Look at one thing after another; None is a sign of life. Nothing is changed, and nobody is asked."""
    base, file = services.paths.base, services.paths.data_file
    looks: dict[str, Callable[[], Finding]] = {
        texts.SYSTEM: _system,
        texts.PYTHON: _python,
        texts.MEMORY: _memory,
        texts.DISK: lambda: _disk(base),
        texts.FOLDER: lambda: _folder(base),
        texts.CHATS: lambda: _database(file),
        texts.KEYRING: _keyring,
        texts.MODELS: lambda: _models(services),
    }
    for name, look in looks.items():
        yield _guarded(name, look)
    card, found = _card(addon)
    yield found
    yield _guarded(gpu_texts.NAME, lambda: _addon(addon))
    for tried in _trial(addon, card):
        yield _without_names(tried) if tried is not None else None
    yield _guarded(texts.ENGINES, lambda: _engines(services))


def report(found: Sequence[Finding]) -> str:
    """All checks as lines, to be copied."""
    lines = [f"{base_texts.APP_NAME} {__version__}"]
    for check in found:
        lines.append(f"[{check.status}] {check.name}: {check.text}")
        lines += [f"       {more}" for more in (check.hint, check.detail) if more]
    return "\n".join(lines)


def _guarded(name: str, look: Callable[[], Finding]) -> Finding:
    """A look that fails in a way that nobody thought of is a finding, too."""
    try:
        return _without_names(look())
    except StoreLockedError as exc:
        return Finding(name, "note", exc.user_text, exc.hint)
    except (AppError, EngineError) as exc:
        return _without_names(Finding(name, "fail", exc.user_text, exc.hint))
    except Exception as exc:
        reason = (exc.strerror or "") if isinstance(exc, OSError) else ""
        return Finding(name, "fail", texts.not_looked_at(type(exc).__name__, reason))


def _without_names(check: Finding) -> Finding:
    try:
        home = str(Path.home())
    except RuntimeError:
        return check  # this user has none
    if len(home) < 4:
        return check
    return dataclasses.replace(check, text=check.text.replace(home, "~"), hint=check.hint.replace(home, "~"))


def _system() -> Finding:
    name = f"{platform.system()} {platform.release()}, {platform.machine() or UNKNOWN}"
    if sys.platform.startswith("linux"):
        library = " ".join(platform.libc_ver()).strip()
        name += f", {library}" if library else ""
    known = sys.platform.startswith("linux") or sys.platform == "win32"
    return Finding(texts.SYSTEM, "pass" if known else "note", name, "" if known else texts.OTHER_SYSTEM_HINT)


def _python() -> Finding:
    version, fits = platform.python_version(), PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    return Finding(texts.PYTHON, "pass" if fits else "fail", version, "" if fits else texts.OTHER_PYTHON_HINT)


def _memory() -> Finding:
    found = psutil.virtual_memory()
    few = found.total < LEAST_MEMORY
    text = texts.memory_found(found.total, found.available)
    return Finding(texts.MEMORY, "note" if few else "pass", text, texts.LITTLE_MEMORY_HINT if few else "")


def _disk(folder: Path) -> Finding:
    free = free_bytes(folder)
    few = free < LEAST_DISK
    hint = texts.LITTLE_DISK_HINT if few else ""
    return Finding(texts.DISK, "note" if few else "pass", texts.disk_found(free), hint)


def _folder(folder: Path) -> Finding:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as stream:
            stream.write(b"dewpoint")
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        text = base_texts.folder_not_usable(folder, reason)
        return Finding(texts.FOLDER, "fail", text, base_texts.FOLDER_NOT_USABLE_HINT)
    return Finding(texts.FOLDER, "pass", texts.folder_found(folder))


def _database(path: Path) -> Finding:
    try:
        with only_read(path), translated(path):
            found = examine(path)
    except StoreBusyError:
        return Finding(texts.CHATS, "note", texts.CHATS_IN_USE, texts.CHATS_IN_USE_HINT)
    match found.health:
        case Health.ABSENT:
            return Finding(texts.CHATS, "pass", texts.NO_CHATS)
        case Health.DAMAGED:
            return Finding(texts.CHATS, "fail", chats_texts.STORE_DAMAGED, chats_texts.STORE_DAMAGED_HINT)
        case Health.NEWER:
            return Finding(texts.CHATS, "fail", texts.NEWER_CHATS, chats_texts.STORE_NEWER_HINT)
    size = path.stat().st_size
    if not shares_memory(path.parent):
        return Finding(texts.CHATS, "note", texts.chats_found(size), texts.NO_LOG_HINT)
    return Finding(texts.CHATS, "pass", texts.chats_found(size))


def _keyring() -> Finding:
    import keyring
    from keyring.backends import fail

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring):
        return Finding(texts.KEYRING, "note", texts.NO_KEYRING, texts.NO_KEYRING_HINT)
    return Finding(texts.KEYRING, "pass", f"{type(backend).__module__.rpartition('.')[2]} ({backend.name})")


def _models(services: LibraryServices) -> Finding:
    records = services.library.models() if services.paths.data_file.exists() else ()
    gone = [record.title for record in records if not os.path.isdir(record.folder)]
    text = texts.models_found(len(records))
    return Finding(texts.MODELS, "note" if gone else "pass", text, texts.models_gone_hint(gone) if gone else "")


def _card(addon: GpuService) -> tuple[DetectedGpu | None, Finding]:
    try:
        cards = addon.cards()
    except EngineError as exc:
        return None, Finding(texts.CARD, "note", exc.user_text, exc.hint, str(exc.__cause__ or ""))
    card = next((each for each in cards if each.gpu.sm in RTX_SM), cards[0])
    gpu = card.gpu
    text = texts.card_found(gpu.name, gpu.sm, gpu.memory, card.free, card.driver)
    if gpu.sm not in RTX_SM:
        return None, Finding(texts.CARD, "note", text, texts.CARD_NOT_MEANT_HINT)
    try:
        check_driver(card, NEEDED_CUDA, gpu_texts.NAME)
    except OldDriverError as exc:
        return card, Finding(texts.CARD, "note", f"{text}. {exc.user_text}", exc.hint)
    return card, Finding(texts.CARD, "pass", text)


def _addon(addon: GpuService) -> Finding:
    status = addon.status()
    match status.state:
        case GpuState.DAMAGED:
            return Finding(gpu_texts.NAME, "fail", gpu_texts.damaged(status.damaged), gpu_texts.DAMAGED_HINT)
        case GpuState.BROKEN if status.report is not None:
            return Finding(gpu_texts.NAME, "fail", gpu_texts.broken(status.report.text), gpu_texts.BROKEN_HINT)
        case GpuState.INSTALLED:
            text = gpu_texts.installed(status.version, status.size, status.installed)
            return Finding(gpu_texts.NAME, "pass", f"{text} {status.folder}")
    if status.elsewhere:
        return Finding(gpu_texts.NAME, "pass", texts.ADDON_ELSEWHERE)
    hint = gpu_texts.HOW if status.card else ""
    return Finding(gpu_texts.NAME, "note", texts.NO_ADDON, hint)


def _trial(addon: GpuService, card: DetectedGpu | None) -> Generator[Finding | None, None, None]:
    """Build the smallest engine; a driver is not needed for that."""
    name, sm = texts.SMALL_ENGINE, card.gpu.sm if card is not None else DEFAULT_SM
    status = addon.status()
    if status.state is GpuState.ABSENT and not status.elsewhere:
        yield Finding(name, "note", texts.NOT_TRIED)
        return
    text = ""
    try:
        for result in addon.trial(TrialJob(sm)):  # to its end: Ctrl+C while it is dropped would not be heard
            if result is not None:
                text = texts.engine_built(FLAVOURS[result.name], result.version, sm, card is not None)
            yield None
        if text:
            yield Finding(name, "pass", text)
    except EngineError as exc:
        yield Finding(name, "fail", exc.user_text, exc.hint or gpu_texts.BROKEN_HINT)


def _engines(services: LibraryServices) -> Finding:
    found = services.engines.sets()
    ready = sum(each.state == "ready" for each in found)
    useless = sum(each.useless for each in found)
    text = texts.engines_found(len(found), ready) if found else texts.NO_ENGINES
    hint = texts.engines_useless_hint(useless) if useless else ""
    return Finding(texts.ENGINES, "note" if useless else "pass", text, hint)
