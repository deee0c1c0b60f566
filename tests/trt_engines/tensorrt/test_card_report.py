"""The report of a card's trial: kept as it was, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.helpers.card_reports import REPORT
from trt_engines.tensorrt.card_report import NEEDED_STEPS, STEPS, TRIAL, read_report, write_report


def test_a_report_is_kept(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    write_report(tmp_path / "engines", REPORT)
    assert read_report(tmp_path / "engines") == REPORT


def test_what_is_needed_decides() -> None:
    assert set(NEEDED_STEPS) < set(STEPS)
    assert REPORT.runs_models
    for name in NEEDED_STEPS:
        steps = tuple(dataclasses.replace(each, worked=each.worked and each.name != name) for each in REPORT.steps)
        assert not dataclasses.replace(REPORT, steps=steps).runs_models
    assert not dataclasses.replace(REPORT, steps=()).runs_models


@pytest.mark.parametrize(
    "change",
    [
        {"way": 3},
        {"steps": None},
        {"steps": [{"name": "run"}]},
        {"steps": ["run"]},
        {"card": None},
        {"sm": "89"},
        {"x": 1},
    ],
)
def test_another_file_is_no_report(tmp_path: Path, change: dict[str, object]) -> None:
    facts = {**dataclasses.asdict(REPORT), **change}
    (tmp_path / TRIAL).write_text(json.dumps(facts), "utf-8")
    assert read_report(tmp_path) is None
    for text in ("", "[]", "{", "null"):
        (tmp_path / TRIAL).write_text(text, "utf-8")
        assert read_report(tmp_path) is None
