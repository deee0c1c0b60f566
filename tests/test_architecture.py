"""Rules of the house that no other tool checks: short files and functions, no print, no lambda slots, a light start.

Who may import whom stands in pyproject.toml (import-linter), which `dev.py test` runs.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("app", "inference", "trt_engines", "benchmarks", "installers", "requirements", "tests")
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
PRINT_ALLOWED_NAMES = {"cli.py", "__main__.py"}
# Needs the `export` extra or more: import-linter says which modules these are.
TORCH_MODULES = re.compile(r"(inference/(model|training|backends/torch_(cuda|reference))|trt_engines/export)\b")
HEAVY = ("torch", "transformers", "onnx", "onnxscript")

SOURCES = [*sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")), ROOT / "dev.py"]


def name_of(path: Path) -> str:
    """The file's path below the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text("utf-8"), name_of(path))


def in_packages(*packages: str) -> list[Path]:
    """Source files of some top-level packages."""
    return [path for path in SOURCES if name_of(path).split("/")[0] in packages]


def test_files_are_short() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES}


def test_functions_are_short() -> None:
    too_long = {
        f"{name_of(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert not too_long


def public_classes() -> dict[str, list[str]]:
    """Where each public class of the three packages is defined."""
    places: dict[str, list[str]] = {}
    for path in in_packages("app", "inference", "trt_engines"):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    return places


def test_one_word_has_one_meaning() -> None:
    """No two public classes share a name (glossary in ARCHITECTURE.md)."""
    assert not {name: places for name, places in public_classes().items() if len(places) > 1}


def test_a_file_of_ours_is_named_once() -> None:
    """Who writes it and who reads it take its name from one place: two would part one day."""
    ours = re.compile(r"dewpoint[\w-]*\.json|chat_template\.jinja")
    places: dict[str, list[str]] = {}
    for path in in_packages("app", "inference", "trt_engines"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ours.fullmatch(node.value):
                places.setdefault(node.value, []).append(f"{name_of(path)}:{node.lineno}")
    assert "dewpoint-model.json" in places
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_no_mixin_on_a_widget() -> None:
    """What a window does is split by coordinators, each with a state of its own, not by classes that it inherits."""
    mixed = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in in_packages("app")
        if name_of(path).startswith(("app/ui/", "app/bridge/"))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef) and len(node.bases) > 1
    ]
    assert not mixed


def entries(folder: Path) -> list[str]:
    """What a newcomer sees in a folder of code."""
    hidden = {"__init__.py", "__pycache__"}
    return [path.name for path in folder.iterdir() if path.name not in hidden]


def test_a_newcomer_sees_few_entries() -> None:
    """A folder for every subject: the first look must fit in a head."""
    assert len(entries(ROOT / "app")) <= 16
    assert len(entries(ROOT / "app" / "ui")) <= 10


def calls(path: Path) -> Iterator[ast.Call]:
    """All calls in a file."""
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def test_only_command_lines_print() -> None:
    prints = [
        f"{name_of(path)}:{call.lineno}"
        for path in in_packages("app", "inference", "trt_engines")
        if path.name not in PRINT_ALLOWED_NAMES
        for call in calls(path)
        if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]
    assert not prints


def test_no_lambda_is_connected_to_a_signal() -> None:
    """A lambda connected to a worker's signal runs in the worker's thread (docs/decisions.md, 11)."""
    lambdas = [
        f"{name_of(path)}:{call.lineno}"
        for path in in_packages("app")
        for call in calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "connect"
        if any(isinstance(node, ast.Lambda) for argument in call.args for node in ast.walk(argument))
    ]
    assert not lambdas


def waits_for_a_time(node: ast.AST) -> bool:
    """Whether this waits a fixed time for a state, or for nothing, or is about how soon something was."""
    if isinstance(node, ast.Assert):
        compared = [each for each in ast.walk(node.test) if isinstance(each, ast.Compare)]
        clocks = ("monotonic()", "perf_counter()")
        return any(
            isinstance(each.ops[-1], ast.Lt | ast.LtE) and ast.unparse(each.left).split(" - ")[0].endswith(clocks)
            for each in compared
        )
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    name, holder = node.func.attr, ast.unparse(node.func.value)
    if name in ("waitUntil", "waitSignal", "waitSignals"):
        limits = [word.value for word in node.keywords if word.arg == "timeout"]
        return not limits or isinstance(limits[0], ast.Constant)
    return name == "assertNotEmitted" or (name == "wait" and holder == "qtbot")


