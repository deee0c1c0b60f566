"""What a repository on the Hub holds: asked through `huggingface_hub`, which speaks through our one network door.

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
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from app.base.errors import KnownAppError
from app.base.graphemes import shortened
from app.base.paths import resources_folder
from app.library import texts
from app.library.access_token import TokenStore
from app.library.manifest import ModelFile
from app.network.client import TIMEOUT_SECONDS, Network
from app.network.errors import AnswerError, foreign_trouble, status_trouble, trouble
from app.network.limits import CONFIG, FILE_LIST, LICENCE, Limit
from app.transfers.values import Digest, RemoteFile
from inference.look.client import Looks
from inference.look.questions import ReadAdapterConfig, ReadRepoConfig
from inference.model_config import ModelConfig
from trt_engines.weight_names import WHOLE

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi, ModelInfo

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
# Nothing in folders is read, nor what trainers leave for themselves, nor a Dewpoint's own notes and graphs of others.
_WANTED = re.compile(
    r"[^/]+(\.safetensors|\.json|\.jinja|\.model|\.md)|(LICENSE|NOTICE|USE_POLICY)[^/]*", re.IGNORECASE
)
_LEFT_OUT = re.compile(r"\.|consolidated|optimizer|trainer_state|adapter_model|dewpoint-", re.IGNORECASE)
_WEIGHTS = re.compile(r"\.safetensors(\.index\.json)?$")
_LICENCE_FILE = re.compile(r"^(LICENSE|LICENCE)(\.txt|\.md)?$", re.IGNORECASE)
MOST_FILES = 5_000  # that a download takes
LONGEST_NAME = 240
LARGEST_FILE = 2**48  # bytes
LONGEST_LICENCE, LONGEST_LINK = 80, 500
# What `huggingface_hub` raises where an answer has another shape than the Hub's.
ODD_ANSWERS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)


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
class _Listing:
    """What the Hub's own answer comes to: plain values, each within its range.

    Attributes:
        repo: "owner/name", as the Hub writes it.
        commit: 40 hexadecimal digits.
        files: Those that a download might take: name, and size and digest, or None where the Hub names none.
        count: How many files there are in all.
        other_format: What weights of other programs are called; "" if there are none.
        licence: Its name.
        licence_link: Where to read it; may be empty.
        gated: Whether the Hub wants an account that accepted the terms.
    """

    repo: str
    commit: str
    files: tuple[tuple[str, ModelFile | None], ...]
    count: int
    other_format: str
    licence: str
    licence_link: str
    gated: bool


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
            text = self._text(repo, commit, "adapter_config.json", cancel)
            adapter = self._looks.ask(ReadAdapterConfig(repo, text), cancel)
            if adapter.damaged:
                raise HubError(texts.damaged_at_source(repo, "adapter_config.json"), texts.DAMAGED_AT_SOURCE_HINT)
            return self._model(info, files, left_out, None, adapter.base, asked)
        if "config.json" not in names:
            raise HubError(texts.no_config(repo), texts.no_config_hint(info.other_format))
        text = self._text(repo, commit, "config.json", cancel)
        generated = "generation_config.json"
        generation = self._text(repo, commit, generated, cancel) if generated in names else None
        found = self._looks.ask(ReadRepoConfig(repo, text, generation), cancel)
        if found.damaged:
            raise HubError(texts.damaged_at_source(repo, found.damaged), texts.DAMAGED_AT_SOURCE_HINT)
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
            data = self._bytes(remote.repo, remote.revision, own, LICENCE, cancel)
            text = data.decode("utf-8", "replace")
            where = f"{self._network.endpoint}/{remote.repo}/blob/{remote.revision}/{own}"
            return text if len(data) < LICENCE.most_bytes else f"{text}\n\n{texts.licence_cut(where)}"
        if remote.licence == "apache-2.0":
            return (resources_folder() / "licences" / "Apache-2.0.txt").read_text(encoding="utf-8")
        link = remote.licence_link or f"{self._network.endpoint}/{remote.repo}"
        return texts.licence_elsewhere(remote.licence, link)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _model(
        self,
        info: _Listing,
        files: tuple[ModelFile, ...],
        left_out: int,
        config: ModelConfig | None,
        base: str,
        asked: str,
    ) -> RemoteModel:
        return RemoteModel(
            info.repo, info.commit, files, left_out, info.licence, info.licence_link, info.gated, config, base, asked
        )

    def _info(self, repo: str, revision: str | None, cancel: threading.Event | None) -> _Listing:
        token = self._tokens.get()

        def ask(api: HfApi) -> _Listing:
            info = api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)
            return _listing(info, repo)

        with _sentences(repo, self._network.endpoint, token is not None):
            return self._network.ask_hub(token, FILE_LIST, ask, cancel)

    def _text(self, repo: str, revision: str, path: str, cancel: threading.Event | None) -> str:
        """A configuration."""
        return self._bytes(repo, revision, path, CONFIG, cancel).decode("utf-8", "replace")

    def _bytes(self, repo: str, revision: str, path: str, limit: Limit, cancel: threading.Event | None) -> bytes:
        """A small file; the client leaves the token behind where it is sent on to another host."""
        token, endpoint = self._tokens.get(), self._network.endpoint
        headers = {"Authorization": f"Bearer {token}"} if token else {}

        def ask(client: httpx2.Client) -> tuple[int, str, bytes]:
            response = client.get(self.url(repo, revision, path), headers=headers)
            return response.status_code, response.headers.get("X-Error-Code", ""), response.content

        with _sentences(repo, endpoint, token is not None):
            status, code, data = self._network.ask(endpoint, limit, ask, cancel)
            _check_status(status, endpoint, repo, path, code, token is not None)
            return data


def _listing(info: ModelInfo, repo: str) -> _Listing:
    """The plain values of an answer.

    Raises:
        ODD_ANSWERS: It is none of the Hub's.
    """
    names = [one.rfilename for one in info.siblings or []]
    if not all(isinstance(name, str) for name in names) or not _COMMIT.fullmatch(str(info.sha)):
        raise ValueError("names or commit")
    wanted = [one for one in info.siblings or [] if _is_wanted(one.rfilename)]
    if len(wanted) > MOST_FILES:
        raise ValueError("files")
    files = tuple((one.rfilename, _file(one)) for one in wanted)
    card: Any = info.card_data if hasattr(info.card_data, "get") else {}
    licence, named = (_words(card.get(key), LONGEST_LICENCE) for key in ("license", "license_name"))
    licence = named if licence == "other" and named else licence
    link = _words(card.get("license_link"), LONGEST_LINK)
    found = str(info.id) if _REPO.fullmatch(str(info.id)) else repo
    other = _other_format(names)
    return _Listing(found, str(info.sha), files, len(names), other, licence, link, bool(info.gated))


def _is_wanted(name: str) -> bool:
    return len(name) <= LONGEST_NAME and bool(_WANTED.fullmatch(name)) and not _LEFT_OUT.match(name)


def _file(sibling: Any) -> ModelFile | None:
    size = sibling.lfs.size if sibling.lfs is not None else sibling.size
    if size is None or (sibling.lfs is None and sibling.blob_id is None):
        return None
    if type(size) is not int or not 0 <= size <= LARGEST_FILE:
        raise ValueError("size")
    if sibling.lfs is not None:
        return ModelFile(sibling.rfilename, size, Digest("sha256", sibling.lfs.sha256))
    return ModelFile(sibling.rfilename, size, Digest("git-blob", sibling.blob_id))


def _words(value: object, most: int) -> str:
    """One line of text, whatever it was."""
    if isinstance(value, list):
        value = ", ".join(one for one in value[:8] if isinstance(one, str))
    return shortened(" ".join(value[: 4 * most].split()), most) if isinstance(value, str) else ""


def _files(info: _Listing, all_weights: bool = False) -> tuple[tuple[ModelFile, ...], int]:
    """What a download takes, and how many files it leaves out; `all_weights` also takes those that rarely count."""
    taken = list(info.files)
    if not all_weights and any(name == WHOLE for name, _ in taken):  # what is read then, as transformers does
        taken = [(name, file) for name, file in taken if name == WHOLE or not _WEIGHTS.search(name)]
    files = []
    for name, file in taken:
        if file is None:
            raise HubError(texts.no_hash(info.repo, name), texts.NO_HASH_HINT)
        files.append(file)
    # Small files first: a folder that says early what it will be.
    files.sort(key=lambda file: (file.path.endswith(".safetensors"), file.path))
    return tuple(files), info.count - len(taken)


def _other_format(names: list[str]) -> str:
    for ending, called in ((".gguf", "GGUF"), (".bin", "PyTorch .bin"), (".pt", "PyTorch .pt"), (".onnx", "ONNX")):
        if any(name.lower().endswith(ending) for name in names):
            return called
    return ""


def _check_status(status: int, endpoint: str, repo: str, path: str, code: str, with_token: bool) -> None:
    if status == 200:
        return
    if code == "RepoNotFound":
        raise HubError(*texts.repo_missing(repo, with_token))
    if status in (401, 403):
        raise HubError(*(texts.gated(repo, with_token) if code == "GatedRepo" else texts.refused(repo, with_token)))
    if status == 404:
        raise HubError(texts.file_missing(repo, path), texts.DAMAGED_AT_SOURCE_HINT)
    raise HubError(*status_trouble(status, endpoint))


@contextmanager
def _sentences(repo: str, endpoint: str, with_token: bool) -> Iterator[None]:
    """Every way in which a question can fail, as one sentence."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as exc:
        raise HubError(*texts.gated(repo, with_token)) from exc
    except errors.RepositoryNotFoundError as exc:
        raise HubError(*texts.repo_missing(repo, with_token)) from exc
    except errors.RevisionNotFoundError as exc:
        raise HubError(texts.revision_missing(repo), texts.REVISION_MISSING_HINT) from exc
    except errors.HFValidationError as exc:
        raise HubError(texts.not_a_repo(repo), texts.NOT_A_REPO_HINT) from exc
    except errors.HfHubHTTPError as exc:
        status = exc.response.status_code if exc.response is not None else 0
        _check_status(status, endpoint, repo, "", "", with_token)
        raise HubError(*status_trouble(status, endpoint)) from exc
    except AnswerError as exc:
        raise HubError(exc.user_text, exc.hint) from exc
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as exc:
        raise UnreachableError(*(trouble(exc, endpoint) or foreign_trouble(endpoint))) from exc
    except ODD_ANSWERS as exc:  # no JSON, or another: a captive portal, a proxy's page
        raise HubError(*foreign_trouble(endpoint)) from exc
