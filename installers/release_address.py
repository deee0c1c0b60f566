"""Where an installed program looks for newer releases: `resources/release.json`, if its build was told an address.

The file is not in the repository: a program that somebody builds for themselves asks nobody.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

NAME = "release.json"
HELP = 'where releases are published, "https://github.com/OWNER/REPO/releases"; left out: the program never asks'
# https, or a server on this machine, for tests; no user, no query, no spaces.
ADDRESS = re.compile(
    r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:(?P<port>[0-9]{1,5}))?(/[A-Za-z0-9._~-]+)*"
)


class AddressError(argparse.ArgumentTypeError):
    """This is no address of releases; the text says why."""


def checked(address: str) -> str:
    """The address as programs use it, without a slash at its end; for argparse, too.

    Raises:
        AddressError: It is not https, and not http on this machine.
    """
    plain = address.removesuffix("/")
    match = ADDRESS.fullmatch(plain)
    if match is None or int(match["port"] or 0) > 65535:
        raise AddressError(
            f"{address!r} is no address of releases: it must be like https://github.com/OWNER/REPO/releases "
            "(http for 127.0.0.1 and localhost alone)."
        )
    return plain


def write_address(resources: Path, address: str | None) -> None:
    """Note the address among a program's resources; without one, see to it that there is none.

    Raises:
        AddressError: It is no address of releases.
    """
    file = resources / NAME
    if address is None:
        file.unlink(missing_ok=True)
    else:
        file.write_text(json.dumps({"releases": checked(address)}) + "\n", encoding="utf-8", newline="\n")
