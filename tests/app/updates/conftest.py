"""The updates of a data folder that ask a page of releases on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.library.services import LibraryServices
from app.updates.service import UpdateService
from tests.app.conftest import SetKind
from tests.helpers.release_server import ReleaseServer
from tests.helpers.tiny_models import OPTIONS


@pytest.fixture
def updates(server: ReleaseServer, set_kind: SetKind, dewpoint_home: Path) -> UpdateService:
    """Version 0.1.0, installed from a .deb."""
    set_kind("deb")
    return UpdateService(LibraryServices.open(AppPaths(dewpoint_home).ensure(), options=OPTIONS), "0.1.0")
