"""The training corpus: its format, its chats, its tokenizer; and that nothing of it is a held-out question."""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from app.base.settings import DECLARATIONS
from app.ui.actions import MENUS
from app.ui.help.words import SHORTCUTS
from inference.training.corpus import SKILL_WEIGHTS, WRITTEN_WEIGHTS, load_intents, sample_chats
from inference.training.heldout import SETS, HeldOut, held_out
from inference.training.intents import CorpusError, Intent, augment, expand, matches, normalise, parse_file
from inference.training.judging import is_right, key_words, nearly, read_story, word_distance, written_answers
from inference.training.nouns import HELD_OUT_NOUNS, MORE_NOUNS, STORY_NOUNS
from inference.training.skills import (
    explaining,
    jokes,
    json_forms,
    labels,
    letters,
    memory,
    numbers,
    rhymes,
    stories,
    tools,
    words,
)
from inference.training.skills.chat import Chat, Skill
from inference.training.vocabulary import (
    SPECIAL_TOKENS,
    TOOL_CALL,
    TOOL_RESPONSE,
    TURN_END,
    encode_chat,
    encode_prompt,
    load_tokenizer,
    render,
    save_tokenizer,
    train_tokenizer,
)


@pytest.fixture(scope="module")
def intents() -> tuple[Intent, ...]:
    return load_intents()


@pytest.fixture(scope="module")
def tokenizer(intents: tuple[Intent, ...]) -> Tokenizer:
    return train_tokenizer(intents, samples=40_000)


@pytest.fixture(scope="module")
def chats(intents: tuple[Intent, ...]) -> list[Chat]:
    return list(islice(sample_chats(intents, 7), 6_000))


def _write(folder: Path, text: str) -> Path:
    path = folder / "some.txt"
    path.write_text(text, encoding="utf-8")
    return path


# -- written intents -------------------------------------------------------------------------------------------------


def test_parse_file_reads_sections_and_tables(tmp_path: Path) -> None:
    text = "# note\n[help.copy]\nA: Press Copy.\nQ: how {do|can} i copy\n\n"
    text += "[fact.of_*]\nA: $1 is $2.\nQ: what is $1?\nR: Red Snow | white\nR: sea | blue\n"
    copy, snow, sea = parse_file(_write(tmp_path, text))
    assert copy == Intent("help", "copy", ("Press Copy.",), ("how {do|can} i copy",))
    assert (snow.name, snow.answers, snow.patterns) == ("of_red_snow", ("Red Snow is white.",), ("what is Red Snow?",))
    assert sea.patterns == ("what is sea?",)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("A: no section", 1, "section"),
        ("[help]\n", 1, "header"),
        ("[help.a]\nA: x\n", 1, "at least one Q"),
        ("[help.a]\nA: x\nA: y\nQ: z\n", 1, "exactly one A"),
        ("[help.a]\nA: x\nQ: {a|{b|c}}\n", 3, "braces"),
        ("[help.a]\nA: x\nQ: z\nT: held out\n", 4, "expected 'A:'"),
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


def test_wordings_with_different_answers_are_never_the_same(intents: tuple[Intent, ...]) -> None:
    answers: dict[str, tuple[str, tuple[str, ...]]] = {}
    rng = random.Random(4)
    clashes: set[str] = set()

    def take(wording: str, name: str, expected: tuple[str, ...]) -> None:
        other, known = answers.setdefault(normalise(wording), (name, expected))
        if known != expected:
            clashes.add(f"{wording}: {other} and {name}")

    for intent in intents:
        for pattern in intent.patterns:
            for wording in {expand(pattern, rng) for _ in range(40)}:
                take(wording, intent.name, intent.answers)
    makers: dict[str, Skill] = {
        "story": stories.story, "joke": jokes.joke, "rhyme": rhymes.rhyme, "long": stories.long_story,
        "too_much": numbers.too_much,
    }  # fmt: skip
    for name, make in makers.items():
        for chat in (make(rng) for _ in range(1_500)):
            take(chat.turns[0][1], name, (name,))
    for chat in (explaining.explanation(rng) for _ in range(6_000)):
        if len(chat.turns) == 1:
            take(chat.turns[0][1], chat.name, (chat.answer,))
    assert not clashes, "\n".join(sorted(clashes))


