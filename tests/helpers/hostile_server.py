"""A server on this machine that answers in every way that a client must survive; raw sockets, nothing else.

It gives good answers but for one place, and there it misbehaves. Nothing that it sends is without an end: a client
that reads on for ever gets `MOST_SENT` bytes, and the server ends when it is closed.
"""

from __future__ import annotations

import contextlib
import json
import math
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MOST_SENT = 400_000_000  # of one answer: what a client without a limit would hold
DRIP_SECONDS = 0.05
BLOCK = b"0," * 32_768
Sends = Callable[["HostileServer", socket.socket, str], None]


def head(length: int | None, *more: str, status: str = "200 OK") -> bytes:
    """The head of an answer."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *more, "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(body: bytes) -> Sends:
    """A whole, proper answer."""
    return lambda server, to, path: to.sendall(head(len(body)) + body)


def raw(data: bytes) -> Sends:
    """Bytes as they are."""
    return lambda server, to, path: to.sendall(data)


def endless(start: bytes, block: bytes, most: float = MOST_SENT) -> Sends:
    """A start, and then the same for ever, or until more than `most` bytes were taken."""

    def send(server: HostileServer, to: socket.socket, path: str) -> None:
        to.sendall(start)
        sent = 0
        while sent < most and not server.closing.is_set():
            to.sendall(block)
            sent += len(block)

    return send


def drip(start: bytes, byte: bytes) -> Sends:
    """A start, and then a byte now and then."""

    def send(server: HostileServer, to: socket.socket, path: str) -> None:
        to.sendall(start)
        while not server.closing.wait(DRIP_SECONDS):
            to.sendall(byte)

    return send


def silence(server: HostileServer, to: socket.socket, path: str) -> None:
    """Nothing at all."""
    server.closing.wait()


def silence_after_head(server: HostileServer, to: socket.socket, path: str) -> None:
    """A promise."""
    to.sendall(head(100))
    server.closing.wait()


def packed(encoding: str, bits: int, layers: int = 1) -> Sends:
    """Blanks without an end, packed: a few hundred kilobytes that unpack to `MOST_SENT`."""

    def send(server: HostileServer, to: socket.socket, path: str) -> None:
        pieces: Iterator[bytes] = (b" " * 1_000_000 for _ in range(MOST_SENT // 1_000_000))
        for _ in range(layers):
            pieces = _compressed(pieces, bits)
        to.sendall(head(None, f"Content-Encoding: {encoding}"))
        for piece in pieces:
            if server.closing.is_set():
                return
            to.sendall(piece)

    return send


def _compressed(pieces: Iterator[bytes], bits: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def loop(server: HostileServer, to: socket.socket, path: str) -> None:
    """To itself."""
    to.sendall(head(0, f"Location: {path}", status="302 Found"))


def chain(server: HostileServer, to: socket.socket, path: str) -> None:
    """Always to a new address."""
    to.sendall(head(0, f"Location: {path.partition('?')[0]}?{len(server.seen)}", status="302 Found"))


def redirect_with_endless_body(server: HostileServer, to: socket.socket, path: str) -> None:
    """A redirect whose own body has no end."""
    endless(head(None, f"Location: {path}?again", status="302 Found"), BLOCK)(server, to, path)


def listing(**changes: Any) -> bytes:
    """What the Hub says of a repository."""
    files: list[dict[str, Any]] = [
        {"rfilename": "config.json", "size": 700, "blobId": "a" * 40},
        {"rfilename": "LICENSE", "size": 900, "blobId": "b" * 40},
        {
            "rfilename": "model.safetensors", "size": 4000, "blobId": "c" * 40,
            "lfs": {"size": 4000, "sha256": "d" * 64, "pointerSize": 130},
        },
    ]  # fmt: skip
    said = {
        "id": "owner/tiny", "sha": COMMIT, "gated": False, "cardData": {"license": "other"}, "siblings": files,
        "lastModified": "2026-01-02T00:00:00.000Z",
    }  # fmt: skip
    return json.dumps(said | changes).encode()


def siblings(**changes: Any) -> bytes:
    """The same, with the weights described otherwise."""
    weights = {"rfilename": "model.safetensors", "size": 4000, "blobId": "c" * 40}
    return listing(siblings=[weights | changes])


NO_BLOCK = b"\0\0\0\xff\xff"  # of the deflate format: a block of no bytes, and not the last one
JUNK = b"\x8b\x0b\x80" + b"\xff" * 5000
# What a server does instead of an answer; the same for every place.
MISBEHAVIOUR: dict[str, Sends] = {
    "endless": endless(head(None), BLOCK),
    "endless length": endless(head(10**15), BLOCK),
    "endless chunks": endless(head(None, "Transfer-Encoding: chunked"), b"10000\r\n" + BLOCK + b"\r\n"),
    "a chunk of an impossible size": endless(head(None, "Transfer-Encoding: chunked") + b"F" * 16 + b"\r\n", BLOCK),
    "a chunk of a negative size": raw(head(None, "Transfer-Encoding: chunked") + b"-1\r\nabc\r\n"),
    "drip": drip(head(None), b" "),
    "drip of the head": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "silence": silence,
    "silence after the head": silence_after_head,
    "gzip bomb": packed("gzip", 31),
    "deflate bomb": packed("deflate", 15),
    "gzip in gzip": packed("gzip, gzip", 31, layers=2),
    "broken gzip": raw(head(None, "Content-Encoding: gzip") + JUNK),
    "brotli": endless(head(None, "Content-Encoding: br"), JUNK),
    "zstd": endless(head(None, "Content-Encoding: zstd"), JUNK),
    "nothing, packed for ever": endless(
        head(None, "Content-Encoding: deflate") + b"\x78\x9c", NO_BLOCK * 10_000, most=math.inf
    ),
    "cut": raw(head(1000) + b'{"id": "owner/tiny", '),
    "longer than it says": raw(head(2) + b"{}" + BLOCK),
    "two lengths": raw(head(2, "Content-Length: 5") + b"{}abc"),
    "a negative length": raw(head(-5) + b"{}"),
    "loop": loop,
    "chain": chain,
    "a redirect without an end": redirect_with_endless_body,
    "a redirect to nowhere": raw(head(0, "Location: http://[::1", status="302 Found")),
    "a redirect to a file": raw(head(0, "Location: file:///etc/passwd", status="302 Found")),
    "100 MB of head": endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536),
    "heads without an end": endless(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n" * 500),
    "continue for ever": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500, most=math.inf),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.2\r\n" * 10),
    "nothing": raw(b""),
    "status 99999": raw(b"HTTP/1.1 99999 Odd\r\n\r\n"),
    "an error without an end": endless(head(None, status="500 Oops"), BLOCK),
}
# Those of them that only time ends.
WITHOUT_AN_END = ("drip", "drip of the head", "silence", "silence after the head", "nothing, packed for ever",
                  "continue for ever")  # fmt: skip
# What the Hub's own answer holds instead of a repository.
ODD_LISTINGS: dict[str, bytes] = {
    "no JSON": b"<html>Please log in</html>",
    "no UTF-8": b'{"id": "\xff\xfe\x80", "sha": "\xc3\x28"}' * 1000,
    "deep": b"[" * 500_000,
    "deep in a key": b'{"siblings": ' + b'{"a":' * 100_000,
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "null everywhere": json.dumps(dict.fromkeys(json.loads(listing()), None)).encode(),
    "null names": listing(siblings=[None, None]),
    "null files": listing(siblings=[dict.fromkeys(("rfilename", "size", "blobId", "lfs"))]),
    "a million names": listing(siblings=[{"rfilename": "m"}] * 300_000),
    "6000 shards": listing(siblings=[
        {"rfilename": f"model-{n}.safetensors", "size": 1, "blobId": "a" * 40} for n in range(6000)
    ]),
    "values without an end": b'{"id": "owner/tiny", "x": [' + b"{}," * 2_000_000 + b"{}]}",
    "names as numbers": siblings(rfilename=7),
    "names as lists": siblings(rfilename=["model.safetensors"]),
    "a negative size": siblings(size=-1),
    "an impossible size": siblings(size=10**30),
    "an infinite size": listing(siblings=[]).replace(b"[]", b'[{"rfilename": "model.safetensors", "blobId": "x", '
                                                     b'"size": 1e999}]'),
    "a size as text": siblings(size="4000"),
    "a size that is true": siblings(size=True),
    "5000 digits": siblings(size=0).replace(b'"size": 0', b'"size": ' + b"9" * 5000),
    "no digest": siblings(blobId="xyz"),
    "a digest as a list": siblings(blobId=[1]),
    "lfs without a size": siblings(lfs={"sha256": "d" * 64, "pointerSize": 1}),
    "lfs as text": siblings(lfs="yes"),
    "a commit that is none": listing(sha="../../etc/passwd"),
    "a commit of null": listing(sha=None),
    "a card that is a list": listing(cardData=[1, 2], siblings=[]),
    "a card with odd keys": listing(cardData={"self": 1, "license": {"a": []}}, siblings=[]),
    "NaN": listing().replace(b"4000", b"NaN"),
}  # fmt: skip


class HostileServer:
    """A context manager that leaves no thread behind.

    Attributes:
        places: What is answered, by a part of the path; the first that fits counts. All else is 404.
        seen: Paths that were asked for.
        closing: Set at the end.
    """

    def __init__(self) -> None:
        self.places: dict[str, Sends] = {}
        self.seen: list[str] = []
        self.closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._clients: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="hostile")

    def __enter__(self) -> HostileServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        with socket.create_connection(self._socket.getsockname()):
            pass  # it waits for a client, and finds that it is to end
        self._thread.join()
        for to in self._clients:
            with contextlib.suppress(OSError):
                to.shutdown(socket.SHUT_RDWR)  # whatever it is being sent
        for thread in self._threads:
            thread.join()
        self._socket.close()

    @property
    def url(self) -> str:
        """The address that a program is given."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def behave(self, config: bytes) -> None:
        """A small model whose licence is a file."""
        self.places = {
            "/api/models/": answer(listing()),
            "/config.json": answer(config),
            "/LICENSE": answer(b"Be good."),
        }

    def _serve(self) -> None:
        while not self.closing.is_set():
            to, _ = self._socket.accept()
            thread = threading.Thread(target=self._answer, args=(to,), name="hostile answer")
            self._threads.append(thread)
            self._clients.append(to)
            thread.start()

    def _answer(self, to: socket.socket) -> None:
        with contextlib.suppress(OSError), to:  # the client has heard enough
            asked = b""
            while b"\r\n\r\n" not in asked:
                if not (data := to.recv(65536)):
                    return
                asked += data
            path = asked.split(b" ", 2)[1].decode("ascii")
            self.seen.append(path)
            send = next((do for part, do in self.places.items() if part in path), None)
            if send is None:
                to.sendall(head(0, status="404 Not Found"))
            else:
                send(self, to, path)
