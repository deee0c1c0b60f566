"""Configurations: the published checkpoint's values, what transformers writes, and errors that name what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.config import model_config_from_dicts, model_config_from_folder
from inference.errors import ModelFolderError
from inference.model_config import ModelConfig
from inference.params import SamplerParams
from tests.helpers.published import published_config, published_generation_config

FOLDER = Path("folder")


def _read(config: dict[str, Any], generation: dict[str, Any] | None = None) -> ModelConfig:
    return model_config_from_dicts(config, generation or {}, FOLDER)


def test_published_checkpoint() -> None:
    config = _read(published_config(), published_generation_config())
    assert (config.hidden_size, config.vocab_size, config.intermediate_size) == (2816, 262_144, 2112)
    assert (config.experts, config.top_k, config.moe_intermediate_size) == (128, 8, 704)
    assert (config.canvas_length, config.sliding_window, config.max_context) == (256, 1024, 262_144)
    assert (config.softcap, config.rms_eps, config.dtype) == (30.0, 1e-6, "bfloat16")
    assert (config.pad_id, config.bos_id, config.eos_ids) == (0, 2, (1, 106, 50))
    assert [number for number, layer in enumerate(config.layers) if not layer.sliding] == [5, 11, 17, 23, 29]
    sliding, full = config.layers[0], config.layers[5]
    assert (sliding.head_dim, sliding.kv_heads, sliding.rope_theta, sliding.rope_proportion) == (256, 8, 1e4, 1.0)
    assert (full.head_dim, full.kv_heads, full.rope_theta, full.rope_proportion) == (512, 2, 1e6, 0.25)
    sampler = config.sampler
    assert (sampler.max_denoising_steps, sampler.t_max, sampler.t_min) == (48, 0.8, 0.4)
    assert (sampler.entropy_bound, sampler.stability_threshold) == (0.1, 1)
    assert (sampler.confidence_threshold, sampler.max_new_tokens) == (0.005, 256)


def test_what_transformers_saves_reads_the_same(tmp_path: Path) -> None:
    from transformers import DiffusionGemmaConfig

    raw = published_config()
    raw["vision_config"] = {"model_type": "gemma4_vision"}
    DiffusionGemmaConfig.from_dict(raw).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert "per_layer_config" in saved["text_config"], "transformers writes the other form"
    assert model_config_from_folder(tmp_path).layers == _read(published_config()).layers


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for name in parents:
            config = config[name]
        if value is _DELETE:
            del config[last]
        else:
            config[last] = value

    return change


_DELETE = object()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("model_type", "gemma4", ["config.json", "model_type", "'gemma4'", "'diffusion_gemma'"]),
        ("text_config", _DELETE, ["text_config", "nothing", "a JSON object"]),
        ("text_config.hidden_size", _DELETE, ["text_config.hidden_size", "nothing", "from 1 to"]),
        ("text_config.hidden_size", "2816", ["text_config.hidden_size", "'2816'", "whole number"]),
        ("text_config.num_experts", None, ["text_config.num_experts", "nothing"]),
        ("text_config.top_k_experts", 129, ["text_config.top_k_experts", "129", "from 1 to 128"]),
        ("text_config.layer_types", ["full_attention"], ["text_config.layer_types", "1", "30 entries"]),
        ("text_config.layer_types", ["mamba"] * 30, ["text_config.layer_types[0]", "'mamba'", "sliding_attention"]),
        ("text_config.num_key_value_heads", 3, ["layer 0", "3", "num_attention_heads (16)"]),
        ("text_config.head_dim", 7, ["layer 0", "7", "even"]),
        ("text_config.hidden_activation", "silu", ["hidden_activation", "'silu'", "gelu_pytorch_tanh"]),
        ("text_config.use_bidirectional_attention", "all", ["use_bidirectional_attention", "'all'"]),
        ("text_config.rope_parameters.full_attention.rope_type", "yarn", ["full_attention.rope_type", "'yarn'"]),
        ("text_config.rope_parameters.sliding_attention.rope_theta", 0, ["rope_theta", "0", "above 0"]),
        ("tie_word_embeddings", False, ["tie_word_embeddings", "True".lower()]),
        ("canvas_length", 0, ["canvas_length", "0", "from 1 to"]),
        ("eos_token_id", [999_999], ["eos_token_id", "999999", "from 0 to 262143"]),
    ],
)
def test_errors_name_field_found_and_expected(path: str, value: Any, words: list[str]) -> None:
    config = published_config()
    _set(path, value)(config)
    with pytest.raises(ModelFolderError) as caught:
        _read(config)
    for word in words:
        assert word in caught.value.user_text


def test_contradictory_generation_config() -> None:
    with pytest.raises(ModelFolderError, match=r"generation_config\.json.*t_max is 0\.3.*more than t_min \(0\.4\)"):
        _read(published_config(), {"t_max": 0.3, "t_min": 0.4})
    with pytest.raises(ModelFolderError, match="OtherSampler"):
        _read(published_config(), {"sampler_config": {"_cls_name": "OtherSampler"}})


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "holds no config.json"), ("{", "not valid JSON"), ("[]", "no JSON object"), ("{}", "model_type")],
)
def test_damaged_files(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelFolderError, match=words) as caught:
        model_config_from_folder(tmp_path)
    assert caught.value.hint


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="There is no model folder"):
        model_config_from_folder(tmp_path / "nowhere")


def test_sampler_overrides_are_checked_together() -> None:
    sampler = _read(published_config()).sampler
    assert sampler.merged(SamplerParams(max_denoising_steps=16)).max_denoising_steps == 16
    assert sampler.merged(SamplerParams()) == sampler
    assert sampler.merged(SamplerParams(steps_divisor=3, max_denoising_steps=5)).max_denoising_steps == 5
    assert sampler.merged(SamplerParams(steps_divisor=10**6)).max_denoising_steps == 1
    with pytest.raises(ValueError, match="t_max must be more than t_min"):
        sampler.merged(SamplerParams(t_max=0.2))
