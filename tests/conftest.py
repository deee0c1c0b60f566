"""What holds for every test: a home of its own, and guards that fail a test which leaves something behind.

The guards live in tests/helpers, one file each: log records, network, threads and processes, Qt timers and threads.
Warnings are errors and Qt's own messages fail a test through the settings in pyproject.toml.

With DEWPOINT_SLOW_OVER=1.5 in the environment a run ends with a list of the tests that took longer, in seconds, and are
not marked slow. It never fails a run.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests.helpers.made_once import made_once

# A run in the background of a script ignores Ctrl+C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before any plugin imports what reads them; child processes inherit them too.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each worker has one core; torch would take all of them in each
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

pytest_plugins = (
    "pytester",
    "tests.helpers.log_guard",
    "tests.helpers.network_guard",
    "tests.helpers.leak_guard",
    "tests.helpers.qt_guard",
)

_CHECKS = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
hypothesis.settings.register_profile("dev", deadline=None, suppress_health_check=_CHECKS)
hypothesis.settings.register_profile(
    "ci", parent=hypothesis.settings.get_profile("dev"), derandomize=True, database=None
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The tests that might be marked slow, if they are asked for."""
    limit = os.environ.get("DEWPOINT_SLOW_OVER")
    if not limit:
        return
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and "slow" not in report.keywords:
                seconds[report.nodeid] += report.duration  # type: ignore[assignment]
    terminalreporter.section(f"not marked slow, and over {limit} s")
    for name, length in seconds.most_common():
        if length > float(limit):
            terminalreporter.write_line(f"{length:7.2f} s  {name}")


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _printable(each) for key, each in value.items()}
    return type(value)(map(_printable, value)) if isinstance(value, list | tuple) else value


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """What a test logs may hold halves of characters, and a worker could not send its report."""
    return _printable((yield))


@pytest.fixture(autouse=True)
def dewpoint_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data folder of this test alone; it does not exist yet."""
    home = tmp_path / "dewpoint-home"
    monkeypatch.setenv("DEWPOINT_HOME", str(home))
    monkeypatch.setenv("DEWPOINT_GPU", "")  # a window, or a command, of the test names its own
    return home


@pytest.fixture(scope="session")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny checkpoint with graphs, made once a run; read only."""

    def make(folder: Path) -> None:
        from inference.config import model_config_from_folder
        from inference.model.export_graphs import write_graphs
        from tests.helpers.random_models import TINY, Setting, save_with, transformers_model
        from trt_engines.weights.index import index_checkpoint

        save_with(transformers_model(TINY), folder, Setting(window=24, canvas=16, prompts=(5,)))
        config, records = model_config_from_folder(folder), index_checkpoint(folder)
        write_graphs(folder, config, records, lambda stage, fraction: None, few_experts=0)

    return made_once(tmp_path_factory, "tiny", make)
