"""infill, rewrite, decide and find on the command line, and forms of `generate`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from inference.cli import main

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


@pytest.mark.parametrize("form", ["xml", "choice", "regexp:a"])
def test_a_form_that_is_none_is_wrong_usage(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["generate", "--prompt", "Hi", "--form", form])
    assert raised.value.code == 2
    assert "must be json" in capsys.readouterr().err
