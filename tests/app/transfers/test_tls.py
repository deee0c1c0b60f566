"""The same over https, as in life: encrypted connections are read, cut and cancelled just as well."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from app.transfers.errors import TransferError
from app.transfers.fetch import fetch
from app.transfers.values import Progress, TransferFinished, TransferStopped
from tests.app.transfers.support import QUICK, SILENCE, TOKEN, assert_all_right, remote_files, with_
from tests.helpers.hub_behaviour import Fault, drop, make_repo, stall
from tests.helpers.hub_server import Hub

FILES = [("config.json", 900), ("model.bin", 5_000_000)]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    place = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(place / "key.pem"), "-out", str(place / "certificate.pem")]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    try:
        subprocess.run([*command, *files, *names], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"no certificate can be made here: {exc}")
    both = place / "both.pem"
    both.write_bytes((place / "key.pem").read_bytes() + (place / "certificate.pem").read_bytes())
    return both


@pytest.fixture
def hub(certificate: Path) -> Iterator[Hub]:
    """Both servers, over https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Hub(tls=context) as running:
        yield running


@pytest.fixture
def open_client(certificate: Path) -> Callable[[], httpx2.Client]:
    """Makes clients that trust the certificate."""
    context = ssl.create_default_context(cafile=str(certificate))
    return lambda: httpx2.Client(trust_env=False, verify=context)


@pytest.mark.parametrize(
    "fault", [None, drop(after=300_000), pytest.param(stall(after=300_000), marks=pytest.mark.slow), Fault("long")]
)
def test_encrypted_downloads(
    hub: Hub, folder: Path, open_client: Callable[[], httpx2.Client], fault: Fault | None
) -> None:
    repo = hub.add(make_repo(7, FILES))
    if fault is not None:
        hub.behaviour.plan("model.bin", fault, times=2)
    timeouts = {"read_timeout": SILENCE} if fault is not None and fault.kind == "stall" else {}
    options = with_(range_bytes=2_000_000, **timeouts)
    events = list(fetch(remote_files(hub, repo), folder, open_client, options, token=TOKEN, cancel=threading.Event()))
    assert_all_right(repo, folder, events)
    assert not [seen for seen in hub.behaviour.requests("model.bin", "cdn") if "authorization" in seen.headers]


@pytest.mark.parametrize("fault", [stall(), stall(after=1_500_000)])
def test_a_cancel_of_an_encrypted_stall(
    hub: Hub, folder: Path, open_client: Callable[[], httpx2.Client], fault: Fault
) -> None:
    repo = hub.add(make_repo(7, FILES))
    files = remote_files(hub, repo)
    hub.behaviour.plan("model.bin", fault, where="cdn", times=None)
    cancel = threading.Event()
    for event in fetch(files, folder, open_client, with_(range_bytes=2_000_000), cancel=cancel):
        asked = hub.behaviour.requests("model.bin", "cdn")
        if isinstance(event, Progress) and asked and hub.behaviour.total_sent >= fault.after:
            cancel.set()
    assert isinstance(event, TransferStopped), "nobody waited for what the server does not send"
    hub.behaviour.forget()
    last = list(fetch(files, folder, open_client, QUICK, cancel=threading.Event()))[-1]
    assert isinstance(last, TransferFinished)
    assert hub.behaviour.total_sent <= repo.size


# Python's own `wrap_socket` leaves a socket to the garbage where the other side is gone before the handshake.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_a_certificate_that_is_not_trusted(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(7, FILES))
    client = lambda: httpx2.Client(trust_env=False)  # noqa: E731
    with pytest.raises(TransferError) as caught:
        list(fetch(remote_files(hub, repo), folder, client, QUICK, cancel=threading.Event()))
    assert caught.value.kind == "network"
    assert (
        caught.value.user_text
        == "The connection to 127.0.0.1 is not safe: the other side's certificate is not accepted."
    )
    assert hub.behaviour.seen == []
