"""The one place of the program that opens connections (the list of all reasons: `app.network.purposes`).

Whoever needs the network asks `Network` for a client; nobody else makes one (a test looks). The offline switch is
looked at before every single request. TLS certificates are always verified, against the system's own store; proxies
come from the environment (HTTPS_PROXY, NO_PROXY). A program of others that opens connections for us is started here,
too. No request is made unless the user has clicked a button that says so, or switched on the weekly look for a newer
version.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING

from app import __version__
from app.base.errors import KnownAppError
from app.network import texts
from app.network.purposes import NETWORK_USES, NetworkUse

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

ENDPOINT_VARIABLE = "HF_ENDPOINT"  # huggingface_hub's own variable: a mirror
DEFAULT_ENDPOINT = "https://huggingface.co"
TIMEOUT_SECONDS = 20.0


class OfflineError(KnownAppError):
    """The user has switched the network off."""


class Network:
    """Makes connections, unless it is to stay offline.

    Attributes:
        endpoint: Address of the Hub, without a slash at its end.
        offline: Whether every request is refused; it may be changed at any time.
    """

    def __init__(self, endpoint: str | None = None, offline: bool = False) -> None:
        self.endpoint = (endpoint or os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT).rstrip("/")
        self.offline = offline

    def client(self, follow_redirects: bool = False) -> httpx2.Client:
        """A client whose every request is refused while the program stays offline.

        Raises:
            OfflineError: It does at this moment.
        """
        import httpx2

        self.check()
        return httpx2.Client(
            follow_redirects=follow_redirects,
            timeout=httpx2.Timeout(TIMEOUT_SECONDS),
            headers={"User-Agent": f"dewpoint/{__version__}"},
            event_hooks={"request": [self._on_request]},
        )

    def hub(self, token: str | None) -> HfApi:
        """The Hub's own client, which speaks through ours; `token` is the user's, and no other one is looked for.

        Raises:
            OfflineError: The program stays offline.
        """
        self.check()
        # Read when huggingface_hub is imported: it reports no use, and takes no token that another program stored.
        os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_IMPLICIT_TOKEN="1")
        from huggingface_hub import HfApi, set_client_factory

        set_client_factory(self._hub_client)
        return HfApi(endpoint=self.endpoint, token=token or False, library_name="dewpoint", library_version=__version__)

    def start_program(
        self, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start another program that opens connections for one of the reasons above; whoever starts it ends it.

        Raises:
            OfflineError: The program stays offline.
            OSError: There is no such program.
        """
        self.check()
        return subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip

    def uses(self, releases: str) -> tuple[NetworkUse, ...]:
        """All reasons, with the addresses that hold here.

        Args:
            releases: Who is asked for a newer version (`app.updates.source.shown_address`).
        """
        places = {"hub": self.endpoint, "releases": releases}
        return tuple(NetworkUse(use.name, use.when, use.host.format(**places), use.sends) for use in NETWORK_USES)

    def _hub_client(self) -> httpx2.Client:
        return self.client(follow_redirects=True)

    def _on_request(self, request: httpx2.Request) -> None:
        self.check()

    def check(self) -> None:
        """Raise if the program stays offline.

        Raises:
            OfflineError: It does.
        """
        if self.offline:
            raise OfflineError(texts.OFFLINE, texts.OFFLINE_HINT)
