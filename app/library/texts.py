"""What is said of models and their downloads, in the window and on the command line, so that both say the same."""

from __future__ import annotations

from collections.abc import Sequence

from app.base import units
from app.base.graphemes import shortened
from app.base.units import amount, duration, gibibytes, size, token_rate

# -- models and this computer ----------------------------------------------------------------------------------------

STARTER_MODEL_NAME = "Starter model (small, for trying things out)"
NO_SUCH_MODEL_HINT = "`models list` shows all names; a model of the Hub is named owner/name."
SAME_NAME_HINT = "Name the folder or the id of one; `models list --json` shows both."
NOT_HERE_HINT = "Download or import it first."


def goes_on_answering(name: str) -> str:
    """The process of another model ended while that was loaded."""
    return f"{name} goes on answering. Choose the other model again to start it anew."


def no_such_model(name: str) -> str:
    """Nothing of that name."""
    return f"There is no model {name!r}."


def same_name(count: int, name: str) -> str:
    """Nobody can tell which one is meant."""
    return f"{count} models are called {name!r}."


def not_here(title: str) -> str:
    """A model of the list that was never downloaded."""
    return f"{title} is not on this computer."


def added(title: str, folder: object) -> str:
    """A model is in the list."""
    return f"{title} is in the list: {folder}"


def state_line(state: str, done: float, total: float) -> str:
    """ "paused, 3.1 of 18.9 GB"."""
    if state in ("queued", "paused", "elsewhere"):
        return f"{state}, {amount(done, total)}"
    return f"{state}, {size(total)}"


def engines_line(there: float, planned: float, seconds: float) -> str:
    """What engines take on the disk."""
    if there:
        return f"{size(there)} on the disk"
    return f"{size(planned)} after a build of about {duration(seconds)}" if planned else ""


def card_line(card: str, memory: float) -> str:
    """ "RTX 4070 with 12 GiB"."""
    return f"{card} with {gibibytes(memory, 0)}"


def machine_line(card: str, ram: float, free: float, folder: object) -> str:
    """What the verdicts are about."""
    return f"{card}\n{gibibytes(ram, 0)} of memory; {size(free)} free in {folder}"


# -- the list itself -------------------------------------------------------------------------------------------------

LIST_FULL = "The list of models cannot be kept, because the disk of the data folder is full."
LIST_FULL_HINT = "Free some space there, and try again."
LIST_BUSY = (
    "The list of models cannot be read or changed, because another program is holding the chat file, in which it is."
)
LIST_READ_ONLY = "The list of models cannot be kept, because the data folder may not be written."


def list_failed(reason: str) -> str:
    """SQLite reports something that has no sentence of its own."""
    return f"The list of models cannot be read or changed ({reason})."


# -- will it run -----------------------------------------------------------------------------------------------------

FIT_UNKNOWN = "Whether it runs here is known as soon as its configuration is."
NEEDS_CARD_HINT = "The starter model runs on every computer; this one is for an NVIDIA RTX card of 6 GB or more."
TOO_OLD_HINT = "Take the original by Google, from which every precision is made."
SLOW_PROCESSOR_HINT = "Slowly: every step reads all of its weights."
SLOW_HINT = "That is slower than most people read."


def needs_card(why: str) -> str:
    """A large model and no card."""
    return f"It needs an NVIDIA card. {why}".strip()


def too_old(card: str, sm: int, layout: str) -> str:
    """The card computes with none of the precisions that this form is good for."""
    return f"{card} (SM {sm / 10}) cannot compute with 4 or 8 bits as this model is stored ({layout})."


def fits_processor(needed: float) -> str:
    """A small model."""
    return f"Runs on the processor, in {size(needed)} of memory."


def runs_on_processor(rate: float, block_seconds: float, needed: float, disk: float) -> str:
    """A large model and our own kernels; its speed is 0 while it is not known."""
    room = f"it takes {size(needed)} of memory and, packed once, {size(disk)} on the disk."
    if not rate:
        return f"Runs on the processor; the models page measures how fast; {room}"
    block = f"{block_seconds:.0f} seconds" if block_seconds < 120 else f"{block_seconds / 60:.0f} minutes"
    return f"Runs on the processor, about {token_rate(rate)}, a block in about {block}; {room}"


def too_large_for_processor(needed: float, there: float) -> str:
    """A large one."""
    return f"On the processor it would need {size(needed)} of memory; this computer has {size(there)}."


def fits_card(card: str, precision: str, streamed: bool, share: float, rate: float) -> str:
    """The planner found a way."""
    name = precision.upper()
    if streamed:
        return (
            f"Runs on your {card} in {name}, about {token_rate(rate)}, streamed: {share:.0%} of it stays on the card."
        )
    return f"Runs on your {card} in {name}, about {token_rate(rate)}, all of it on the card."


