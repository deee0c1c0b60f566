"""What a repository on the Hub holds: asked for through our one network door, read in the look process.

Nothing is downloaded here but what a decision needs: the list of files with sizes and hashes, the small config.json
(is it DiffusionGemma at all, and will it fit?) and the licence. A revision is fixed to a commit at once, so that every
file of a download belongs to the same state of the repository.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from app.base.errors import KnownAppError, StoppedError
from app.base.graphemes import shortened
from app.base.paths import resources_folder
from app.library import texts
from app.library.access_token import TokenStore
from app.library.manifest import ModelFile
from app.network.client import Network
from app.network.errors import AnswerError, answer_trouble, foreign_trouble, status_trouble, trouble
from app.network.limits import CONFIG, FILE_LIST, LICENCE, Limit
from app.transfers.values import Digest, RemoteFile
from inference.errors import InferenceError, LookStoppedError
from inference.look.client import Looks
from inference.look.questions import ListedFile, NoAnswer, ReadAdapterConfig, ReadListing, ReadRepoConfig, RepoListing
from inference.model_config import ModelConfig
from trt_engines.weight_names import WHOLE

if TYPE_CHECKING:
    import httpx2

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[\w./+-]{0,200}")
REVISION_MARK = " @ "  # between a repository and what of it was asked for, in titles
_ADDRESS = re.compile(
    r"^(?:hf://|(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/|(?:ssh://)?git@hf\.co[:/])", re.IGNORECASE
)
# Parts of an address behind owner and name that a revision follows, "/" in it written as "%2F" or not.
_BEFORE_REVISION = ("tree", "blob", "resolve", "raw", "commits", "commit", "blame")
_REFERENCE = re.compile(r"refs/(?:pr/\d+|[\w.-]+/[\w.-]+)")
_WEIGHTS = re.compile(r"\.safetensors(\.index\.json)?$")
_LICENCE_FILE = re.compile(r"^(LICENSE|LICENCE)(\.txt|\.md)?$", re.IGNORECASE)
LONGEST_LICENCE = 80
MOST_LINES = 10_000  # of a licence that is shown: Qt takes a third of a second for 100,000; GPL 3 has 674
# What clients raise of heads that they cannot read, and of addresses in them that are none.
ODD_HEADS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)


class HubError(KnownAppError):
    """The Hub could not be asked, or has no such model for us."""


class UnreachableError(HubError):
    """Nobody answered; the next question would not be answered either."""


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model on the Hub, at one commit.

    Attributes:
        repo: "owner/name".
        revision: The commit.
        files: What a download takes, every one with its hash.
        left_out: How many files it leaves out (other formats, pictures).
        licence: Name of the licence, in the Hub's words; "" if the card names none.
        licence_link: Where to read it; may be empty.
        gated: Whether the Hub wants an account that accepted the terms.
        config: The configuration; None for an adapter.
        base: For a LoRA adapter, the model it belongs to as its configuration says; else "".
        asked: The branch, tag or pull request that was asked for; "" for the main branch.
    """

    repo: str
    revision: str
    files: tuple[ModelFile, ...]
    left_out: int
    licence: str
    licence_link: str
    gated: bool
    config: ModelConfig | None
    base: str = ""
    asked: str = ""

    @property
    def name(self) -> str:
        """Repository and what of it was asked for: what tells two downloads apart."""
        return f"{self.repo}{REVISION_MARK}{self.asked}" if self.asked else self.repo

    @property
    def size(self) -> int:
        """Bytes of the download."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class RepoAddress:
    """What a user typed or pasted.

    Attributes:
        repo: "owner/name".
        revision: Branch, tag, commit or pull request; "" for the main branch.
    """

    repo: str
    revision: str = ""


def repo_address(text: str) -> RepoAddress:
    """Repository and revision from "owner/name", "owner/name@revision", a web address, or an address for git.

    Raises:
        HubError: It names no repository.
    """
    plain = _ADDRESS.sub("", text.strip()).split("?")[0].split("#")[0].strip("/")
    plain, _, revision = plain.partition("@")
    owner, name, *rest = (*plain.split("/"), "", "")
    repo = f"{owner}/{name.removesuffix('.git')}"
    where, rest = rest[0], rest[1:]
    if where in _BEFORE_REVISION and rest and rest[0]:
        whole = unquote("/".join(rest)).strip("/")
        reference = _REFERENCE.match(whole)
        revision = reference[0] if reference else unquote(rest[0])
    elif where and where not in (*_BEFORE_REVISION, "main", "discussions"):
        repo = ""
    good = _REPO.fullmatch(repo) and ".." not in repo and "--" not in repo and _REVISION.fullmatch(revision)
    if not good or ".." in revision:
        raise HubError(texts.not_a_repo(text.strip()), texts.NOT_A_REPO_HINT)
    return RepoAddress(repo, "" if revision == "main" else revision)


def asked_of(title: str) -> str:
    """The branch, tag or pull request that a download's title names; "" for the main branch."""
    return title.partition(REVISION_MARK)[2]


