"""The doctor: looks at everything that Dewpoint needs on this computer, and says what to do where something is missing.

No text of a chat, no token and no name of a user is in what it says: paths below the home folder begin with "~".
"""

from __future__ import annotations

import dataclasses
import platform
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from app import __version__
from app.base import texts
from app.base.errors import AppError
from app.base.files import free_bytes
from app.base.units import memory, size
from app.chats import texts as chats_texts
from app.chats.database import Health, examine
from app.engines.texts import FLAVOURS
from app.gpu import texts as gpu_words
from app.gpu.service import GpuService
from app.gpu.values import GpuState
from app.library.services import LibraryServices
from trt_engines.errors import EngineError
from trt_engines.planning.probe import DetectedGpu
from trt_engines.tensorrt.flavour import RTX_SM
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
    """

    name: str
    status: Status
    text: str
    hint: str = ""


def checks(services: LibraryServices, addon: GpuService) -> Generator[Finding | None, None, None]:
    """Look at one thing after another; None is a sign of life. Nothing is changed, and nobody is asked."""
    base, file = services.paths.base, services.paths.data_file
    looks: dict[str, Callable[[], Finding]] = {
        "System": _system,
        "Python": _python,
        "Memory": _memory,
        "Free disk": lambda: _disk(base),
        "Data folder": lambda: _folder(base),
        "Chats": lambda: _database(file),
        "Keyring": _keyring,
        "Models": lambda: _models(services),
    }
    for name, look in looks.items():
        yield _guarded(name, look)
    card, found = _card(addon)
    yield found
    yield _guarded(gpu_words.NAME, lambda: _addon(addon))
    for tried in _trial(addon, card):
        yield _without_names(tried) if tried is not None else None
    yield _guarded("Engines", lambda: _engines(services))


def report(found: Sequence[Finding]) -> str:
    """All checks as lines, to be copied."""
    lines = [f"{texts.APP_NAME} {__version__}"]
    for check in found:
        lines.append(f"[{check.status}] {check.name}: {check.text}")
        if check.hint:
            lines.append(f"       {check.hint}")
    return "\n".join(lines)


def _guarded(name: str, look: Callable[[], Finding]) -> Finding:
    """A look that fails in a way that nobody thought of is a finding, too."""
    try:
        return _without_names(look())
    except (AppError, EngineError) as exc:
        return _without_names(Finding(name, "fail", exc.user_text, exc.hint))
    except Exception as exc:
        reason = exc.strerror if isinstance(exc, OSError) else ""
        return Finding(name, "fail", f"It cannot be looked at ({type(exc).__name__}{': ' if reason else ''}{reason}).")


def _without_names(check: Finding) -> Finding:
    home = str(Path.home())
    if len(home) < 4:
        return check
    return dataclasses.replace(check, text=check.text.replace(home, "~"), hint=check.hint.replace(home, "~"))


def _system() -> Finding:
    name = f"{platform.system()} {platform.release()}, {platform.machine() or UNKNOWN}"
    if sys.platform.startswith("linux"):
        library = " ".join(platform.libc_ver()).strip()
        name += f", {library}" if library else ""
    known = sys.platform.startswith("linux") or sys.platform == "win32"
    return Finding(
        "System", "pass" if known else "note", name, "" if known else "Dewpoint is made for Windows and Linux."
    )


def _python() -> Finding:
    version, fits = platform.python_version(), PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    return Finding("Python", "pass" if fits else "fail", version, "" if fits else "Use Python 3.11, 3.12 or 3.13.")


def _memory() -> Finding:
    found = psutil.virtual_memory()
    few = found.total < LEAST_MEMORY
    text = f"{memory(found.total)}, {memory(found.available)} free"
    return Finding("Memory", "note" if few else "pass", text, "Only the starter model fits." if few else "")


def _disk(folder: Path) -> Finding:
    free = free_bytes(folder)
    few = free < LEAST_DISK
    hint = "Chats need little, models many gigabytes: make room on this drive." if few else ""
    return Finding("Free disk", "note" if few else "pass", f"{size(free)} for the data folder", hint)


def _folder(folder: Path) -> Finding:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as stream:
            stream.write(b"dewpoint")
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        text = texts.folder_not_usable(folder, reason)
        return Finding("Data folder", "fail", text, texts.FOLDER_NOT_USABLE_HINT)
    return Finding("Data folder", "pass", f"{folder} can be written")


def _database(path: Path) -> Finding:
    found = examine(path)
    match found.health:
        case Health.ABSENT:
            return Finding("Chats", "pass", "There are none yet.")
        case Health.DAMAGED:
            return Finding("Chats", "fail", chats_texts.STORE_DAMAGED, chats_texts.STORE_DAMAGED_HINT)
        case Health.NEWER:
            return Finding("Chats", "fail", "A newer Dewpoint wrote the chat file.", chats_texts.STORE_NEWER_HINT)
    return Finding("Chats", "pass", f"The chat file opens ({size(path.stat().st_size)}).")


def _keyring() -> Finding:
    import keyring
    from keyring.backends import fail

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring):
        hint = "An access token for gated models then holds only until Dewpoint ends; all else works without it."
        return Finding("Keyring", "note", "This system has none.", hint)
    return Finding("Keyring", "pass", f"{type(backend).__module__.rpartition('.')[2]} ({backend.name})")


def _models(services: LibraryServices) -> Finding:
    records = services.library.models() if services.paths.data_file.exists() else ()
    gone = [record.title for record in records if not record.folder.is_dir()]
    text = f"The starter model and {len(records)} more"
    hint = f"The folder of {', '.join(gone[:3])} is not there. Connect its drive, or remove it in Model > Models."
    return Finding("Models", "note" if gone else "pass", text, hint if gone else "")


def _card(addon: GpuService) -> tuple[DetectedGpu | None, Finding]:
    try:
        cards = addon.cards()
    except EngineError as exc:
        return None, Finding("Graphics card", "note", exc.user_text, exc.hint)
    card = next((each for each in cards if each.gpu.sm in RTX_SM), cards[0])
    gpu = card.gpu
    text = (
        f"{gpu.name}, SM {gpu.sm // 10}.{gpu.sm % 10}, {memory(gpu.memory)} ({memory(card.free)} free), "
        f"driver {card.driver}"
    )
    if gpu.sm not in RTX_SM:
        return None, Finding("Graphics card", "note", text, f"{gpu_words.NAME} is not made for this card.")
    return card, Finding("Graphics card", "pass", text)


def _addon(addon: GpuService) -> Finding:
    status = addon.status()
    match status.state:
        case GpuState.DAMAGED:
            return Finding(gpu_words.NAME, "fail", gpu_words.damaged(status.damaged), gpu_words.DAMAGED_HINT)
        case GpuState.BROKEN if status.report is not None:
            return Finding(gpu_words.NAME, "fail", gpu_words.broken(status.report.text), gpu_words.BROKEN_HINT)
        case GpuState.INSTALLED:
            text = gpu_words.installed(status.version, status.size, status.installed)
            return Finding(gpu_words.NAME, "pass", f"{text} {status.folder}")
    if status.elsewhere:
        return Finding(gpu_words.NAME, "pass", "In Python's own folders.")
    hint = gpu_words.HOW if status.card else ""
    return Finding(gpu_words.NAME, "note", "Not installed.", hint)


def _trial(addon: GpuService, card: DetectedGpu | None) -> Generator[Finding | None, None, None]:
    """Build the smallest engine; a driver is not needed for that."""
    name, sm = "Small engine", card.gpu.sm if card is not None else DEFAULT_SM
    status = addon.status()
    if status.state is GpuState.ABSENT and not status.elsewhere:
        yield Finding(name, "note", "Not tried, because TensorRT is not installed.")
        return
    try:
        for result in addon.trial(TrialJob(sm)):
            if result is not None:
                text = f"{FLAVOURS[result.name]} {result.version} built one for SM {sm // 10}.{sm % 10}."
                yield Finding(name, "pass", text if card is not None else f"{text} It cannot run without a card.")
                return
            yield None
    except EngineError as exc:
        yield Finding(name, "fail", exc.user_text, exc.hint or gpu_words.BROKEN_HINT)


def _engines(services: LibraryServices) -> Finding:
    found = services.engines.sets()
    ready = sum(each.state == "ready" for each in found)
    useless = sum(each.useless for each in found)
    text = f"{len(found)} on this disk, {ready} ready" if found else "None are built."
    hint = f"{useless} can never be used here: Model > Engines, Free." if useless else ""
    return Finding("Engines", "note" if useless else "pass", text, hint)
