"""TensorRT out of the add-on's folder: found without a restart, after everything else, and tried in a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trt_engines.errors import EngineError
from trt_engines.process import ProcessError
from trt_engines.tensorrt import addon
from trt_engines.tensorrt.trial import Trial, TrialJob, run_trial, try_tensorrt

ROOT = Path(__file__).resolve().parents[3]
# What is installed in the environment of the tests is not there: the add-on must do alone.
HIDE = """
import sys
from importlib.machinery import PathFinder
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if path is not None or not name.startswith(("tensorrt", "cuda")):
            return None
        spec = PathFinder.find_spec(name, [place for place in sys.path if "site-packages" not in place])
        if spec is None:
            raise ModuleNotFoundError(name)
        return spec
sys.meta_path.insert(0, Hidden())
"""
STORY = """
import json, os, shutil, sys
from pathlib import Path
exec(os.environ["HIDE"])
from trt_engines.tensorrt.addon import MANIFEST, GOING, elsewhere, name_addon, use_addon
from trt_engines.tensorrt.flavour import NoTensorRTError, installed_flavour

def version():
    try:
        return installed_flavour().version
    except NoTensorRTError as exc:
        return exc.user_text

folder, said = Path(sys.argv[1]), [version()]
name_addon(folder)
said.append(version())
(folder / "tensorrt_rtx_bindings").mkdir(parents=True)
(folder / "tensorrt_rtx_bindings" / "__init__.py").write_text("__version__ = '9.9'")
(folder / "tensorrt_rtx_libs").mkdir()
(folder / "tensorrt_rtx_libs" / "libx.so.1").write_text("no library")
said.append(version())  # no manifest: not whole yet
(folder / MANIFEST).write_text("{}")
(folder / GOING).touch()
said.append(version())  # on its way out
(folder / GOING).unlink()
said += [version(), elsewhere(), sys.path.count(str(use_addon()))]
shutil.rmtree(folder)
said.append(version())
print(json.dumps(said))
"""


def run(code: str, *arguments: str) -> list[object]:
    """Run a fresh Python; returns what it prints as JSON."""
    env = os.environ | {"HIDE": HIDE}
    env.pop("DEWPOINT_GPU", None)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_it_comes_and_goes_without_a_restart(tmp_path: Path) -> None:
    none = "TensorRT cannot be used: it is not installed."
    said = run(STORY, str(tmp_path / "Zażółć 日本" / "gpu"))
    assert said == [none, none, none, none, "9.9", False, 1, none]


def test_what_python_has_itself_comes_first(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx_bindings")
    (tmp_path / "tensorrt_rtx_bindings").mkdir()
    (tmp_path / "tensorrt_rtx_bindings" / "__init__.py").write_text("__version__ = '9.9'", "utf-8")
    (tmp_path / addon.MANIFEST).write_text("{}", "utf-8")
    code = (
        "import json, sys; from pathlib import Path\n"
        "from trt_engines.tensorrt.addon import elsewhere, name_addon, use_addon\n"
        "name_addon(Path(sys.argv[1])); use_addon()\n"
        "from trt_engines.tensorrt.flavour import installed_flavour\n"
        "print(json.dumps([elsewhere(), installed_flavour().version != '9.9']))"
    )
    assert run(code, str(tmp_path)) == [True, True]


def test_no_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(addon.FOLDER_VARIABLE, "")
    assert addon.use_addon() is None
    monkeypatch.setenv(addon.FOLDER_VARIABLE, str(tmp_path))
    assert addon.use_addon() is None
    assert str(tmp_path) not in sys.path


@pytest.mark.slow
def test_a_small_engine_is_built_in_a_child_process() -> None:
    pytest.importorskip("tensorrt_rtx_bindings")
    results = [result for result in try_tensorrt(TrialJob(120)) if result is not None]
    assert [type(result) for result in results] == [Trial]
    assert results[0].name == "tensorrt_rtx"
    assert results[0].size > 1000


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("raise ImportError('no symbol')", "tensorrt_rtx does not load (no symbol)"),
        ("raise RuntimeError('broken library')", "does not load (broken library)"),
        ("import os; os._exit(11)", "ended without an answer"),
    ],
)  # fmt: skip
def test_an_addon_that_does_not_work_says_why(tmp_path: Path, source: str, text: str) -> None:
    package = tmp_path / "tensorrt_rtx_bindings"
    package.mkdir()
    (package / "__init__.py").write_text(source, "utf-8")
    with pytest.raises(EngineError) as caught:
        list(try_tensorrt(TrialJob(folder=tmp_path)))
    assert text in caught.value.user_text
    assert isinstance(caught.value, ProcessError)


def test_whatever_is_raised_becomes_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[object, ...]] = []

    class Connection:
        def send(self, message: tuple[object, ...]) -> None:
            sent.append(message)

    def strange() -> None:
        raise ValueError("strange")

    monkeypatch.setattr("trt_engines.tensorrt.trial.installed_flavour", strange)
    run_trial(TrialJob(), Connection())  # type: ignore[arg-type]
    assert sent == [("error", "TensorRT does not work here: ValueError: strange.", "")]
