"""The benchmark from its command to its report: a model that is pretended, and servers that answer in odd ways."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import jsonschema
import psutil
import pytest

from app.base.errors import KnownAppError
from app.base.paths import AppPaths, starter_model_folder
from app.base.settings import Settings
from app.base.settings_file import SettingsFile
from app.commands.dispatch import run_command
from app.library.values import Processor
from app.machine.bench import service, texts
from app.machine.bench.model import measure_backend
from app.machine.bench.others import OtherPrograms
from app.machine.bench.published import measure_transformers
from app.machine.bench.report import as_object
from app.machine.bench.server import ServerAddress, measure_server, server_address
from app.machine.bench.service import Asked, benchmark
from app.machine.bench.values import LENGTHS, PROCESSOR, BenchPlan, BenchReport, SideSoFar
from app.machine.monitor.energy import ProcessorEnergy
from app.machine.monitor.values import CardReading
from app.network.client import Network, OfflineError
from inference.model.published import PublishedAnswer, PublishedJob, PublishedQuestion, measure_published
from tests.app.machine.bench.test_report import SCHEMA
from tests.helpers.waiting import WAIT_SECONDS
from trt_engines.planning.processor import ProcessorSpeed
from trt_engines.process import ProcessError

SHORT = BenchPlan(2, 1, LENGTHS[:1], ("balanced",))
SPEED = ProcessorSpeed("avx512", 2, 700e9, 800e9, 900e9)
TEXT = '{"choices": [{"delta": {"content": "Hello"}}]}'
COUNTS = '{"choices": [], "usage": {"completion_tokens": 7}}'


class _Server:
    """An OpenAI-compatible server: `events` is what every stream holds."""

    def __init__(self, events: Sequence[str], status: int = 200, models: str = '{"data": [{"id": "m"}]}') -> None:
        self.asked: list[dict[str, object]] = []
        self.keys: set[str | None] = set()
        ours = self

        class Request(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(models)

            def do_POST(self) -> None:
                ours.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                ours.keys.add(self.headers["Authorization"])
                self._send("".join(f"data: {event}\n\n" for event in events))

            def _send(self, body: str) -> None:
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[_Server]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(WAIT_SECONDS)


def against(server: _Server, **named: str) -> SideSoFar:
    """What comes of measuring it."""
    side = SideSoFar("server")
    address = ServerAddress(server_address(server.address).base, **named)
    with server.serving():
        list(measure_server(side, Network(), address, SHORT, threading.Event()))
    return side


def test_a_server_is_asked_the_same_prompts_and_counts_its_own_tokens() -> None:
    server = _Server(['{"choices": [{"delta": {"role": "assistant"}}]}', TEXT, COUNTS, "[DONE]", "no JSON"])
    side = against(server, key="secret")
    assert (side.trouble, side.model, len(side.runs), len(server.asked)) == ("", "m", 2, 3)
    assert {run.tokens for run in side.runs} == {7}
    assert all(run.first_block is not None and run.first_block <= run.wall_seconds for run in side.runs)
    assert server.keys == {"Bearer secret"}
    assert server.asked[0]["max_tokens"] == 64


def test_no_speed_is_made_of_a_guess() -> None:
    side = against(_Server([TEXT, "[DONE]"]), model="other")
    assert (side.model, {run.tokens for run in side.runs}) == ("other", {None})


@pytest.mark.parametrize(
    ("events", "status", "models"),
    [
        (["no JSON"], 200, "{}"),
        (["no JSON"], 200, '{"data": [{"id": "m"}]}'),
        (["[1]"], 200, '{"data": [{"id": "m"}]}'),
        (["[" * 3000], 200, '{"data": [{"id": "m"}]}'),
        ([TEXT], 500, "{}"),
        ([TEXT], 200, "<html>log in</html>"),
        ([TEXT], 200, '{"data": []}'),
    ],
)
def test_a_server_that_answers_something_else_is_told(events: list[str], status: int, models: str) -> None:
    side = against(_Server(events, status, models))
    assert side.trouble.startswith("127.0.0.1")
    assert not side.runs


def test_nobody_there_is_told() -> None:
    side = SideSoFar("server")
    list(measure_server(side, Network(), server_address("127.0.0.1:1"), SHORT, threading.Event()))
    assert "cannot be reached" in side.trouble


def test_stay_offline_refuses_a_server_before_anything_else_is_measured(tmp_path: Path) -> None:
    asked = Asked(None, "", ("fake",), against=server_address("127.0.0.1:1"), plan=SHORT)
    with pytest.raises(OfflineError):
        next(benchmark(asked, AppPaths.resolve(tmp_path), Network(offline=True), threading.Event()))


@pytest.mark.parametrize("named", ["", "http://", "ftp://a/b", "http://a:99999", "http://[::1", "a b:c"])
def test_what_is_no_address_is_refused(named: str) -> None:
    with pytest.raises(KnownAppError, match="no address"):
        server_address(named)


def test_addresses_as_people_type_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for named in ("127.0.0.1:1234", "http://127.0.0.1:1234/", "http://127.0.0.1:1234/v1/"):
        assert server_address(named).base == "http://127.0.0.1:1234/v1"
    monkeypatch.setenv("A_KEY", "k")
    assert server_address("host", key_variable="A_KEY").headers == {"Authorization": "Bearer k"}
    with pytest.raises(KnownAppError, match="is not set"):
        server_address("host", key_variable="NO_SUCH_KEY")


def test_a_model_is_measured_and_what_is_not_there_is_told(tmp_path: Path) -> None:
    paths = AppPaths.resolve(tmp_path).ensure()
    asked = Asked(None, "", ("fake", "fake:nonsense"), plan=SHORT)
    report = list(benchmark(asked, paths, Network(), threading.Event()))[-1]
    assert isinstance(report, BenchReport)
    fake, broken = report.sides
    assert (len(fake.runs), fake.trouble) == (2, "")
    assert fake.memory
    assert 0 <= (fake.others or 0.0) <= 1
    assert broken.trouble
    assert not broken.runs
    jsonschema.validate(json.loads(json.dumps(as_object(report))), SCHEMA)


def test_what_the_process_holds_on_the_card_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        """Whoever is asked about holds 3 GiB, then 5, then 4."""

        def __init__(self) -> None:
            self.held = [3 << 30, 5 << 30, 4 << 30]

        def read(self, ours: tuple[int, ...]) -> tuple[CardReading, ...]:
            return (CardReading("a", memory_ours=self.held.pop(0)),) if ours else ()

        def close(self) -> None:
            self.held = []

    monkeypatch.setattr("app.machine.bench.model.CardWatch", lambda nvml: Card())
    side, plan = SideSoFar("fake"), BenchPlan(3, 1, LENGTHS[:1], ("balanced",))
    list(measure_backend(side, None, tmp_path, tmp_path / "log", plan, threading.Event()))
    assert side.card_memory == 5 << 30


class _Times(NamedTuple):
    user: float
    system: float
    idle: float
    guest: float


class _Spent(NamedTuple):
    user: float
    system: float


def test_what_other_programs_take_is_all_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 s of two cores 12 are busy, 3 of them with our two processes; what a guest takes is in `user` already."""
    seconds = iter([(100.0, 10.0, 50.0, 7.0), (109.0, 13.0, 58.0, 9.0)])
    ours = iter([_Spent(1.0, 1.0), _Spent(1.0, 1.0), _Spent(2.0, 1.5), _Spent(2.0, 1.5)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: _Times(*next(seconds)))
    monkeypatch.setattr(psutil.Process, "cpu_times", lambda process: next(ours))
    others = OtherPrograms(psutil.Process().pid)
    assert others.share() == pytest.approx((12 - 3) / 20)

    def gone() -> object:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(psutil, "cpu_times", gone)
    assert others.share() is None
    assert OtherPrograms(None).share() is None


class _Cards:
    """Two cards: one takes 7 J an answer, the other is silent in between and then tells all of its life."""

    def __init__(self) -> None:
        self.looks = 0

    def read(self, ours: tuple[int, ...]) -> tuple[CardReading, ...]:
        if ours:
            return ()
        self.looks += 1
        return CardReading("a", joules=1000.0 + 7 * self.looks), CardReading(
            "b", joules=1e6 if self.looks > 2 else None
        )

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("least", "told"), [(0.0, 7.0), (1e9, None)])
def test_joules_of_each_answer_and_of_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: float, told: float | None
) -> None:
    monkeypatch.setattr("app.machine.bench.model.CardWatch", lambda nvml: _Cards())
    monkeypatch.setattr("app.machine.bench.model.ProcessorEnergy", lambda: ProcessorEnergy(tmp_path / "none"))
    monkeypatch.setattr("app.machine.bench.model.LEAST_SECONDS", least)
    side = SideSoFar("fake")
    list(measure_backend(side, None, tmp_path, tmp_path / "log", SHORT, threading.Event()))
    assert [run.joules for run in side.runs] == [told] * 2, "answers of no length tell nothing"
    assert side.joules_a_block == (told and 14.0 / sum(len(run.steps) for run in side.runs))


