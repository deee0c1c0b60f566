"""`ModelConfig`: what a checkpoint folder in Hugging Face layout says about the model.

Read from `config.json` and `generation_config.json`. Both ways in which the full-attention layers' own head
size is written are understood: `global_head_dim` / `num_global_key_value_heads` (the published checkpoint) and
`per_layer_config` (what `transformers` 5.23 saves). Every error names file, field, value found and value expected.
`Fields` is the checked access to them; it serves the other files of a folder, too.
Source of the fields: transformers `models/diffusion_gemma/configuration_diffusion_gemma.py`.
"""

from __future__ import annotations

import errno
import reprlib
from pathlib import Path
from typing import Any

from inference.errors import ModelFolderError
from inference.model_config import LayerSpec, ModelConfig, SamplerDefaults
from trt_engines.files import read_json, there

# Far beyond any model: what is larger is a slip or a trap, and would be computed with for ever, or fill the memory.
_LARGEST = 1e9
_MOST_STEPS, _MOST_TOKENS = 10_000, 2**31 - 1
_MOST_LAYERS, _MOST_HEADS, _MOST_HEAD_DIM, _MOST_EXPERTS = 1024, 4096, 16_384, 4096
_WIDEST, _MOST_WORDS, _LONGEST_CANVAS, _MOST_ENDS = 1 << 20, 1 << 24, 16_384, 1024
# Weights, and experts of all layers together; the published model has 26 billion and 3,840.
_MOST_WEIGHTS, _MOST_LAYER_EXPERTS = 10**13, 1 << 18
# Smaller numbers than these vanish in float32, and are divided by.
_LEAST_TEMPERATURE, _LEAST_CAP = 1e-4, 1e-3
_TYPES = ("bfloat16", "float16", "float32")
# Bytes: of a configuration, and of the files around a tokenizer, which may list some thousand tokens.
LARGEST_CONFIG, LARGEST_TOKENS = 4 << 20, 16 << 20
_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 80


def model_config_from_folder(folder: Path) -> ModelConfig:
    """Read and check the configuration of the checkpoint in `folder`.

    Raises:
        ModelFolderError: The folder or a file is missing, is not JSON, names another architecture, or holds a
            missing, wrong or contradictory value.
    """
    try:
        is_folder = folder.is_dir()
    except OSError as exc:
        raise unreadable(folder, exc) from exc
    if not is_folder:
        raise ModelFolderError(f"There is no model folder at {folder}.", "Choose the folder that holds config.json.")
    config, generation = read_object(folder / "config.json"), optional_object(folder / "generation_config.json")
    return model_config_from_dicts(config, generation, folder)


