"""A program that downloads and may be killed: `python -m tests.app.transfers.kill_child URL REPO FOLDER CONNECTIONS`.

It keeps a list of finished files beside the folder, as the real program does in its database, and prints a line when
the first event came.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import urllib.request
from pathlib import Path

import httpx2

from app.transfers.errors import TransferError
from app.transfers.fetch import fetch
from app.transfers.values import Digest, FileFinished, RemoteFile, TransferFinished, TransferOptions

RECEIVE_BUFFER = 32 * 1024  # what a kill costs is then not a matter of how long the program had no processor


def open_client() -> httpx2.Client:
    """A client that leaves little in the system's buffers."""
    options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)]
    return httpx2.Client(trust_env=False, transport=httpx2.HTTPTransport(socket_options=options))


def files_of(url: str, repo: str) -> list[RemoteFile]:
    """What the hub has."""
    with urllib.request.urlopen(f"{url}/api/models/{repo}?blobs=true") as answer:
        info = json.load(answer)
    files = []
    for entry in info["siblings"]:
        path = entry["rfilename"]
        digest = Digest("sha256", entry["lfs"]["sha256"]) if "lfs" in entry else Digest("git-blob", entry["blobId"])
        files.append(RemoteFile(path, f"{url}/{repo}/resolve/{info['sha']}/{path}", entry["size"], digest))
    return files


def main(url: str, repo: str, folder: Path, connections: int) -> int:
    """Download; 0 if it is finished, 3 if another program is at it."""
    record = folder.with_name(folder.name + ".finished")
    verified = record.read_text("utf-8").splitlines()[:-1] if record.exists() else []
    options = TransferOptions(connections=connections, reserve_bytes=0)
    first = True
    event: object = None
    try:
        for event in fetch(
            files_of(url, repo), folder, open_client, options, verified=verified, cancel=threading.Event()
        ):
            if first:
                print("started", flush=True)
                first = False
            if isinstance(event, FileFinished):
                with record.open("a", encoding="utf-8") as file:
                    file.write(event.path + "\n")
    except TransferError as exc:
        print(f"{exc.kind}: {exc.user_text}", flush=True)
        return 3
    return 0 if isinstance(event, TransferFinished) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
