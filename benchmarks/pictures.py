"""The pictures of the README, made anew from the real window: `python benchmarks/pictures.py` (Linux, also offscreen).

    writing.png    a real answer of the starter model, half denoised: the model process is halted for the shot
    finished.png   the same answer, finished
    replay.png     the same answer, played back to its first step, with the map of its block
    steering.png   a word of it is selected: what else could stand there, and what can be done with it
    dark.png       sample content with code and a table, dark; written into the history beforehand
    engines.png    the engine card while it builds the starter's engines; the build is real, the card is pretended
    models.png     the models window on a pretended computer: sample content, real arithmetic; models-dark.png: dark
    update.png     the window that tells of a newer version: sample content

`QT_SCALE_FACTOR=1.5` gives them at 150 %.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PySide6.QtCore import QObject, Qt  # noqa: E402
from PySide6.QtGui import QGuiApplication, QTextCursor  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from app.base.paths import AppPaths  # noqa: E402
from app.bridge.garbage import GarbageCollector  # noqa: E402
from app.chats.history import HistoryStore  # noqa: E402
from app.engines.tools import EngineTools  # noqa: E402
from app.library.answering import ModelPhase  # noqa: E402
from app.main import Parts, build  # noqa: E402
from app.transfers.values import Digest  # noqa: E402
from app.ui.chat.flow_text import FlowText  # noqa: E402
from app.ui.updates.dialog import UpdateDialog  # noqa: E402
from app.updates.release import Release, ReleaseFile  # noqa: E402
from app.updates.values import Found, UpdateState, UpdateStatus  # noqa: E402
from benchmarks.sample_library import sample_library, sample_transfer  # noqa: E402
from inference.events import BlockCommitted, DraftUpdated, Finished  # noqa: E402
from inference.params import SamplerParams  # noqa: E402
from trt_engines.planning.hardware import find_card  # noqa: E402
from trt_engines.planning.probe import DetectedGpu  # noqa: E402

SIZE = (1120, 760)
PRETENDED = "RTX 4070"
FADE_MS = 700
LIMIT_SECONDS = 60
QUESTION = "What happens in every step while you write an answer?"
SELECTED = "noise"  # a word of its answer
SAMPLE_QUESTION = "Please explain merge sort, with code, a table and the formula.\n\nThank you!"
SAMPLE_ANSWER = r'''## Sorting, briefly

Here is a **stable merge sort**, with *notes* and `inline code`. See [the article](https://example.org/merge_sort).

```python
def merge_sort(items: list[int]) -> list[int]:
    """Sort without changing the input."""
    if len(items) < 2:
        return items
    half = len(items) // 2
    return merge(merge_sort(items[:half]), merge_sort(items[half:]))
```

| Case | Steps | Memory |
|---|---:|---:|
| best | $n \log_2 n$ | $n$ |
| worst | $n \log_2 n$ | $n$ |

$$T(n) = 2\,T\left(\frac{n}{2}\right) + n = n \log_2 n + n$$
'''
SAMPLE_FIGURES = Finished(
    reason="end_of_text", answer=SAMPLE_ANSWER, thinking="", seed=1, steps_per_block=(14,), max_steps=48,
    answer_tokens=180, tokens_per_step=12.9, time_to_first_draft=0.1, time_to_first_block=2.0, wall_seconds=2.2,
    decode_seconds=2.0, wall_tokens_per_second=82.0, decode_tokens_per_second=90.0,
)  # fmt: skip
SAMPLE_CHANGES = (
    "Sample: chats can be searched, with every place where a word stands marked.",
    "Sample: a chat can be saved as Markdown.",
    "Sample: the engine card says how long a build will take before it begins.",
)
SAMPLE_CHATS = ("Plans for the garden", "A tiny story about a hedgehog", "Opposite of transparent", "What is a canvas?")


class Halt(QObject):
    """Halts the model process at one draft, takes the picture, lets it go on."""

    def __init__(self, parts: Parts, step: int, picture: Path) -> None:
        super().__init__()
        self._parts, self._step, self._picture = parts, step, picture
        self.taken = False
        parts.controller.draft_updated.connect(self.on_draft)

    def on_draft(self, draft: DraftUpdated) -> None:
        """A draft is shown."""
        pid = self._parts.controller.model_pid
        if self.taken or draft.step < self._step or pid is None:
            return
        self.taken = True
        os.kill(pid, signal.SIGSTOP)
        QTest.qWait(FADE_MS)
        self._parts.window.grab().save(str(self._picture))
        os.kill(pid, signal.SIGCONT)


def main() -> int:
    """Make all pictures; exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=ROOT / "resources" / "screenshots", help="folder of the pictures")
    parser.add_argument("--step", type=int, default=2, help="step at which writing.png is taken")
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication([])
    collector = GarbageCollector(application)  # widgets of one window must not be found by a thread of the next
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        parts = _opened(application, Path(home), stack, "light", options.seed)
        halt = Halt(parts, options.step, options.to / "writing.png")
        parts.window.pane.composer.box.setPlainText(options.question)
        parts.window.pane.composer.button.click()
        _wait(lambda: halt.taken and not parts.controller.busy)
        QTest.qWait(FADE_MS)
        parts.window.grab().save(str(options.to / "finished.png"))
        _steering(parts, options.to / "steering.png")
        _replay(parts, options.to / "replay.png")
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        chat = _write_samples(Path(home))
        parts = _opened(application, Path(home), stack, "dark", options.seed)
        parts.controller.open_chat(chat)
        QTest.qWait(FADE_MS)
        parts.window.grab().save(str(options.to / "dark.png"))
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        parts = _opened(application, Path(home), stack, "light", options.seed)
        _engine_card(parts, options.to / "engines.png")
    for appearance, name in (("light", "models.png"), ("dark", "models-dark.png")):
        with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
            parts = _opened(application, Path(home), stack, appearance, options.seed)
            _models_window(parts, options.to / name)
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        parts = _opened(application, Path(home), stack, "light", options.seed)
        _update_window(parts, options.to / "update.png")
    collector.stop()
    return 0


