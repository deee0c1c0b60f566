"""What writes a file that the user named replaces no pipe and no link."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.base.settings import Settings
from app.base.settings_share import export_settings
from app.chats.history import HistoryStore
from app.commands import bench
from app.commands.dispatch import run_command
from app.machine.bench.values import BenchReport
from tests.app.chats.support import fill

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes have no names in folders there")


def settings(path: Path) -> None:
    export_settings(path, Settings())


def plot(path: Path) -> None:
    bench._write(None, path, cast("BenchReport", None))


def chats(*arguments: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        if run_command(["chats", *arguments, "--out", str(path)]):
            raise KnownAppError("it was said")

    return write


WRITERS = {
    "settings": settings,
    "plot": plot,
    "json": chats("export", "--all"),
    "html": chats("export", "--all", "--format", "html"),
    "pdf": chats("export", "--all", "--format", "pdf"),
    "backup": chats("backup"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_pipe_and_no_link_is_replaced(
    dewpoint_home: Path,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "svg", lambda _: "<svg/>")
    if name not in ("settings", "plot"):
        with HistoryStore.open(AppPaths.resolve().ensure().data_file) as store:
            fill(store, 1, 1)
    pipe, link, file = tmp_path / f"pipe.{name}", tmp_path / f"link.{name}", tmp_path / "file"
    os.mkfifo(pipe)
    with pytest.raises(KnownAppError) as caught:
        WRITERS[name](pipe)
    assert "no regular file" in caught.value.user_text + capsys.readouterr().err
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    file.write_bytes(b"")
    link.symlink_to(file)
    WRITERS[name](link)
    assert link.is_symlink()
    assert file.stat().st_size > 0
