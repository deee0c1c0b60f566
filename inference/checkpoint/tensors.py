"""The tensors that a checkpoint of some configuration must hold, and whether one does; by names and shapes alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from inference.errors import ModelFolderError
from inference.model_config import LayerSpec, ModelConfig
from trt_engines.errors import WeightsError
from trt_engines.weights.index import DECODER, EMBEDDING, ENCODER, TensorRecord
from trt_engines.weights.layout import FLOAT_TYPES, Shape, layout_of, stored_as

_CONFIG_HINT = "Weights and config.json belong to different models: download the model again."
_NORMS = (
    "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm",
    "post_feedforward_layernorm_1", "post_feedforward_layernorm_2", "pre_feedforward_layernorm_2",
)  # fmt: skip


def expected_tensors(config: ModelConfig) -> dict[str, Shape]:
    """Name and shape of every tensor of the text model, experts fused, nothing quantised."""
    hidden = config.hidden_size
    found: dict[str, Shape] = {EMBEDDING: (config.vocab_size, hidden), f"{DECODER}norm.weight": (hidden,)}
    for number, spec in enumerate(config.layers):
        layer = f"{DECODER}layers.{number}."
        found |= {layer + name: shape for name, shape in _layer(config, spec)}
        found[f"{ENCODER}layers.{number}.layer_scalar"] = (1,)
    mixer = f"{DECODER}self_conditioning."
    found[f"{mixer}pre_norm.weight"] = (hidden,)
    return found | {mixer + name: shape for name, shape in _mlp(hidden, config.intermediate_size)}


def _layer(config: ModelConfig, spec: LayerSpec) -> Iterator[tuple[str, Shape]]:
    hidden, inner = config.hidden_size, config.moe_intermediate_size
    queries, keys = config.heads * spec.head_dim, spec.kv_heads * spec.head_dim
    yield from ((f"{name}.weight", (hidden,)) for name in _NORMS)
    yield "layer_scalar", (1,)
    yield "self_attn.q_proj.weight", (queries, hidden)
    yield "self_attn.k_proj.weight", (keys, hidden)
    if spec.sliding:  # full layers use their keys as values
        yield "self_attn.v_proj.weight", (keys, hidden)
    yield "self_attn.o_proj.weight", (hidden, queries)
    yield from ((f"self_attn.{name}.weight", (spec.head_dim,)) for name in ("q_norm", "k_norm"))
    yield from ((f"mlp.{name}", shape) for name, shape in _mlp(hidden, config.intermediate_size))
    yield "router.proj.weight", (config.experts, hidden)
    yield "router.scale", (hidden,)
    yield "router.per_expert_scale", (config.experts,)
    yield "experts.gate_up_proj", (config.experts, 2 * inner, hidden)
    yield "experts.down_proj", (config.experts, hidden, inner)


def _mlp(hidden: int, intermediate: int) -> Iterator[tuple[str, Shape]]:
    yield "gate_proj.weight", (intermediate, hidden)
    yield "up_proj.weight", (intermediate, hidden)
    yield "down_proj.weight", (hidden, intermediate)


@dataclass(frozen=True, slots=True)
class _Problem:
    """A tensor that is not as it must be: missing, or what is wrong with it."""

    name: str
    wrong: str = ""


def check_tensors(config: ModelConfig, records: Mapping[str, TensorRecord]) -> None:
    """Compare what lies in the files with what `config` asks for; tensors that nobody asks for do not matter.

    Raises:
        ModelFolderError: Tensors are missing or of another shape or type; names the first, says how many.
    """
    problems = list(_problems(config, records))
    wrong = [problem for problem in problems if problem.wrong]
    if wrong:
        others = f" {len(wrong) - 1} more tensors do not fit either." if len(wrong) > 1 else ""
        raise ModelFolderError(f"{wrong[0].name} {wrong[0].wrong}.{others}", _CONFIG_HINT)
    if not problems:
        return
    others = f" and {len(problems) - 1} more tensors" if len(problems) > 1 else ""
    expected = expected_tensors(config)
    extra = next((name for name in records if name not in expected), None)
    stranger = f"; they do hold {extra}" if extra and len(problems) > 1 else ""
    raise ModelFolderError(
        f"The weights hold no {problems[0].name}{others} that config.json asks for{stranger}.",
        "The model is incomplete or its tensors have names that are not known: download it again.",
    )


def check_plain(config: ModelConfig, records: Mapping[str, TensorRecord]) -> None:
    """As `check_tensors`, for backends that read no quantised weights.

    Raises:
        ModelFolderError: Also if the weights are quantised.
    """
    with weights_errors():
        layout = layout_of(records)
    if layout != "plain":
        raise ModelFolderError(
            f"The weights of this model are quantised ({layout}), which only engines for an NVIDIA card can use.",
            "Build engines in Model > Engines, or choose the BF16 checkpoint of the model.",
        )
    check_tensors(config, records)


@contextmanager
def weights_errors() -> Iterator[None]:
    """Errors of weight files leave as errors of the model's folder."""
    try:
        yield
    except WeightsError as exc:
        raise ModelFolderError(exc.user_text, exc.hint) from exc


def _problems(config: ModelConfig, records: Mapping[str, TensorRecord]) -> Iterator[_Problem]:
    for name, shape in expected_tensors(config).items():
        forms = stored_as(records, name, shape)
        for stored, wanted in forms.items():
            record = records.get(stored)
            if record is None:
                yield _Problem(stored)
            elif name == EMBEDDING and record.dtype not in FLOAT_TYPES:
                yield _Problem(stored, f"is stored as {record.dtype}, not as BF16, F16 or F32")
            elif wanted is not None and record.shape != wanted:
                yield _Problem(stored, f"has the shape {record.shape}, config.json asks for {wanted}")
            elif len(forms) == 1 and record.dtype not in FLOAT_TYPES:
                yield _Problem(stored, f"is stored as {record.dtype}, not as BF16, F16 or F32")
