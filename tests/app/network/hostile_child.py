"""A process that asks a hostile server again and again: what was said each time, and what it cost in memory.

    python -m tests.app.network.hostile_child ADDRESS FOLDER

For each line on its standard input ("hub" or "release", and the seconds that a question may take) it prints one with
the sentence, and at last the growth of its memory at the worst moment, in bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from pathlib import Path

import psutil

from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.library import hub
from app.library.services import LibraryServices
from app.updates import service

LIMITS = ((hub, "FILE_LIST"), (hub, "CONFIG"), (hub, "LICENCE"), (service, "RELEASE"))


def said(services: LibraryServices, line: str) -> str:
    """Ask; the sentence, or a word that no test takes."""
    what, seconds = line.split()
    for module, name in LIMITS:
        if hasattr(module, name):
            setattr(module, name, dataclasses.replace(getattr(module, name), seconds=float(seconds)))
    try:
        if what == "release":
            service.UpdateService(services).ask()
        else:
            services.hub.licence_text(services.hub.look("owner/tiny"))
    except KnownAppError as exc:
        return f"{exc.user_text} {exc.hint}"
    except BaseException as exc:
        return f"BUG {type(exc).__name__}: {exc}"
    return "ANSWERED"


def main() -> None:
    """Ask what the standard input says."""
    address, folder = sys.argv[1:]
    os.environ.update(HF_ENDPOINT=address, DEWPOINT_RELEASES=f"{address}/releases")
    services = LibraryServices.open(AppPaths(Path(folder)).ensure())
    services.tokens.get = lambda: None  # type: ignore[method-assign]
    process, worst, over = psutil.Process(), 0, threading.Event()

    def watch() -> None:
        nonlocal worst
        while not over.wait(0.002):
            worst = max(worst, process.memory_info().rss)

    assert said(services, sys.stdin.readline()), "all that is imported for a question is here now"
    print("ready", flush=True)
    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    for line in sys.stdin:
        print(json.dumps(said(services, line)), flush=True)
    over.set()
    watcher.join()
    print(max(worst - before, 0), flush=True)


if __name__ == "__main__":
    main()
