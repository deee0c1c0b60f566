"""A hub and a page of releases on this machine, and the library on a data folder of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import keyring
import pytest

from app.base.paths import AppPaths
from app.chats.history import HistoryStore
from app.library.services import LibraryServices
from app.updates.source import PackageKind
from inference.look.client import Looks
from tests.helpers.fake_engines import FakeEngines
from tests.helpers.hostile_server import HostileServer
from tests.helpers.hub_behaviour import Repo, repo_of
from tests.helpers.hub_server import Hub
from tests.helpers.looks import answered_here, followed_here
from tests.helpers.release_server import ReleaseServer
from tests.helpers.tiny_models import NAME, OPTIONS, MemoryKeyring, tiny_contents

MakeServices = Callable[..., LibraryServices]
SetKind = Callable[[PackageKind | None], None]


@pytest.fixture(autouse=True)
def looks_of_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are answered here, by the same code as in a look process, which a test has to ask for by its marker."""
    if request.node.get_closest_marker("look_process") is None:
        monkeypatch.setattr(Looks, "ask", answered_here)
        monkeypatch.setattr(Looks, "follow", followed_here)


@pytest.fixture(autouse=True)
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether our kernels are built differs from clone to clone, and a page that is opened would measure them."""
    monkeypatch.setattr("app.library.processor.library_there", lambda: None)


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Hundreds of clients are made here, and each would read all of the world's certificates again."""
    make = functools.lru_cache(httpx2.create_ssl_context)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx2._transports.default.create_ssl_context", make)
        yield


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    """The keyring of the test."""
    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, memory_keyring: MemoryKeyring) -> Iterator[Hub]:
    """The hub that the library of the test asks."""
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch, memory_keyring: MemoryKeyring) -> Iterator[HostileServer]:
    """A server in the place of the Hub and of the releases; it behaves until it is told not to."""
    config = tiny_contents()["config.json"]
    assert isinstance(config, bytes)
    with HostileServer() as server:
        server.behave(config)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("DEWPOINT_RELEASES", f"{server.url}/releases")
        yield server


@pytest.fixture
def asking(hostile: HostileServer, make_services: MakeServices) -> LibraryServices:
    """What works with the library, and asks that server."""
    return make_services()


@pytest.fixture
def repo(hub: Hub) -> Repo:
    """The small model."""
    return hub.add(repo_of(NAME, tiny_contents()))


@pytest.fixture
def fake_engines() -> FakeEngines:
    """A card, and what lies below the engines."""
    return FakeEngines()


@pytest.fixture
def make_services(dewpoint_home: Path, fake_engines: FakeEngines) -> MakeServices:
    """Make what works with the library; calling it again is a restart."""

    def make(**changes: object) -> LibraryServices:
        paths = AppPaths(dewpoint_home).ensure()
        return LibraryServices.open(paths, engine_tools=fake_engines.tools(), **{"options": OPTIONS, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def services(make_services: MakeServices, hub: Hub) -> LibraryServices:
    """What works with the library, and asks the hub of the test."""
    return make_services()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseServer]:
    """The page of releases that this copy of the program came from; nothing is published yet."""
    with ReleaseServer() as made:
        monkeypatch.setenv("DEWPOINT_RELEASES", made.releases)
        yield made


@pytest.fixture
def set_kind(monkeypatch: pytest.MonkeyPatch) -> SetKind:
    """Say from which kind of package this copy was installed."""

    def change(kind: PackageKind | None) -> None:
        monkeypatch.setattr("app.updates.source.installed_kind", lambda: kind)

    return change


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """Where the history of this test lies; it does not exist yet."""
    return tmp_path / "data" / "chats.sqlite3"


@pytest.fixture
def store(data_file: Path) -> Iterator[HistoryStore]:
    """A new, empty history."""
    with HistoryStore.open(data_file) as opened:
        yield opened
