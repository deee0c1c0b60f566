"""What strangers supply is read in the model process or in a look process: ARCHITECTURE.md, in a real window."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.base.paths import starter_model_folder
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.waiting import WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
ESCAPE = "{{ ''.__class__.__mro__ }}{% for m in messages %}{{ m.content }}{% endfor %}"


def model(folder: Path) -> Path:
    return write_model(folder, random_tensors(tiny_config()), tiny_config())


@pytest.fixture
def hostile(tmp_path: Path) -> list[Path]:
    """Folders that nobody should want."""
    nested, endless, escape = (model(tmp_path / name) for name in ("nested", "endless", "escape"))
    (nested / "config.json").write_text("[" * 200_000, encoding="utf-8")
    (endless / "config.json").unlink()
    (endless / "config.json").symlink_to("/dev/zero")
    (escape / "chat_template.jinja").write_text(ESCAPE, encoding="utf-8")
    return [nested, endless, escape]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="this system has no devices as files")
def test_a_window_loads_nothing_that_reads_them(tmp_path: Path, hostile: list[Path]) -> None:
    good = model(tmp_path / "good")
    arguments = [str(each) for each in (tmp_path / "home", good, *hostile)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.strangers_window", *arguments],
        cwd=ROOT, env=os.environ | {"DEWPOINT_GPU": ""}, capture_output=True, encoding="utf-8", check=False,
        timeout=4 * WAIT_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["loaded"] == []
    assert said["looked"]
    assert all(text.startswith("known: ") for text in (*said["problems"], *said["refused"]))
    assert {title: state for title, state in said["states"].items() if title.startswith("Bad")}.keys() == {
        "Bad 1", "Bad 2", "Bad 3",
    }  # fmt: skip
    assert said["states"]["Bad 1"] == said["states"]["Bad 2"] == "damaged"
    assert said["stored"]
    assert starter_model_folder().is_dir()


# Where the parts of `app` that ask servers parse anything, and whose words it is: never the answer of a server.
PARSED = {
    "app/gpu/manifest.py": "our note beside the add-on",
    "app/gpu/recipe.py": "what ships",
    "app/gpu/service.py": "our note of a check",
    "app/library/catalogue.py": "what ships, and our note of the last refresh",
    "app/library/home.py": "our database",
    "app/library/processor.py": "our note of a measurement",
    "app/library/records.py": "our database",
    "app/machine/bench/server.py": "a server that the user names to be timed, as it speaks; in a command of its own",
    "app/transfers/part.py": "our journal of a download",
    "app/updates/source.py": "what a build for a release wrote into the program",
}
# The same for the local server and for models on servers; each of these modules is loaded in the named process alone
# (`READERS` in strangers_window.py has those through which all others are reached).
SERVED = {
    "app/server/anthropic_messages.py": "arguments that a form kept; in the server's process",
    "app/server/fields.py": "bodies of clients; in the server's process",
    "app/server/ollama.py": "arguments that a form kept; in the server's process",
    "app/server/remote/answers.py": "what a server answers; in the process that asks it",
    "app/server/remote/session.py": "what a server says of its version; in the process that asks it",
    "app/server/toolbox.py": "a schema that `fields` has read and written anew; in the server's process",
    "app/server/tools_in_json.py": "the same",
}
PARSERS = re.compile(
    r"(json|pickle|tomllib|yaml|plistlib)\.loads?|ast\.literal_eval|.*\.(json|fromstring|safe_load)|(\w+\.)?(parse|read)_json"
)


def parses(path: Path) -> bool:
    """Whether a module calls something that parses a text."""
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return any(PARSERS.fullmatch(ast.unparse(call.func)) for call in calls)


def test_no_answer_of_a_server_is_parsed_in_the_window() -> None:
    """`inference/look/servers.py` does; whoever adds a place here says whose words it reads."""
    parts = ("network", "library", "updates", "transfers", "gpu", "machine")
    modules = [path for part in parts for path in (ROOT / "app" / part).rglob("*.py")]
    assert {path.relative_to(ROOT).as_posix() for path in modules if parses(path)} == set(PARSED)


def test_what_clients_send_is_parsed_in_the_servers_process() -> None:
    modules = (ROOT / "app/server").rglob("*.py")
    assert {path.relative_to(ROOT).as_posix() for path in modules if parses(path)} == set(SERVED)


def test_the_window_loads_nothing_of_what_reads_clients() -> None:
    """Also with a server switched on, and a model on a server: what they need is loaded in their own processes."""
    code = (
        "import sys, app.main, app.bridge.server, app.ui.settings.server_dialog, app.ui.models.add_server\n"
        "import app.server.remote.client, app.server.remote.tasks, tests.app.strangers_window as s\n"
        "print([n for n in s.loaded() if n.startswith(('app.server', 'starlette', 'uvicorn'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"
