"""The one place of the program that opens connections (the list of all reasons: `app.network.purposes`).

Whoever needs the network asks `Network` for a client; nobody else makes one (a test looks). The offline switch is
looked at before every single request. TLS certificates are always verified, against the system's own store; proxies
come from the environment (HTTPS_PROXY, NO_PROXY). What is asked, rather than downloaded, has a limit on size and time
that holds while the answer comes, and can be given up at any moment (`limits`, `bodies`, `asking`); what it says is
read in the look process (`inference.look.servers`), and nothing of it here. A program of others that opens connections
for us is started here, too. No request is made unless the user has clicked a button that says so, or switched on the
weekly look for a newer version.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, TypeVar

from app import __version__
from app.base.errors import KnownAppError
from app.network import texts
from app.network.asking import asked, current
from app.network.errors import AnswerError
from app.network.limits import Limit
from app.network.purposes import NETWORK_USES, NetworkUse

if TYPE_CHECKING:
    import httpx2

ENDPOINT_VARIABLE = "HF_ENDPOINT"  # the variable of huggingface_hub: a mirror
DEFAULT_ENDPOINT = "https://huggingface.co"
LONGEST_HOST = 253  # characters of a name in the DNS
TIMEOUT_SECONDS = 20.0  # of one step: a connection, a silence
MAX_REDIRECTS = 10

T = TypeVar("T")


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

    def client(self) -> httpx2.Client:
        """A client for downloads, which know how much is to come, and count it; it follows no redirects.

        Every request is refused while the program stays offline.

        Raises:
            OfflineError: It does at this moment.
        """
        return self._new_client(follow_redirects=False, kept=20)

    def ask(
        self,
        address: str,
        limit: Limit,
        question: Callable[[httpx2.Client], T],
        cancel: threading.Event | None = None,
        redirects: bool = True,
    ) -> T:
        """Ask a server; `question` gets a client that closes nothing.

        Args:
            address: Who is asked.
            limit: What the answer may cost.
            question: Asks, in a thread of its own that may be given up.
            cancel: Set it (from any thread) to go on without an answer.
            redirects: Whether the client follows them.

        Raises:
            OfflineError: The program stays offline.
            StoppedError: It was cancelled.
            AnswerError: The answer is too large, or too late.
            Exception: What `question` raises.
        """
        self.check()

        def run() -> T:
            with self._new_client(follow_redirects=redirects, kept=0) as client:
                return question(client)

        return asked(limit, address, cancel, run)

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

    def _new_client(self, follow_redirects: bool, kept: int) -> httpx2.Client:
        """`kept` is the number of connections that stay open; those of questions end with them."""
        import httpx2

        self.check()
        try:
            return httpx2.Client(
                follow_redirects=follow_redirects,
                max_redirects=MAX_REDIRECTS,
                timeout=httpx2.Timeout(TIMEOUT_SECONDS),
                limits=httpx2.Limits(max_connections=100, max_keepalive_connections=kept),
                headers={"User-Agent": f"dewpoint/{__version__}", "Accept-Encoding": "identity"},
                event_hooks={"request": [self._on_request], "response": [_on_response]},
            )
        except (ValueError, ImportError, httpx2.InvalidURL) as exc:
            raise AnswerError(texts.ODD_PROXY, texts.ODD_PROXY_HINT) from exc

    def _on_request(self, request: httpx2.Request) -> None:
        import httpx2

        self.check()
        if len(request.url.host) > LONGEST_HOST:
            raise httpx2.InvalidURL("no host has so long a name")
        question = current.get()
        if question is not None:
            question.check_step(request.url.scheme)
            request.extensions["trace"] = question.sockets.trace

    def check(self) -> None:
        """Raise if the program stays offline.

        Raises:
            OfflineError: It does.
        """
        if self.offline:
            raise OfflineError(texts.OFFLINE, texts.OFFLINE_HINT)


def _on_response(response: httpx2.Response) -> None:
    """Before any of a body is read, also of one that redirects."""
    question = current.get()
    if question is not None:
        from app.network.bodies import BoundedBody

        BoundedBody(response, question.limit, question.check)
