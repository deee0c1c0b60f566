"""Plays cases in windows of their own processes, and says of each what was wrong with it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.hostile import cases
from tests.hostile.verdicts import Verdict, judge
from tests.hostile.world import World, print_of

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
REPLY_SECONDS = float(os.environ.get("HOSTILE_SECONDS", "60")) + 30
PER_WINDOW = 160  # cases before a window is closed and another one opened
MOST_BYTES = 1_200_000_000  # of the window: it is killed there, for this machine's sake
MOST_OF_CHILDREN = 4_000_000_000
LOOK_SECONDS = 0.05
TIMES_AGAIN = 3  # that a late case is played alone


class LostError(Exception):
    """The window ended, hung or was killed; the text says how."""


@dataclass
class Window:
    """One process with a window.

    Attributes:
        number: Its folder's.
        said: Standard error, for reports.
    """

    world: World
    number: int
    process: subprocess.Popen[str] = field(init=False)
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        place = self.world.root / f"window-{self.number}"
        place.mkdir()
        self.log, self._errors, self._read = place / "watch.log", place / "stderr.txt", 0
        self.log.touch()
        (place / "tmp").mkdir()
        writable = os.pathsep.join(map(str, (place, self.world.starts)))
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(place / "tmp"),
            "PYTHONPATH": f"{Path(__file__).parent / 'guard'}{os.pathsep}{ROOT}", "HOSTILE_LOG": str(self.log),
            "HOSTILE_CASES": str(self.world.cases), "HOSTILE_WRITE": writable,
            "HOSTILE_READ": os.pathsep.join((str(ROOT), str(ROOT.resolve()), str(self.world.linked))),
            "DEWPOINT_GPU": "", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "HOME": str(place / "home"),
        }  # fmt: skip
        if self.world.server is not None:
            environment["HF_ENDPOINT"] = self.world.server.url
        for name in ("HF_HUB_OFFLINE", "DEWPOINT_HOME"):
            environment.pop(name, None)
        command = [sys.executable, "-m", "tests.hostile.window", str(place / "data")]
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, start_new_session=True,
            )  # fmt: skip
        self._replies: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._listen, name=f"replies of window {self.number}")
        self._reader.start()

    def play(self, order: dict[str, Any], seconds: float = REPLY_SECONDS) -> dict[str, Any]:
        """Do it; the reply.

        Raises:
            LostError: The window is gone.
        """
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._replies.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._look(deadline)
                continue
            if not line:
                self._gone()
            return dict(json.loads(line))

    def breaches(self) -> list[dict[str, Any]]:
        """What the watchers of all its processes noted since the last call."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._read)
            lines = log.readlines()
            self._read = log.tell()
        return [json.loads(line) | {"window": json.loads(line)["pid"] == self.process.pid} for line in lines]

    def close(self) -> None:
        """Let it close its window; kill what does not end."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write("\n")
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(START_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it and all its children."""
        everyone = []
        with contextlib.suppress(psutil.NoSuchProcess):
            everyone = [*psutil.Process(self.process.pid).children(recursive=True)]
        self.process.kill()
        for each in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()

    def last_words(self) -> str:
        """The end of its standard error."""
        return self._errors.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._replies.put(line)
        self._replies.put("")

    def _look(self, deadline: float) -> None:
        """Is it alive, small, and in time?"""
        try:
            process = psutil.Process(self.process.pid)
            size = process.memory_info().rss
            below = sum(child.memory_info().rss for child in process.children(recursive=True))
        except psutil.NoSuchProcess:
            return
        if size > MOST_BYTES or below > MOST_OF_CHILDREN:
            self.kill()
            raise LostError(f"killed: the window had {size / 1e6:.0f} MB, its children {below / 1e6:.0f} MB")
        if time.monotonic() > deadline:
            if hasattr(signal, "SIGUSR1"):
                self.process.send_signal(signal.SIGUSR1)
                time.sleep(0.5)
            words = self.last_words()
            self.kill()
            raise LostError(f"the window hung and was killed:\n{words}")

    def _gone(self) -> None:
        self.kill()
        raise LostError(f"the window's process ended with {self.process.returncode}:\n{self.last_words()}")


class Player:
    """Plays cases one after another, in as many windows as it takes."""

    def __init__(self, world: World, number: int) -> None:
        self._world, self._number, self._windows, self._played = world, number, 0, 0
        self._window: Window | None = None

    def play(self, name: str) -> Verdict:
        """Make a case, play it, judge it, and remove what it wrote."""
        folder = self._world.cases / name
        window = self._ready_window()
        order = cases.make(name, folder, self._world)
        before = print_of(folder)
        try:
            reply = window.play(order)
            verdict = judge(name, order, reply, window.breaches(), before, print_of(folder))
        except LostError as exc:
            self._window = None
            verdict = Verdict(name, [str(exc)], {})
        if verdict.spoils and self._window is not None:
            self.close()  # what it left behind is not the next case's matter
        for place in (folder, Path(order.get("base", folder))):
            shutil.rmtree(place, ignore_errors=True)
        return verdict

    def close(self) -> None:
        """Close the window, if there is one."""
        window, self._window = self._window, None
        if window is not None:
            window.close()

    def _ready_window(self) -> Window:
        if self._window is not None and self._played >= PER_WINDOW:
            self.close()
        if self._window is None:
            self._window, self._played = Window(self._world, self._number * 1000 + self._windows), 0
            self._windows += 1
            self._window.play({"id": "warm-up", "do": "warm_up", "base": str(self._world.base)}, START_SECONDS)
            self._window.breaches()
        self._played += 1
        return self._window


def room() -> str | None:
    """Memory where there is some: what the disk does to a beat is no case's fault."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def play(world: World, names: Iterable[str], windows: int = 2, tell: Any = None) -> list[Verdict]:
    """Play cases in some windows at once; what was late is played again alone, in a window of its own.

    Only what is late each time counts: on a busy machine a beat may come late for reasons of others.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)
    verdicts: list[Verdict] = []
    late: list[str] = []

    def note(verdict: Verdict) -> None:
        verdicts.append(verdict)
        if tell is not None:
            tell(verdict)

    def work(number: int) -> None:
        player = Player(world, number)
        try:
            while True:
                name = waiting.get_nowait()
                verdict = player.play(name)
                if verdict.only_late:
                    player.close()
                    late.append(name)
                else:
                    note(verdict)
        except queue.Empty:
            pass
        finally:
            player.close()

    with ThreadPoolExecutor(windows) as pool:
        for done in [pool.submit(work, number) for number in range(windows)]:
            done.result()
    for name in late:
        for _ in range(TIMES_AGAIN):
            player = Player(world, windows)
            windows += 1
            try:
                verdict = player.play(name)
            finally:
                player.close()
            if not verdict.only_late:
                break
        note(verdict)
    return verdicts


def report(verdicts: Sequence[Verdict]) -> str:
    """The failures, one a paragraph."""
    bad = [verdict for verdict in verdicts if verdict.troubles]
    return "\n\n".join(f"{each.name}: " + "\n    ".join(each.troubles) for each in bad[:40]) + (
        f"\n\n... and {len(bad) - 40} more: {' '.join(each.name for each in bad[40:])}" if len(bad) > 40 else ""
    )