def _pretended_card() -> tuple[DetectedGpu, ...]:
    gpu = find_card(PRETENDED)
    if gpu is None:
        raise ValueError(f"{PRETENDED} is not in the table of cards")
    return (DetectedGpu(gpu, gpu.memory, "581.15"),)


def _engine_card(parts: Parts, picture: Path) -> None:
    """The engine card in the middle of a build."""
    parts.window.engines.on_engines()
    card = parts.window.engines.card
    if card is None:
        raise ValueError("there is no engine card")
    _wait(lambda: card.build_button.isVisible() and card.build_button.text() == "Build")
    card.build_button.click()
    _wait(lambda: (work := parts.engines.work) is not None and work.progress is not None and work.progress.number > 2)
    QTest.qWait(FADE_MS)
    card.grab().save(str(picture))


def _models_window(parts: Parts, picture: Path) -> None:
    """The models window during a download that is not real."""
    parts.window.models.show_page()
    window = parts.window.models.page
    if window is None:
        raise ValueError("there is no models window")
    _wait(lambda: parts.library.status is not None)
    status = parts.library.status = sample_library(_pretended_card()[0])
    parts.library.transfer = sample_transfer(status)
    parts.library.status_changed.emit(status)
    window.setFocus()
    QTest.qWait(FADE_MS)
    window.grab().save(str(picture))
    parts.library.transfer = None


def _steering(parts: Parts, picture: Path) -> None:
    """A word of the newest answer is selected, and others are offered."""
    answer = parts.window.pane.chat.last_answer
    if answer is None:
        raise ValueError("there is no answer whose words could be selected")
    text = answer.body.findChildren(FlowText)[0]
    text.setFocus(Qt.FocusReason.MouseFocusReason)
    cursor = text.textCursor()
    cursor.setPosition(text.toPlainText().index(SELECTED))
    cursor.movePosition(QTextCursor.MoveOperation.EndOfWord, QTextCursor.MoveMode.KeepAnchor)
    text.setTextCursor(cursor)
    row = parts.window.steering.other_words.row
    _wait(lambda: bool(row.buttons) and not parts.controller.operations.running)
    QTest.qWait(FADE_MS)
    parts.window.grab().save(str(picture))
    parts.window.steering.rewriting.on_bar_left()


def _replay(parts: Parts, picture: Path) -> None:
    """The newest answer's recording, at the step behind the noise."""
    answer = parts.window.pane.chat.last_answer
    if answer is None:
        raise ValueError("there is no answer to replay")
    parts.preferences.set(show_map=True)
    answer.replay_requested.emit(answer.message_id)
    if answer.bar is not None:
        answer.bar.stop()
        answer.bar.slider.setValue(1)
    QTest.qWait(FADE_MS)
    parts.window.grab().save(str(picture))
    parts.preferences.set(show_map=False)


def _update_window(parts: Parts, picture: Path) -> None:
    """A newer version that is not real."""
    file = ReleaseFile("windows", "dewpoint-0.2.0-setup.exe", 77_100_000, Digest("sha256", "0" * 64))
    release = Release("0.2.0", "2027-01-15", SAMPLE_CHANGES, (file,))
    parts.updates.status = UpdateStatus(UpdateState.NEWER, Found(release, "windows", file, ""))
    dialog = UpdateDialog(parts.updates, parts.preferences, parts.themes.theme, parts.window)
    dialog.open()
    QTest.qWait(FADE_MS)
    dialog.grab().save(str(picture))


def _opened(application: QApplication, home: Path, stack: ExitStack, appearance: str, seed: int) -> Parts:
    tools = EngineTools(detect=_pretended_card)
    parts = build(application, AppPaths.resolve(home), stack, engine_tools=tools)
    parts.preferences.set(appearance=appearance, seed=seed)
    parts.window.resize(*SIZE)
    parts.window.show()
    parts.controller.start("")
    _wait(lambda: parts.controller.model.status.phase == ModelPhase.READY)
    return parts


def _write_samples(home: Path) -> str:
    """Some finished chats; returns the newest one's id."""
    chat = ""
    with HistoryStore.open(AppPaths.resolve(home).data_file) as store:
        for question in (*SAMPLE_CHATS, SAMPLE_QUESTION):
            message = store.add_user_message(None, question)
            chat = message.conversation_id
            answer = store.begin_answer(
                chat, message.id, seed=1, params=SamplerParams(), model="Sample", backend="sample"
            )
            store.commit_block(answer.id, BlockCommitted(0, (), SAMPLE_ANSWER, "", 14, 48, True, (), (), 2.0))
            store.finish_answer(answer.id, SAMPLE_FIGURES)
    return chat


def _wait(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_SECONDS
    while not done():
        if time.monotonic() > limit:
            raise TimeoutError(f"not done within {LIMIT_SECONDS} seconds")
        QApplication.processEvents()
        time.sleep(0.01)  # QTest.qWait would keep Python's lock from the threads that are waited for


if __name__ == "__main__":
    sys.exit(main())