NOTHING_WITHOUT_CARD = "The starter model is what runs here; larger ones need an NVIDIA RTX card of 6 GB or more."
NOTHING_WITHOUT_MEMORY = (
    "The starter model is what runs here; larger ones need an NVIDIA RTX card of 6 GB or more, or, on the processor, "
    "20 GB of memory and as much of the disk."
)


def nothing_runs(why: str) -> str:
    """No model of the list runs here, although there is a card."""
    return f"The starter model is what runs on this computer. {why}".strip()


def advice(title: str, fit_text: str, download: float) -> str:
    """The model that suits, and why."""
    return f"{title} suits this computer. {fit_text} The download is {size(download)}."


# -- what the Hub has ------------------------------------------------------------------------------------------------

NOT_A_REPO_HINT = "Copy it from the model's page: owner/name, or the address of the page."
OTHER_ARCHITECTURE_HINT = "Choose a DiffusionGemma model; the list on this page has the ones that are published."
ADAPTER_HINT = (
    "Download its files (adapter_config.json, adapter_model.safetensors) into a folder with your browser, then add "
    "that folder: Dewpoint merges it into the model that it was made for."
)
DAMAGED_AT_SOURCE_HINT = "Tell its owner, or choose another copy of the model."
NO_HASH_HINT = "Without a checksum a download cannot be verified, so Dewpoint does not take it."
REVISION_MISSING_HINT = "Leave the revision out to take the newest state."
_TOKEN_HINT = (
    "Open its page in a browser, accept its terms, make an access token for reading, and enter it under Access token."
)


def not_a_repo(text: str) -> str:
    """Something else was typed."""
    if not text:
        return "There is no name of a repository."
    return f"\u201c{shortened(text, 80)}\u201d is no name of a repository."


def no_config(repo: str) -> str:
    """No model in transformers' layout."""
    return f"{repo} holds no config.json, so it is no model in Hugging Face layout."


def no_config_hint(other: str) -> str:
    """What it holds instead."""
    found = f"It holds {other} files, which Dewpoint does not read. " if other else ""
    return f"{found}Choose a repository with .safetensors files."


def no_weights(repo: str) -> str:
    """A configuration alone."""
    return f"{repo} holds no weights in .safetensors files."


def other_architecture(repo: str, found: str) -> str:
    """A model of another kind."""
    return f"{repo} is {found}; Dewpoint runs DiffusionGemma (DiffusionGemmaForBlockDiffusion)."


def adapter(repo: str, base: str) -> str:
    """A LoRA adapter, which is no model."""
    named = f" for {base}" if base else ""
    return f"{repo} is an adapter (LoRA){named}, which changes a model and is none itself."


def damaged_at_source(repo: str, path: str) -> str:
    """A small file that cannot be read."""
    return f"{path} of {repo} is damaged at its source: it is no JSON object."


def no_hash(repo: str, path: str) -> str:
    """The Hub gives no checksum."""
    return f"The Hub gives no checksum for {path} of {repo}."


ODD_TOKEN = "The stored access token holds characters that no token has, so nobody was asked."
ODD_TOKEN_HINT = "Copy it anew from the Hub's page, in Model > Models > Access token."


def too_many_files(repo: str) -> str:
    """Thousands of pieces."""
    return f"{repo} has more files than any model that Dewpoint runs."


TOO_MANY_FILES_HINT = "Choose another copy of the model, with fewer and larger files."


def file_missing(repo: str, path: str) -> str:
    """404 for a file."""
    return f"{repo} has no file {path} any more."


def revision_missing(repo: str) -> str:
    """404 for a revision."""
    return f"{repo} has no such revision."


def repo_missing(repo: str, with_token: bool) -> tuple[str, str]:
    """The Hub says the same of a private repository and of one that does not exist."""
    text = f"There is no model {repo} on the Hub, or it is private."
    hint = "Check the spelling; a private model needs an access token of an account that may read it."
    return text, f"{hint} The stored one may not." if with_token else hint


def gated(repo: str, with_token: bool) -> tuple[str, str]:
    """Its owner wants an account."""
    if with_token:
        text = f"The account of your access token has not been let in to {repo} yet."
        return text, "Accept its terms on its page in a browser; some owners take days to answer."
    return f"The owner of {repo} lets in only accounts that accepted its terms.", _TOKEN_HINT


