"""How far shares can be believed: the temperature that made them is found, and files say what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from inference.cli import main
from inference.errors import KnownError
from inference.events import Calibrated, Calibration, Decided
from inference.forms.errors import FormError
from inference.operations.calibrate import calibration_error, calibration_of, tempered
from inference.operations.calibration_files import read_calibration, read_examples, write_calibration
from inference.operations.decide import decide
from inference.operations.perform import perform
from inference.operations.requests import CalibrateRequest, DecideRequest, KnownAnswer, score_labels
from tests.inference.support import fake_session


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_shares_were_made_with_is_found(temperature: float) -> None:
    rng = np.random.default_rng(3)
    true = [rng.dirichlet(np.full(3, 0.7)) for _ in range(1500)]
    right = [int(rng.choice(3, p=each)) for each in true]
    said = [tempered(np.log(each), 1 / temperature) for each in true]
    found = calibration_of(said, right, "model")
    assert found.temperature == pytest.approx(temperature, rel=0.15)
    assert found.error < 0.05
    assert (found.error_before > 1.5 * found.error) == (temperature != 1.0)
    assert found.right == pytest.approx(
        np.mean([each.argmax() == answer for each, answer in zip(true, right, strict=True)])
    )


def test_the_error_is_the_distance_of_confidence_and_truth() -> None:
    shares = [np.array([0.95, 0.05])] * 10 + [np.array([0.35, 0.65])] * 10
    right = [0] * 8 + [1] * 2 + [1] * 5 + [0] * 5
    assert calibration_error(shares, right) == pytest.approx((0.15 + 0.15) / 2)


def test_a_decision_says_mean_and_confidence_where_they_mean_something() -> None:
    session, _ = fake_session("no")
    plain = decide(session, DecideRequest("", "Is it?"))
    assert (plain.mean, plain.confidence) == (None, None)
    known = Calibration(1000.0, session.name, 100, 0.5, 0.1, 0.4)
    unsure = decide(session, DecideRequest("", "Is it?", calibration=known))
    assert unsure.shares == plain.shares
    assert unsure.confidence == pytest.approx(0.5, abs=0.02), "so hot that nothing is left of the difference"
    scored = decide(session, DecideRequest("", "How much?", score_labels(4), score=True))
    assert scored.mean == pytest.approx(
        sum(int(name) * share for name, share in zip(scored.labels, scored.shares, strict=True))
    )
    with pytest.raises(FormError, match="not of"):
        decide(session, DecideRequest("", "?", calibration=Calibration(1.0, "another", 100, 0.5, 0.1, 0.4)))
    with pytest.raises(ValueError, match="whole numbers"):
        DecideRequest("", "?", ("a", "b"), score=True)
    with pytest.raises(ValueError, match="goes up to"):
        score_labels(11)


def test_examples_are_decided_and_measured() -> None:
    session, _ = fake_session("no")
    examples = tuple(KnownAnswer("", f"Is it {number}?", ("yes", "no"), "no") for number in range(20))
    (found,) = perform(session, CalibrateRequest(examples, 1))
    assert isinstance(found, Calibrated)
    assert (found.calibration.right, found.calibration.examples) == (1.0, 20)
    with pytest.raises(KnownError, match="19 examples are too few"):
        list(perform(session, CalibrateRequest(examples[:19])))
    with pytest.raises(ValueError, match="none of the labels"):
        KnownAnswer("", "?", ("yes", "no"), "perhaps")


def test_the_commands_do_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples, out, fake = tmp_path / "known.jsonl", tmp_path / "known.json", ("--backend", "fake", "--seed", "1")
    lines = [json.dumps({"question": f"Is it {number}?", "answer": "yes"}) for number in range(20)]
    examples.write_text("\n".join(lines) + "\n\n")
    assert main(["calibrate", "--examples", str(examples), "--out", str(out), "--reads", "1", *fake]) == 0
    assert "from 20 examples" in capsys.readouterr().out
    assert read_calibration(out).examples == 20
    assert main(["decide", "--question", "Is it?", "--calibration", str(out), *fake]) == 0
    assert "calibrated confidence in" in capsys.readouterr().out
    assert main(["decide", "--question", "How?", "--score", "3", "--json", *fake]) == 0
    decided = json.loads(capsys.readouterr().out)
    assert decided["event"] == Decided.__name__
    assert decided["labels"] == ["1", "2", "3"]
    assert 1 <= decided["mean"] <= 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: this is no JSON"),
        ("[]", "line 2: this is no object"),
        ('{"question": 1, "answer": "yes"}', "must be texts"),
        ('{"question": "?", "answer": "perhaps"}', "none of the labels"),
        ('{"question": "?", "answer": "yes", "labels": 3}', "labels"),
    ],
)
def test_a_line_that_is_no_example_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "known.jsonl"
    file.write_text('{"question": "?", "answer": "yes"}\n' + line)
    with pytest.raises(KnownError, match=said):
        read_examples(file)


def test_files_that_are_something_else_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="cannot be read"):
        read_examples(tmp_path / "none")
    with pytest.raises(KnownError, match="cannot be read"):
        read_calibration(tmp_path / "none")
    for text in (
        "{}",
        "[1]",
        "no",
        '{"temperature": 0, "model": "", "examples": 1, "right": 1, "error": 0, "error_before": 0}',
    ):
        (tmp_path / "file").write_text(text)
        with pytest.raises(KnownError, match="holds no calibration"):
            read_calibration(tmp_path / "file")
    with pytest.raises(KnownError, match="cannot be written"):
        write_calibration(tmp_path / "none" / "file", Calibration(1.0, "", 1, 1.0, 0.0, 0.0))
