"""The model that the fake backend pretends to be: configuration, tokenizer, template and answers, without files."""

from __future__ import annotations

import functools

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from inference.model_config import LayerSpec, ModelConfig, SamplerDefaults
from inference.text.chat_template import ChatTemplate
from inference.text.tokenizer import TextTokenizer

NAME = "Fake model (for tests)"
SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<|turn>", "<turn|>", "<|channel>", "<channel|>")
PAD_ID, EOS_ID, BOS_ID, TURN_END_ID = 0, 1, 2, 4

SHORT_ANSWER = (
    "Dew forms when the air near the ground cools **below the dew point** at night. Water vapour then turns into "
    "tiny drops on grass, leaves and spider webs \N{DROPLET}.\n\nThe same happens on a cold glass: the drops on its "
    "outside come from the air around it, not from the drink – you can wipe them off and they come back."
)
LONG_ANSWER = "\n\n".join(
    f"**Part {part}.** {text}"
    for part, text in enumerate(
        (
            "A canvas starts as noise: every place holds a token that was drawn by chance, and none of it means much.",
            "In each step the model looks at the whole canvas at once and says for every place what it would write.",
            "The places of which it is most certain keep their token, and all others get new noise for the next step.",
            "A token that was kept can melt again when its neighbours change; that is no error but how it works.",
            "When the canvas no longer changes and the model is certain, the block has settled, and it is committed.",
            "Then the next block begins, and it reads everything that was committed before it, the question included.",
        )
        * 4,
        start=1,
    )
)
THINKING_ANSWER = "<|channel>thought\nThe user asks about dew.\nI shall be brief.\n<channel|>Dew is water from the air."

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<|turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ message['content'] | trim }}<turn|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|turn>model\n{% endif %}"
)


def fake_config(canvas_length: int = 256, max_context: int = 32_768) -> ModelConfig:
    """Configuration that fits the fake tokenizer; the layers are there for the type alone."""
    return ModelConfig(
        vocab_size=raw_tokenizer().get_vocab_size(),
        hidden_size=8,
        intermediate_size=8,
        heads=1,
        experts=1,
        top_k=1,
        moe_intermediate_size=8,
        sliding_window=1024,
        layers=(LayerSpec("full_attention", 1, 8, 10_000.0, 1.0),),
        canvas_length=canvas_length,
        max_context=max_context,
        softcap=30.0,
        rms_eps=1e-6,
        pad_id=PAD_ID,
        bos_id=BOS_ID,
        eos_ids=(EOS_ID, TURN_END_ID),
        image_ids=(),
        dtype="float32",
        sampler=SamplerDefaults(),
    )


@functools.cache
def raw_tokenizer() -> tokenizers.Tokenizer:
    """Byte-level BPE of some hundred tokens, trained on the scripted answers in a few milliseconds."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([SHORT_ANSWER, LONG_ANSWER], trainer)
    return tokenizer


def fake_tokenizer() -> TextTokenizer:
    """The fake model's tokenizer."""
    # A copy: each gets private names for its control tokens.
    return TextTokenizer(tokenizers.Tokenizer.from_str(raw_tokenizer().to_str()), (EOS_ID, TURN_END_ID), PAD_ID)


def fake_template() -> ChatTemplate:
    """A template in the manner of the real checkpoint."""
    return ChatTemplate(TEMPLATE, {"bos_token": SPECIAL_TOKENS[BOS_ID]})
