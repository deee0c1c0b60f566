"""Blanks, rewriting, decisions, finds and alternatives: what is not asked for stays as it was, to the byte."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest

from inference.events import BlockCommitted, Finished, VariantWritten
from inference.forms.errors import FormError
from inference.forms.template import before_blank, escaped, has_blank
from inference.forms.wanted import Form
from inference.operations.alternatives import alternatives
from inference.operations.decide import decide
from inference.operations.find import find_request
from inference.operations.infill import infill_request
from inference.operations.requests import AlternativesRequest, DecideRequest, RewriteRequest, with_alternative
from inference.operations.rewrite import rewrite
from inference.params import ChatTurn, SamplerParams
from inference.session import Session
from tests.inference.support import CancelAfter, ask, fake_session, of_kind, timeless

QUESTION = (ChatTurn("user", "Tell me."),)
FEW = SamplerParams(max_denoising_steps=4)
TEXTS = (
    "Dew forms at night. It is water from the air.\n\nIt falls in the morning – early.",
    "def add(a, b):\n    return {a: [b]}  # ___ {word}\n",
    "| a | b |\n|---|---|\n| é | 漢字 |\n",
    "שלום לכם. مرحبا بكم.\tتبويب",
    "🦊 foxes 🦊🦊 {{x}} /}",
)


def answer_of(session: Session, request: Any, cancel: Any = None) -> str:
    """The text that one request leads to, its given beginning included."""
    last = list(session.generate(request, cancel))[-1]
    assert isinstance(last, Finished)
    return str(request.answer_start) + last.answer


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_without_blanks_is_its_own_template(text: str) -> None:
    session, _ = fake_session(canvas_length=64, max_context=2048)
    assert not has_blank(escaped(text)) or "___" in text
    assert answer_of(session, ask(form=Form("template", escaped(text)))) == text


def test_blanks_are_filled_and_all_else_comes_back() -> None:
    session, _ = fake_session("Some words here. " * 5, canvas_length=64, max_context=2048)
    template = "Dear {word}, on {date} at {10|11} {{so}}: {2-3 words}; {3-5 characters}, {/x+y/} {number}\n___ end"
    wanted = (
        r"Dear [^\s,.!?;:]+, on \d{4}-\d\d-\d\d at (10|11) \{so\}: (\S+ ){1,2}\S+; [^\n]{3,5}, x+y "
        r"-?\d+(\.\d+)?\n[^\n]+ end"
    )
    for seed in range(3):
        request = infill_request(template, "something nice", seed=seed)
        assert request.answer_start == "Dear"
        assert re.fullmatch(wanted, answer_of(session, request))
    assert before_blank("a {{b}} {word} c") == ("a {b} ", "{word} c")
    with pytest.raises(FormError, match="no blank"):
        infill_request("Dear you")


@pytest.mark.parametrize("wrong", ["{colour}", "a { b", "}", "{0 words}", "{5-2 words}"])
def test_what_is_no_template_is_refused(wrong: str) -> None:
    session, _ = fake_session()
    with pytest.raises(FormError):
        session.compiled(Form("template", wrong))


def test_rewriting_changes_the_part_alone() -> None:
    """Any part of texts of several scripts; stopped ones, too."""
    rng = random.Random(1)
    session, _ = fake_session("Other words, é. " * 3, canvas_length=64, max_context=4096)
    written = 0
    for number in range(15):
        answer = TEXTS[number % len(TEXTS)]
        first = rng.randrange(len(answer) - 2)
        last = min(len(answer), first + rng.randint(1, 12))
        request = RewriteRequest(
            QUESTION, answer, first, last, answer[first:last], seed=number, variants=2, sampler=FEW
        )
        cancel = CancelAfter(rng.randint(3, 40)) if number % 2 else None
        for found in of_kind(list(rewrite(session, request, cancel)), VariantWritten):
            written += 1
            assert found.answer == answer[:first] + found.part + answer[last:]
            assert found.part != answer[first:last]
            assert found.score <= 0.0
    assert written > 10


def test_variants_begin_otherwise_where_that_is_asked() -> None:
    for part in ("two", "/}", "]^"):
        session, _ = fake_session(f"One {part} three.", canvas_length=32, max_context=2048)
        request = RewriteRequest(QUESTION, f"One {part} three.", 4, 4 + len(part), part, sampler=FEW, unlike=part)
        found = of_kind(list(rewrite(session, request)), VariantWritten)
        assert found
        assert all(each.answer.startswith("One ") and each.answer.endswith(" three.") for each in found)
        assert not any(each.part[0] in part for each in found)


def test_a_model_that_would_say_the_same_again_says_something_else() -> None:
    answer = "One two three. " * 4
    session, _ = fake_session(answer, canvas_length=64, max_context=4096)
    for part in ("two", "two three", "."):
        first = answer.index(part)
        request = RewriteRequest(QUESTION, answer, first, first + len(part), part, sampler=FEW)
        found = of_kind(list(rewrite(session, request)), VariantWritten)
        assert found, part
        assert not any(same_letters(each.part, part) for each in found), part


def same_letters(one: str, other: str) -> bool:
    return [sign for sign in one.lower() if sign.isalnum()] == [sign for sign in other.lower() if sign.isalnum()]


def test_an_answer_of_any_length_can_be_changed_at_its_end() -> None:
    session, _ = fake_session("word " * 10, canvas_length=32, max_context=16384)
    answer = "And so on, and on. " * 300 + "One two."
    first = answer.index("two")
    found = of_kind(
        list(rewrite(session, RewriteRequest(QUESTION, answer, first, first + 3, "two", variants=1))), VariantWritten
    )
    assert [each.answer.startswith(answer[:first]) for each in found] == [True]


def test_a_part_before_a_long_rest_holds_what_fits() -> None:
    session, _ = fake_session("word " * 30, canvas_length=32, max_context=4096)
    answer = "One two three. " + "And so on, and on. " * 40
    found = of_kind(list(rewrite(session, RewriteRequest(QUESTION, answer, 4, 7, "two"))), VariantWritten)
    assert found
    assert all(each.answer.endswith(answer[7:]) and each.answer.startswith("One ") for each in found)
    assert len({each.part for each in found}) == len(found)


def test_variants_are_what_each_seed_gives_alone() -> None:
    answer = TEXTS[0]
    one, many = (fake_session("Other words. " * 3, canvas_length=64, max_context=2048)[0] for _ in range(2))
    request = RewriteRequest(QUESTION, answer, 4, 9, answer[4:9], seed=5, sampler=FEW)
    events = timeless(list(rewrite(many, request)))
    together = of_kind(events, VariantWritten)
    alone = []
    for number in range(3):
        single = RewriteRequest(QUESTION, answer, 4, 9, answer[4:9], seed=5 + number, variants=1, sampler=FEW)
        alone += of_kind(timeless(list(rewrite(one, single))), VariantWritten)
    assert [variant.part for variant in together] == list(dict.fromkeys(variant.part for variant in alone))
    (end,), best = of_kind(events, Finished), max(together, key=lambda variant: variant.score)
    assert events[-1] is end
    assert (end.answer, end.seed) == (best.answer, best.seed)
    assert end.steps_per_block == tuple(block.steps for block in of_kind(events, BlockCommitted))


def test_what_cannot_be_rewritten_is_refused() -> None:
    session, backend = fake_session(canvas_length=16)
    with pytest.raises(FormError, match="has changed"):
        list(rewrite(session, RewriteRequest(QUESTION, "One two", 0, 3, "one")))
    long = "word " * 60
    with pytest.raises(FormError, match="too long"):
        list(rewrite(session, RewriteRequest(QUESTION, long, 0, len(long), long)))
    with pytest.raises(ValueError, match="none of an answer"):
        RewriteRequest(QUESTION, "One", 2, 2, "")
    assert backend.denoise_calls == 0


def test_words_are_held_in_any_order() -> None:
    session, _ = fake_session("Some words. " * 3, canvas_length=64, max_context=2048)
    words = ("river", "é lamp", "ver y", "x")
    for count in range(1, 5):
        found = answer_of(session, ask(form=Form("words", texts=words[:count])))
        assert all(word in found for word in words[:count])


def test_a_decision_is_what_the_model_believes() -> None:
    session, _ = fake_session("no")
    found = decide(session, DecideRequest("A text.", "Is it?"))
    assert (found.label, found.labels, found.reads) == ("no", ("yes", "no"), 4)
    assert sum(found.shares) == pytest.approx(1.0)
    assert found.entropy < 0.1
    twice = [decide(session, DecideRequest("", "Is it?")) for _ in range(2)]
    assert twice[0] == twice[1], "the same seed, the same shares"
    for labels in (("one",), ("a", "a"), tuple("abcdefghijklmnopqrstuvwxyz0")):
        with pytest.raises(FormError, match=r"cannot be decided|are the same"):
            decide(session, DecideRequest("", "Which?", labels))
    with pytest.raises(FormError, match="too long"):
        decide(session, DecideRequest("", "Which?", ("a", "x" * 200)))


def test_what_is_found_stands_in_the_text() -> None:
    session, _ = fake_session("Some words. " * 3, canvas_length=64, max_context=2048)
    for text in (*TEXTS, "one"):
        for seed in range(3):
            found = answer_of(session, find_request(text, "Which?", seed=seed))
            assert found in text
            assert found.strip() == found != ""
    with pytest.raises(FormError, match="no words"):
        session.compiled(Form("part", " \n"))


def test_another_word_is_held_and_the_rest_may_follow() -> None:
    session, _ = fake_session("Some words here.")
    request = ask(max_new_tokens=16)
    canvas = of_kind(list(session.generate(request)), BlockCommitted)[0].token_ids
    found = alternatives(session, AlternativesRequest(request, canvas, 2, 5)).alternatives
    assert len({each.token for each in found}) == 5
    assert found[0].log_probability == max(each.log_probability for each in found)
    changed = with_alternative(request, canvas, 2, found[3].token)
    block = of_kind(list(session.generate(changed)), BlockCommitted)[0]
    assert block.token_ids[2] == found[3].token
    for place, count in ((99, 1), (0, 0), (0, 65)):
        with pytest.raises(ValueError, match="out of range"):
            AlternativesRequest(request, canvas, place, count)
    assert np.isfinite([each.log_probability for each in found]).all()