def typed_name(repo: str, title: str) -> str:
    """How a download is named on a command line: "owner/name", or "owner/name@revision"."""
    asked = asked_of(title)
    return f"{repo}@{asked}" if repo and asked else repo


class Hub:
    """Asks about models; holds no connection between two questions."""

    def __init__(self, network: Network, tokens: TokenStore, looks: Looks) -> None:
        self._network = network
        self._tokens = tokens
        self._looks = looks

    def url(self, repo: str, revision: str, path: str) -> str:
        """Where a file lies."""
        return f"{self._network.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def remote_files(self, repo: str, revision: str, files: tuple[ModelFile, ...]) -> tuple[RemoteFile, ...]:
        """The same files, for the transfers."""
        return tuple(RemoteFile(one.path, self.url(repo, revision, one.path), one.size, one.digest) for one in files)

    def size_of(self, repo: str, cancel: threading.Event | None = None) -> tuple[int, str, bool]:
        """Bytes of a download, commit, and whether it is gated.

        Raises:
            HubError: It cannot be told.
            StoppedError: `cancel` was set.
        """
        info = self._info(repo, None, cancel)
        return sum(file.size for file in _files(info)[0]), info.commit, info.gated

    def look(self, repo: str, revision: str | None = None, cancel: threading.Event | None = None) -> RemoteModel:
        """What a repository holds, and whether it is a model that this program runs.

        Args:
            repo: "owner/name".
            revision: Branch, tag or commit; the main branch if left out.
            cancel: Set it (from any thread) to go on without an answer.

        Raises:
            HubError: The Hub cannot be asked, has no such model, wants a token, or the model is of another kind.
            OfflineError: The program stays offline.
            StoppedError, LookStoppedError: `cancel` was set.
        """
        info = self._info(repo, revision, cancel)
        files, left_out = _files(info)
        asked = "" if revision in (None, "main") else str(revision)
        asked = asked[:12] if _COMMIT.fullmatch(asked) else asked
        names = {file.path for file in files}
        commit = info.commit
        weights = any(name.endswith(".safetensors") for name in names)
        if "adapter_config.json" in names and not (weights and "config.json" in names):
            data = self._file(repo, commit, "adapter_config.json", CONFIG, cancel)
            adapter = self._looks.ask(ReadAdapterConfig(repo, data), cancel)
            if adapter.instead is not None:
                raise self._damaged(repo, "adapter_config.json", adapter.instead)
            return self._model(info, files, left_out, None, adapter.base, asked)
        if "config.json" not in names:
            raise HubError(texts.no_config(repo), texts.no_config_hint(info.other_format))
        data = self._file(repo, commit, "config.json", CONFIG, cancel)
        generated = "generation_config.json"
        generation = self._file(repo, commit, generated, CONFIG, cancel) if generated in names else None
        found = self._looks.ask(ReadRepoConfig(repo, data, generation), cancel)
        if found.instead is not None:
            raise self._damaged(repo, found.damaged, found.instead)
        if found.problem is not None and found.model_type != "diffusion_gemma":
            raise HubError(texts.other_architecture(repo, found.architecture or "?"), texts.OTHER_ARCHITECTURE_HINT)
        if found.problem is not None:
            raise HubError(found.problem.text, found.problem.hint)
        if not weights:
            raise HubError(texts.no_weights(repo), texts.no_config_hint(info.other_format))
        if found.names_weights:  # it names its weights itself
            files, left_out = _files(info, all_weights=True)
        return self._model(info, files, left_out, found.config, "", asked)

    def licence_text(self, remote: RemoteModel, cancel: threading.Event | None = None) -> str:
        """The licence as the user has to read it: the repository's own file, else the shipped text, else its name.

        Raises:
            HubError: The Hub cannot be asked.
            StoppedError: `cancel` was set.
        """
        own = next((file.path for file in remote.files if _LICENCE_FILE.match(file.path)), "")
        if own:
            data = self._file(remote.repo, remote.revision, own, LICENCE, cancel)
            text = data.decode("utf-8", "replace")
            where = f"{self._network.endpoint}/{remote.repo}/blob/{remote.revision}/{own}"
            lines = text.split("\n")
            if len(data) < LICENCE.most_bytes and len(lines) <= MOST_LINES:
                return text
            return "\n".join((*lines[:MOST_LINES], "", texts.licence_cut(where)))
        if remote.licence == "apache-2.0":
            return (resources_folder() / "licences" / "Apache-2.0.txt").read_text(encoding="utf-8")
        link = remote.licence_link or f"{self._network.endpoint}/{remote.repo}"
        return texts.licence_elsewhere(remote.licence, link)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _model(
        self,
        info: RepoListing,
        files: tuple[ModelFile, ...],
        left_out: int,
        config: ModelConfig | None,
        base: str,
        asked: str,
    ) -> RemoteModel:
        licence = shortened(info.licence, LONGEST_LICENCE)
        return RemoteModel(
            info.repo, info.commit, files, left_out, licence, info.licence_link, info.gated, config, base, asked
        )

    def _info(self, repo: str, revision: str | None, cancel: threading.Event | None) -> RepoListing:
        address = f"{self._network.endpoint}/api/models/{repo}"
        if revision is not None:
            address += f"/revision/{quote(revision, safe='')}"
        data = self._answer(repo, f"{address}?blobs=true", "", FILE_LIST, cancel)
        try:
            found = self._looks.ask(ReadListing(repo, data), cancel)
        except LookStoppedError as exc:
            raise StoppedError from exc
        except InferenceError as exc:
            raise HubError(exc.user_text, exc.hint) from exc
        if isinstance(found, NoAnswer):
            raise HubError(*answer_trouble(found, self._network.endpoint))
        if found.too_many:
            raise HubError(texts.too_many_files(repo), texts.TOO_MANY_FILES_HINT)
        return found

    def _damaged(self, repo: str, path: str, instead: NoAnswer) -> HubError:
        """A configuration of a repository that is none: the network's doing, or the repository's."""
        if instead.kind == "page":
            return HubError(*answer_trouble(instead, self._network.endpoint))
        return HubError(texts.damaged_at_source(repo, path), texts.DAMAGED_AT_SOURCE_HINT)

    def _file(self, repo: str, revision: str, path: str, limit: Limit, cancel: threading.Event | None) -> bytes:
        """A small file; the client leaves the token behind where it is sent on to another host."""
        return self._answer(repo, self.url(repo, revision, path), path, limit, cancel)

    def _answer(self, repo: str, address: str, path: str, limit: Limit, cancel: threading.Event | None) -> bytes:
        """The body of an answer; `path` is the file that is asked for, "" for the repository itself."""
        token, endpoint = self._tokens.get(), self._network.endpoint
        if token and not (token.isascii() and token.isprintable()):
            raise HubError(texts.ODD_TOKEN, texts.ODD_TOKEN_HINT)
        headers = {"Authorization": f"Bearer {token}"} if token else {}

        def ask(client: httpx2.Client) -> tuple[int, str, bytes]:
            response = client.get(address, headers=headers)
            return response.status_code, response.headers.get("X-Error-Code", ""), response.content

        with _sentences(endpoint):
            status, code, data = self._network.ask(endpoint, limit, ask, cancel)
        _check_status(status, endpoint, repo, path, code, token is not None)
        return data


