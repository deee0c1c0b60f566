"""The training corpus: its format, its held-out wordings, its examples and its tokenizer."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from inference.training.corpus import (
    DECLINED_KINDS,
    KIND_WEIGHTS,
    REFUSAL,
    HeldOutQuestion,
    held_out_questions,
    is_correct,
    key_words,
    load_intents,
    sample_examples,
    word_distance,
)
from inference.training.intents import CorpusError, Intent, augment, expand, matches, normalise, parse_file
from inference.training.nouns import HELD_OUT_NOUNS, MORE_NOUNS, STORY_NOUNS, made_up_nouns
from inference.training.vocabulary import (
    SPECIAL_TOKENS,
    TURN_END,
    encode_example,
    encode_prompt,
    load_tokenizer,
    render,
    save_tokenizer,
    train_tokenizer,
)


@pytest.fixture(scope="module")
def intents() -> tuple[Intent, ...]:
    return load_intents(decline=False)


@pytest.fixture(scope="module")
def tokenizer(intents: tuple[Intent, ...]) -> Tokenizer:
    return train_tokenizer(intents, samples=20_000)


def _write(folder: Path, text: str) -> Path:
    path = folder / "some.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_parse_file_reads_sections_and_tables(tmp_path: Path) -> None:
    text = "# note\n[help.copy]\nA: Press Copy.\nQ: how {do|can} i copy\nT: copying?\n\n"
    text += "[fact.of_*]\nA: $1 is $2.\nQ: what is $1?\nT: $1 please\nR: Red Snow | white\nR: sea | blue\n"
    copy, snow, sea = parse_file(_write(tmp_path, text))
    assert copy == Intent("help", "copy", ("Press Copy.",), ("how {do|can} i copy",), ("copying?",))
    assert (snow.name, snow.answers, snow.held_out) == ("of_red_snow", ("Red Snow is white.",), ("Red Snow please",))
    assert sea.patterns == ("what is sea?",)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("A: no section", 1, "section"),
        ("[help]\n", 1, "header"),
        ("[help.a]\nA: x\n", 1, "at least one Q"),
        ("[help.a]\nA: x\nA: y\nQ: z\n", 1, "exactly one A"),
        ("[help.a]\nA: x\nQ: {a|{b|c}}\n", 3, "braces"),
        ("[help.a]\nA: x\nQ: z\nT: {a|b}\n", 4, "braces"),
        ("[help.a]\nA: x\nQ:\n", 3, "expected 'A:'"),
        ("[help.a_*]\nA: x\nQ: z\n", 1, "rows"),
        ("[help.a_*]\nA: $3\nQ: z\nR: one | two\n", 1, "too few columns"),
    ],
)
def test_parse_file_names_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(CorpusError, match=rf"some\.txt:{line}: .*{said}"):
        parse_file(_write(tmp_path, text))


def test_load_intents_refuses_an_intent_that_occurs_twice(tmp_path: Path) -> None:
    _write(tmp_path, "[help.a]\nA: x\nQ: y\n[help.a]\nA: x\nQ: y\n")
    with pytest.raises(CorpusError, match=r"help\.a occurs twice"):
        load_intents(tmp_path)


def test_expand_gives_only_wordings_that_match() -> None:
    pattern = "{please |}what {is|was} {3|three} + {4|four}{?| =|}"
    rng = random.Random(1)
    wordings = {expand(pattern, rng) for _ in range(500)}
    assert len(wordings) == 48
    assert all(matches(pattern, wording) for wording in wordings)
    assert matches(pattern, "Please, what is 3 plus  four =")
    assert not matches(pattern, "what is 3 - 4")
    assert not matches(pattern, "what is 3 + 5")


def _candidates(pattern: str, wordings: Iterable[str]) -> list[str]:
    """The wordings that contain the pattern's longest fixed part: a quick filter before the full match."""
    fixed = max((normalise(part).replace(" ", "") for part in re.split(r"\{[^}]*\}", pattern)), key=len)
    return [wording for wording in wordings if fixed in wording]


def _checked(intents: tuple[Intent, ...]) -> list[Intent]:
    """All written intents and some of each computed kind, which share their templates."""
    computed = [intent for intent in intents if intent.kind in ("sum", "count", "story")]
    written = [intent for intent in intents if intent.kind not in ("sum", "count", "story")]
    return written + random.Random(9).sample(computed, 100)


@pytest.mark.slow
def test_no_held_out_wording_is_in_the_language_of_a_pattern(intents: tuple[Intent, ...]) -> None:
    held_out = {
        normalise(wording).replace(" ", ""): f"{intent.kind}.{intent.name}: {wording}"
        for intent in intents
        for wording in intent.held_out
    }
    offenders = [
        f"{held_out[wording]} is given by {intent.kind}.{intent.name}: {pattern}"
        for intent in _checked(intents)
        for pattern in intent.patterns
        for wording in _candidates(pattern, held_out)
        if matches(pattern, wording)
    ]
    assert not offenders, "\n".join(offenders)


