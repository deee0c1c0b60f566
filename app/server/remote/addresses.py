"""Addresses of servers, as people type them."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from app.base.errors import KnownAppError
from app.server.remote import texts

LONGEST = 500


class AddressError(KnownAppError):
    """It is no address of a server."""


def server_address(typed: str) -> str:
    """The whole address, without a slash at its end: a scheme and "/v1" are added where they are left out.

    Raises:
        AddressError: It is none.
    """
    text = typed.strip()
    if text and "://" not in text:
        text = f"http://{text}" if is_here(f"http://{text}") else f"https://{text}"
    text = text.rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise AddressError(texts.NO_ADDRESS, texts.NO_ADDRESS_HINT) from None
    plain = host and not (parts.query or parts.fragment or parts.username or parts.password)
    written = len(text) <= LONGEST and text.isprintable() and " " not in text
    if not plain or not written or parts.scheme not in ("http", "https"):
        raise AddressError(texts.NO_ADDRESS, texts.NO_ADDRESS_HINT)
    return text if parts.path else f"{text}/v1"


def is_here(address: str) -> bool:
    """Whether it is this computer."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def readable_on_the_way(address: str) -> bool:
    """Whether what is sent there can be read by whoever listens on the network."""
    return urlsplit(address).scheme == "http" and not is_here(address)
