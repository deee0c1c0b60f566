"""Folders that hold what a prompt needs: tokenizers of several kinds, templates, and files that name special tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, trainers

from tests.helpers.published import published_config

SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|image|>")
# As in the published template: the thinking of old answers is cut out, texts are trimmed.
TURNS = """{%- macro strip_thinking(text) -%}
    {%- set ns = namespace(result='') -%}
    {%- for part in text.split('<channel|>') -%}
        {%- if '<|channel>' in part -%}
            {%- set ns.result = ns.result + part.split('<|channel>')[0] -%}
        {%- else -%}
            {%- set ns.result = ns.result + part -%}
        {%- endif -%}
    {%- endfor -%}
    {{- ns.result | trim -}}
{%- endmacro -%}
{{- bos_token -}}
{%- for message in messages -%}
    {{- '<|turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' -}}
    {%- if message['role'] == 'assistant' -%}
        {{- strip_thinking(message['content']) -}}
    {%- else -%}
        {{- message['content'] | trim -}}
    {%- endif -%}
    {{- '<turn|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}{%- endif -%}"""
_TEXTS = (
    "Dew is water from the air, and it settles at night.", "Wie heißt das Wort für Tau?", "Роса садится ночью.",
    "露は夜に降りる。中文字符", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "x = f(a, b)\n\n    return x\n",
)  # fmt: skip


def gemma_tokenizer() -> tokenizers.Tokenizer:
    """BPE as Gemma's: "▁" for spaces, byte fallback, runs of line breaks as added tokens that are not special."""
    tokenizer = tokenizers.Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    numbers = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=[*SPECIAL, *numbers], show_progress=False)
    tokenizer.train_from_iterator(_TEXTS * 4, trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in SPECIAL]
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(state))
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ("\n\n", "\n\n\n", "▁▁")])
    return tokenizer


def byte_level_tokenizer() -> tokenizers.Tokenizer:
    """Byte-level BPE, and control tokens that are not special (as `<think>` of other models)."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS * 4, trainer)
    state = json.loads(tokenizer.to_str())
    for token in state["added_tokens"]:
        token["special"] = "turn" not in token["content"]
        token["rstrip"] = token["content"] == "<|image|>"
    return tokenizers.Tokenizer.from_str(json.dumps(state))


def unigram_tokenizer() -> tokenizers.Tokenizer:
    """As SentencePiece's: a space before the first word, and a vocabulary that spells its own control tokens."""
    trained = tokenizers.Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trained.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=list(SPECIAL), unk_token="<unk>", show_progress=False
    )
    trained.train_from_iterator(_TEXTS * 8, trainer)
    return trained


def normalising_tokenizer() -> tokenizers.Tokenizer:
    """Texts are made small and compatible first, and control tokens are looked for in what that leaves."""
    state = json.loads(byte_level_tokenizer().to_str())
    for token in state["added_tokens"]:
        token |= {"normalized": "turn" in token["content"], "special": True}
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(state))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    return tokenizers.Tokenizer.from_str(tokenizer.to_str())


KINDS = {
    "gemma": gemma_tokenizer, "byte-level": byte_level_tokenizer, "unigram": unigram_tokenizer,
    "normalising": normalising_tokenizer,
}  # fmt: skip


def text_folder(folder: Path, kind: str, template: str = TURNS, **config: Any) -> Path:
    """A folder with configuration, tokenizer and template, but no weights; `config` goes to tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = KINDS[kind]()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    own = {"tokenizer_class": "GemmaTokenizer" if kind == "gemma" else "PreTrainedTokenizerFast"}
    write_json(folder / "tokenizer_config.json", own | config)
    model = published_config()
    model["text_config"] |= {"vocab_size": tokenizer.get_vocab_size() + 8, "pad_token_id": 0}
    model |= {"eos_token_id": [1], "boi_token_id": 9, "image_token_id": 9, "eoi_token_id": 9}
    write_json(folder / "config.json", model)
    return folder


def write_json(file: Path, value: object) -> None:
    """A JSON file."""
    file.write_text(json.dumps(value), encoding="utf-8")


def transformers_ids(folder: Path, turns: Sequence[tuple[str, str]], **options: Any) -> list[int]:
    """The prompt that transformers gives."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": role, "content": text} for role, text in turns]
    ids: list[int] = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False, **options)
    return ids