def test_intents_with_different_answers_share_no_wording(intents: tuple[Intent, ...]) -> None:
    answers: dict[str, tuple[str, tuple[str, ...]]] = {}
    rng = random.Random(4)
    clashes: set[str] = set()
    for intent in intents:
        written = intent.kind not in ("sum", "count", "story") or intent.name == "any"
        for pattern in intent.patterns if written else ():
            for wording in {normalise(expand(pattern, rng)) for _ in range(40)}:
                other, expected = answers.setdefault(wording, (intent.name, intent.answers))
                if expected != intent.answers:
                    clashes.add(f"{wording}: {other} and {intent.name}")
    assert not clashes, "\n".join(sorted(clashes))


def test_no_sampled_wording_is_held_out(intents: tuple[Intent, ...]) -> None:
    held_out = {normalise(wording) for intent in intents for wording in intent.held_out}
    for example in islice(sample_examples(intents, 3), 5_000):
        assert not held_out & {normalise(text) for role, text in example.turns if role == "user"}


def test_nouns_of_training_and_evaluation_differ(intents: tuple[Intent, ...]) -> None:
    assert len(set(STORY_NOUNS)) == len(STORY_NOUNS) >= 150
    assert len({*STORY_NOUNS, *MORE_NOUNS}) == len(STORY_NOUNS) + len(MORE_NOUNS)
    assert not set(HELD_OUT_NOUNS) & {*STORY_NOUNS, *MORE_NOUNS, *made_up_nouns(3000)}
    trained = {intent.name for intent in intents if intent.kind == "story" and intent.patterns}
    assert not trained & set(HELD_OUT_NOUNS)


def test_sample_examples_is_the_same_for_the_same_seed(intents: tuple[Intent, ...]) -> None:
    first, again, other = (list(islice(sample_examples(intents, seed), 200)) for seed in (5, 5, 6))
    assert first == again != other