def _files(info: RepoListing, all_weights: bool = False) -> tuple[tuple[ModelFile, ...], int]:
    """What a download takes, and how many files it leaves out; `all_weights` also takes those that rarely count."""
    taken = list(info.files)
    if not all_weights and any(file.path == WHOLE for file in taken):  # what is read then, as transformers does
        taken = [file for file in taken if file.path == WHOLE or not _WEIGHTS.search(file.path)]
    files = [_model_file(info.repo, file) for file in taken]
    # Small files first: a folder that says early what it will be.
    files.sort(key=lambda file: (file.path.endswith(".safetensors"), file.path))
    return tuple(files), info.count - len(taken)


def _model_file(repo: str, listed: ListedFile) -> ModelFile:
    if listed.size < 0 or listed.kind not in ("sha256", "git-blob"):
        raise HubError(texts.no_hash(repo, listed.path), texts.NO_HASH_HINT)
    return ModelFile(
        listed.path, listed.size, Digest("sha256" if listed.kind == "sha256" else "git-blob", listed.digest)
    )


def _check_status(status: int, endpoint: str, repo: str, path: str, code: str, with_token: bool) -> None:
    """Say what a status means. The Hub names a reason in a head of its own; without one it hides what is not there."""
    if status == 200:
        return
    if code == "GatedRepo" and status in (401, 403):
        raise HubError(*texts.gated(repo, with_token))
    if code == "RepoNotFound" or (status == 401 and not path):
        raise HubError(*texts.repo_missing(repo, with_token))
    if code == "RevisionNotFound":
        raise HubError(texts.revision_missing(repo), texts.REVISION_MISSING_HINT)
    if status in (401, 403):
        raise HubError(*texts.refused(repo, with_token))
    if status == 404 and path:
        raise HubError(texts.file_missing(repo, path), texts.DAMAGED_AT_SOURCE_HINT)
    if status == 404:
        raise HubError(*texts.repo_missing(repo, with_token))
    raise HubError(*status_trouble(status, endpoint))


@contextmanager
def _sentences(endpoint: str) -> Iterator[None]:
    """Every way in which nobody answers, as one sentence."""
    import httpx2

    try:
        yield
    except AnswerError as exc:
        raise HubError(exc.user_text, exc.hint) from exc
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as exc:
        raise UnreachableError(*(trouble(exc, endpoint) or foreign_trouble(endpoint))) from exc
    except ODD_HEADS as exc:
        raise HubError(*foreign_trouble(endpoint)) from exc
