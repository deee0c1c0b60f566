"""How fast large models are on the processor: measured once, remembered for this processor, never in the way."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Generator
from typing import Any

import pytest

from app.library import processor
from app.library.overview import library_status
from app.library.processor import measure_processor, processor_of
from app.library.services import LibraryServices
from app.library.tasks import LibraryTasks
from app.library.values import Fit, LibraryStatus, Processor
from inference.errors import LookError
from inference.look.client import Looks
from inference.look.questions import MeasureProcessor
from trt_engines.planning.processor import ProcessorSpeed

SPEED = ProcessorSpeed("avx512", 2, 700e9, 800e9, 900e9)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Kernels are there, and a measurement takes no time; what is asked is noted."""
    questions: list[Any] = []

    def follow(looks: Looks, question: Any, cancel: threading.Event) -> Generator[ProcessorSpeed, None, None]:
        questions.append(question)
        yield SPEED

    monkeypatch.setattr(Looks, "follow", follow)
    monkeypatch.setattr(processor, "library_there", lambda: "dewpoint-native-1.so")
    monkeypatch.setattr(processor, "processor_name", lambda: "A processor")
    return questions


def test_it_is_measured_once_and_remembered(services: LibraryServices, asked: list[Any]) -> None:
    assert processor_of(services.paths) == Processor(True)
    assert measure_processor(services, threading.Event()) == Processor(True, SPEED)
    assert asked == [MeasureProcessor()]
    assert processor_of(services.paths) == Processor(True, SPEED)
    assert library_status(services).machine.processor.speed == SPEED


@pytest.mark.parametrize("change", ["processor", "kernels", "none"])
def test_another_processor_or_other_kernels_are_measured_anew(
    services: LibraryServices, asked: list[Any], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    measure_processor(services, threading.Event())
    if change == "processor":
        monkeypatch.setattr(processor, "processor_name", lambda: "Another")
    else:
        monkeypatch.setattr(processor, "library_there", lambda: None if change == "none" else "dewpoint-native-2.so")
    assert processor_of(services.paths) == Processor(change != "none")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"machine": 1}', '{"speed": {}, "machine": ""}', "speed", '{"layer_rate": "a"}',
        '{"layer_rate": NaN}', '{"layer_rate": -1.0}', '{"layer_rate": 1e300}', '{"more": 1}',
        '{"int8_peak": 0.0}', '{"int8_peak": "a"}',
    ],
)  # fmt: skip
def test_what_else_lies_there_is_as_nothing(services: LibraryServices, asked: list[Any], text: str) -> None:
    measure_processor(services, threading.Event())
    file = services.paths.base / "processor.json"
    note = json.loads(file.read_text("utf-8"))
    if text.startswith(('{"layer', '{"int8', '{"more')):
        note["speed"] |= json.loads(text)
        text = json.dumps(note)
    file.write_text(text, "utf-8")
    assert processor_of(services.paths) == Processor(True)


def test_a_measurement_that_fails_says_nothing_and_leaves_nothing(
    services: LibraryServices, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def follow(looks: Looks, question: Any, cancel: threading.Event) -> Generator[ProcessorSpeed, None, None]:
        raise LookError("It died.")
        yield SPEED

    monkeypatch.setattr(Looks, "follow", follow)
    assert measure_processor(services, threading.Event()) == Processor(True)
    assert list(LibraryTasks(services).measure(threading.Event())) == []
    assert not (services.paths.base / "processor.json").exists()


def test_the_page_hears_of_it(services: LibraryServices, asked: list[Any]) -> None:
    """It is measured where a large model would run on the processor alone."""
    (after,) = LibraryTasks(services).measure(threading.Event())
    assert isinstance(after, LibraryStatus)
    assert after.machine.processor.speed == SPEED
    large = dataclasses.replace(after.models[1], fit=Fit("processor", "Runs on the processor."))
    known = dataclasses.replace(after, models=(after.models[0], large))
    assert not known.measurable
    unknown = dataclasses.replace(known, machine=dataclasses.replace(known.machine, processor=Processor(True)))
    assert unknown.measurable
    assert not dataclasses.replace(unknown, models=unknown.models[:1]).measurable, "the starter needs no figure"