def test_augment_never_changes_numbers() -> None:
    intent = Intent("help", "x", ("x",), ("x",))
    rng = random.Random(2)
    for _ in range(500):
        varied = augment("how do i set twelve stories of 25 words", intent, rng).lower()
        assert "twelve" in varied
        assert "25" in varied


# -- what is said about the program is true ---------------------------------------------------------------------------


def _entries() -> dict[str, str]:
    """Every entry of the menus and its menu, as written in a sentence."""
    return {
        re.sub(r"[&\u2026]", "", entry.text).strip(): menu.replace("&", "")
        for menu, entries in MENUS.items()
        for entry in entries
        if entry is not None
    }


def test_answers_name_menus_keys_and_settings_that_exist() -> None:
    told = [text for texts in written_answers().values() for text in texts]
    entries = {name.lower(): menu for name, menu in _entries().items()}
    keys = {shortcut.keys.lower() for shortcut in SHORTCUTS} | {"right", "enter"}
    keys |= {"ctrl+plus", "ctrl+minus"}
    settings = {each.title for each in DECLARATIONS}
    choices = {choice.label for each in DECLARATIONS for choice in each.choices}
    named = Counter[str]()
    for text in told:
        for entry, menu in re.findall(r"(?:[Cc]hoose|or choose|open) ([A-Z][\w' ]*?) in the (\w+) menu", text):
            named["menu"] += 1
            assert entries.get(entry.lower()) == menu, text
        for key in re.findall(r"(?:Ctrl|Alt|Shift)(?:\+[A-Za-z]+|\+[0-9,])+|\bF\d+\b", text):
            named["key"] += 1
            assert key.lower() in keys or key.rstrip(",").lower() in keys or key == "Ctrl+,", (key, text)
        for setting, value in re.findall(r"set ([A-Z][\w ]*?) to (?:a fixed number|([A-Z][\w ]*))", text):
            named["setting"] += 1
            assert setting in settings, (setting, text)
            assert not value or any(value.lower().startswith(label.lower()) for label in choices), (value, text)
    assert min(named.values()) >= 5, named