def refused(repo: str, with_token: bool) -> tuple[str, str]:
    """401 or 403 without a reason."""
    if with_token:
        return f"The Hub refused {repo} to your access token.", "Make a new token for reading, and enter it again."
    return f"The Hub refuses {repo} without an account.", _TOKEN_HINT


def licence_cut(where: str) -> str:
    """A licence file that is longer than what is read of one (200,000 bytes)."""
    return f"(The file is longer than any licence; what follows is not shown here. All of it: {where})"


def licence_elsewhere(name: str, link: str) -> str:
    """The licence's text is not in the repository."""
    named = f"The model's card names the licence \u201c{name}\u201d." if name else "The model's card names no licence."
    return f"{named}\n\nIts text is not part of the repository. Read it here before you accept it:\n{link}"


# -- access token, network -------------------------------------------------------------------------------------------

TOKEN_QUESTION = "Access token (it is not shown): "
TOKEN_KEPT = "The token is in the system's keyring."
TOKEN_REMOVED = "The token is forgotten."
NO_TOKEN = "There was no token to keep."
NO_KEYRING = "This system has no keyring that Dewpoint can use, so the token was not kept."
NO_KEYRING_HINT = "Start a keyring service (GNOME Keyring, KWallet), or enter the token in the window for one session."
NOTHING_ELSE = "Nothing else is ever asked: no telemetry, no account. A test holds this."


# -- downloading -----------------------------------------------------------------------------------------------------

ACCEPT_QUESTION = "Accept the licence and download? [y/N, r to read it] "
NOT_ACCEPTED = (
    "Nothing was downloaded, because the licence was not accepted (--accept-licence says that you have read it)."
)
INTERRUPTED = "The download was interrupted: Dewpoint or the computer stopped."
INTERRUPTED_HINT = "Resume goes on where it was."
STILL_DOWNLOADING = "This model is still being downloaded."
STILL_DOWNLOADING_HINT = "Wait until it is installed, or remove it."
STARTER_STAYS = "The starter model comes with the program: it cannot be verified, moved or removed for itself."
STARTER_STAYS_HINT = "If it does not work, install Dewpoint again."
STARTER_IS_HERE = "The starter model comes with the program; there is nothing to download."
DOWNLOADED_ELSEWHERE = "Another Dewpoint is downloading this model at this moment."
DOWNLOADED_ELSEWHERE_HINT = "Wait for it, or pause it there."


def download_line(repo: str, revision: str, files: int, missing: float, free: float) -> str:
    """What a download is."""
    return f"{repo} at {revision[:12]}: {files:,} files, {size(missing)} to fetch; {size(free)} free"


def licence_line(licence: str, terms: str) -> str:
    """Under which licence."""
    return f"Licence: {licence or 'none named'}. {terms}".strip()


def time_to_fetch(missing: float, rate: float) -> str:
    """How long a download takes at the rate of the last one."""
    if rate <= 0:
        return ""
    return f"about {duration(missing / rate)} at {units.rate(rate)}, as measured last"


def no_room(missing: float, free: float, folder: object) -> tuple[str, str]:
    """The disk is too small."""
    text = f"This needs {size(missing)} more, and the drive of {folder} has {size(free)} free (0.5 GB stay free)."
    return text, "Make room, or move models to another drive."


def folder_not_written(folder: object, reason: str) -> tuple[str, str]:
    """No permission, read-only drive."""
    return f"{folder} cannot be written ({reason}).", "Make the folder writable, or keep models on another drive."


def being_downloaded(title: str) -> tuple[str, str]:
    """A second download of the same model."""
    return f"{title} is being downloaded at this moment.", "Wait for it, or pause it first."


def installed(title: str, folder: object) -> str:
    """A download is through."""
    return f"{title} is installed in {folder}: every file was found right."


# -- checking --------------------------------------------------------------------------------------------------------

NO_HASHES = "This folder is your own, so there are no checksums that its files could be compared with."
NO_HASHES_HINT = "Dewpoint looks at its headers whenever it is opened."
ALL_RIGHT = "Every file is there and right."


def checking(path: str) -> str:
    """A file is hashed."""
    return f"checking {path}"


def files_damaged(count: int) -> tuple[str, str]:
    """Files are missing or wrong."""
    if count == 0:
        return (
            "A file has another size than it had when it was verified.",
            "Verify shows which; Repair fetches it again.",
        )
    plural = "1 file is" if count == 1 else f"{count:,} files are"
    return f"{plural} missing or damaged.", "Repair fetches only what is wrong."


def folder_gone(folder: object) -> tuple[str, str]:
    """A drive that is not there."""
    return f"The folder {folder} is not there.", "If it is on another drive, connect that; else remove the model here."


