"""What the local hub answers: the API, the files' first address, and the CDN. See `hub_server`."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.helpers.hub_behaviour import Fault, HubFile, Repo, Seen
from tests.helpers.hub_content import send_content

if TYPE_CHECKING:
    from tests.helpers.hub_server import Hub, HubSocket

_SIGNATURE = "X-Amz-Signature=5167d0fbd6cf8e6b2a7b&X-Amz-Expires=3600"


class HubRequest(BaseHTTPRequestHandler):
    """What both servers have in common."""

    protocol_version = "HTTP/1.1"
    where: Literal["hub", "cdn"]
    server: HubSocket

    def do_GET(self) -> None:
        self.answer(body=True)

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def answer(self, body: bool) -> None:
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def note(self, path: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.behaviour.note(Seen(self.where, self.command, path, headers))

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """A small answer."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str = "", message: str = "", retry_after: str = "") -> None:
        """An error as the hub words it."""
        headers = {"Content-Type": "application/json"}
        headers |= {"X-Error-Code": code} if code else {}
        headers |= {"X-Error-Message": message} if message else {}
        headers |= {"Retry-After": retry_after} if retry_after else {}
        self.reply(status, headers, json.dumps({"error": message or code or f"error {status}"}).encode())

    def misbehave(self, fault: Fault | None) -> bool:
        """Whether the fault was an answer of its own."""
        match fault:
            case Fault(kind="status"):
                self.refuse(fault.status, fault.code, retry_after=fault.retry_after)
            case Fault(kind="loop"):
                self.reply(302, {"Location": self.path})
            case Fault(kind="redirect"):
                self.reply(302, {"Location": fault.code})
            case Fault(kind="stall", after=0):
                self.server.closing.wait(fault.seconds)
                self.close_connection = True
            case _:
                return False
        return True

    def send_file(self, file: HubFile, fault: Fault | None, etag: str, headers: dict[str, str]) -> None:
        """The content, or the asked part of it."""
        if not self.misbehave(fault):
            send_content(self, self.hub.behaviour, file, fault, etag, headers, self.server.closing)


class CdnRequest(HubRequest):
    """The second host: content for signed addresses."""

    where: Literal["hub", "cdn"] = "cdn"

    def answer(self, body: bool) -> None:
        query = parse_qs(urlsplit(self.path).query)
        repo = self.hub.repos.get(query.get("repo", [""])[0])
        file = repo.files.get(query.get("path", [""])[0]) if repo else None
        self.note(file.path if file else self.path)
        if file is None or "X-Amz-Signature" not in query:
            self.refuse(403)
            return
        fault = self.hub.behaviour.fault_for(file.path, "cdn", True) if body else None
        self.send_file(file, fault, f"cdn-{file.sha256[:32]}", {})


