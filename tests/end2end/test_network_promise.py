"""A whole session, start, chat, close, opens no connection: watched from inside Python and from outside.

Inside, an audit hook sees every name lookup, connection and datagram of every Python process of the program before it
happens. Outside, the sockets of the process and its children are looked at while it runs, so that a library that goes
round Python is seen, too.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.helpers.network_guard import is_local

ROOT = Path(__file__).resolve().parents[2]
HOOK = """
import os, sys
def _hook(event, args, _names=("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname")):
    if event in _names:
        place = args[1] if event in ("socket.connect", "socket.sendto") else args[0]
        with open(os.environ["SOCKET_LOG"], "a") as log:
            log.write(repr((event, place)) + "\\n")
        host = place[0] if isinstance(place, tuple) else place
        here = ("127.", "::1", "localhost", "/", "\\0")
        if not (isinstance(host, (bytes, type(None))) or str(host).startswith(here)):
            raise RuntimeError(f"no network in this test: {event} {place!r}")
sys.addaudithook(_hook)
with open(os.environ["SOCKET_LOG"], "a") as log:
    log.write(repr(("started", sys.argv[:1])) + "\\n")
"""


@dataclass(frozen=True, slots=True)
class Session:
    """What a program did.

    Attributes:
        status: Its exit status.
        output: What it printed.
        errors: What it printed as errors.
        events: What its processes did with sockets: (event, address).
        remote: Addresses beyond this machine to which they had a socket.
    """

    status: int
    output: str
    errors: str
    events: list[tuple[str, object]]
    remote: set[str]


def watched(tmp_path: Path, *arguments: str) -> Session:
    """Run a Python with the hook."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    log = tmp_path / "sockets.log"
    env = os.environ | {"PYTHONPATH": f"{tmp_path / 'hook'}{os.pathsep}{ROOT}", "SOCKET_LOG": str(log)}
    env.pop("HF_HUB_OFFLINE", None)  # of the tests; the user's program has no such variable
    remote: set[str] = set()
    with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("w+") as err:
        child = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, text=True, stdout=out, stderr=err)
        try:
            deadline = time.monotonic() + 120
            while child.poll() is None and time.monotonic() < deadline:
                remote |= remote_addresses(child.pid)
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait()
    events = [ast.literal_eval(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return Session(child.returncode, (tmp_path / "out").read_text(), (tmp_path / "err").read_text(), events, remote)


def remote_addresses(pid: int) -> set[str]:
    """Addresses beyond this machine to which a process or a child of it has a socket."""
    found: set[str] = set()
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            for conn in each.net_connections("inet"):
                if conn.raddr and not is_local(conn.raddr.ip):
                    found.add(str(conn.raddr))
    except psutil.Error:
        pass
    return found


def test_a_session_opens_no_connection(tmp_path: Path) -> None:
    home = tmp_path / "home"
    session = watched(tmp_path, "-m", "app", "--base-dir", str(home), "--smoke", "Hello!")
    assert session.status == 0, session.errors
    assert json.loads(session.output)["answer"].strip()
    started = [event for event in session.events if event[0] == "started"]
    assert len(started) >= 2, "the window's process and the model's"
    assert [event for event in session.events if event[0] != "started"] == []
    assert not session.remote


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80), 1)",
        "import socket; socket.getaddrinfo('example.invalid', 80)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://192.0.2.1/')",
        "import httpx2; httpx2.get('http://192.0.2.1/', trust_env=False)",
    ],
)
def test_the_watcher_sees_what_it_should(tmp_path: Path, code: str) -> None:
    session = watched(tmp_path, "-c", code)
    assert session.status != 0
    assert any(event[0].startswith("socket.") for event in session.events)


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows keeps what ONNX Runtime knows of a machine in its registry"
)
def test_onnx_runtime_reports_nothing(tmp_path: Path) -> None:
    """Version 1.32 queues reports to its maker in the user's cache folder as soon as a session is made."""
    code = "from inference.backends.registry import open_backend; from pathlib import Path\n"
    code += "open_backend(Path('resources/starter'), 'onnx', lambda stage, share: None).close()"
    (tmp_path / "home").mkdir()
    told = {"HOME": str(tmp_path / "home"), "DEWPOINT_HOME": str(tmp_path / "data")}
    env = {**os.environ, **told}
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        env.pop(name, None)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True)
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []
