"""Special tokens are found wherever a trainer wrote them: the prompt is that of transformers, to the token."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import processors

from inference.config import model_config_from_folder
from inference.errors import ModelFolderError
from inference.params import ChatTurn
from inference.text.chat_template import template_from_folder
from inference.text.prompt import PromptEncoder
from inference.text.special_tokens import special_tokens
from inference.text.tokenizer import TextTokenizer, tokenizer_from_folder
from tests.helpers.text_folders import text_folder, transformers_ids, write_json

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|turn>{{ m.role }}\n{{ m.content }}<turn|>\n{% endfor %}"
    "{{ eos_token }}{{ unk_token }}{{ mask_token }}{{ boi_token }}|{{ image_token }}<think>"
)
TURNS = (("user", "Hi there"), ("assistant", "Hello\n\n"), ("user", " and\n\n\nmore "))
FULL = {"content": "<bos>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
Change = Callable[[Path], None]


def configured(**fields: Any) -> Change:
    """More fields of tokenizer_config.json; None removes one."""

    def change(folder: Path) -> None:
        file = folder / "tokenizer_config.json"
        values = json.loads(file.read_text()) | fields
        write_json(file, {name: value for name, value in values.items() if value is not ...})

    return change


def written(name: str, content: object) -> Change:
    """One more file."""
    return lambda folder: write_json(folder / name, content)


def of_model(**fields: Any) -> Change:
    """More fields of config.json."""

    def change(folder: Path) -> None:
        file = folder / "config.json"
        write_json(file, json.loads(file.read_text()) | fields)

    return change


def tokenizer_json(change: Callable[[dict[str, Any]], None]) -> Change:
    """A change of tokenizer.json."""

    def run(folder: Path) -> None:
        file = folder / "tokenizer.json"
        state = json.loads(file.read_text())
        change(state)
        write_json(file, state)

    return run


def listed(**flags: bool) -> Change:
    """All added tokens listed in tokenizer_config.json, <bos> with these flags."""

    def change(folder: Path) -> None:
        tokens = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
        own = {str(token.pop("id")): token for token in tokens}
        configured(added_tokens_decoder=own | {"2": own["2"] | flags})(folder)

    return change


def post_processor(folder: Path) -> None:
    """The tokenizer itself puts <bos> before everything, and is cut and filled up, as for training."""
    file = str(folder / "tokenizer.json")
    tokenizer = tokenizers.Tokenizer.from_file(file)
    tokenizer.post_processor = processors.TemplateProcessing("<bos> $A", special_tokens=[("<bos>", 2)])
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=64)
    tokenizer.save(file)


def not_special(state: dict[str, Any]) -> None:
    """No added token is special."""
    for token in state["added_tokens"]:
        token["special"] = False


def only_in_vocabulary(state: dict[str, Any]) -> None:
    """<bos> is a word of the vocabulary, but no added token."""
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in ("<bos>", "<|turn>")]


PLACES: dict[str, tuple[Change, ...]] = {
    "nowhere": (),
    "config as text": (configured(bos_token="<bos>"),),
    "config as object": (configured(bos_token={"__type": "AddedToken", **FULL}),),
    "config says none": (configured(bos_token=None),),
    "map as text": (written("special_tokens_map.json", {"bos_token": "<bos>", "eos_token": "<eos>"}),),
    "map as object": (written("special_tokens_map.json", {"bos_token": FULL}),),
    "map before config": (
        configured(bos_token="<eos>"),
        written("special_tokens_map.json", {"bos_token": FULL, "unk_token": "<unk>"}),
    ),
    "listed tokens before map": (listed(), written("special_tokens_map.json", {"bos_token": "<eos>"})),
    "listed tokens, named": (listed(), configured(bos_token="<bos>")),
    "listed tokens with flags": (listed(special=False, rstrip=True), configured(bos_token="<bos>")),
    "model's config": (of_model(bos_token_id=2),),
    "model's config, no class": (configured(tokenizer_class=...), of_model(bos_token_id=2)),
    "class in the model's config": (configured(tokenizer_class=...), of_model(tokenizer_class="GemmaTokenizerFast")),
    "post-processor": (post_processor,),
    "post-processor and config": (post_processor, configured(bos_token="<bos>")),
    "added tokens": (written("added_tokens.json", {"<bos>": 2, "<think>": 903}), configured(bos_token="<bos>")),
    "special for its name alone": (tokenizer_json(not_special), configured(bos_token="<bos>", eos_token="<eos>")),
    "in the vocabulary alone": (tokenizer_json(only_in_vocabulary), configured(bos_token="<bos>")),
    "extra tokens": (
        tokenizer_json(only_in_vocabulary),
        configured(extra_special_tokens=["<|turn>"], bos_token="<bos>", boi_token="<|image|>"),
    ),
    "additional tokens": (tokenizer_json(only_in_vocabulary), configured(additional_special_tokens=["<|turn>"])),
    "tokens of its own": (configured(extra_special_tokens={"image_token": "<|image|>"}, bos_token="<bos>"),),
}


def our_prompt(folder: Path) -> tuple[PromptEncoder, TextTokenizer]:
    """The encoder of a folder."""
    tokenizer = tokenizer_from_folder(folder, model_config_from_folder(folder))
    return PromptEncoder(template_from_folder(folder), tokenizer), tokenizer


# Without a class in tokenizer_config.json transformers would make a Gemma tokenizer of the byte-level one.
CASES = [
    (kind, place) for place in PLACES for kind in ("gemma", "byte-level") if kind == "gemma" or "class" not in place
]


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_prompts_are_those_of_transformers(kind: str, place: str, tmp_path: Path) -> None:
    folder = text_folder(tmp_path, kind, TEMPLATE)
    for change in PLACES[place]:
        change(folder)
    prompt, _ = our_prompt(folder)
    turns = [ChatTurn(role, text) for role, text in TURNS]  # type: ignore[arg-type]
    assert prompt.ids(turns) == transformers_ids(folder, TURNS)


def test_a_token_beyond_the_vocabulary_is_not_learned(tmp_path: Path) -> None:
    folder = text_folder(tmp_path, "gemma", TEMPLATE, extra_special_tokens=[f"<|new{n}|>" for n in range(9)])
    _, tokenizer = our_prompt(folder)
    assert tokenizer.token_id("<|new7|>") is not None
    assert tokenizer.token_id("<|new8|>") is None


@pytest.mark.parametrize("name", ["special_tokens_map.json", "added_tokens.json", "tokenizer_config.json"])
def test_a_damaged_file_is_a_sentence(name: str, tmp_path: Path) -> None:
    folder = text_folder(tmp_path, "gemma", TEMPLATE)
    (folder / name).write_text("{")
    with pytest.raises(ModelFolderError, match=f"{name} is damaged"):
        special_tokens(folder)


@pytest.mark.parametrize("odd", [{"bos_token": 7, "eos_token": {"content": 3}, "pad_token": "", "unk_token": []}])
def test_values_that_name_no_token_are_left_out(odd: dict[str, Any], tmp_path: Path) -> None:
    folder = text_folder(tmp_path, "byte-level", TEMPLATE, **odd)
    assert special_tokens(folder).named == {}
