"""The starter model's tokenizer: byte-level BPE in which common words are single tokens, and encoding of examples.

The vocabulary has four parts: special tokens with fixed ids, all 256 bytes, the pieces of a small BPE that spell any
other text, and whole words. A word that is in the vocabulary is taken whole (`ignore_merges`), so no entry is spent on
the steps that would build it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from inference.text.chat_template import FILE as TEMPLATE
from inference.training.corpus import Example, sample_examples
from inference.training.intents import Intent
from inference.training.nouns import HELD_OUT_NOUNS, STORY_NOUNS

SPECIAL_TOKENS = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>",
    "<|image|>", "<|image>", "<image|>",
)  # fmt: skip
PAD, EOS, BOS, TURN_START, TURN_END = 0, 1, 2, 4, 5
PIECES = 420
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}"
    "{{ ' ' + (m.content | trim | lower) if m.role == 'user' else m.content | trim }}{{ '<turn|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|turn>model\\n' }}{% endif %}"
)

Ids = NDArray[np.int64]


def train_tokenizer(
    intents: Sequence[Intent], vocab_size: int = 2048, seed: int = 0, samples: int = 60_000
) -> Tokenizer:
    """Builds the tokenizer from sampled examples, the same for the same intents and seed.

    Args:
        intents: All intents.
        vocab_size: Exact number of entries.
        seed: Seed of the sample.
        samples: How many examples to count words in.

    Returns:
        The tokenizer.
    """
    ranked = _ranked_words(intents, list(islice(sample_examples(intents, seed), samples)))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces, merges = _pieces(ranked, alphabet)
    vocabulary = dict.fromkeys([*SPECIAL_TOKENS, *alphabet, *pieces])
    for word in [*ranked, *_pieces(ranked, alphabet, count=vocab_size)[0]]:
        if len(vocabulary) >= vocab_size:
            break
        vocabulary[word] = None
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


def _ranked_words(intents: Sequence[Intent], examples: Iterable[Example]) -> dict[str, float]:
    """Orders words by importance: role names, words of answers, words of written patterns, all by frequency."""
    splitter = _splitter()

    def words_of(text: str) -> list[str]:
        return [word for word, _ in splitter.pre_tokenize_str(text)]

    asked: Counter[str] = Counter()
    for example in examples:
        asked.update(words_of(as_written("user", example.turns[-1][1])))
    answered: Counter[str] = Counter(["user", "model", "system", "Ċ"])
    known: set[str] = set()
    for intent in intents:
        real = intent.kind != "story" or intent.name in STORY_NOUNS
        if not real or not intent.patterns:
            continue
        for pattern in intent.patterns:
            known.update(words_of(" " + pattern.lower().translate(str.maketrans("{|}", "   "))))
        if intent.kind != "long":
            answered.update({word: 50 for word in words_of(intent.answers[0])})
    answered.update({f"Ġ{noun}": 50 for noun in STORY_NOUNS})
    stems = {word.lstrip("Ġ") for word in known}
    withheld = {f"Ġ{noun}" for noun in HELD_OUT_NOUNS} - set(answered)
    scores: dict[str, float] = {word: 1e6 + count for word, count in answered.items()}
    for word, count in asked.items():
        if word.lstrip("Ġ").lower() in stems and word not in withheld:
            scores[word] = scores.get(word, 0.0) + count
    for intent in intents:
        if intent.kind == "long":
            for word in words_of(intent.answers[0]):
                scores[word] = scores.get(word, 0.0) + 60
    order = sorted(scores, key=lambda word: (-scores[word], word))
    return {word: scores[word] for word in order if len(word) > 1}


def _pieces(
    words: dict[str, float], alphabet: list[str], count: int = PIECES
) -> tuple[list[str], list[tuple[str, str]]]:
    """Trains the BPE that spells words which are not in the vocabulary, on a flattened count of words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + count, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )

    def texts() -> Iterator[str]:
        for word, score in words.items():
            for form in sorted({word, word.lower().replace("ġ", "Ġ")}):
                yield " ".join([form] * min(12, 1 + int(math.log2(1 + score % 1e6))))

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


def render(turns: Iterable[tuple[str, str]]) -> str:
    """Renders a chat as the chat template does, up to the start of the model's turn.

    Args:
        turns: Pairs of role (`system`, `user`, `model`) and text.

    Returns:
        The text of the prompt.
    """
    chat = "".join(f"<|turn>{role}\n{as_written(role, text)}<turn|>\n" for role, text in turns)
    return f"<bos>{chat}<|turn>model\n"


def as_written(role: str, text: str) -> str:
    """A turn's text as the chat template puts it: the user's in small letters, so that case does not matter."""
    return f" {text.strip().lower()}" if role == "user" else text.strip()


@lru_cache(maxsize=1 << 15)
def _ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """Encodes a text, keeping recent results; a special token that it spells is plain characters, as in a prompt."""
    tokenizer.encode_special_tokens = True
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    return ids


def encode_prompt(tokenizer: Tokenizer, turns: Iterable[tuple[str, str]]) -> Ids:
    """Encodes a chat, equal to encoding `render(turns)` in one go.

    Args:
        tokenizer: The tokenizer.
        turns: Pairs of role and text.

    Returns:
        Token ids of the prompt.
    """
    newline = _ids_of(tokenizer, "\n")
    ids = [BOS]
    for role, text in turns:
        ids += [
            TURN_START,
            *_ids_of(tokenizer, role),
            *newline,
            *_ids_of(tokenizer, as_written(role, text)),
            TURN_END,
            *newline,
        ]
    ids += [TURN_START, *_ids_of(tokenizer, "model"), *newline]
    return np.array(ids, dtype=np.int64)


def encode_example(tokenizer: Tokenizer, example: Example) -> tuple[Ids, Ids]:
    """Encodes an example for training.

    Args:
        tokenizer: The tokenizer.
        example: The example.

    Returns:
        Prompt ids, and answer ids that end with `<turn|>`; neither is padded.
    """
    answer = [*_ids_of(tokenizer, example.answer), TURN_END]
    return encode_prompt(tokenizer, example.turns), np.array(answer, dtype=np.int64)