def test_buttons_that_answers_name_exist() -> None:
    labels = {
        re.sub(r"[&\u2026]", "", node.value).strip().lower()
        for path in (Path(__file__).resolve().parents[3] / "app" / "ui").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    pattern = r"(?:[Pp]ress|then|there is a|under) (?:the )?([A-Z][a-z]+(?: (?:now|again|steps|chat|chats))?)\b(?!\+)"
    told = [text for texts in written_answers().values() for text in texts]
    named = {label for text in told for label in re.findall(pattern, text)} - {"Shift", "Ctrl", "Alt"}
    assert len(named) > 15
    assert {label for label in named if label.lower() not in labels} == {"Apache"}, "the licence is no button"


# -- chats of the skills ----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_chats(intents: tuple[Intent, ...]) -> None:
    first, again, other = (list(islice(sample_chats(intents, seed), 200)) for seed in (5, 5, 6))
    assert first == again != other


def test_chats_have_every_kind_and_several_turns(chats: list[Chat]) -> None:
    counts = Counter(chat.kind for chat in chats)
    wanted = set(WRITTEN_WEIGHTS) | {
        "story",
        "memory",
        "copy",
        "letter",
        "json",
        "label",
        "rhyme",
        "sum",
        "language",
        "tool",
        "joke",
        "explain",
    }
    assert set(counts) == wanted
    assert min(counts.values()) > 30, counts
    roles = [[role for role, _ in chat.turns if role != "system"] for chat in chats if chat.kind != "tool"]
    assert all(chat == ["user", "model"] * (len(chat) // 2) + ["user"] for chat in roles)
    assert 0.2 < sum(len(chat) > 1 for chat in roles) / len(roles) < 0.5
    assert len(SKILL_WEIGHTS) == len({make for make, _ in SKILL_WEIGHTS})


def _made(make: Skill, count: int, seed: int = 3) -> Iterator[Chat]:
    rng = random.Random(seed)
    return (make(rng) for _ in range(count))


def test_a_story_has_what_was_asked_for() -> None:
    rng = random.Random(8)
    plots = set()
    for _ in range(400):
        asked, story = stories.asked(rng)
        found = read_story(story.told())
        assert found is not None, story.told()
        plots.add(found["plot"])
        for slot in ("hero", "name", "place"):
            assert found[slot].lower() == story.slots[slot].lower()
        assert read_story(story.short(), short=True) is not None
        if story.end:
            assert story.end in asked
            assert found["end"] == story.end
    assert len(plots) >= 15


def test_what_follows_a_story_is_about_the_same_story() -> None:
    for chat in _made(stories.after_story, 300):
        first, last = read_story(chat.turns[1][1]), read_story(chat.answer, short=chat.name == "shorter")
        assert first is not None
        assert last is not None, chat.answer
        same = {
            "shorter": ("hero", "name"),
            "other_hero": ("name", "plot"),
            "other_place": ("hero", "plot"),
            "other_name": ("hero", "plot"),
        }
        assert all(first[slot].lower() == last[slot].lower() for slot in same.get(chat.name, ())), chat
        assert chat.name != "another" or first["plot"] != last["plot"]


def test_copies_letters_and_json_hold_what_was_given() -> None:
    for chat in _made(json_forms.to_json, 200):
        for value in re.findall(r'"([A-Z]\w+)"', chat.answer):
            assert value in chat.turns[0][1]
    for chat in _made(letters.letter, 200):
        assert is_right(f"letter {chat.name}", chat.answer), chat
        assert "$" not in chat.answer + chat.turns[0][1]
    for chat in _made(rhymes.rhyme, 200):
        assert is_right("rhyme", chat.answer)
        assert len(chat.answer.split("\n")) == 4


def test_memory_answers_from_the_chat() -> None:
    for chat in _made(memory.recalling, 300):
        value = re.sub(r"^(Your|You) .*?(is|live in|like to eat|are) ", "", chat.answer).rstrip(".").split()[-1]
        assert value in " ".join(text for role, text in chat.turns if role == "user"), chat


def test_sums_are_right() -> None:
    for chat in _made(numbers.calculation, 500):
        first, sign, second, result = re.findall(r"(\d+) (plus|minus) (\d+) is (\d+)\.$", chat.answer)[0]
        assert int(result) == int(first) + int(second) * (1 if sign == "plus" else -1)
        assert 0 <= int(result) <= numbers.LARGEST


def test_labels_are_among_those_given() -> None:
    for chat in _made(labels.label, 300):
        assert chat.answer.rstrip(".") in chat.turns[0][1]


# -- the tokenizer ----------------------------------------------------------------------------------------------------


def test_encoding_a_chat_equals_encoding_the_rendered_chat(chats: list[Chat], tokenizer: Tokenizer) -> None:
    for chat in chats[:600]:
        prompt, answer = encode_chat(tokenizer, chat)
        assert prompt.dtype == answer.dtype == np.int64
        assert prompt.tolist() == tokenizer.encode(render(chat), add_special_tokens=False).ids
        assert answer[-1] == (TOOL_RESPONSE if TOOL_CALL in answer.tolist() else TURN_END)
        assert tokenizer.decode(answer[:-1].tolist(), skip_special_tokens=False) == chat.answer


def test_answers_fit_their_canvases(chats: list[Chat], tokenizer: Tokenizer) -> None:
    for chat in chats:
        length = len(encode_chat(tokenizer, chat)[1])
        assert length <= (500 if chat.kind == "long" else 200), (chat.kind, chat.name, length)
        assert chat.kind != "long" or length > 256


def test_tokenizer_has_fixed_special_tokens_single_digits_and_all_bytes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    assert tokenizer.get_vocab_size() == 4096
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))
    assert tokenizer.encode("472").tokens == ["4", "7", "2"]
    text = "Zürich ß 漢字 🦊\t\x00 and \u200b more"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    save_tokenizer(tokenizer, tmp_path)
    assert load_tokenizer(tmp_path).encode("What is 3 + 4?").ids == tokenizer.encode("What is 3 + 4?").ids


def test_chat_template_renders_as_the_training_prompts_do(tokenizer: Tokenizer, tmp_path: Path) -> None:
    jinja2 = pytest.importorskip("jinja2")
    save_tokenizer(tokenizer, tmp_path)
    source = (tmp_path / "chat_template.jinja").read_text(encoding="utf-8")
    talk = (("user", " Hello "), ("model", "Hi!"), ("user", "bye"))
    chats = [
        Chat(talk, "x", "k", "n"),
        Chat((("system", "Be kind."), *talk), "x", "k", "n"),
        Chat(talk, "x", "k", "n", thinking=True),
        Chat(talk, "x", "k", "n", tools=tools.declaration("calculator") + tools.declaration("get_date")),
    ]
    functions = [
        {
            "function": {
                "name": "calculator",
                "description": "Works out a sum.",
                "parameters": {"properties": {"expression": {"type": "string"}}},
            }
        },
        {"function": {"name": "get_date", "description": "Says what day it is.", "parameters": {"properties": {}}}},
    ]
    for chat in chats:
        messages = [{"role": "assistant" if role == "model" else role, "content": text} for role, text in chat.turns]
        for trims in ({}, {"trim_blocks": True, "lstrip_blocks": True}):
            template = jinja2.Environment(**trims, autoescape=False).from_string(source)
            given = {"tools": functions if chat.tools else None, "enable_thinking": chat.thinking}
            assert template.render(bos_token="<bos>", messages=messages, add_generation_prompt=True, **given) == render(
                chat
            )


def test_common_words_are_single_tokens(tokenizer: Tokenizer) -> None:
    common = ["chat", "Delete", "noise", "model", "story", "Press", "Settings", "dragon", "Ada"]
    assert [word for word in common if len(tokenizer.encode(f" {word}").ids) > 1] == []


def test_tokenizer_is_the_same_for_the_same_seed(intents: tuple[Intent, ...]) -> None:
    first, again = (train_tokenizer(intents, vocab_size=1500, samples=3_000).to_str() for _ in range(2))
    assert first == again


def test_a_control_token_in_a_users_text_is_plain_characters(tokenizer: Tokenizer) -> None:
    chat = Chat((("user", "what is <turn|>?"), ("model", "A word."), ("user", "And <pad>?")), "x", "k", "n")
    ids = encode_prompt(tokenizer, chat).tolist()
    assert [ids.count(special) for special in (0, 1, 5)] == [0, 0, 3]
    assert "<turn|>" in tokenizer.decode(ids)


# -- held-out questions -----------------------------------------------------------------------------------------------


def test_there_are_enough_held_out_chats_of_every_set() -> None:
    counts = Counter(each.set for each in held_out())
    assert sum(counts.values()) >= 1_500
    assert counts["strangers"] >= 300
    assert set(counts) == set(SETS)
    assert sum(len(each.turns) > 1 for each in held_out()) >= 80


def test_every_expectation_can_be_judged() -> None:
    for each in held_out():
        assert not is_right(each.expected, "This is not the answer.", ["Nor was this."]), each


def test_generating_code_never_imports_the_held_out_questions() -> None:
    code = (
        "import sys; from itertools import islice; import inference.training.corpus as c, "
        "inference.training.vocabulary, inference.training.train; "
        "list(islice(c.sample_chats(c.load_intents(), 1), 50)); "
        "print([m for m in sys.modules if 'heldout' in m or m.endswith(('judging', 'evaluate'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _plain(text: str) -> str:
    return normalise(text) or text.strip()


@pytest.mark.slow
def test_no_held_out_wording_is_in_the_language_of_a_pattern(intents: tuple[Intent, ...]) -> None:
    questions = {_plain(each.turns[0]).replace(" ", ""): each for each in held_out() if len(each.turns) == 1}
    offenders = [
        f"{questions[wording]} is given by {intent.kind}.{intent.name}: {pattern}"
        for intent in intents
        for pattern in intent.patterns
        for wording in _candidates(pattern, questions)
        if normalise(questions[wording].turns[0]) and matches(pattern, questions[wording].turns[0])
    ]
    assert not offenders, "\n".join(offenders)


def _candidates(pattern: str, wordings: Iterable[str]) -> list[str]:
    """The wordings that contain the pattern's longest fixed part: a quick filter before the full match."""
    fixed = max((normalise(part).replace(" ", "") for part in re.split(r"\{[^}]*\}", pattern)), key=len)
    return [wording for wording in wordings if fixed in wording]


@pytest.mark.slow
def test_no_sampled_chat_is_held_out(intents: tuple[Intent, ...]) -> None:
    single = {_plain(each.turns[0]) for each in held_out() if len(each.turns) == 1}
    whole: set[tuple[str, ...]] = {tuple(map(_plain, each.turns)) for each in held_out()}
    for chat in islice(sample_chats(intents, 3), 60_000):
        said = [_plain(text) for role, text in chat.turns if role == "user"]
        assert not single.intersection(said)
        assert tuple(said) not in whole


def test_names_and_nouns_of_the_tests_are_never_trained(chats: list[Chat]) -> None:
    assert not set(HELD_OUT_NOUNS) & {*STORY_NOUNS, *MORE_NOUNS}
    assert not set(words.HELD_OUT_NAMES) & set(words.NAMES)
    assert not set(words.HELD_OUT_CITIES) & set(words.CITIES)
    assert not set(words.HELD_OUT_PLACES) & set(words.PLACES)
    said = " ".join(text for chat in chats for _, text in chat.turns)
    for name in (*words.HELD_OUT_NAMES, *words.HELD_OUT_CITIES):
        assert not re.search(rf"\b{name}\b", said), name


# -- judging ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        ("help.stop", "Press the Stop button, or press Esc. What is already written is kept.", True),
        ("help.stop", "Press the Stop button, or press Del. What is already written is kept.", False),
        ("help.stop|help.send", "Write your message in the box at the bottom and press Enter, or press the Send button.", True),  # noqa: E501
        ("exact 7 plus 5 is 12.", "7 plus 5 is 13.", False),
        ("exact a || b", "b", True),
        ("holds not told me", "You have not told me your name in this chat. What is it?", True),
        ("joke animal", "Why was the computer cold? Because it left its windows open.", False),
        ("joke computer", "Why was the computer cold? Because it left its windows open.", True),
        ("decline", "The capital is Canberra.", False),
        ("decline", numbers.TOO_MUCH, True),
        ("rhyme w=fox", "There was a fox that liked to sing\nOf winter, summer and of spring.\nIt lost its hat, it found its shoe,\nAnd what comes next is up to you.", True),  # noqa: E501
        ("rhyme w=owl", "There was a fox that liked to sing\nOf winter, summer and of spring.\nIt lost its hat, it found its shoe,\nAnd what comes next is up to you.", False),  # noqa: E501
        ("call get_weather Rome", '<|tool_call>call:get_weather{city:<|"|>Rome<|"|>}<tool_call|>', True),
        ("call get_weather Rome", '<|tool_call>call:get_weather{city:<|"|>Oslo<|"|>}<tool_call|>', False),
    ],
)  # fmt: skip
def test_judging(expected: str, answer: str, right: bool) -> None:
    assert is_right(expected, answer) is right


