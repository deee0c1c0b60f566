"""What is said when the Hub is asked about a model, in the window and on the command line."""

from __future__ import annotations

NOT_A_REPO_HINT = "Copy it from the model's page: owner/name, or the address of the page."
OTHER_ARCHITECTURE_HINT = "Choose a DiffusionGemma model; the list on this page has the ones that are published."
ADAPTER_HINT = (
    "Download its files (adapter_config.json, adapter_model.safetensors) into a folder with your browser, then add "
    "that folder: Dewpoint merges it into the model that it was made for."
)
DAMAGED_AT_SOURCE_HINT = "Tell its owner, or choose another copy of the model."
NO_HASH_HINT = "Without a checksum a download cannot be verified, so Dewpoint does not take it."
REVISION_MISSING_HINT = "Leave the revision out to take the newest state."
TOKEN_HINT = (
    "Open its page in a browser, accept its terms, make an access token for reading, and enter it under Access token."
)


def not_a_repo(text: str) -> str:
    """Something else was typed."""
    return f"\u201c{text[:80]}\u201d is no name of a repository." if text else "There is no name of a repository."


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


def file_missing(repo: str, path: str) -> str:
    """404 for a file."""
    return f"{repo} has no file {path} any more." if path else f"There is no model {repo} on the Hub."


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
    return f"The owner of {repo} lets in only accounts that accepted its terms.", TOKEN_HINT


def refused(repo: str, with_token: bool) -> tuple[str, str]:
    """401 or 403 without a reason."""
    if with_token:
        return f"The Hub refused {repo} to your access token.", "Make a new token for reading, and enter it again."
    return f"The Hub refuses {repo} without an account.", TOKEN_HINT


def licence_elsewhere(name: str, link: str) -> str:
    """The licence's text is not in the repository."""
    named = f"The model's card names the licence \u201c{name}\u201d." if name else "The model's card names no licence."
    return f"{named}\n\nIts text is not part of the repository. Read it here before you accept it:\n{link}"
