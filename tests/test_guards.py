"""The guards of tests/helpers do fail a test that misbehaves, and let an honest one pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.network_guard import is_local

ROOT = Path(__file__).resolve().parent.parent

# Each test called bad_* must fail or err with the words after its "# expect:"; every other one must pass.
SAMPLES = """
import logging, os, socket, subprocess, sys, threading, time, urllib.request, warnings
import pytest
from PySide6.QtCore import QThread, QTimer, qWarning
from PySide6.QtWidgets import QWidget

stop = threading.Event()

def test_bad_log():  # expect: unexpected log record: sample: careful
    logging.getLogger("sample").warning("careful")

def test_bad_log_that_never_comes(log_expected):  # expect: no log record matches 'never'
    log_expected("never")

def test_good_log_allowed(log_allowed):
    log_allowed("^sample: careful$")
    logging.getLogger("sample").warning("careful")
    logging.getLogger("sample").info("not looked at")

@pytest.mark.log_allowed("careful")
def test_good_log_marker():
    logging.getLogger("sample").warning("careful")

def test_good_log_expected(log_expected):
    log_expected("careful")
    logging.getLogger("sample").error("careful")

def test_bad_warning():  # expect: UserWarning: attention
    warnings.warn("attention")

def test_bad_connect():  # expect: the test used the network: connect to
    with pytest.raises(RuntimeError), socket.socket() as sock:
        sock.connect(("192.0.2.1", 80))

def test_bad_lookup():  # expect: the test used the network: getaddrinfo to
    try:
        urllib.request.urlopen("http://example.invalid/", timeout=1)
    except Exception:
        pass

def test_good_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()

def test_bad_thread():  # expect: thread still runs: leaked
    threading.Thread(target=stop.wait, name="leaked", daemon=True).start()

def test_good_thread():
    thread = threading.Thread(target=time.sleep, args=(0.2,))
    thread.start()

def test_bad_process():  # expect: child process still runs
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

def test_good_process():
    subprocess.run([sys.executable, "-c", "pass"], check=True)

def test_bad_timer(qapp):  # expect: QTimer 'ticker' still runs
    global ticker
    ticker = QTimer()
    ticker.setObjectName("ticker")
    ticker.start(1000)

def test_good_timer_dies_with_its_widget(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    timer = QTimer(widget, interval=1000, singleShot=True)
    timer.start()
    widget.timer = timer

class Sleeper(QThread):
    def run(self):
        while not self.isInterruptionRequested():
            time.sleep(0.01)

def test_bad_qthread(qapp):  # expect: Sleeper '' still runs
    global sleeper
    sleeper = Sleeper()
    sleeper.start()

def test_good_qthread(qapp):
    thread = QThread()
    thread.start()
    thread.quit()
    assert thread.wait(2000)

def test_bad_qt_message(qapp):  # expect: Qt messages with level WARNING or above emitted
    qWarning("sample")

def test_good_home(dewpoint_home):
    assert os.environ["DEWPOINT_HOME"] == str(dewpoint_home)
    assert not dewpoint_home.exists()
"""


@pytest.mark.slow
def test_guards_catch_what_they_are_for(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run of the samples above under the project's own settings and conftest."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("DEWPOINT_TEST_GRACE", "1")
    path = pytester.makepyfile(SAMPLES)
    # -W: the guard kills the sample's leaked process, and the process's Popen object complains when it is deleted.
    result = pytester.runpytest_subprocess(
        *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "tests.conftest", "-p", "no:cacheprovider"),
        *("-W", "ignore:subprocess:ResourceWarning", "-rfE", "--durations=0", str(path)),
    )
    output = result.stdout.str()
    lines = SAMPLES.splitlines()
    bad = dict(line.split("def ")[1].split("# expect: ") for line in lines if line.startswith("def test_bad"))
    good = [line for line in lines if line.startswith("def test_good")]
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] + outcomes.get("errors", 0) == len(bad), output
    assert len(bad) == 10
    assert len(good) == 9
    for name, words in bad.items():
        assert name.partition("(")[0] in output
        assert words in output, f"{name} {words}\n{output}"
    assert not [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR")) and "test_good" in line], (
        output
    )


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("127.5.5.5", 80), True),
        (("::1", 80, 0, 0), True),
        (("localhost", 80), True),
        ("/run/some.socket", True),
        (("192.0.2.1", 80), False),
        (("2001:db8::1", 80, 0, 0), False),
        (("huggingface.co", 443), False),
        ("huggingface.co", False),
        (("127.0.0.1.example.org", 80), False),
    ],
)
def test_is_local(address: object, local: bool) -> None:
    assert is_local(address) is local