class ApiRequest(HubRequest):
    """The first host: the API, and the files' own addresses."""

    where: Literal["hub", "cdn"] = "hub"

    def answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/_stats":
            counts = json.dumps(self.hub.behaviour.counts())
            self.reply(200, {"Content-Type": "application/json"}, counts.encode())
            return
        for prefix, separator, then in (
            ("/api/resolve-cache/models/", "/", self._file_itself),
            ("/api/models/", "/revision/", self._info),
            ("/api/models/", "/tree/", self._tree),
            ("/api/models/", "", self._info),
            ("/", "/resolve/", self._resolve),
        ):
            if not path.startswith(prefix) or separator not in path:
                continue
            name, rest = self._split(path.removeprefix(prefix), separator)
            repo = self.hub.repos.get(name)
            if then in (self._info, self._tree):
                self.note(self.path)
            if repo is None or (repo.private and not self._may_read(repo)):
                self.refuse(401 if self._token() is None else 404, "RepoNotFound", "Repository not found")
            else:
                then(repo, rest)
            return
        self.refuse(404)

    @staticmethod
    def _split(path: str, separator: str) -> tuple[str, str]:
        """The repository's name, and what follows the separator."""
        if separator == "/":
            owner, name, rest = path.split("/", 2)
            return f"{owner}/{name}", rest
        name, _, rest = path.partition(separator) if separator else (path, "", "main")
        return name, rest

    def _token(self) -> str | None:
        value = self.headers.get("Authorization", "")
        return value.removeprefix("Bearer ") if value.startswith("Bearer ") else None

    def _may_read(self, repo: Repo) -> bool:
        return self._token() in repo.allowed

    def _known(self, repo: Repo, revision: str) -> bool:
        if revision in (*repo.revisions, repo.sha):
            return True
        self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return False

    def _info(self, repo: Repo, revision: str) -> None:
        if not self._known(repo, revision):
            return
        blobs = "blobs" in parse_qs(urlsplit(self.path).query)
        card = {"license": repo.licence} if repo.licence else {}
        info = {
            "_id": repo.sha[:24],
            "id": repo.name,
            "modelId": repo.name,
            "author": repo.name.split("/")[0],
            "sha": repo.sha,
            "private": repo.private,
            "gated": repo.gated,
            "disabled": False,
            "downloads": 1,
            "likes": 1,
            "tags": [f"license:{repo.licence}"] if repo.licence else [],
            "cardData": card,
            "createdAt": "2026-01-01T00:00:00.000Z",
            "lastModified": "2026-01-02T00:00:00.000Z",
            "siblings": [_sibling(file, blobs) for file in repo.files.values()],
        }
        self.reply(200, {"Content-Type": "application/json"}, json.dumps(info).encode())

    def _tree(self, repo: Repo, revision: str) -> None:
        if not self._known(repo, revision.split("/")[0]):
            return
        tree = []
        for file in repo.files.values():
            entry: dict[str, object] = {"type": "file", "path": file.path, "size": file.size, "oid": file.blob_id}
            if file.lfs:
                entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
            tree.append(entry)
        self.reply(200, {"Content-Type": "application/json"}, json.dumps(tree).encode())

    def _resolve(self, repo: Repo, rest: str) -> None:
        revision, _, path = rest.partition("/")
        file = repo.files.get(path)
        self.note(path)
        if not self._known(repo, revision):
            return
        if repo.gated and not self._may_read(repo):
            self.refuse(
                401 if self._token() is None else 403, "GatedRepo", f"Access to model {repo.name} is restricted."
            )
            return
        if file is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        if file.lfs:
            self._redirect(repo, file)
        elif self.hub.resolve_cache:
            target = f"/api/resolve-cache/models/{repo.name}/{repo.sha}/{quote(path)}"
            self.reply(307, {**self._headers(repo, file, file.etag), "Location": target})
        else:
            self._send(repo, file)

    def _redirect(self, repo: Repo, file: HubFile) -> None:
        fault = self._fault(file, sends=False)
        if self.misbehave(fault):
            return
        etag = fault.code if fault is not None and fault.kind == "etag" else file.etag
        query = f"repo={quote(repo.name, safe='')}&path={quote(file.path, safe='')}&{_SIGNATURE}"
        location = f"{self.hub.cdn_url}/{file.sha256}?{query}"
        self.reply(302, {**self._headers(repo, file, etag), "Location": location})

    def _file_itself(self, repo: Repo, rest: str) -> None:
        file = repo.files.get(rest.partition("/")[2])
        if file is None:
            self.refuse(404, "EntryNotFound")
            return
        self.note(file.path)
        self._send(repo, file)

    def _send(self, repo: Repo, file: HubFile) -> None:
        self.send_file(file, self._fault(file, sends=True), file.etag, {"X-Repo-Commit": repo.sha})

    def _fault(self, file: HubFile, sends: bool) -> Fault | None:
        return self.hub.behaviour.fault_for(file.path, "hub", sends) if self.command == "GET" else None

    def _headers(self, repo: Repo, file: HubFile, etag: str) -> dict[str, str]:
        linked = {"X-Linked-Size": str(file.size), "X-Linked-Etag": f'"{etag}"'}
        return {"X-Repo-Commit": repo.sha, "ETag": f'"{etag}"', **linked}


def _sibling(file: HubFile, blobs: bool) -> dict[str, object]:
    entry: dict[str, object] = {"rfilename": file.path}
    if blobs:
        entry |= {"size": file.size, "blobId": file.blob_id}
        if file.lfs:
            entry["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": 134}
    return entry
