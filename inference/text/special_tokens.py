"""Which special tokens a checkpoint names, wherever it does: what its template may write, what its tokenizer must know.

They stand in tokenizer_config.json (as a text or an object), in special_tokens_map.json and added_tokens.json (older
trainers), or nowhere: then the class of the tokenizer has names of its own. Rules and their order are those of
transformers `tokenization_utils_base.py` (`_from_pretrained`) and `models/auto/tokenization_auto.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers

from inference.config import LARGEST_TOKENS, optional_object
from inference.errors import ModelFolderError
from inference.text.surrogates import storable

CONFIG, MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
# What GemmaTokenizer of transformers calls its tokens where no file says otherwise; a checkpoint of this kind whose
# files name no class of tokenizer gets that one.
_GEMMA_CLASS = "GemmaTokenizer"
_GEMMA_NAMES = {
    "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>",
}  # fmt: skip
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
# Characters of a token that is found in a text before anything else, and how many of them there may be; the published
# vocabulary has 6,400.
LONGEST_TOKEN, _MOST_ADDED = 200, 50_000
_AGAIN = "Download the tokenizer's files of this model again."


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """What the files around tokenizer.json say.

    Attributes:
        named: Text of bos_token, eos_token and every other `..._token`.
        added: Tokens whose flags come before those of tokenizer.json.
        others: Tokens that must be special, named or not.
    """

    named: Mapping[str, str]
    added: tuple[tokenizers.AddedToken, ...] = ()
    others: tuple[tokenizers.AddedToken, ...] = ()


def special_tokens(folder: Path) -> SpecialTokens:
    """Read the files of a checkpoint's folder.

    1. tokenizer_config.json names tokens. If it lists its added tokens, too, nothing else counts.
    2. Otherwise special_tokens_map.json comes before it, and added_tokens.json adds to it.
    3. What is not named at all has the name that the tokenizer's class gives it.

    Raises:
        ModelFolderError: A file is damaged.
    """
    # 1.
    config = _object(folder / CONFIG)
    listed = config.get("added_tokens_decoder")
    added = [_added(token) for _, token in _by_id(listed)] if isinstance(listed, dict) else []
    # 2.
    if not isinstance(listed, dict):
        config |= _object(folder / MAP)
        added += [_added(text) for text, _ in sorted(_object(folder / ADDED).items(), key=lambda item: str(item[1]))]
    # 3.
    found = {name: value for name, value in config.items() if name.endswith("_token")}
    extra = config.get("extra_special_tokens") or config.get("additional_special_tokens") or []
    if isinstance(extra, dict):
        found, extra = found | extra, []
    if not isinstance(extra, list):
        extra = []
    if len(added) + len(found) + len(extra) > _MOST_ADDED:
        raise ModelFolderError(f"{folder / CONFIG} lists more than {_MOST_ADDED:,} special tokens.", _AGAIN)
    if _class(config, folder) == _GEMMA_CLASS:
        found = {**_GEMMA_NAMES, **found}
    named = {name: token for name, value in found.items() if (token := _added(value, special=True)) is not None}
    others = [*named.values(), *filter(None, (_added(value, special=True) for value in extra))]
    texts = {token.content for token in others}
    if any(len(text) > LONGEST_TOKEN for text in texts | {token.content for token in added if token is not None}):
        text = f"{folder / CONFIG} lists a special token of more than {LONGEST_TOKEN} characters."
        raise ModelFolderError(text, _AGAIN)
    return SpecialTokens(
        {name: token.content for name, token in named.items()},
        tuple(_special(token) if token.content in texts else token for token in filter(None, added)),
        tuple(others),
    )


def complete_tokenizer(tokenizer: tokenizers.Tokenizer, tokens: SpecialTokens, most: int) -> None:
    """Teach a tokenizer what the other files say; ids of `most` or more are no model's and stay out."""
    for token in tokens.added:
        _add(tokenizer, token, most)
    known = {token.content: token for token in tokenizer.get_added_tokens_decoder().values()}
    for token in tokens.others:
        if token.content not in known:
            _add(tokenizer, token, most)
        elif not known[token.content].special:
            _add(tokenizer, _special(known[token.content]), most)


def _add(tokenizer: tokenizers.Tokenizer, token: tokenizers.AddedToken, most: int) -> None:
    if tokenizer.token_to_id(token.content) is not None or tokenizer.get_vocab_size() < most:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])


def _special(token: tokenizers.AddedToken) -> tokenizers.AddedToken:
    return tokenizers.AddedToken(token.content, **{name: getattr(token, name) for name in _FLAGS} | {"special": True})


def _added(value: Any, special: bool = False) -> tokenizers.AddedToken | None:
    """A token is written as its text or as an object with "content" and flags; None for anything else."""
    if isinstance(value, str) and value:
        return tokenizers.AddedToken(storable(value), special=special, normalized=not special)
    if not isinstance(value, dict) or not isinstance(value.get("content"), str) or not value["content"]:
        return None
    flags = {name: bool(value[name]) for name in _FLAGS if name in value}
    return tokenizers.AddedToken(storable(value["content"]), **flags | ({"special": True} if special else {}))


def _by_id(listed: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return sorted(listed.items(), key=lambda item: (len(item[0]), item[0]))


def _class(config: Mapping[str, Any], folder: Path) -> str:
    own = config.get("tokenizer_class") or _object(folder / "config.json").get("tokenizer_class") or _GEMMA_CLASS
    return str(own).removesuffix("Fast")


def _object(file: Path) -> dict[str, Any]:
    return optional_object(file, LARGEST_TOKENS)
