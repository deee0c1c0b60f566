"""Repositories of strangers: lists of files and small files that lie, bodies without an end, and compressed bombs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from tests.hostile.checkpoints import raw_file, spoiled
from tests.hostile.world import World

SHA = "8f3c1d2a" * 5
MOST_SENT = 3_000_000_000  # bytes of one endless body: a client that has no limit is seen to have none


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server says to one request.

    Attributes:
        body: Bytes, sent as they are; `endless` repeats them.
        headers: Besides the length.
        length: A Content-Length that may lie; None for the body's own, -1 for none.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    length: int | None = None
    endless: bool = False


@dataclass
class Server:
    """Answers for all cases at once, by the repository's name.

    Attributes:
        replies: By (repository, "info" or path of a file).
    """

    replies: dict[tuple[str, str], Reply] = field(default_factory=dict)
    url: str = ""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hostile: ClassVar[Server]
    closing: ClassVar[threading.Event]

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""

    def _answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            repo, what = "/".join(path.split("/")[3:5]), "info"
        else:
            parts = path.split("/")
            repo, what = "/".join(parts[1:3]), "/".join(parts[5:])
        reply = self.hostile.replies.get((repo, what)) or Reply(404, b"{}", (("X-Error-Code", "EntryNotFound"),))
        with contextlib.suppress(OSError):
            self._send(reply, with_body)

    def _send(self, reply: Reply, with_body: bool) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        length = len(reply.body) if reply.length is None and not reply.endless else reply.length
        if length is not None and length >= 0:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        sent = 0
        while with_body:
            self.wfile.write(reply.body)
            sent += len(reply.body)
            if not reply.endless or sent > MOST_SENT or self.closing.is_set():
                return


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server on this machine for as long as the block lasts."""
    known, closing = Server(), threading.Event()
    handler = type("Request", (_Request,), {"hostile": known, "closing": closing})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    known.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="hostile hub")
    thread.start()
    try:
        yield known
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def make(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """The repository of a seed; one in five is downloaded if it is offered."""
    name = f"hostile/case-{seed}"
    contents = {path.name: path.read_bytes() for path in world.base.iterdir() if path.is_file()}
    contents["LICENSE"] = b"Read me."
    info = info_of(name, contents)
    replies = {
        path: Reply(body=data, headers=(("ETag", f'"{_blob(data)}"'), ("X-Repo-Commit", SHA)))
        for path, data in contents.items()
    }
    replies["info"] = Reply(body=json.dumps(info).encode())
    kind = seed % 6
    if kind == 0:
        _spoil_list(chance, info, contents)
        replies["info"] = Reply(body=json.dumps(info, default=str).encode("utf-8", "surrogatepass"))
    elif kind == 1:
        replies["info"] = Reply(body=spoiled(chance, info, chance.randint(1, 3)).encode("utf-8", "surrogatepass"))
    elif kind == 2:
        path = chance.choice(["config.json", "config.json", "generation_config.json"])
        good = contents.get(path) or b"{}"
        body = (
            raw_file(chance, good)
            if chance.random() < 0.4
            else spoiled(chance, json.loads(contents["config.json"]), 1).encode("utf-8", "surrogatepass")
        )
        replies[path] = Reply(body=body)
    elif kind == 3:
        replies[chance.choice(["info", "config.json", "LICENSE"])] = _bad_body(chance)
    elif kind == 4:
        replies[chance.choice(["info", "config.json", "LICENSE"])] = _bad_head(chance, world)
    else:
        replies["LICENSE"] = Reply(body=_licence(chance, world), headers=(("Content-Type", "text/plain"),))
        info["cardData"] = {
            "license": chance.choice(
                ["other", "apache-2.0", "<img src=/dev/zero>", ["a"], {"a": 1}, "x" * 100_000, None, 1]
            ),
            "license_name": chance.choice(["<b>x</b>", "\u202e", "x" * 50_000]),
            "license_link": chance.choice(["file:///dev/zero", "javascript:1", "x" * 50_000]),
        }
        if chance.random() < 0.5:
            info["siblings"] = [one for one in info["siblings"] if one["rfilename"] != "LICENSE"]
        replies["info"] = Reply(body=json.dumps(info).encode())
    for path, reply in replies.items():
        world.server.replies[name, path] = reply
    return {"do": "repo", "name": name, "download": seed % 5 == 0}


def info_of(name: str, contents: dict[str, bytes]) -> dict[str, Any]:
    """What the hub's API says of a repository."""
    return {
        "_id": "1",
        "id": name,
        "modelId": name,
        "sha": SHA,
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 1,
        "likes": 1,
        "cardData": {"license": "apache-2.0"},
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "siblings": [
            {"rfilename": path, "size": len(data), "blobId": _blob(data)} for path, data in sorted(contents.items())
        ],
    }


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _spoil_list(chance: random.Random, info: dict[str, Any], contents: dict[str, bytes]) -> None:
    names = (
        "../../escape.safetensors",
        "/etc/passwd.safetensors",
        "dewpoint-model.json",
        "model.safetensors.part",
        "a/../b.json",
        "CON.json",
        "a\x00.json",
        "x" * 5_000 + ".json",
        "..\\..\\x.json",
        "C:\\x.json",
        "model.safetensors/config.json",
        "MODEL.safetensors",
        "config.json.journal",
        "\u202enosj.x.json",
        "<img src=x>.json",
        "a\nb.json",
        "dewpoint-graphs.json",
        ".moving/x.json",
        "dewpoint-embed.onnx",
        "tokenizer.model",
        "chat_template.jinja/x",
        "LICENSE\u0301",
        "\ud800.json",
        "nul.safetensors ",
    )
    files = info["siblings"]
    match chance.randrange(5):
        case 0 | 1:
            for path in chance.sample(names, 3):
                files.append({"rfilename": path, "size": 1, "blobId": _blob(b"x")})
        case 2:
            files[chance.randrange(len(files))] |= {"size": chance.choice([-1, 10**18, 10**30, None, "x", 1.5, True])}
        case 3:
            one = files[chance.randrange(len(files))]
            one |= {
                "lfs": chance.choice(
                    [
                        {"sha256": "x", "size": 1, "pointerSize": 1},
                        {"sha256": "0" * 64, "size": -5, "pointerSize": 1},
                        {},
                        None,
                        {"sha256": None, "size": 1},
                        "x",
                    ]
                )
            }
        case _:
            files += [
                {"rfilename": f"model-{number}.safetensors", "size": 1, "blobId": "0" * 40}
                for number in range(chance.choice([500, 20_000]))
            ]
            files += files[:2]


def _bad_body(chance: random.Random) -> Reply:
    gzipped, text = (("Content-Encoding", "gzip"),), (("Content-Type", "application/json"),)
    body, headers, length, endless = chance.choice(
        [
            ("bomb", gzipped, None, False),
            ("bomb", (("Content-Encoding", "gzip, gzip"),), None, False),
            ("deflate", (("Content-Encoding", "deflate"),), None, False),
            (b"x" * 100_000, gzipped, None, False),
            ("bomb", (("Content-Encoding", "br"),), None, False),
            (b" " * 1_000_000, text, None, True),
            (b"[" * 100_000, text, None, True),
            (b'{"a":"' + b"a" * 1_000_000, text, None, True),
            (b"{}", text, 10**12, False),
            (b"{" * 500_000, text, None, False),
            (b'{"a": 1', text, 3, False),
            (b"", text, None, False),
            (b"\xff" * 1000, text, None, False),
            (b"9" * 5_000, text, None, False),
            (b" " * 60_000_000 + b"{}", text, None, False),
            (b"<html>Sign in</html>", text, None, False),
        ]
    )
    if isinstance(body, str):
        body = bomb() if body == "bomb" else zlib.compress(b" " * 50_000_000, 1)
    return Reply(body=body, headers=headers, length=length, endless=endless)


def bomb() -> bytes:
    """Two gigabytes of blanks as two megabytes of gzip: one packed piece that is repeated, and no true checksum."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(b" " * 2_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + piece * 1_000 + packer.flush() + bytes(8)


def _bad_head(chance: random.Random, world: World) -> Reply:
    loop = world.server.url + "/hostile/loop/resolve/x/y"
    return chance.choice(
        [
            Reply(302, headers=(("Location", "http://192.0.2.1/x"),)),
            Reply(302, headers=(("Location", f"file://{world.outside}/secret.txt"),)),
            Reply(307, headers=(("Location", loop),)),
            Reply(302, headers=(("Location", ""),)),
            Reply(302),
            Reply(500, b"x" * 1_000_000),
            Reply(429, headers=(("Retry-After", "99999999999"),)),
            Reply(401, headers=(("X-Error-Code", "GatedRepo"), ("X-Error-Message", "x" * 60_000))),
            Reply(403, headers=(("X-Error-Message", "<img src=/dev/zero>"),)),
            Reply(404, headers=(("X-Error-Code", "x" * 1_000),)),
            Reply(200, b"{}", (("X-A", "b" * 60_000),)),
            Reply(204),
            Reply(200, b"{}", tuple((f"X-{number}", "a") for number in range(95))),
            Reply(416, b"{}"),
            Reply(451, b"{}"),
            Reply(200, b"{}", (("Content-Type", "x" * 5_000),)),
            Reply(302, headers=(("Location", "http://[::1/x"),)),
            Reply(302, headers=(("Location", "gopher://x/y"),)),
            Reply(200, b"{}", (("Set-Cookie", "a=" + "b" * 50_000),)),
            Reply(299, b"{}"),
            Reply(599, b"{}"),
            Reply(400, json.dumps({"error": "<img src='/dev/zero'>\u202e" * 100}).encode()),
        ]
    )


def _licence(chance: random.Random, world: World) -> bytes:
    return chance.choice(
        [
            f"<html><img src='{world.outside}/pipe'><a href='file:///x'>y</a></html>".encode(),
            b"x" * 500_000,
            b"a\n" * 200_000,
            b"\xff\xfe\x00",
            b"\x00" * 1_000,
            b"",
            b"# a" + b" " * 5_000 + b"x",
            "\u202e\u0301".encode() * 20_000,
            b"\x1b[31mred",
            b"word " * 300_000,
            b" " * 400_000,
            b"W" * 200_000 + b"\n",
        ]
    )
