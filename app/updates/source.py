"""Where this copy of the program came from: the address of its releases, and the kind of package."""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from app.base.paths import resources_folder
from app.updates import texts
from app.updates.errors import UpdateError

PackageKind = Literal["windows", "deb", "rpm", "appimage"]
KINDS: tuple[PackageKind, ...] = get_args(PackageKind)
RELEASES_VARIABLE = "DEWPOINT_RELEASES"  # a mirror
RELEASE_FILE = "release.json"  # in the resources; a build for a release writes it
# Of the AppImage runtime: the file that was started, and where it is mounted. What is started from there inherits both.
APPIMAGE_VARIABLE, APPDIR_VARIABLE = "APPIMAGE", "APPDIR"
INSTALLED_AT = Path("/opt/dewpoint")
DPKG_LIST = Path("/var/lib/dpkg/info/dewpoint.list")


@dataclass(frozen=True, slots=True)
class Source:
    """Where newer versions are.

    Attributes:
        releases: Address of the releases, without a slash at its end.
        kind: What this copy was installed from; None if it is none of our packages.
    """

    releases: str
    kind: PackageKind | None

    @property
    def newest(self) -> str:
        """Where the newest release describes itself."""
        return f"{self.releases}/latest/download/updates.json"

    def file(self, version: str, name: str) -> str:
        """Where a file of a release lies."""
        return f"{self.releases}/download/v{version}/{name}"

    def page(self, version: str) -> str:
        """What a person reads about a release."""
        return f"{self.releases}/tag/v{version}"


def find_source() -> Source | None:
    """Where this copy's releases are; None for one that was built or checked out by somebody.

    Raises:
        UpdateError: The environment variable, or the program's own file, holds no address that can be used.
    """
    named = os.environ.get(RELEASES_VARIABLE, "").strip()
    if named:
        return Source(checked_address(named, RELEASES_VARIABLE), installed_kind())
    file = resources_folder() / RELEASE_FILE
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["releases"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise UpdateError(texts.bad_address(str(file)), texts.BAD_FILE_HINT) from exc
    return Source(checked_address(found, str(file)), installed_kind())


def shown_address() -> str:
    """Who is asked, as the list of all reasons to open a connection says it."""
    try:
        source = find_source()
    except UpdateError as exc:
        return exc.user_text
    return texts.asked(source.releases) if source is not None else texts.NOBODY


def checked_address(address: object, where: str) -> str:
    """An address that is asked with TLS, or on this computer.

    Raises:
        UpdateError: It is none.
    """
    try:
        parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UpdateError(texts.bad_address(where), texts.BAD_ADDRESS_HINT) from None
    plain = host and not (parts.query or parts.fragment or parts.username or parts.password)
    if not plain or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise UpdateError(texts.bad_address(where), texts.BAD_ADDRESS_HINT)
    return str(address).rstrip("/")


def installed_kind() -> PackageKind | None:
    """What this copy was installed from, by the traces that installers leave."""
    resources = resources_folder()
    if sys.platform == "win32":
        return "windows" if (resources.parent / "uninstall.exe").is_file() else None
    mounted = os.environ.get(APPDIR_VARIABLE)
    if os.environ.get(APPIMAGE_VARIABLE) and mounted and resources.is_relative_to(mounted):
        return "appimage"
    if resources.is_relative_to(INSTALLED_AT):
        return "deb" if DPKG_LIST.is_file() else "rpm"
    return None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
