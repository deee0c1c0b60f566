"""Filling the folder of one installation: a program fetches, every file is checked, the manifest is written."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil

from app.base.errors import KnownAppError
from app.base.log import get_logger
from app.gpu import folders, texts
from app.gpu.fetcher import Fetcher, trouble
from app.gpu.manifest import AddonManifest, WrongFilesError, recorded, write_manifest
from app.gpu.recipe import Recipe
from app.gpu.values import GpuStep
from app.network.client import Network

POLL_SECONDS = 0.2
END_SECONDS = 5.0
RESERVE = 100_000_000  # bytes that stay free
OUTPUT_TAIL = 6000
# A hash is known when a file is whole; until then a server could fill the disk, or the fetcher with an endless index.
MOST_SHARE = 1.5
MOST_MEMORY = 3_000_000_000

_log = get_logger("gpu")


def filled(
    part: Path, recipe: Recipe, fetcher: Fetcher, network: Network, cancel: threading.Event
) -> Generator[GpuStep, None, None]:
    """Fetch and check; the manifest is written last, and not at all if `cancel` is set before.

    Args:
        part: Folder of this installation; its folder `site` is filled.
        recipe: What is fetched.
        fetcher: How.
        network: The one door to the network.
        cancel: Looked at all the time.

    Raises:
        KnownAppError: It cannot be fetched, or is not what it should be.
        OSError: The disk is full, or a file cannot be written.
    """
    with closing(_fetched(part, recipe, fetcher, network, cancel)) as steps:
        yield from steps
    if cancel.is_set():
        return
    site = part / "site"
    (site / ".lock").unlink(missing_ok=True)
    shutil.rmtree(site / "bin", ignore_errors=True)
    files = recorded(site, recipe.packages)
    try:
        while not cancel.is_set():
            yield GpuStep("checking", next(files))
    except StopIteration as end:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        write_manifest(site, AddonManifest(recipe.version, recipe.packages, now, end.value))
    except WrongFilesError as exc:
        _log.info("the add-on is not what its packages say: %s", exc)
        raise KnownAppError(texts.BAD_FILES, texts.WRONG_HASH_HINT) from exc


def _fetched(
    part: Path, recipe: Recipe, fetcher: Fetcher, network: Network, cancel: threading.Event
) -> Generator[GpuStep, None, None]:
    """Let the fetcher work, a program of its own, until it ends or the user wants to stop or to stay offline."""
    needed, log = fetcher.peak(recipe), part / "fetch.log"
    command, environment = fetcher.command(recipe, part / "site"), fetcher.environment(part, os.environ)
    with log.open("wb") as output:
        program = network.start_program(command, environment, output)
    try:
        (part / folders.PID).write_text(str(program.pid), "ascii")
        done = 0.0
        while program.poll() is None:
            yield GpuStep("fetching", done)
            if cancel.wait(POLL_SECONDS):
                return
            network.check()
            there = folders.bytes_below(part)
            if there > needed * MOST_SHARE + RESERVE or _memory_of(program) > MOST_MEMORY:
                raise KnownAppError(texts.TOO_MUCH, texts.WRONG_HASH_HINT)
            done = max(done, min(0.99, there / needed))  # what is moved is counted once
    finally:
        _end(program)
    if program.returncode != 0:
        text = log.read_bytes()[-OUTPUT_TAIL:].decode("utf-8", "replace")
        _log.info("%s ended with %s: %s", fetcher.name, program.returncode, text[-1000:])
        raise trouble(text, needed + RESERVE)


def _memory_of(program: subprocess.Popen[bytes]) -> int:
    try:
        return int(psutil.Process(program.pid).memory_info().rss)
    except psutil.Error:
        return 0


def _end(program: subprocess.Popen[bytes]) -> None:
    """Politely, then by force; nothing that it wrote is kept."""
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
    program.wait()
