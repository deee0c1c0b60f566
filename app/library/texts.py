"""What is said of models and their downloads, in the window and on the command line: one file, so both say the same."""

from __future__ import annotations

from app.engines.texts import duration, size

# -- will it run -----------------------------------------------------------------------------------------------------

FIT_UNKNOWN = "Whether it runs here is known as soon as its configuration is."
NEEDS_CARD_HINT = "The starter model runs on every computer; this one is for an NVIDIA RTX card of 6 GB or more."
TOO_OLD_HINT = "Take the original by Google, from which every precision is made."
SLOW_PROCESSOR_HINT = "Slowly: every step reads all of its weights."
SLOW_HINT = "That is slower than most people read."
ESTIMATE = "Estimates by arithmetic from sizes and bandwidths; these engines have not run on a GPU yet."


def needs_card(why: str) -> str:
    """A large model and no card."""
    return f"It needs an NVIDIA card. {why}".strip()


def too_old(card: str, sm: int, layout: str) -> str:
    """The card computes with none of the precisions that this form is good for."""
    return f"{card} (SM {sm / 10}) cannot compute with 4 or 8 bits as this model is stored ({layout})."


def fits_processor(needed: float) -> str:
    """A small model."""
    return f"Runs on the processor, in {size(needed)} of memory."


def too_large_for_processor(needed: float, there: float) -> str:
    """A large one."""
    return f"On the processor it would need {size(needed)} of memory; this computer has {size(there)}."


def fits_card(card: str, precision: str, streamed: bool, share: float, rate: float) -> str:
    """The planner found a way."""
    name = precision.upper()
    if streamed:
        return (
            f"Runs on your {card} in {name}, about {rate:.0f} tokens/s, streamed: {share:.0%} of it stays on the card."
        )
    return f"Runs on your {card} in {name}, about {rate:.0f} tokens/s, all of it on the card."


def nothing_runs(why: str) -> str:
    """No model of the list runs here."""
    return f"The starter model is what runs on this computer. {why}".strip()


def advice(title: str, fit_text: str, download: float) -> str:
    """The model that suits, and why."""
    return f"{title} suits this computer. {fit_text} The download is {size(download)}."


def time_to_fetch(missing: float, rate: float) -> str:
    """How long a download takes at the rate of the last one."""
    if rate <= 0:
        return ""
    return f"about {duration(missing / rate)} at {rate / 1e6:.1f} MB/s, as measured last"


# -- downloads and folders -------------------------------------------------------------------------------------------

INTERRUPTED = "The download was interrupted: Dewpoint or the computer stopped."
INTERRUPTED_HINT = "Resume goes on where it was."
NO_HASHES = "This folder is your own, so there are no checksums that its files could be compared with."
NO_HASHES_HINT = "Dewpoint looks at its headers whenever it is opened."
NOT_OURS = "Dewpoint moves only models that it downloaded or merged itself."
NOT_OURS_HINT = "Move the folder with your file manager, then add it again."
STILL_DOWNLOADING = "This model is still being downloaded."
STILL_DOWNLOADING_HINT = "Wait until it is installed, or remove it."
WORKING_ELSEWHERE = "Another Dewpoint moves or merges a model at this moment."
WORKING_ELSEWHERE_HINT = "Wait until it is done, and try again."
NOT_DELETED_HINT = "Close every program that uses this model, and try again."


def no_room(missing: float, free: float, folder: object) -> tuple[str, str]:
    """The disk is too small."""
    text = f"This needs {size(missing)} more, and the drive of {folder} has {size(free)} free (0.5 GB stay free)."
    return text, "Make room, or move models to another drive."


def folder_not_written(folder: object, reason: str) -> tuple[str, str]:
    """No permission, read-only drive."""
    return f"{folder} cannot be written ({reason}).", "Make the folder writable, or keep models on another drive."


def folder_gone(folder: object) -> tuple[str, str]:
    """A drive that is not there."""
    return f"The folder {folder} is not there.", "If it is on another drive, connect that; else remove the model here."


def manifest_gone(title: str) -> tuple[str, str]:
    """Without its manifest nobody knows which files belong to a model."""
    text = f"The folder of {title} has lost its list of files (dewpoint-model.json)."
    return text, "Download it again; files that are right are kept."


