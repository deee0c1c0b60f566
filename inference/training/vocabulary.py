"""The starter model's tokenizer: byte-level BPE in which common words are single tokens, and encoding of chats.

The vocabulary has four parts: special tokens with fixed ids, all 256 bytes, the pieces of a small BPE that spell any
other text, and whole words. A word that is in the vocabulary is taken whole (`ignore_merges`), so no entry is spent on
the steps that would build it. Letters keep their case.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from inference.text.chat_template import FILE as TEMPLATE
from inference.training.corpus import sample_chats
from inference.training.intents import Intent
from inference.training.skills.chat import Chat

SPECIAL_TOKENS = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>",
    "<|image|>", "<|image>", "<image|>", "<|tool>", "<tool|>", "<|tool_call>", "<tool_call|>", "<|tool_response>",
    "<tool_response|>", '<|"|>',
)  # fmt: skip
PAD, EOS, BOS, TURN_START, TURN_END, THINK, TOOL_CALL, TOOL_RESPONSE = 0, 1, 2, 4, 5, 8, 14, 16
PIECES = 700
RAREST = 12  # how often a word must occur in the sample to be a token of its own
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% set first = messages[0].role == 'system' %}"
    "{% if first or tools or enable_thinking %}{{ '<|turn>system\\n' }}"
    "{% if enable_thinking %}{{ '<|think|>\\n' }}{% endif %}"
    "{% if first %}{{ messages[0].content | trim }}{% endif %}"
    "{% for tool in tools or [] %}{% set f = tool.function %}"
    "{{ '<|tool>declaration:' + f.name + '{description:<|\"|>' + f.description + '<|\"|>,parameters:{properties:{' }}"
    "{% for name, value in (f.parameters.properties or {}).items() %}"
    "{{ (',' if not loop.first else '') + name + ':{type:<|\"|>' + (value.type | upper) + '<|\"|>}' }}{% endfor %}"
    "{{ '},type:<|\"|>OBJECT<|\"|>}}<tool|>' }}{% endfor %}"
    "{{ '<turn|>\\n' }}{% endif %}"
    "{% for m in messages %}{% if not (loop.first and first) %}"
    "{{ '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}"
    "{{ (' ' if m.role == 'user' else '') + (m.content | trim) }}{{ '<turn|>\\n' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|turn>model\\n' }}{% endif %}"
)

Ids = NDArray[np.int64]


def train_tokenizer(
    intents: Sequence[Intent], vocab_size: int = 4096, seed: int = 0, samples: int = 150_000
) -> Tokenizer:
    """The tokenizer of sampled chats, the same for the same intents and seed.

    Args:
        intents: All written intents.
        vocab_size: Exact number of entries.
        seed: Seed of the sample.
        samples: How many chats to count words in.

    Raises:
        ValueError: The sample does not have so many words.
    """
    ranked = _ranked_words(islice(sample_chats(intents, seed), samples))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces, merges = _pieces(ranked, alphabet)
    vocabulary = dict.fromkeys([*SPECIAL_TOKENS, *alphabet, *pieces])
    for word, count in ranked.items():
        if len(vocabulary) >= vocab_size or count < RAREST:
            break
        vocabulary[word] = None
    for piece in _pieces(ranked, alphabet, count=vocab_size)[0]:
        if len(vocabulary) >= vocab_size:
            break
        vocabulary[piece] = None
    if len(vocabulary) != vocab_size:
        raise ValueError(f"the corpus gives {len(vocabulary)} entries where {vocab_size} are wanted")
    ids = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = _splitter()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    return tokenizer


def _splitter() -> pre_tokenizers.PreTokenizer:
    """Splits text into single digits and words with their leading space."""
    parts = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    return pre_tokenizers.Sequence(parts)


def _ranked_words(chats: Iterable[Chat]) -> dict[str, int]:
    """Words of chats by how often they occur; those of other scripts are left to bytes."""
    splitter = _splitter()
    counts: Counter[str] = Counter({"user": 10**6, "model": 10**6, "system": 10**6, "\u010a": 10**6})
    texts: Counter[str] = Counter()
    for chat in chats:
        texts[chat.answer] += 2
        texts[as_written("user", chat.turns[-1][1])] += 1
        texts[chat.tools] += 1
    for text, times in texts.items():
        for word, _ in splitter.pre_tokenize_str(text):
            if all(char.isascii() or char in "\u0120\u010a" for char in word):
                counts[word] += times
    order = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: counts[word] for word in order if len(word) > 1}


def _pieces(words: dict[str, int], alphabet: list[str], count: int = PIECES) -> tuple[list[str], list[tuple[str, str]]]:
    """Trains the BPE that spells words which are not in the vocabulary, on a flattened count of words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + count, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )

    def texts() -> Iterator[str]:
        for word, times in words.items():
            yield " ".join([word] * min(12, 1 + int(math.log2(1 + times))))

    tokenizer.train_from_iterator(texts(), trainer=trainer)
    state = json.loads(tokenizer.to_str())["model"]
    merges = [(left, right) for left, right in state["merges"]]
    return [left + right for left, right in merges], merges


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the tokenizer in Hugging Face layout.

    Args:
        tokenizer: What `train_tokenizer` gave.
        folder: Folder of the checkpoint; made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 4096,
        "padding_side": "left",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (folder / TEMPLATE).write_text(CHAT_TEMPLATE + "\n", encoding="utf-8")


