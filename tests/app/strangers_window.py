"""A real window of its own process that adds, lists, chooses and asks about hostile folders; prints what was loaded.

Run by test_strangers.py: `python -m tests.app.strangers_window HOME GOOD BAD...`
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.helpers.waiting import wait_until

# What reads, parses or compiles what strangers supply.
READERS = (
    "jinja2", "tokenizers", "onnx", "onnxruntime", "safetensors", "inference.checkpoint", "inference.look.answer",
    "inference.opening", "inference.session", "inference.text.chat_template", "inference.text.template_sandbox",
    "inference.text.tokenizer", "inference.text.special_tokens", "inference.graphs.manifest", "trt_engines.weights",
    "starlette", "uvicorn", "app.server.fields", "app.server.tools", "app.server.application",
    "app.server.remote.answers", "app.server.remote.session",
)  # fmt: skip


def loaded() -> list[str]:
    """Readers that this process has loaded."""
    return sorted(name for name in sys.modules if name in READERS or name.startswith(tuple(f"{r}." for r in READERS)))


def main(home: str, good: str, *bad: str) -> None:
    """Do what a user does, and say what came of it."""
    from app.base.paths import AppPaths
    from app.library.answering import folder_choice
    from app.main import build, new_application

    application = new_application()
    said: dict[str, object] = {"problems": [], "refused": []}

    def wait(reached: Callable[[], object], what: str) -> None:
        wait_until(lambda: application.processEvents() or reached(), what)

    with ExitStack() as stack:
        parts = build(application, AppPaths(Path(home)), stack)
        problems: list[str] = []
        refused: list[str] = []
        added: list[str] = []
        parts.library.problem.connect(lambda report: problems.append(f"{report.kind}: {report.text}"))
        parts.library.added.connect(added.append)
        parts.controller.model.refused.connect(lambda report: refused.append(f"{report.kind}: {report.text}"))
        parts.window.show()
        parts.controller.start("")
        wait(lambda: not parts.controller.model.loading, "the starter model is loaded")
        parts.library.add_folder(Path(good))
        wait(lambda: added, "the good folder is added")
        for count, folder in enumerate(bad, 1):
            parts.library.add_folder(Path(folder))
            wait(lambda count=count: len(problems) == count, f"{folder} is refused")  # type: ignore[misc]
            parts.library.services.library.add("folder", Path(folder), f"Bad {count}")
        before = parts.library.status
        parts.library.look()
        wait(lambda: parts.library.status is not before, "the list is there")
        assert parts.library.status is not None
        said["states"] = {model.title: model.state.value for model in parts.library.status.models}
        for count, folder in enumerate(bad, 1):
            parts.controller.model.load(folder_choice(Path(folder), "auto"))
            assert parts.controller.send(f"Question {count}"), "the message is stored, and the window lives on"
            wait(lambda count=count: len(refused) == count, f"{folder} is not loaded")  # type: ignore[misc]
            wait(lambda: not parts.controller.busy, "the answer has come to an end")
        said["stored"] = [chat.title for chat in parts.store.list_conversations()]
        said["looked"] = parts.library.services.looks.pid is not None
        said |= {"problems": problems, "refused": refused, "loaded": loaded()}
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