def files_damaged(count: int) -> tuple[str, str]:
    """Files are missing or wrong."""
    if count == 0:
        return (
            "A file has another size than it had when it was verified.",
            "Verify shows which; Repair fetches it again.",
        )
    plural = "1 file is" if count == 1 else f"{count} files are"
    return f"{plural} missing or damaged.", "Repair fetches only what is wrong."


def being_downloaded(title: str) -> tuple[str, str]:
    """A second download of the same model."""
    return f"{title} is being downloaded at this moment.", "Wait for it, or pause it first."


def not_deleted(file: object, reason: str | None) -> str:
    """A file that is in use, or of another user."""
    return f"{file} cannot be deleted ({reason or 'unknown reason'})."


def in_the_way(path: object) -> tuple[str, str]:
    """The target exists."""
    return f"{path} exists already.", "Choose another place, or move that folder away."


def no_folder(path: object) -> tuple[str, str]:
    """The target's parent does not exist."""
    return f"There is no folder {path}.", "Choose a folder that exists."


def move_failed(target: object, reason: str) -> tuple[str, str]:
    """Copying failed."""
    if not reason:
        return f"The drive of {target} is full, so the model stays where it was.", "Make room there, and try again."
    return f"The model could not be moved to {target} ({reason}), so it stays where it was.", "Check that drive."


def copy_differs(name: str) -> tuple[str, str]:
    """What was read back is not what it should be."""
    text = f"The copy of {name} is damaged, so the model stays where it was."
    return text, "Verify the model; if it is right, check the other drive."


def adapter_needs_base(base: str) -> tuple[str, str]:
    """An adapter alone."""
    named = f" It names {base}." if base else ""
    text = f"This folder holds an adapter (LoRA), which changes a model and is none itself.{named}"
    return text, "Choose the model that it was made for; Dewpoint then merges both into a new one."


def leftover_unfinished(name: str) -> str:
    """A folder that a killed program left."""
    return f"{name}: what an interrupted move or merge left."


def leftover_model(title: str, whole: bool) -> str:
    """A model that is not in the list."""
    return f"{title}: {'a complete model' if whole else 'an unfinished download'} that is not in the list."


# -- numbers and ends, for window and command line ------------------------------------------------------------------

NO_KEYRING = "This system has no keyring that Dewpoint can use, so the token was not kept."
NOTHING_ELSE = "Nothing else is ever asked: no telemetry, no account. A test holds this."


def card_line(card: str, memory: float) -> str:
    """ "RTX 4070 with 12 GiB"."""
    return f"{card} with {memory / 2**30:.0f} GiB"


def amount(done: float, total: float) -> str:
    """ "1.2 of 18.9 GB"."""
    unit, name = (1e9, "GB") if total >= 1e9 else (1e6, "MB")
    return f"{done / unit:.1f} of {total / unit:.1f} {name}"


def time_left(rate: float, seconds: float | None) -> str:
    """ "at 45.1 MB/s, 6 min left"."""
    if rate <= 0:
        return ""
    left = f", {duration(seconds)} left" if seconds is not None else ""
    return f"at {rate / 1e6:.1f} MB/s{left}"


def licence_line(licence: str, terms: str) -> str:
    """Under which licence."""
    return f"Licence: {licence or 'none named'}. {terms}".strip()


def installed(title: str, folder: object) -> str:
    """A download is through."""
    return f"{title} is installed in {folder}: every file was found right."


def added(title: str, folder: object) -> str:
    """A model is in the list."""
    return f"{title} is in the list: {folder}"


def merged_title(base: str, adapter: str) -> str:
    """What a merged model is called."""
    return f"{base} + {adapter}"


def removal_line(title: str, files: int, count: float, own: bool) -> str:
    """What goes."""
    if own and not files:
        return f"{title} leaves the list; no file of your folder is deleted."
    if own:
        return f"{title} leaves the list; of its folder only {files} files that Dewpoint put there go ({size(count)})."
    return f"{title}: {files} files go, {size(count)}."


def removal_engines(sets: int, count: float) -> str:
    """Engines that go."""
    return f"Its engines go, too: {size(count)}." if sets == 1 else f"Its {sets} engine sets go, too: {size(count)}."


def removal_kept(names: list[str]) -> str:
    """Foreign files."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Not Dewpoint's, and left alone: {', '.join(names[:3])}{more}."


def freed(count: float) -> str:
    """What came free."""
    return f"{size(count)} came free."