def load_tokenizer(folder: Path) -> Tokenizer:
    """Loads a saved tokenizer.

    Args:
        folder: Folder of the checkpoint.

    Returns:
        The tokenizer.
    """
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def system_text(chat: Chat) -> str:
    """What the first turn says before the user: thinking, the system's words, tools; "" for no such turn."""
    own = chat.turns[0][1].strip() if chat.turns[0][0] == "system" else ""
    return ("<|think|>\n" if chat.thinking else "") + own + chat.tools


def render(chat: Chat) -> str:
    """The prompt as the chat template writes it, up to where the model goes on.

    A chat that ends with the model's own turn (the call of a tool and its response) goes on within that turn.
    """
    system = system_text(chat)
    text = f"<bos><|turn>system\n{system}<turn|>\n" if system else "<bos>"
    turns = [turn for turn in chat.turns if turn[0] != "system"]
    for role, said in turns[:-1]:
        text += f"<|turn>{role}\n{as_written(role, said)}<turn|>\n"
    role, said = turns[-1]
    if role == "model":
        return f"{text}<|turn>model\n{as_written(role, said)}"
    return f"{text}<|turn>{role}\n{as_written(role, said)}<turn|>\n<|turn>model\n"


def as_written(role: str, text: str) -> str:
    """A turn's text as the chat template puts it: the user's begins with a space, as its other words do."""
    return f" {text.strip()}" if role == "user" else text.strip()


@lru_cache(maxsize=1 << 15)
def _ids_of(tokenizer: Tokenizer, text: str, plain: bool) -> list[int]:
    """Encodes a text, keeping recent results; `plain`: a special token that it spells is characters, as in a prompt."""
    tokenizer.encode_special_tokens = plain
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    return ids


def encode_prompt(tokenizer: Tokenizer, chat: Chat) -> Ids:
    """Ids of `render(chat)`, in which what a person wrote is never a special token."""
    newline = _ids_of(tokenizer, "\n", True)
    ids = [BOS]

    def turn(role: str, body: list[int]) -> list[int]:
        return [TURN_START, *_ids_of(tokenizer, role, True), *newline, *body, TURN_END, *newline]

    if system := system_text(chat):
        ids += turn("system", _ids_of(tokenizer, system, False))
    turns = [each for each in chat.turns if each[0] != "system"]
    for role, said in turns:
        ids += turn(role, _ids_of(tokenizer, as_written(role, said), role == "user"))
    if turns[-1][0] == "model":
        return np.array(ids[: -1 - len(newline)], dtype=np.int64)
    ids += [TURN_START, *_ids_of(tokenizer, "model", True), *newline]
    return np.array(ids, dtype=np.int64)


def encode_chat(tokenizer: Tokenizer, chat: Chat) -> tuple[Ids, Ids]:
    """A chat for training: prompt ids, and answer ids with the id that ends them; neither is padded.

    A call of a tool ends where the response begins, everything else with the turn.
    """
    answer = _ids_of(tokenizer, chat.answer, False)
    end = TOOL_RESPONSE if TOOL_CALL in answer else TURN_END
    return encode_prompt(tokenizer, chat), np.array([*answer, end], dtype=np.int64)


def encode_turns(tokenizer: Tokenizer, chat: Chat) -> tuple[Ids, list[tuple[int, Ids]]]:
    """A chat for training on all its answers.

    Returns:
        The prompt's ids, and where each answer begins with its ids and the id that ends it; the last one begins behind
        the prompt. Of a chat with tools or thinking only the last answer counts.
    """
    prompt, last = encode_chat(tokenizer, chat)
    answers = []
    if not chat.tools and not chat.thinking:
        for number, (role, said) in enumerate(chat.turns):
            if role == "model":
                asked = replace(chat, turns=chat.turns[:number], answer=said)
                before, answer = encode_chat(tokenizer, asked)
                answers.append((len(before), answer))
    return prompt, [*answers, (len(prompt), last)]
