"""What all work with models needs: folders, network, database. Holds nothing else, so any thread may use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.base.paths import AppPaths
from app.engines.service import EngineService
from app.engines.tools import EngineTools
from app.library.access_token import TokenStore
from app.library.hub import Hub
from app.library.ledger import Ledger
from app.library.origin import published_in
from app.library.records import LibraryStore
from app.network.client import Network
from app.transfers.pace import RateLimit
from app.transfers.values import TransferOptions
from inference.look.client import Looks


@dataclass(frozen=True, slots=True)
class LibraryServices:
    """The folders, the network and the database of one data folder.

    Attributes:
        paths: The data folder.
        network: The one door to the network.
        tokens: The user's access token.
        hub: Asks about models.
        library: Which models there are.
        engines: What graphics card and engines there are.
        options: How downloads behave.
        rate: The speed limit of all downloads together.
        looks: Reads what folders and repositories hold, in a process of its own.
    """

    paths: AppPaths
    network: Network
    tokens: TokenStore
    hub: Hub
    library: LibraryStore
    engines: EngineService
    options: TransferOptions = field(default_factory=TransferOptions)
    rate: RateLimit = field(default_factory=RateLimit)
    looks: Looks = field(default_factory=Looks)

    @property
    def ledger(self) -> Ledger:
        """Which files and folders Dewpoint wrote; in the same file as the list of models."""
        return Ledger(self.library)

    @classmethod
    def open(
        cls,
        paths: AppPaths,
        offline: bool = False,
        engine_tools: EngineTools | None = None,
        options: TransferOptions | None = None,
    ) -> LibraryServices:
        """Nothing is read or asked yet.

        Args:
            paths: The data folder.
            offline: Whether every request is refused.
            engine_tools: Stand-ins for tests.
            options: How downloads behave; the usual values if left out.
        """
        network, looks = Network(offline=offline), Looks()
        tokens = TokenStore(network.endpoint)
        library = LibraryStore(paths.data_file, paths.backups)
        engines, hub = EngineService(paths, engine_tools, looks, published_in(library)), Hub(network, tokens, looks)
        return cls(paths, network, tokens, hub, library, engines, options or TransferOptions(), looks=looks)

    def folder_for(self, name: str) -> Path:
        """Where a model of this name lies: "owner/name" becomes "owner--name" in the models folder."""
        return self.paths.models / name.replace("/", "--").replace(" ", "")
