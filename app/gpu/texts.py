"""What is said of the GPU add-on, in the window and on the command line."""

from __future__ import annotations

from pathlib import Path

from app.base import texts as base_texts
from app.base.units import moment, size
from trt_engines.tensorrt.card_report import CardReport

NAME = "TensorRT for RTX"
LICENCE = "NVIDIA Software License Agreement"
LICENCE_PLACE = "docs.nvidia.com/deeplearning/tensorrt-rtx (Reference)"

ELSEWHERE = "TensorRT is in Python's own folders, so nothing more is needed."
IS_A_LINK = "its folder is a link, and links are not followed"
BUSY = "Another Dewpoint is installing or removing TensorRT for RTX."
BUSY_HINT = "Wait until it is done."
NO_INSTALLER = "The program that fetches packages (uv) is not there, so nothing can be installed."
NO_INSTALLER_HINT = "Install Dewpoint again, or install uv, and try again."
NO_PYTHON = "The program that fetches packages (uv) needs a Python on this computer, and there is none."
NO_PYTHON_HINT = "Install your system's package python3, and try again."
NO_RECIPE = "This copy of Dewpoint does not say what TensorRT for RTX consists of."
NO_RECIPE_HINT = "Install Dewpoint again."
WRONG_HASH = "A file that came is not the one that Dewpoint expects. It was refused, and nothing was installed."
WRONG_HASH_HINT = "Try again. If it happens again, a proxy or a mirror on the way changes files."
TOO_MUCH = "Far more came than Dewpoint asked for, so it was stopped, and nothing was installed."
UNREACHABLE = "The package index cannot be reached, so nothing was installed."
UNREACHABLE_HINT = "Check this computer's connection and its proxy (HTTPS_PROXY), and try again."
NOT_OFFERED = "The package index does not have the files that Dewpoint asks for, so nothing was installed."
NOT_OFFERED_HINT = "Look for a newer Dewpoint. If your settings of uv or pip name an index of your own, look there."
DISK_FULL = "The disk became full, so nothing was installed."
BAD_FILES = "Files that were fetched are not as their packages say. Nothing was installed."
NOT_REMOVED_NOW = "TensorRT for RTX is in use and will be removed when Dewpoint starts next."
NOTHING_TO_REMOVE = "TensorRT for RTX is not installed here, so there is nothing to remove."
DAMAGED_HINT = "Install it again, or remove it."
BROKEN_HINT = "Update NVIDIA's driver, or install it again. Help > Check this computer says more."
HOW = "Install it in Model > Models \u2026, or with the command gpu install."
RESTART = "Restart Dewpoint to use it."
STOPPED = "The installation was stopped; nothing of it is left."
ACCEPT_QUESTION = "Accept NVIDIA's licence and install? [y/N, r to read it] "
NOT_ACCEPTED = (
    "Nothing was installed, because the licence was not accepted (--accept-licence says that you have read it)."
)


def no_room(needed: int, free: int, folder: Path) -> tuple[str, str]:
    """Said before the first byte is fetched."""
    text = f"Installing needs {size(needed)} for a moment, and {folder} has {size(free)} free."
    return text, f"Make {size(needed - free)} free on that drive."


def disk_full_hint(needed: int) -> str:
    """After it happened."""
    return f"Make room ({size(needed)} are needed for a moment), and try again."


def failed(line: str) -> str:
    """The installer ended with an error that has no sentence of its own."""
    return f"Fetching TensorRT for RTX failed: {line}"


def not_installed(card: str, download: int, installed: int) -> str:
    """The line beside the card."""
    what = f"It makes models run on your {card}." if card else "It is for NVIDIA RTX cards."
    return f"{NAME} is not installed. {what} {size(download)} to download, {size(installed)} on the disk."


def offer_line(version: str, download: int, needs: int, free: int, folder: Path) -> str:
    """Before the question, on the command line."""
    sizes = f"{size(download)} to download, {size(needs)} on the disk, {size(free)} free"
    return f"{NAME} {version}: {sizes}. It goes to {folder}."


def licence_line() -> str:
    """Which licence, and where it stands."""
    return f"Licence: {LICENCE}, also on {LICENCE_PLACE}."


def installed(version: str, count: int, when: str) -> str:
    """It is there."""
    day = f", installed {moment(when)}" if when else ""
    return f"{NAME} {version} is installed ({size(count)}{day})."


def installed_new(version: str, count: int) -> str:
    """It is there now."""
    return f"{NAME} {version} is installed ({size(count)}), and works: a small engine was built with it."


def damaged(files: tuple[str, ...]) -> str:
    """Files are missing or wrong."""
    names = ", ".join(map(base_texts.name_of, files[:3])) + (" \u2026" if len(files) > 3 else "")
    count = "1 file" if len(files) == 1 else f"{len(files):,} files"
    return f"{NAME} is damaged: {count} {'is' if len(files) == 1 else 'are'} missing or wrong ({names})."


def broken(reason: str) -> str:
    """It is whole, and does not work."""
    return f"{NAME} is installed, but does not work: {reason}"


def step_line(worked: bool, name: str, text: str, seconds: float) -> str:
    """One thing that was tried on the card."""
    return f"{'works' if worked else 'fails'}  {name}: {text} ({seconds:.1f} s)"


def tried_card(report: CardReport, file: Path) -> str:
    """At the end, on the command line."""
    return f"{tried(report)} The report holds no personal data: {file}"


def tried_on(report: CardReport) -> str:
    """What the last trial found, in one line."""
    return f"Tried on {report.day}: {tried(report)}"


def tried(report: CardReport) -> str:
    """What was found."""
    if not report.runs_models:
        return f"models cannot run on {report.card}, because a small engine fails there. Update NVIDIA's driver."
    ways = {"manager": "a weights manager", "deferred": "loading weights later", "budget": "TensorRT's own streaming"}
    can = f"weights can be streamed ({ways[report.way]})" if report.way in ways else "weights cannot be streamed"
    return f"models can run on {report.card}, and {can}."


def removed(freed: int, stays: tuple[str, ...] = (), folder: Path | None = None) -> str:
    """It is gone, but for what others put into its folder."""
    text = f"{NAME} was removed; {size(freed)} came free."
    return f"{text} {base_texts.left_in(folder, stays, asked=False)}" if folder is not None and stays else text


def not_removed(reason: str) -> str:
    """The system does not let us."""
    return f"{NAME} cannot be removed ({reason})."


def not_written(reason: str) -> str:
    """The data folder cannot be written."""
    return f"{NAME} cannot be written into the data folder ({reason})."


def stage(name: str, fraction: float) -> str:
    """What is being done."""
    words = {
        "fetching": "Fetching",
        "checking": "Checking every file",
        "trying": "Trying it",
        "card": "Trying the card",
    }
    return f"{words[name]} \u2026" + (f" {int(fraction * 100)} %" if name != "trying" else "")
