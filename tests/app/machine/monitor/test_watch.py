"""The looks at the computer, the answers' figures, energy, and what a minute of it costs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
import pytest

from app.machine.monitor import texts, watch
from app.machine.monitor.energy import ProcessorEnergy
from app.machine.monitor.nvml import CardWatch
from app.machine.monitor.shown import speed_lines
from app.machine.monitor.speed import SpeedWatch
from app.machine.monitor.system import SystemWatch
from app.machine.monitor.values import CardReading, Reading, SpeedReading, SystemReading
from app.machine.monitor.watch import OurProcesses, readings
from inference.events import BlockCommitted, CardReads, Finished, Int8Work, PromptEncoded
from tests.helpers.scripted_nvml import RTX_4070, RTX_5090, scripted_nvml

MOST_SHARE = 0.01  # of a core, at a look a second


def block(number: int, steps: tuple[float, ...], model: float, tokens: int = 160) -> BlockCommitted:
    """A committed canvas of 256 places."""
    places = (0,) * 256
    return BlockCommitted(
        number, places, "x", "", len(steps), 48, True, (0.0,) * 256, (1,) * 256, 2.0, tokens=tokens,
        step_seconds=steps, model_seconds=model,
    )  # fmt: skip


def finished(tokens: int) -> Finished:
    """The end of an answer."""
    return Finished("end_of_text", "x", "", 1, (3, 4), 48, tokens, 1.0, 0.1, 1.0, 4.0, 2.0, tokens / 4.0, tokens / 2.0)


def test_figures_of_an_answer() -> None:
    speed = SpeedWatch()
    assert speed.reading() == SpeedReading()
    speed.take(PromptEncoded(20, 20, 0, 0, 0.25))
    speed.take(block(0, (0.1, 0.1, 0.5), 0.6))
    speed.take(block(1, (0.1, 0.1, 0.2, 0.2), 0.5))
    before = speed.reading()
    assert (before.blocks, before.step_median, before.step_slow) == (2, 0.1, 0.5)
    assert before.wall_rate is None
    speed.end(finished(320))
    after = speed.reading()
    assert (after.steps_a_block, before.useful_share) == (3.5, after.useful_share)
    assert after.tokens_a_block == 160
    assert after.useful_share == pytest.approx(0.625)
    assert (after.wall_rate, after.decode_rate) == (80.0, 160.0)
    assert dict(after.parts) == pytest.approx({texts.READING: 0.25, texts.MODEL: 1.1, texts.HOST: 0.2})
    speed.begin()
    assert speed.reading() == SpeedReading()


def test_an_answer_that_failed_has_no_rate_and_none_is_invented() -> None:
    speed = SpeedWatch()
    speed.take(block(0, (), 0.0))
    speed.end(None)
    assert (speed.reading().wall_rate, speed.reading().step_median, speed.reading().parts) == (None, None, ())
    speed.begin()
    speed.end(finished(0))
    assert speed.reading() == SpeedReading()


def energy(at: float, card: float | None, processor: float | None = None) -> Reading:
    """A look that tells energy."""
    return Reading((CardReading("a", joules=card),), "", SystemReading(joules=processor), at)


def test_joules_of_a_block_are_the_power_while_it_was_written() -> None:
    speed = SpeedWatch()
    speed.note_energy(energy(10.0, 1000.0, 50.0))
    speed.take(block(0, (0.1,), 0.1))
    assert speed.reading().joules is None
    speed.note_energy(energy(11.0, 1150.0, 60.0))
    speed.note_energy(energy(12.0, 1300.0, 70.0))
    assert speed.reading().joules == pytest.approx(160.0 * 2.0)
    speed.end(finished(10))
    speed.note_energy(energy(60.0, 9_000.0, 70.0))
    assert speed.reading().joules == pytest.approx(320.0)


@pytest.mark.parametrize("joules", [(None, None), (5.0, 4.0), (5.0, None)])
def test_where_nobody_tells_energy_none_is_said(joules: tuple[float | None, float | None]) -> None:
    speed = SpeedWatch()
    speed.take(block(0, (0.1,), 0.1))
    speed.note_energy(energy(0.0, joules[0]))
    speed.note_energy(energy(5.0, joules[1]))
    assert speed.reading().joules is None


def test_a_card_that_begins_to_tell_in_between_is_not_counted_from_its_birth() -> None:
    """Its counter holds all that it took since the driver was loaded; the processor's goes on."""
    speed = SpeedWatch()
    speed.take(block(0, (0.1,), 0.1))
    speed.note_energy(energy(0.0, None, 10.0))
    speed.note_energy(energy(2.0, 4e6, 30.0))
    assert speed.reading().joules == pytest.approx(20.0)
    speed.note_energy(energy(4.0, None, 50.0))
    assert speed.reading().joules == pytest.approx(20.0)


