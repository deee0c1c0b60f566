"""One request for a range of a file: redirects by hand, credentials for the first host alone, statuses into errors.

1. The file's own address is asked with the token; answers that redirect are followed, at most five.
2. From the first other host on the token is left out, and stays out. From https it never goes to http.
3. Where the way ended is remembered: the next range asks there at once.
4. If that other host refuses (its signature has expired), the way is gone once more from the file's own address.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Callable

import httpx2

from app.base.sockets import Sockets
from app.transfers import texts
from app.transfers.errors import ChangedError, TransferError, TryAgainError
from app.transfers.file_state import Address, FileState
from app.transfers.pace import retry_after
from app.transfers.values import TransferOptions

MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_EXPIRED = (401, 403, 404, 410)
_BODY_LOOKED_AT = 4096
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Line(Sockets):
    """One connection's client, whose sockets another thread may cut.

    Args:
        open_client: Makes the client.
    """

    def __init__(self, open_client: Callable[[], httpx2.Client]) -> None:
        super().__init__()
        self.client = open_client()

    def close(self) -> None:
        """Close the client."""
        self.client.close()


class Answer:
    """A response whose body is to be read.

    Attributes:
        response: Open; the caller closes it.
        start: Position in the file of the body's first byte.
        ranged: Whether it is a part of the file (206) and not the whole.
        etag: What stands for the version of the content.
    """

    def __init__(self, response: httpx2.Response, start: int, ranged: bool, etag: str) -> None:
        self.response = response
        self.start = start
        self.ranged = ranged
        self.etag = etag


class Requester:
    """Asks for ranges over one line."""

    def __init__(self, line: Line, options: TransferOptions, token: str | None) -> None:
        self._line = line
        self._token = token
        read = options.read_timeout
        self._timeout = httpx2.Timeout(read, connect=options.connect_timeout, read=read)

    def ask(self, state: FileState, start: int, end: int) -> Answer:
        """The server's answer to the wish for [start, end) of a file.

        Raises:
            TransferError: The server refuses for good.
            TryAgainError: It may work the next time.
            ChangedError: The server has another version than before.
        """
        known = state.address
        response, address = self._follow(state, known, start, end)
        if response.status_code in _EXPIRED and _origin(response.url) != _origin(httpx2.URL(state.file.url)):
            response.close()
            state.learn(None)
            response, address = self._follow(state, None, start, end)
        try:
            answer = self._judged(state, response, address, start, end)
            state.learn(address)
        except BaseException:
            response.close()
            raise
        return answer

    # -- the way ----------------------------------------------------------------------------------------------------

    def _follow(self, state: FileState, known: Address | None, start: int, end: int) -> tuple[httpx2.Response, Address]:
        home = httpx2.URL(state.file.url)
        url = httpx2.URL(known.url) if known else home
        trusted = known.trusted if known else True
        linked = known.linked_etag if known else ""
        seen: set[str] = set()
        while True:
            trusted = trusted and _origin(url) == _origin(home)
            response = self._send(state, url, trusted, start, end)
            linked = linked or plain_etag(response.headers.get("X-Linked-Etag"))
            if response.status_code not in _REDIRECTS:
                final = plain_etag(response.headers.get("ETag"))
                return response, Address(str(url), trusted, linked, final)
            response.close()
            seen.add(str(url))
            url = self._next(url, response)
            if str(url) in seen:
                raise TransferError("protocol", *texts.redirect_loop(state.file.url))
            if len(seen) > MAX_REDIRECTS:
                raise TransferError("protocol", *texts.too_many_redirects(state.file.url))

    def _next(self, url: httpx2.URL, response: httpx2.Response) -> httpx2.URL:
        try:
            target = url.join(response.headers["Location"]).copy_with(fragment=None, username=None, password=None)
        except (KeyError, httpx2.InvalidURL, ValueError):
            raise TransferError("protocol", *texts.odd_answer(str(url), "a redirect without an address")) from None
        if url.scheme == "https" and target.scheme == "http":
            raise TransferError("protocol", *texts.insecure_redirect(str(url)))
        if target.scheme not in ("http", "https") or not target.host:
            raise TransferError(
                "protocol", *texts.odd_answer(str(url), "a redirect to something else than a web server")
            )
        return target

    def _send(self, state: FileState, url: httpx2.URL, trusted: bool, start: int, end: int) -> httpx2.Response:
        headers = {"Accept-Encoding": "identity"}
        if self._token is not None and trusted:
            headers["Authorization"] = f"Bearer {self._token}"
        if (start, end) != (0, state.file.size):
            headers["Range"] = f"bytes={start}-{end - 1}"
        client = self._line.client
        extensions = {"trace": self._line.trace}
        problem = ""
        try:
            request = client.build_request("GET", url, headers=headers, timeout=self._timeout, extensions=extensions)
            return client.send(request, stream=True, auth=None, follow_redirects=False)
        except (httpx2.TransportError, httpx2.InvalidURL, OSError) as exc:
            problem = failure_of(exc)
        # Outside of the handler: httpx's exceptions carry the request, and so the token, as their context.
        raise TryAgainError("network", TransferError("network", *texts.no_connection(str(url), problem)))

    # -- the answer -------------------------------------------------------------------------------------------------

    def _judged(self, state: FileState, response: httpx2.Response, address: Address, start: int, end: int) -> Answer:
        status = response.status_code
        if status == 200:
            return Answer(response, 0, False, address.etag)
        if status == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
            if match is None or int(match[1]) != start or "Content-Encoding" in response.headers:
                last = TransferError("protocol", *texts.odd_answer(address.url, "other bytes than those asked for"))
                raise TryAgainError("server", last)
            if match[3] not in ("*", str(state.file.size)):
                raise ChangedError
            return Answer(response, start, True, address.etag)
        if status == 416:
            raise ChangedError
        raise self._refusal(state, response, address.url)

    def _refusal(self, state: FileState, response: httpx2.Response, url: str) -> TransferError | TryAgainError:
        path, status = state.file.path, response.status_code
        code = response.headers.get("X-Error-Code", "")
        if code == "RepoNotFound":  # with 401 to who has no token, with 404 to who has one
            return TransferError("missing", *texts.repository_gone(path))
        if code == "RevisionNotFound":
            return TransferError("missing", *texts.revision_gone(path))
        if status == 401:
            return TransferError("unauthorized", *texts.unauthorized(path))
        if status == 403:
            gated = code == "GatedRepo" or b"GatedRepo" in _body(response)
            return (
                TransferError("gated", *texts.gated(path))
                if gated
                else TransferError("forbidden", *texts.forbidden(path))
            )
        if status in (404, 410):
            return TransferError("missing", *texts.missing(path))
        if status in (408, 425, 429) or status >= 500:
            words = texts.too_many_requests(url) if status == 429 else texts.server_failed(url, status)
            wait = retry_after(response.headers.get("Retry-After")) if status in (429, 503) else None
            return TryAgainError("server", TransferError("network", *words), wait)
        return TransferError("protocol", *texts.odd_answer(url, f"status {status}"))


def _body(response: httpx2.Response) -> bytes:
    """The start of an error's body."""
    body = b""
    with contextlib.suppress(httpx2.HTTPError, OSError):
        for data in response.iter_bytes():
            body += data
            if len(body) >= _BODY_LOOKED_AT:
                break
    return body[:_BODY_LOOKED_AT]


def plain_etag(value: str | None) -> str:
    """An ETag without its mark for weakness and its quotes."""
    return (value or "").strip().removeprefix("W/").strip('"')


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def failure_of(exc: Exception) -> str:
    """What happened, as the end of a sentence; nothing of the exception's own words, which may quote headers."""
    chain: BaseException | None = exc
    while chain is not None:
        if isinstance(chain, ssl.SSLCertVerificationError):
            return "is not safe: the other side's certificate is not accepted"
        chain = chain.__cause__ or chain.__context__
    if isinstance(exc, httpx2.ConnectTimeout):
        return "does not come about"
    if isinstance(exc, (httpx2.TimeoutException, TimeoutError)):
        return "is silent for too long"
    if isinstance(exc, httpx2.ProxyError):
        return "is refused by the proxy"
    if isinstance(exc, httpx2.ConnectError):
        return "cannot be made"
    return "breaks off"
