"""infill, rewrite, decide and find on the command line, and forms of `generate`."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from inference.cli import main
from inference.traces.trace import read_trace

FAKE = ("--backend", "fake", "--seed", "1", "--steps", "4")


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that succeeds prints."""
    assert main([*arguments, *FAKE]) == 0
    return capsys.readouterr().out


def test_an_answer_in_each_form(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    schema, template = tmp_path / "schema.json", tmp_path / "template.txt"
    schema.write_text('{"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}')
    template.write_text("Dear {word}, é")
    forms = {
        "choice:yes,no": "yes|no",
        r"regex:\d{2}": r"\d\d",
        f"json:{schema}": r'\{"a": ?(true|false)\}',
        f"template:{template}": "Dear .+, é",
    }
    for form, wanted in forms.items():
        assert re.fullmatch(wanted, output(capsys, "generate", "--prompt", "Hi", "--form", form).rstrip("\n")), form
    json.loads(output(capsys, "generate", "--prompt", "Hi", "--form", "json"))
    held = output(capsys, "generate", "--prompt", "Hi", "--hold", "river", "--hold", "lamp")
    assert "river" in held
    assert "lamp" in held


@pytest.mark.parametrize(
    "text", ["\0", "\n", "\r\n", " \t ", "\x7f\x85", "\u2028", "\ufeff", "\ufffd", "\n a \n\n"], ids=ascii
)
def test_an_answer_is_of_its_form_to_the_last_character(capsys: pytest.CaptureFixture[str], text: str) -> None:
    arguments = ("generate", "--prompt", "Hi", "--form", f"regex:{re.escape(text)}")
    assert json.loads(output(capsys, *arguments, "--json"))["answer"] == text
    assert output(capsys, *arguments) == f"{text}\n"


@pytest.mark.parametrize(("command", "option"), [("decide", "--reads"), ("rewrite", "--variants")])
def test_more_than_can_be_done_is_refused(capsys: pytest.CaptureFixture[str], command: str, option: str) -> None:
    needed = {"decide": ["--question", "?"], "rewrite": ["--prompt", "?", "--text", "a b", "--part", "b"]}[command]
    with pytest.raises(SystemExit) as ended:
        main([command, *needed, option, "33"])
    assert ended.value.code == 2
    assert "must be a whole number of 1 to " in capsys.readouterr().err


def test_blanks_parts_decisions_and_finds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("Dear {word}, good bye – é.", encoding="utf-8")
    assert re.fullmatch("Dear .+, good bye – é.\n", output(capsys, "infill", "--file", str(file)))
    filled = json.loads(output(capsys, "infill", "--file", str(file), "--json", "--wish", "a name"))
    assert filled["text"] == "Dear" + filled["answer"]
    text = "One two three. Four five."
    rewritten = json.loads(output(capsys, "rewrite", "--prompt", "Hi", "--text", text, "--part", "two", "--json"))
    for variant in rewritten["variants"]:
        assert variant["answer"] == f"One {variant['part']} three. Four five."
    lines = output(capsys, "rewrite", "--prompt", "Hi", "--text", text, "--part", "two").splitlines()
    assert len(lines) == len(rewritten["variants"]) > 0
    decided = output(capsys, "decide", "--text", text, "--question", "Is it?", "--labels", "a,b,c")
    assert sorted(line.split("\t")[1] for line in decided.splitlines()) == ["a", "b", "c"]
    assert json.loads(output(capsys, "decide", "--question", "Is it?", "--json"))["event"] == "Decided"
    assert output(capsys, "find", "--text", text, "--question", "Which?").rstrip("\n") in text
    events = output(capsys, "find", "--text", text, "--question", "Which?", "--events").splitlines()
    assert json.loads(events[-1])["event"] == "Finished"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rewrite", "--prompt", "Hi", "--text", "One", "--part", "two"), "does not hold this part"),
        (("infill", "--text", "No blanks"), "has no blank"),
        (("infill", "--file", "nowhere.txt"), "nowhere.txt cannot be read"),
        (("decide", "--question", "Is it?", "--labels", "a"), "cannot be decided"),
        (("decide", "--question", "Is it?", "--labels", "a,b,a"), "Two of the labels are the same: 'a'."),
        (("decide", "--question", "Is it?", "--labels", "a, b , a"), "Two of the labels are the same: 'a'."),
        (("decide", "--question", "Is it?", "--labels", "a,"), "One of the labels is empty."),
        (("decide", "--question", " "), "The question is empty."),
        (("find", "--question", "", "--text", "a"), "The question is empty."),
        (("decide", "--question", "Is it?", "--text", ""), "The text is empty."),
        (("generate", "--prompt", "Hi", "--hold", ""), "A word that is to be held is empty."),
        (("generate", "--prompt", "Hi", "--form", "choice:"), "One of the texts to choose from is empty."),
        (("generate", "--prompt", "Hi", "--form", "choice:,"), "One of the texts to choose from is empty."),
        (("generate", "--prompt", "Hi", "--form", "regex:"), "The regular expression is empty."),
        (("generate", "--prompt", "Hi", "--form", "regex:("), "cannot be read"),
        (("generate", "--prompt", "Hi", "--form", "json:nowhere.json"), "nowhere.json cannot be read"),
        (("generate", "--prompt", "Hi", "--form", "regex:a{90}", "--max-new-tokens", "5"), "needs at least"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(arguments: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, *FAKE]) == 1
    found = capsys.readouterr()
    assert said in found.err
    assert "Traceback" not in found.err
    assert found.out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"const": NaN}', "NaN is no number of JSON: line 1 column 11"),
        ('{"const": 1e999}', "The schema's #/const holds a number that is too large."),
        ('{"enum": ["\\ud83d"]}', "The schema's #/enum holds half a character"),
        ("[" * 100_000, "The JSON schema is no JSON: it is nested too deeply."),
        ('{"const": ' + "9" * 5000 + "}", "The JSON schema is no JSON: it holds a number of more than 4000 digits."),
        ("", "The JSON schema is empty."),
    ],
)
def test_a_schema_file_that_is_none_is_a_sentence(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "schema.json").write_text(text)
    assert main(["generate", "--prompt", "Hi", "--form", f"json:{tmp_path / 'schema.json'}", *FAKE]) == 1
    found = capsys.readouterr()
    assert said in found.err
    assert "Traceback" not in found.err
    assert found.out == ""


def test_a_calibration_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "nowhere" / "known.json"
    assert main(["calibrate", "--examples", "nowhere.txt", "--out", str(out), "--model", "nowhere"]) == 1
    assert f"{out} cannot be written: No such file or directory." in capsys.readouterr().err


@pytest.mark.parametrize("form", ["xml", "choice", "regexp:a"])
def test_a_form_that_is_none_is_wrong_usage(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["generate", "--prompt", "Hi", "--form", form])
    assert raised.value.code == 2
    assert "must be json" in capsys.readouterr().err


def test_the_steps_of_a_block_come_with_its_event(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys, "generate", "--prompt", "Hi", "--events", "--trace").splitlines()
    block = next(event for event in map(json.loads, lines) if event["event"] == "BlockCommitted")
    assert list(read_trace(b64decode(block["trace"])).committed) == block["token_ids"]
