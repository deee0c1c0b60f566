"""Who may ask: the right key, the server's own name, no web page. Before anything else of a request is looked at."""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from urllib.parse import urlsplit

from app.server import texts
from app.server.errors import ApiError

OWN_NAMES = frozenset({"localhost", "host.docker.internal"})
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.%\w]+\]|[^\s,:\[\]@/?#]+)(?::\d{1,5})?")
OPEN_PATHS = frozenset({"/health"})


def names_of(host: str) -> frozenset[str]:
    """What a server that listens at an address may be asked by, beside addresses.

    On this machine alone no other machine's name is needed; who listens to others is asked by this machine's own name,
    as it is, and as the home's router or multicast DNS make it longer.
    """
    own = socket.gethostname().lower().partition(".")[0]
    if is_local(host) or not own:
        return OWN_NAMES
    return OWN_NAMES | {socket.gethostname().lower(), *(own + end for end in ("", ".local", ".lan", ".home"))}


def is_local(host: str) -> bool:
    """Whether an address is this machine's alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_asker(headers: dict[str, str], path: str, key: str, names: frozenset[str] = OWN_NAMES) -> None:
    """Refuse who may not ask.

    1. A web page that a browser shows may not, wherever it comes from: it sends an Origin that is not the server's.
    2. The server's name must be an address, or one of this machine's own names: a page whose name was bound to this
       address anew (DNS rebinding) asks by its own.
    3. The key must be right.

    Args:
        headers: In small letters.
        path: What is asked for.
        key: The key; "" for none.
        names: See `names_of`.

    Raises:
        ApiError: It is refused.
    """
    # 1.
    host = headers.get("host", "")
    origin = headers.get("origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        raise ApiError(403, texts.WEB_PAGE, code="web_page")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise ApiError(403, texts.WEB_PAGE, code="web_page")
    # 2.
    if not _own_name(host, names):
        raise ApiError(403, texts.WRONG_HOST, code="wrong_host")
    # 3.
    if key and path not in OPEN_PATHS and not _has_key(headers, key):
        raise ApiError(401, texts.NO_KEY, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


def _own_name(host: str, names: frozenset[str]) -> bool:
    if not _HOST.fullmatch(host):
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in names:
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def can_be_sent(key: str) -> bool:
    """Whether a client can send a key in a header, and it comes as it is."""
    return key.isascii() and key.isprintable() and " " not in key


def _has_key(headers: dict[str, str], key: str) -> bool:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = [token.strip() if scheme.lower() == "bearer" else "", headers.get("x-api-key", "")]
    return any(hmac.compare_digest(each.encode(), key.encode()) for each in given)