def model_config_from_dicts(config: dict[str, Any], generation: dict[str, Any], folder: Path) -> ModelConfig:
    """`ModelConfig` of the parsed `config.json` and `generation_config.json`; `folder` is named in errors."""
    top = Fields(config, folder / "config.json")
    top.expect("model_type", "diffusion_gemma")
    text = top.section("text_config")
    text.expect("hidden_activation", "gelu_pytorch_tanh", default="gelu_pytorch_tanh")
    text.expect("attention_bias", False, default=False)
    bidirectional = text.raw("use_bidirectional_attention", "vision")
    if bidirectional not in ("vision", None):
        raise config_error(text.file, "text_config.use_bidirectional_attention", bidirectional, '"vision" or null')
    if not top.raw("tie_word_embeddings", True):
        raise config_error(top.file, "tie_word_embeddings", False, "true")
    layers = _layers(text)
    heads = text.whole("num_attention_heads", least=1, most=_MOST_HEADS)
    for number, layer in enumerate(layers):
        if heads % layer.kv_heads:
            expected = f"a divisor of num_attention_heads ({heads})"
            raise config_error(text.file, f"key/value heads of layer {number}", layer.kv_heads, expected)
    experts = text.whole("num_experts", least=1, most=min(_MOST_EXPERTS, _MOST_LAYER_EXPERTS // len(layers)))
    vocab_size = text.whole("vocab_size", least=2, most=_MOST_WORDS)
    gen = Fields(generation, folder / "generation_config.json")
    max_context = text.whole("max_position_embeddings", least=1, most=_MOST_TOKENS, default=131_072)
    made = ModelConfig(
        vocab_size=vocab_size,
        hidden_size=text.whole("hidden_size", least=1, most=_WIDEST),
        intermediate_size=text.whole("intermediate_size", least=1, most=_WIDEST),
        heads=heads,
        experts=experts,
        top_k=text.whole("top_k_experts", least=1, most=experts),
        moe_intermediate_size=text.whole("moe_intermediate_size", least=1, most=_WIDEST),
        sliding_window=text.whole("sliding_window", least=2, most=_MOST_TOKENS),
        layers=layers,
        canvas_length=top.whole("canvas_length", least=1, most=min(_LONGEST_CANVAS, max_context), default=256),
        max_context=max_context,
        softcap=text.number("final_logit_softcapping", above=_LEAST_CAP, default=30.0),
        rms_eps=text.number("rms_norm_eps", above=0.0, most=1.0, default=1e-6),
        pad_id=_token_id(gen, text, "pad_token_id", 0, vocab_size),
        bos_id=_token_id(gen, text, "bos_token_id", 2, vocab_size),
        eos_ids=_eos_ids(gen, top, text, vocab_size),
        image_ids=_image_ids(top, vocab_size),
        dtype=_dtype(top, text),
        sampler=_sampler(gen),
    )
    weights = _weights(made)
    if weights > _MOST_WEIGHTS:
        raise config_error(text.file, "the number of weights", weights, f"no more than {_MOST_WEIGHTS:,}")
    return made


def _dtype(top: Fields, text: Fields) -> str:
    named = top.raw("dtype", None) or top.raw("torch_dtype", None) or text.raw("dtype", None) or "bfloat16"
    if named not in _TYPES:
        raise config_error(top.file, "dtype", named, f"one of {', '.join(_TYPES)}")
    return str(named)


def _weights(config: ModelConfig) -> int:
    """Numbers in the large matrices of the text model."""
    heads = sum(2 * (config.heads + layer.kv_heads) * layer.head_dim for layer in config.layers)
    experts = 3 * config.experts * config.moe_intermediate_size + 3 * config.intermediate_size
    return config.hidden_size * (config.vocab_size + heads + len(config.layers) * experts)


def _layers(text: Fields) -> tuple[LayerSpec, ...]:
    count = text.whole("num_hidden_layers", least=1, most=_MOST_LAYERS)
    kinds = text.raw("layer_types", None)
    if kinds is None:
        kinds = ["full_attention" if (i + 1) % 6 == 0 or i + 1 == count else "sliding_attention" for i in range(count)]
    if not isinstance(kinds, list) or len(kinds) != count:
        found = len(kinds) if isinstance(kinds, list) else kinds
        raise config_error(text.file, "text_config.layer_types", found, f"{count} entries (num_hidden_layers)")
    return tuple(_layer(text, number, kind) for number, kind in enumerate(kinds))


def _layer(text: Fields, number: int, kind: Any) -> LayerSpec:
    if kind not in ("sliding_attention", "full_attention"):
        expected = '"sliding_attention" or "full_attention"'
        raise config_error(text.file, f"text_config.layer_types[{number}]", kind, expected)
    head_dim = text.whole("head_dim", least=2, most=_MOST_HEAD_DIM)
    kv_heads = text.whole("num_key_value_heads", least=1, most=_MOST_HEADS)
    if isinstance(text.raw("per_layer_config", None), dict):
        own = _own_section(text.section("per_layer_config"), number)
        head_dim = own.whole("head_dim", least=2, most=_MOST_HEAD_DIM, default=head_dim)
        kv_heads = own.whole("num_key_value_heads", least=1, most=_MOST_HEADS, default=kv_heads)
    elif kind == "full_attention":
        head_dim = text.whole("global_head_dim", least=2, most=_MOST_HEAD_DIM, default=512)
        kv_heads = text.whole("num_global_key_value_heads", least=1, most=_MOST_HEADS, default=kv_heads)
    if head_dim % 2:
        raise config_error(text.file, f"head size of layer {number}", head_dim, "an even number")
    rope = text.section("rope_parameters", default=_DEFAULT_ROPE).section(kind)
    rope_type = rope.raw("rope_type", "default")
    if rope_type not in ("default", "proportional"):
        raise config_error(rope.file, f"{rope.prefix}rope_type", rope_type, '"default" or "proportional"')
    proportion = rope.number("partial_rotary_factor", above=0.0, most=1.0, default=1.0)
    if rope_type == "default" and proportion != 1.0:
        raise config_error(rope.file, f"{rope.prefix}partial_rotary_factor", proportion, "1.0 for rope_type default")
    theta = rope.number("rope_theta", above=0.0, most=1e15)
    return LayerSpec(kind=kind, kv_heads=kv_heads, head_dim=head_dim, rope_theta=theta, rope_proportion=proportion)


def _own_section(per_layer: Fields, number: int) -> Fields:
    """The overrides of one layer; transformers pads the numbers with zeros where there are 10 layers or more."""
    names = [name for name in per_layer.names() if name.isdecimal() and name.lstrip("0") == str(number or "")]
    return per_layer.section(names[0] if names else str(number), default={})


_DEFAULT_ROPE = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
    "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1_000_000.0},
}


def _token_id(gen: Fields, text: Fields, name: str, default: int, vocab_size: int) -> int:
    source = gen if gen.raw(name, None) is not None else text
    return source.whole(name, least=0, most=vocab_size - 1, default=default)


def _eos_ids(gen: Fields, top: Fields, text: Fields, vocab_size: int) -> tuple[int, ...]:
    for source in (gen, top, text):
        value = source.raw("eos_token_id", None)
        if value is None:
            continue
        ids = value if isinstance(value, list) else [value]
        if not 0 < len(ids) <= _MOST_ENDS or any(type(i) is not int or not 0 <= i < vocab_size for i in ids):
            expected = f"token ids from 0 to {vocab_size - 1}"
            raise config_error(source.file, f"{source.prefix}eos_token_id", value, expected)
        return tuple(ids)
    return (1,)


def _image_ids(top: Fields, vocab_size: int) -> tuple[int, ...]:
    ids = (top.raw(name, None) for name in ("boi_token_id", "image_token_id", "eoi_token_id"))
    return tuple(i for i in ids if type(i) is int and 0 <= i < vocab_size)


def _sampler(gen: Fields) -> SamplerDefaults:
    base = SamplerDefaults()
    sampler = gen.section("sampler_config", default={})
    kind = sampler.raw("_cls_name", "EntropyBoundSamplerConfig")
    if kind != "EntropyBoundSamplerConfig":
        raise config_error(gen.file, "sampler_config._cls_name", kind, '"EntropyBoundSamplerConfig"')
    values = SamplerDefaults(
        max_denoising_steps=gen.whole(
            "max_denoising_steps", least=1, most=_MOST_STEPS, default=base.max_denoising_steps
        ),
        t_max=gen.number("t_max", above=_LEAST_TEMPERATURE, default=base.t_max),
        t_min=gen.number("t_min", above=-1e-9, default=base.t_min),
        entropy_bound=sampler.number("entropy_bound", above=0.0, default=base.entropy_bound),
        stability_threshold=gen.whole(
            "stability_threshold", least=0, most=_MOST_STEPS, default=base.stability_threshold
        ),
        confidence_threshold=gen.number("confidence_threshold", above=0.0, default=base.confidence_threshold),
        max_new_tokens=gen.whole("max_new_tokens", least=1, most=_MOST_TOKENS, default=base.max_new_tokens),
    )
    if values.t_max <= values.t_min:
        raise config_error(gen.file, "t_max", values.t_max, f"more than t_min ({values.t_min})")
    return values


_MISSING = object()


def config_error(file: Path, field: str, found: Any, expected: str) -> ModelFolderError:
    """The error for a field whose value cannot be used."""
    shown = "nothing" if found is _MISSING else _shown.repr(found)
    return ModelFolderError(
        f"{file.name} of {file.parent} cannot be used: {field} is {shown}, expected {expected}.",
        "This is not a complete DiffusionGemma checkpoint, or a newer kind than this version knows.",
    )


def read_object(file: Path, most: int = LARGEST_CONFIG) -> dict[str, Any]:
    """The JSON object in `file`, which may have `most` bytes.

    Raises:
        ModelFolderError: It is missing, cannot be read, is too large, is no valid JSON or no object.
    """
    try:
        value = read_json(file, most)
    except FileNotFoundError as exc:
        hint = "Choose a folder in Hugging Face layout (config.json, tokenizer.json, *.safetensors)."
        raise ModelFolderError(f"{file.parent} holds no {file.name}.", hint) from exc
    except OSError as exc:
        raise unreadable(file, exc) from exc
    except ValueError as exc:
        raise ModelFolderError(f"{file} is damaged: it is not valid JSON.", "Download this file again.") from exc
    if not isinstance(value, dict):
        raise ModelFolderError(f"{file} is damaged: it holds no JSON object.", "Download this file again.")
    return value


def optional_object(file: Path, most: int = LARGEST_CONFIG) -> dict[str, Any]:
    """As `read_object`, but nothing if there is no such file.

    Raises:
        ModelFolderError: It is there and cannot be read, or is damaged.
    """
    try:
        found = there(file)
    except OSError as exc:
        raise unreadable(file, exc) from exc
    return read_object(file, most) if found else {}


def unreadable(file: Path, error: OSError) -> ModelFolderError:
    """The error for a file that the system does not give, or that is no file of a model."""
    wrong = error.errno in (errno.EFBIG, errno.EINVAL, errno.EISDIR)
    hint = "Download this file again." if wrong else "Check the rights of the file."
    return ModelFolderError(f"{file} cannot be read: {error.strerror or error}.", hint)


class Fields:
    """The fields of one JSON object.

    Attributes:
        file: The file they come from.
        prefix: Path of the object inside the file ("text_config."), for messages.
    """

    def __init__(self, values: dict[str, Any], file: Path, prefix: str = "") -> None:
        self._values = values
        self.file = file
        self.prefix = prefix

    def raw(self, name: str, default: Any = None) -> Any:
        """The value as it stands, or `default`."""
        return self._values.get(name, default)

    def names(self) -> list[str]:
        """Names of all fields."""
        return list(self._values)

    def section(self, name: str, default: dict[str, Any] | None = None) -> Fields:
        """The object under `name`; null and missing count as `default`."""
        value = self._values.get(name)
        if value is None and default is not None:
            value = default
        if not isinstance(value, dict):
            found = _MISSING if name not in self._values else value
            raise config_error(self.file, self.prefix + name, found, "a JSON object")
        return Fields(value, self.file, f"{self.prefix}{name}.")

    def expect(self, name: str, wanted: Any, default: Any = _MISSING) -> None:
        """Raise unless the value is `wanted`."""
        found = self._values.get(name, default)
        if found != wanted:
            raise config_error(self.file, self.prefix + name, found, repr(wanted))

    def whole(self, name: str, *, least: int, most: int | None = None, default: int | None = None) -> int:
        """A whole number in least..most; null and missing count as `default`."""
        value = self._values.get(name, _MISSING)
        if value is _MISSING or value is None:
            value = _MISSING if default is None else default
        allowed = f"a whole number of {least} or more" if most is None else f"a whole number from {least} to {most}"
        if type(value) is not int or value < least or (most is not None and value > most):
            raise config_error(self.file, self.prefix + name, value, allowed)
        return value

    def number(self, name: str, *, above: float, most: float = _LARGEST, default: float | None = None) -> float:
        """A number above `above`, and `most` at the most; null and missing count as `default`."""
        value = self._values.get(name, _MISSING)
        if value is _MISSING or value is None:
            value = _MISSING if default is None else default
        if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
            raise config_error(self.file, self.prefix + name, value, f"a number above {above:g}, up to {most:g}")
        return float(value)