def test_use_of_the_processor_and_of_a_card() -> None:
    speed, work = SpeedWatch(), Int8Work(1e9, 0.0, 0.0, 1024)
    speed.take(block(0, (0.5,), 0.4), work)
    assert texts.USE not in dict(speed_lines(speed.reading())), "without our kernels it is not to be had"
    speed.measurable = True
    assert (speed.reading().unmeasured, speed.reading().peak_share) == (True, None)
    assert (texts.USE, texts.PEAK_UNKNOWN) in speed_lines(speed.reading())
    speed.begin()
    speed.peak = 1e12
    speed.take(block(0, (0.5,), 0.4), work)
    assert (texts.USE, "51 % of the int8 products that this processor reaches") in speed_lines(speed.reading())
    speed.begin()
    assert texts.USE not in dict(speed_lines(speed.reading()))
    speed.take(block(0, (0.02,), 0.02), CardReads(15 * 10**9, 900e9))
    assert (texts.USE, "83 % of what this card's memory allows") in speed_lines(speed.reading())


def test_the_processors_counters_are_added_up_and_begin_anew(tmp_path: Path) -> None:
    places = [tmp_path / "intel-rapl:0", tmp_path / "intel-rapl:1", tmp_path / "intel-rapl:0:0"]
    for place in places:
        place.mkdir()
        (place / "energy_uj").write_text("1000000\n")
        (place / "max_energy_range_uj").write_text("5000000")
    meter = ProcessorEnergy(tmp_path)
    assert meter.joules() == 0.0
    (places[0] / "energy_uj").write_text("4000000")
    (places[2] / "energy_uj").write_text("4000000")  # a part of the first: counted already
    assert meter.joules() == 3.0
    (places[0] / "energy_uj").write_text("500000")
    assert meter.joules() == 4.5
    (places[1] / "energy_uj").write_text("nonsense")
    assert meter.joules() == 4.5
    for place in places[:2]:
        (place / "energy_uj").unlink()
    assert meter.joules() is None
    assert ProcessorEnergy(tmp_path / "none").joules() is None


def test_the_rest_of_the_computer(tmp_path: Path) -> None:
    now = [0.0]
    watched = SystemWatch(tmp_path, ProcessorEnergy(tmp_path), lambda: now[0])
    ours = {psutil.Process().pid}
    assert watched.read(ours).load_ours is None
    now[0] = 1.0
    found = watched.read(ours)
    assert found.load_ours is not None
    assert 0 <= found.load_ours <= 100
    assert 0 < (found.memory_ours or 0) < (found.memory_total or 0)
    assert 0 < (found.disk_free or 0) <= (found.disk_total or 0)
    assert watched.read({1 << 30}).memory_ours is None
    assert SystemWatch(tmp_path / "gone").read(()).disk_free is None


def test_every_function_of_psutil_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (OSError("no"), psutil.AccessDenied(1), NotImplementedError(), ValueError("odd")):

        def failing(*arguments: object, error: Exception = error) -> object:
            raise error

        for name in ("cpu_percent", "cpu_count", "virtual_memory", "disk_usage", "Process"):
            with monkeypatch.context() as patch:
                patch.setattr(psutil, name, failing)
                SystemWatch(tmp_path).read({1})
                OurProcesses().numbers(7)


def test_processes_of_ours_are_listed_now_and_then_and_the_model_is_always_among_them() -> None:
    now = [0.0]
    processes = OurProcesses(lambda: now[0])
    first = processes.numbers(None)
    assert psutil.Process().pid in first
    assert processes.numbers(4242) == first | {4242}


def test_looks_go_on_until_they_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "nvml_bindings", lambda: scripted_nvml(RTX_4070))
    cancel = threading.Event()
    looks = readings(tmp_path, lambda: None, cancel, seconds=0.0)
    assert [card.name for card in next(looks).cards] == ["RTX 4070"]
    assert next(looks).no_card == ""
    cancel.set()
    assert list(looks) == []


def test_a_look_costs_little(tmp_path: Path) -> None:
    """Of the thread's own processor time; the best of some, since other programs only make it dearer."""
    cards, system, ours = CardWatch(scripted_nvml(RTX_4070, RTX_5090)), SystemWatch(tmp_path), OurProcesses()
    costs = []
    for _ in range(20):
        began = time.thread_time()
        pids = ours.numbers(None)
        cards.read(pids)
        system.read(pids)
        costs.append(time.thread_time() - began)
    best = sorted(costs)[len(costs) // 2]
    assert best / 1.0 < MOST_SHARE