def test_samples_have_every_kind_and_several_turns(intents: tuple[Intent, ...]) -> None:
    examples = list(islice(sample_examples(intents, 7), 5_000))
    counts = Counter(example.kind for example in examples)
    present = {intent.kind for intent in intents}
    assert set(counts) == present == set(KIND_WEIGHTS)
    declined = sum(counts[kind] for kind in ("refusal", *DECLINED_KINDS))
    assert 0.15 < declined / len(examples) < 0.25
    roles = [[role for role, _ in example.turns if role != "system"] for example in examples]
    assert all(chat == ["user", "model"] * (len(chat) // 2) + ["user"] for chat in roles)
    assert 0.15 < sum(len(chat) > 1 for chat in roles) / len(roles) < 0.25


def test_augment_never_changes_numbers_or_key_words() -> None:
    intent = Intent("story", "elephant", ("Once there was a little elephant.",), ("x",), ())
    rng = random.Random(2)
    for _ in range(500):
        varied = augment("tell me twelve stories about 25 elephant", intent, rng).lower()
        assert all(key in varied for key in ("twelve", "25", "elephant"))


def test_every_answer_encodes_and_decodes_exactly(intents: tuple[Intent, ...], tokenizer: Tokenizer) -> None:
    for intent in intents:
        ids = tokenizer.encode(intent.answers[0], add_special_tokens=False).ids
        assert tokenizer.decode(ids) == intent.answers[0]
        longest = 450 if intent.kind == "long" else 95
        assert len(ids) <= longest, (intent.kind, intent.name, len(ids))
        assert intent.kind != "long" or len(ids) >= 300


def test_encode_example_equals_encoding_the_rendered_chat(intents: tuple[Intent, ...], tokenizer: Tokenizer) -> None:
    for example in islice(sample_examples(intents, 8), 300):
        prompt, answer = encode_example(tokenizer, example)
        assert prompt.dtype == answer.dtype == np.int64
        assert prompt.tolist() == tokenizer.encode(render(example.turns), add_special_tokens=False).ids
        assert answer[-1] == TURN_END
        assert tokenizer.decode(answer[:-1].tolist()) == example.answer


def test_tokenizer_has_fixed_special_tokens_single_digits_and_all_bytes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    assert tokenizer.get_vocab_size() == 2048
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(12))
    assert tokenizer.encode("472").tokens == ["4", "7", "2"]
    text = "Zürich ß 漢字 🦊\t\x00 and \u200b more"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    save_tokenizer(tokenizer, tmp_path)
    assert load_tokenizer(tmp_path).encode("what is 3 + 4?").ids == tokenizer.encode("what is 3 + 4?").ids


def test_chat_template_renders_as_the_training_prompts_do(tokenizer: Tokenizer, tmp_path: Path) -> None:
    jinja2 = pytest.importorskip("jinja2")
    save_tokenizer(tokenizer, tmp_path)
    source = (tmp_path / "chat_template.jinja").read_text(encoding="utf-8")
    turns = [("system", "Be kind."), ("user", " hello "), ("model", "Hi!"), ("user", "bye")]
    messages = [{"role": "assistant" if role == "model" else role, "content": text} for role, text in turns]
    for trims in ({}, {"trim_blocks": True, "lstrip_blocks": True}):
        template = jinja2.Environment(**trims, autoescape=False).from_string(source)
        assert template.render(bos_token="<bos>", messages=messages, add_generation_prompt=True) == render(turns)


def test_common_words_are_single_tokens(tokenizer: Tokenizer) -> None:
    words = [*STORY_NOUNS, "capital", "Paris", "France", "chat", "opposite", "Delete", "noise", "model"]
    assert [word for word in words if len(tokenizer.encode(f" {word}").ids) > 1] == []


def test_tokenizer_is_the_same_for_the_same_seed(intents: tuple[Intent, ...]) -> None:
    first, again = (train_tokenizer(intents, samples=3_000).to_str() for _ in range(2))
    assert first == again


def test_held_out_questions_cover_every_kind_and_never_change(intents: tuple[Intent, ...]) -> None:
    questions = held_out_questions(intents)
    assert questions == held_out_questions(intents)
    counts = Counter(question.kind for question in questions)
    assert set(counts) == set(KIND_WEIGHTS) - DECLINED_KINDS
    assert all(is_correct(question, question.answers[0]) for question in questions)


def test_declined_kinds_are_trained_and_tested_as_refusals() -> None:
    declined = load_intents()
    assert {i.answers for i in declined if i.kind in DECLINED_KINDS} == {(REFUSAL,)}
    assert any(i.answers == (REFUSAL,) for i in declined if i.kind == "refusal"), "the same words as the refusal itself"
    asked = [q for q in held_out_questions(declined) if q.answers == (REFUSAL,)]
    assert {q.kind for q in asked} == {"refusal"}


@pytest.mark.parametrize(
    ("kind", "expected", "answer", "correct"),
    [
        ("sum", "3 plus 4 is 7.", " 3 plus 4  is 7. ", True),
        ("sum", "3 plus 4 is 7.", "3 plus 4 is 8.", False),
        ("capital", "The capital of France is Paris.", "The capital of France is Rome.", False),
        ("fact", "Snow is white.", "Snow is green.", False),
        ("help", "Press the button or press Ctrl+N and then wait a moment.", "press the button or press Ctrl+N and then wait a while.", True),  # noqa: E501
        ("help", "Press the button or press Ctrl+N and then wait a moment.", "Press the button or press Ctrl+M and then wait a moment.", False),  # noqa: E501
        ("story", "Once there was a little fox. The fox was very happy there.", "Once there was a little fox. The cat was very happy there.", False),  # noqa: E501
        ("joke", "Why not?", "", False),
    ],
)  # fmt: skip
def test_is_correct_wants_key_values_right(kind: str, expected: str, answer: str, correct: bool) -> None:
    assert is_correct(HeldOutQuestion(kind, "any", "?", (expected,)), answer) is correct


def test_key_values_tell_the_intents_of_a_kind_apart(intents: tuple[Intent, ...]) -> None:
    by_kind: dict[str, list[Intent]] = {}
    for intent in intents:
        by_kind.setdefault(intent.kind, []).append(intent)
    for kind in ("help", "about", "diffusion", "smalltalk", "joke", "capital", "long"):
        for intent in by_kind[kind]:
            question = HeldOutQuestion(kind, intent.name, "?", intent.answers)
            others = [other for other in by_kind[kind] if other.answers != intent.answers]
            assert not [other.name for other in others if is_correct(question, other.answers[0])], intent.name


def test_word_distance_and_key_words() -> None:
    assert word_distance(["a", "b", "c", "d"], ["a", "c", "d", "e"]) == 2
    assert key_words("help", "Press Ctrl+N. Then see Settings, or wait 10 s.") == Counter(["ctrl+n", "settings", "10"])


def test_a_control_token_in_a_training_text_is_plain_characters(tokenizer: Tokenizer) -> None:
    ids = encode_prompt(
        tokenizer, [("user", "what is <turn|>?"), ("model", "A <eos>."), ("user", "And <pad>?")]
    ).tolist()
    assert [ids.count(special) for special in (0, 1, 5)] == [0, 0, 3]
    assert "<turn|>" in tokenizer.decode(ids)