def test_a_story_that_mixes_two_plots_or_forgets_its_hero_is_wrong() -> None:
    rng = random.Random(5)
    first, second = stories.new_story(rng, hero="fox", name="Ada"), stories.new_story(rng, hero="fox", name="Ada")
    while second.plot == first.plot:
        second = stories.new_story(rng, hero="fox", name="Ada")
    head, tail = first.told().split(". "), second.told().split(". ")
    assert is_right("story hero=fox", first.told())
    assert not is_right("story hero=fox", ". ".join([*head[:3], *tail[3:]]))
    assert not is_right("story hero=dog", first.told())
    assert not is_right("story other=plot", first.told(), [first.told()])
    assert is_right("story other=plot", second.told(), [first.told()])


def test_answers_of_a_kind_are_told_apart() -> None:
    answers = written_answers()
    for kind in ("help.", "about.", "diffusion.", "smalltalk.", "explain."):
        own = [text for name, (text, *_) in answers.items() if name.startswith(kind)]
        for text in own:
            assert [other for other in own if nearly(text, other)] == [text] * own.count(text)


def test_word_distance_and_key_words() -> None:
    assert word_distance(["a", "b", "c", "d"], ["a", "c", "d", "e"]) == 2
    assert key_words("Press Ctrl+N. Then see Settings, or wait 10 s.") == Counter(["ctrl+n", "settings", "10"])


def test_held_out_kinds_are_named_for_the_table() -> None:
    kinds = {
        HeldOut("skills", expected, ("x",)).kind
        for expected in ("story hero=x", "short_story", "exact a", "decline", "help.stop|help.send")
    }
    assert kinds == {"story", "skill", "refusal", "help"}