def test_tests_wait_for_states() -> None:
    """On a busy machine any time is too short; see tests/helpers/waiting.py."""
    waits = [
        f"{name_of(path)}:{node.lineno}"
        for path in in_packages("tests")
        for node in ast.walk(tree_of(path))
        if waits_for_a_time(node)
    ]
    assert not waits


def imported_packages(path: Path) -> set[str]:
    """Top-level names of everything a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def requirement_names(requirements: list[str]) -> set[str]:
    """Normalised distribution names of requirement strings."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", line)[0]).lower() for line in requirements}


def test_the_runtime_imports_only_what_it_declares() -> None:
    """A package that is imported but only installed for development would be missing on the user's machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = requirement_names(project["dependencies"])
    known = importlib.metadata.packages_distributions()
    own = {"app", "inference", "trt_engines", "tensorrt", "tensorrt_rtx", "cuda", "pynvml"}
    undeclared = {
        f"{name_of(path)} imports {name}"
        for path in in_packages("app", "inference", "trt_engines")
        if not TORCH_MODULES.match(name_of(path))
        for name in imported_packages(path) - own - sys.stdlib_module_names
        if not requirement_names(known.get(name, [name])) & (declared | {"shiboken6"})
    }
    assert not undeclared


CLIENTS = re.compile(
    r"\b(httpx2?\.(Async)?Client\(|httpx2?\.(get|post|head|put|stream|request)\(|HfApi\(|hf_hub_download|snapshot_download"
    r"|urllib\.request|http\.client|QtNetwork|QWebSocket|create_connection|getaddrinfo|socket\.socket\()"
)
SPEAKERS = {"requests", "aiohttp", "urllib3", "ftplib", "smtplib", "websockets", "asyncio", "xmlrpc", "telnetlib"}


LOCAL_TALK = "app/bridge/first_window.py"
SERVER = "app/server/"  # listens, and opens nothing


def test_one_place_opens_connections() -> None:
    """The network promise: `app/network/client.py` and nothing else makes a client."""
    places = set()
    for path in in_packages("app", "inference", "trt_engines"):
        speakers = SPEAKERS - {"asyncio"} if name_of(path).startswith(SERVER) else SPEAKERS
        if CLIENTS.search(path.read_text("utf-8")) or imported_packages(path) & speakers:
            places.add(path.relative_to(ROOT).as_posix())
    assert places == {"app/network/client.py", LOCAL_TALK}
    names = {
        alias.name
        for node in ast.walk(tree_of(ROOT / LOCAL_TALK))
        if isinstance(node, ast.ImportFrom) and node.module == "PySide6.QtNetwork"
        for alias in node.names
    }
    assert names == {"QLocalServer", "QLocalSocket"}, "pipes of this machine, which reach no other one"


def test_one_place_listens() -> None:
    """Other programs reach this one through the local server alone, and that opens no connection of its own."""
    listening = re.compile(r"create_server\(|start_server\(|uvicorn|\.listen\(|open_connection|create_datagram")
    places = {
        name_of(path)
        for path in in_packages("app", "inference", "trt_engines")
        if listening.search(path.read_text("utf-8"))
    }
    assert places == {"app/server/serving.py", LOCAL_TALK}


def test_one_place_loads_onnx_runtime() -> None:
    """It reports to its maker unless it is told not to before it is loaded."""
    places = {
        path.relative_to(ROOT).as_posix()
        for path in in_packages("app", "inference", "trt_engines")
        if "onnxruntime" in imported_packages(path)
    }
    assert places == {"trt_engines/onnx_runtime.py", "trt_engines/export/int8.py"}
    quantiser = ast.parse((ROOT / "trt_engines/export/int8.py").read_text("utf-8"))
    at_once = [node.module for node in quantiser.body if isinstance(node, ast.ImportFrom)]
    assert "trt_engines.onnx_runtime" in at_once
    assert "onnxruntime.quantization" not in at_once


BY_HAND = {
    "open", "os.open", "mmap.mmap", "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "sync_file",
    "sqlite3.connect", "read_bytes", "write_bytes", "read_text", "write_text",
}  # fmt: skip
# Where files of the history's kind are opened but through `connect`: by the module that knows which of them are open in
# this process, and where the file is a copy that has no connection any more.
MAY_OPEN = {
    "app/chats/connections.py": {"open", "os.open", "shutil.copyfile", "sqlite3.connect"},
    "app/chats/conversion.py": {"open", "sync_file"},  # a damaged one, while the history is held alone
    "app/chats/lock/erasing.py": {"open"},  # what has lost its name
    "app/chats/apart.py": {"os.open"},  # the null device, in a process of its own
    "app/chats/backup.py": {"sync_file"},
    "app/chats/purging.py": {"sync_file"},
    "app/chats/recovery/pages.py": {"open", "mmap.mmap"},
    "app/chats/recovery/recover.py": {"open", "sync_file"},
}
KNOW_THE_FILE = {
    "app/base/paths.py", "app/main.py", "app/library/services.py", "app/machine/checks.py",
    "app/commands/chats_place.py", "app/commands/chats_password.py",
    "app/ui/settings/lock_start.py",
    "app/bridge/exchange.py",
    "app/bridge/restoring.py",
}  # fmt: skip


def opened_by_hand(path: Path) -> set[str]:
    """Calls that open a file, by their names: with the module's name, or a method's name alone."""
    names = {ast.unparse(call.func) for call in calls(path)} - {"HistoryStore.open", "LibraryServices.open"}
    modules = ("os.", "shutil.", "sqlite3.", "mmap.")
    return {name if name.startswith(modules) else name.rpartition(".")[2] for name in names} & BY_HAND


def test_no_database_is_opened_by_hand() -> None:
    """Closing a file drops the locks that SQLite holds on it in this process: see app/chats/connections.py."""
    found = {
        name_of(path): opened
        for path in in_packages("app")
        if name_of(path).startswith("app/chats/") or "sqlite" in path.read_text("utf-8")
        if name_of(path) not in KNOW_THE_FILE and (opened := opened_by_hand(path))
    }
    assert found == MAY_OPEN
    knowing = {name_of(path) for path in in_packages("app") if "data_file" in path.read_text("utf-8")}
    assert knowing == KNOW_THE_FILE
    assert not {name: opened_by_hand(ROOT / name) for name in KNOW_THE_FILE if opened_by_hand(ROOT / name)}


def test_locks_pin_everything_and_name_no_host() -> None:
    for name in ("run.txt", "dev.txt", "torch-cuda.txt"):
        lines = (ROOT / "requirements" / name).read_text("utf-8").splitlines()
        pins = [line for line in lines if line and not line.startswith(("#", " "))]
        assert all(re.match(r"[a-z0-9-]+==[\w.]+( ; .+)? \\$", pin) for pin in pins), name
        assert not any("://" in line or line.startswith("-") for line in lines)
    locked = (ROOT / "requirements" / "run.txt").read_text("utf-8").splitlines()
    runtime = requirement_names([line for line in locked if not line.startswith(" ")])
    assert not runtime & {"torch", "transformers", "onnxscript", "pytest"}


def test_the_window_starts_without_torch() -> None:
    """Everything that app.main imports at its head, in a fresh process."""
    modules = ["app.main"]
    if not (ROOT / "app" / "main.py").exists():
        parts = [path.relative_to(ROOT).with_suffix("").parts for path in in_packages("app")]
        modules = sorted(".".join(part).removesuffix(".__init__") for part in parts if part[-1] != "__main__")
    code = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert not set(HEAVY) & set(json.loads(result.stdout))


@pytest.mark.parametrize("package", ["app", "inference", "trt_engines"])
def test_every_folder_with_code_is_a_package(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize(("page", "most"), [("ARCHITECTURE.md", 249), ("README.md", 300)])
def test_a_page_stays_short_enough_to_be_read(page: str, most: int) -> None:
    assert len((ROOT / page).read_text("utf-8").splitlines()) <= most
