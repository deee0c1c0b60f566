"""Figures, the table, the JSON and the picture of a benchmark, from made-up answers."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from app.machine.bench.figures import figure, rows
from app.machine.bench.plot import svg
from app.machine.bench.prompts import PROMPTS, questions, warm_up
from app.machine.bench.report import as_object, markdown
from app.machine.bench.values import LENGTHS, PRESETS, BenchComputer, BenchPlan, BenchReport, BenchRun, Figure, Side

SCHEMA = json.loads((Path(__file__).parents[4] / "docs" / "bench.schema.json").read_text("utf-8"))
HERE = BenchComputer("Linux 6", "A processor", 8, 32 << 30, ("RTX 4090",), "580.1")
HOSTILE = 'a | b\n\n<script>alert("x")</script>\u202e\x00 & "'


def run(number: int, length: str = "256", tokens: int | None = 256, seconds: float = 2.0) -> BenchRun:
    """An answer; its number makes it a little slower."""
    return BenchRun(
        length, "balanced", number % 5, number, tokens, 0.1 + number / 1000, 1.0, seconds + number / 10, 1.5, (12, 14)
    )


def report(*sides: Side, stopped: bool = False, model: str = "A model") -> BenchReport:
    """A report about them."""
    return BenchReport("1.0", "2026-11-29T10:00:00+00:00", HERE, model, BenchPlan(), sides, rows(sides), stopped)


def test_a_figure_is_the_median_and_what_eight_of_ten_lie_within() -> None:
    assert figure(range(11)) == Figure(5, 1, 9)
    assert figure([3.0]) == Figure(3.0, 3.0, 3.0)
    assert figure([None, 2.0, None]) == Figure(2.0, 2.0, 2.0)
    assert figure([None]) is None


def test_rates_are_of_whole_answers_and_an_empty_one_has_none() -> None:
    slow = BenchRun("short", "fast", 0, 1, 100, None, None, 4.0, 2.0)
    empty = BenchRun("short", "fast", 1, 1, 0, None, None, 4.0, 2.0)
    (row,) = rows([Side("onnx", runs=(slow, empty))])
    assert row.answers == 2
    assert row.wall_rate == Figure(25.0, 25.0, 25.0)
    assert row.decode_rate == Figure(50.0, 50.0, 50.0)
    assert (row.first_draft, row.steps) == (None, None)


def test_no_prompt_comes_twice_in_a_row_and_every_one_has_a_wording_for_each_length() -> None:
    for prompts in range(2, PROMPTS + 1):
        plan = BenchPlan(prompts=prompts)
        asked = [*warm_up(plan), *questions(plan)]
        assert len(asked) == plan.runs + len(LENGTHS)
        assert all(one.text != other.text for one, other in itertools.pairwise(asked))
    assert len({each.text for each in questions(BenchPlan())}) == PROMPTS * len(LENGTHS)
    assert {each.preset for each in questions(BenchPlan())} == set(PRESETS)


@pytest.mark.parametrize("stopped", [False, True])
def test_the_json_keeps_to_its_schema(stopped: bool) -> None:
    server = Side("server", "http://127.0.0.1:1", "x", runs=(BenchRun("short", "own", 0, 1, None, None, 0.5, 1.0),))
    whole = report(Side("onnx", "CPU", "m", 1.0, 5 << 20, None, tuple(map(run, range(15)))), server, stopped=stopped)
    found = json.loads(json.dumps(as_object(whole)))
    jsonschema.validate(found, SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert found["rows"][0]["wall_rate"]["median"] == pytest.approx(256 / 2.7, abs=0.001)
    del found["rows"][0]["wall_rate"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_the_table_says_who_did_not_answer_and_where_answers_were_short() -> None:
    text = markdown(
        report(Side("onnx", runs=(run(1, tokens=30), run(2, tokens=34))), Side("torch", trouble="It is not there."))
    )
    assert "ended its answers by itself: onnx balanced 256." in text
    assert "- torch. It is not there." in text
    assert "A processor, 8 cores, 32 GiB, RTX 4090, driver 580.1, Linux 6" in text
    assert "| onnx | balanced | 256 | 14.9 (14.4 to 15.3) | 102 (101 to 102) ms | 1.0 s | 32 (30 to 34) |" in text


def test_use_and_energy_stand_behind_who_answered() -> None:
    used = dataclasses.replace(run(1), joules=50.0, peak_share=0.634, memory_share=None)
    on_card = dataclasses.replace(run(2), joules=30.0, memory_share=0.83)
    whole = report(
        Side("native", "processor", runs=(used, run(3)), joules_a_block=25.25),
        Side("tensorrt", "RTX 4090", runs=(on_card,), memory_rate=900e9, joules_a_block=1234.0),
    )
    text = markdown(whole)
    assert "- native, processor, 63 % of the int8 products that this processor reaches, 25.2 J a block" in text
    assert "- tensorrt, RTX 4090, 83 % of what this card's memory allows, 1,234 J a block" in text
    first, second = whole.rows
    assert (first.joules, first.memory_share) == (Figure(25.0, 25.0, 25.0), None), "of each of its two blocks"
    assert (second.peak_share, second.memory_share) == (None, Figure(0.83, 0.83, 0.83))
    jsonschema.validate(json.loads(json.dumps(as_object(whole))), SCHEMA)
    disturbed = markdown(report(Side("onnx", runs=(run(1),), others=0.85)))
    assert "**other programs took 85 % of the processor meanwhile**" in disturbed
    assert "other programs" not in markdown(report(Side("onnx", runs=(run(1),), others=0.05)))
    assert "J a block" not in markdown(report(Side("onnx", runs=(run(1),))))


def test_names_that_somebody_chose_break_neither_table_nor_picture() -> None:
    whole = report(Side("server", HOSTILE, HOSTILE, runs=(run(1),)), model=HOSTILE)
    table = [line for line in markdown(whole).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {9}
    picture = ElementTree.fromstring(svg(whole))
    assert not picture.findall(".//{http://www.w3.org/2000/svg}script")
    jsonschema.validate(json.loads(json.dumps(as_object(whole))), SCHEMA)


def test_the_picture_has_a_bar_for_each_line_with_a_rate() -> None:
    picture = ElementTree.fromstring(svg(report(Side("onnx", runs=tuple(map(run, range(15)))))))
    bars = [each for each in picture.iter("{http://www.w3.org/2000/svg}rect") if each.get("rx")]
    assert len(bars) == 1
    assert 0 < float(bars[0].get("width", "0")) <= 520
    assert ElementTree.fromstring(svg(report())) is not None