def test_a_stop_keeps_what_was_measured(tmp_path: Path) -> None:
    paths, cancel = AppPaths.resolve(tmp_path).ensure(), threading.Event()
    news = benchmark(Asked(None, "", ("fake", "fake"), plan=SHORT), paths, Network(), cancel)
    for event in news:
        if isinstance(event, BenchReport):
            assert (event.stopped, len(event.sides[0].runs)) == (True, 1)
            break
        if event.done == 1:
            cancel.set()
    else:
        pytest.fail("no report")


def test_nothing_measured_is_an_error_that_says_why(tmp_path: Path) -> None:
    asked = Asked(tmp_path, "", ("onnx",), plan=SHORT)
    with pytest.raises(KnownAppError, match=texts.NOTHING_MEASURED) as caught:
        list(benchmark(asked, AppPaths.resolve(tmp_path / "home").ensure(), Network(), threading.Event()))
    assert str(tmp_path.name) in caught.value.hint or caught.value.hint


def test_without_torch_the_comparison_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.machine.bench.published.is_there", lambda: False)
    side = SideSoFar("transformers")
    assert not list(measure_transformers(side, starter_model_folder(), SHORT, threading.Event()))
    assert side.trouble == texts.NO_TRANSFORMERS


class _Sent:
    """The child's end of the pipe, in this process: torch is imported once for all tests."""

    def __init__(self) -> None:
        self.messages: list[tuple[object, ...]] = []

    def send(self, message: tuple[object, ...]) -> None:
        self.messages.append(message)