def removed_meanwhile(title: str) -> tuple[str, str]:
    """Another window or command was faster than a download."""
    return f"{title} was removed while it was downloaded.", "Download it again if you want it."


def manifest_gone(title: str) -> tuple[str, str]:
    """Without its manifest nobody knows which files belong to a model."""
    text = f"The folder of {title} has lost its list of files (dewpoint-model.json)."
    return text, "Download it again; files that are right are kept."


WEIGHTS_LINKED = (
    "Its weights are symbolic links, which ONNX Runtime refuses: on the processor it runs only as a copy that follows "
    "links (Linux: cp -rL FROM TO); engines for an NVIDIA card can be built from it as it is."
)


def not_looked_at(folder: object, reason: str) -> tuple[str, str]:
    """Whatever is in the folder, it keeps us from looking at it."""
    return f"The model in {folder} could not be looked at: {reason}.", "Check the folder, or remove the model."


def weights_unread(source: str, unread: Sequence[str], count: int) -> str:
    """A folder in which more than one set of weights lies: `count` files that are not read, the first ones by name."""
    names = ", ".join(unread[:2]) + (f" and {count - 2} more" if count > 2 else "")
    return f"{source} decides which weights are read, as in transformers; also in the folder, and not read: {names}."


# -- moving and merging ----------------------------------------------------------------------------------------------

NOT_OURS = "Dewpoint moves only models that it downloaded or merged itself."
NOT_OURS_HINT = "Move the folder with your file manager, then add it again."
REMOVING_ELSEWHERE = "Another removal of a model takes long."
REMOVING_ELSEWHERE_HINT = "Wait until it is done, and try again."
WORKING_ELSEWHERE = "Another Dewpoint moves or merges a model at this moment."
WORKING_ELSEWHERE_HINT = "Wait until it is done, and try again."


STAYS_HINT = "Choose a drive with exFAT, NTFS or ext4; the model stays where it was."


def in_the_way(path: object) -> tuple[str, str]:
    """The target exists."""
    return f"{path} exists already.", "Choose another place, or move that folder away."


def linked(path: object) -> tuple[str, str]:
    """A folder that is a link."""
    return f"{path} is a link to another folder, which Dewpoint does not follow.", NOT_OURS_HINT


def no_regular_file(path: object) -> tuple[str, str]:
    """A file of the model that is missing, or was replaced by a link."""
    return f"{path} is missing or is a link, so the model stays where it was.", "Verify the model, and repair it."


def into_itself(title: str) -> tuple[str, str]:
    """A move into the folder that is to be moved."""
    return f"{title} cannot be moved into its own folder.", "Choose a folder outside of it."


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


def merged_title(base: str, adapter: str) -> str:
    """What a merged model is called."""
    return f"{base} + {adapter}"


# -- removing, and what lies about -----------------------------------------------------------------------------------

REMOVAL_GOES = "Would be deleted:"
REMOVAL_STAYS = "Kept, because Dewpoint did not write it or it was changed since:"
NOT_DELETED_HINT = "Close every program that uses this model, and try again."


def removal_line(title: str, files: int, count: float, own: bool) -> str:
    """What goes."""
    if own and not files:
        return f"{title} leaves the list; no file of your folder is deleted."
    return f"{title}: {files} {'file goes' if files == 1 else 'files go'}, {size(count)}."


def removal_engines(sets: int, count: float) -> str:
    """Engines that go."""
    return f"Its engines go, too: {size(count)}." if sets == 1 else f"Its {sets} engine sets go, too: {size(count)}."


def removal_more(count: int) -> str:
    """A list that is too long."""
    return f"  and {count} more"


def freed(count: float) -> str:
    """What came free."""
    return f"{size(count)} came free."


def not_deleted(file: object, reason: str | None) -> str:
    """A file that is in use, or of another user."""
    return f"{file} cannot be deleted ({reason or 'unknown reason'})."


def leftover_unfinished(name: str) -> str:
    """A folder that a killed program left."""
    return f"{name}: what an interrupted move or merge left."


def leftover_graphs(name: str) -> str:
    """A folder that a killed program left."""
    return f"{name}: graphs for engines whose making was interrupted."


def leftover_unknown(title: str) -> str:
    """A model that the database does not know."""
    return f"{title}: a complete model that is not in the list; Dewpoint does not know that it wrote it."


def leftover_model(title: str, whole: bool) -> str:
    """A model that is not in the list."""
    return f"{title}: {'a complete model' if whole else 'an unfinished download'} that is not in the list."


def leftover_line(text: str, count: float, path: object) -> str:
    """Something that lies about."""
    return f"Left over: {text} {size(count)} in {path}"