def test_transformers_answers_on_the_same_weights_and_is_timed() -> None:
    sent = _Sent()
    questions = (PublishedQuestion("Hello!", 1, 64, steps_divisor=3), PublishedQuestion("Hello!", 2, 64))
    measure_published(PublishedJob(starter_model_folder(), questions), sent)  # type: ignore[arg-type]
    ready, *answers, done = sent.messages
    assert (ready[0], done[0]) == ("ready", "done")
    for _, answer in answers:
        assert isinstance(answer, PublishedAnswer)
        assert 0 < answer.tokens <= 64
        assert 0 < (answer.first_draft or 0) <= (answer.first_block or 0) <= answer.seconds
        assert len(answer.steps) == 1
    assert answers[0][1].steps[0] <= 16  # type: ignore[attr-defined]


def test_transformers_on_no_model_is_a_sentence(tmp_path: Path) -> None:
    sent = _Sent()
    measure_published(PublishedJob(tmp_path, ()), sent)  # type: ignore[arg-type]
    assert sent.messages[0][0] == "error"


def test_what_transformers_took_becomes_runs_and_its_failure_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = PublishedAnswer(20, 0.1, 0.5, 0.6, (12,))

    def answered(target: object, job: PublishedJob, what: str) -> Iterator[object]:
        yield ("ready", "CPU", 1.5)
        for _ in job.questions[:-1]:
            yield None
            yield ("answer", answer)
        raise ProcessError("It ended.", "Try again.")

    monkeypatch.setattr("app.machine.bench.published.messages", answered)
    side = SideSoFar("transformers")
    list(measure_transformers(side, starter_model_folder(), SHORT, threading.Event()))
    assert [(run.prompt, run.tokens, run.steps) for run in side.runs] == [(0, 20, (12,))]
    assert (side.device, side.trouble) == ("CPU", "It ended. Try again.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--presets", "quick"), "--presets knows no 'quick'"),
        (("--backends", "cuda"), "--backends knows no 'cuda'"),
        (("--lengths", ","), "--lengths knows no"),
        (("--prompts", "1"), "--prompts must be a whole number within 2 and 5"),
        (("--model", "nothing of this name"), "nothing of this name"),
        (("--against", "ftp://x"), "no address"),
    ],
)
def test_words_that_mean_nothing_are_one_sentence(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run_command(["bench", *words]) == 1
    assert said in capsys.readouterr().err


def test_the_command_prints_writes_and_draws(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dewpoint_home: Path
) -> None:
    monkeypatch.setattr("app.machine.bench.service.benchmark", _with_fake)
    monkeypatch.setattr("app.machine.bench.service.processor_of", lambda paths: Processor(True))
    monkeypatch.setattr("app.machine.bench.service.measure_processor", lambda services, cancel: Processor(True, SPEED))
    out, plot = tmp_path / "report.json", tmp_path / "report.svg"
    words = ["--lengths", "short", "--presets", "balanced", "--prompts", "2", "--seeds", "1"]
    assert run_command(["bench", *words, "--out", str(out), "--plot", str(plot)]) == 0
    text = capsys.readouterr().out
    assert "| fake | balanced | short |" in text
    assert texts.progress(PROCESSOR, 0, 1) in text
    assert json.loads(out.read_text("utf-8"))["computer"]["int8_peak"] == SPEED.int8_peak
    jsonschema.validate(json.loads(out.read_text("utf-8")), SCHEMA)
    assert plot.read_text("utf-8").startswith("<svg")
    assert run_command(["bench", *words, "--json", "--out", str(tmp_path / "no" / "such" / "folder" / "x")]) == 1
    found = capsys.readouterr()
    jsonschema.validate(json.loads(found.out), SCHEMA)
    assert "cannot be written" in found.err


def _with_fake(asked: Asked, *others: object) -> Iterator[object]:
    return benchmark(Asked(None, "", ("fake",), plan=asked.plan, peak=asked.peak), *others)  # type: ignore[arg-type]


def test_offline_settings_refuse_a_server(capsys: pytest.CaptureFixture[str], dewpoint_home: Path) -> None:
    SettingsFile(dewpoint_home / "settings.json").save(Settings(offline=True))
    assert run_command(["bench", "--against", "127.0.0.1:1"]) == 1
    assert "stay offline" in capsys.readouterr().err


def test_the_report_names_no_user() -> None:
    computer = service.this_computer()
    assert min(computer.cores, computer.memory) > 0
    assert str(Path.home()) not in repr(computer)
