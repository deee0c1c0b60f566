"""Templates: those that are shipped fit the published checkpoint; what does not fit is one sentence."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from onnx import ModelProto, TensorProto
from safetensors.numpy import load_file, save_file

from inference.config import model_config_from_dicts, model_config_from_folder
from inference.engines.planning import model_shape
from inference.engines.templates import templates_for
from inference.graphs.shipped import configuration_fingerprint, shipped_folder
from inference.model_config import ModelConfig
from tests.helpers.published import published_config, published_generation_config
from tests.trt_engines.building.support import STARTER
from trt_engines.errors import BindingError, WeightsError
from trt_engines.graphs.bind import bound_weights, placeholders, reference_weights
from trt_engines.graphs.compose import EMBED, HEAD, end_graph, segment_graph
from trt_engines.graphs.precision import COMPUTE_TYPES, WeightFormat, lowered, quantised
from trt_engines.graphs.templates import TemplateError, Templates
from trt_engines.planning.shape import PUBLISHED
from trt_engines.weights.source import WeightSource

FORMS: tuple[WeightFormat, ...] = ("plain", "fp8", "int4", "nvfp4")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelConfig, Templates]:
    folder = tmp_path_factory.mktemp("published")
    config = model_config_from_dicts(published_config(), published_generation_config(), folder)
    return config, templates_for(config, folder / "no cache is needed")


def names_of(graph: ModelProto) -> dict[str, tuple[int, ...]]:
    return {item.name: tuple(item.dims) for item in placeholders(graph)}


def test_the_published_model_needs_no_torch(published: tuple[ModelConfig, Templates]) -> None:
    config, templates = published
    assert templates.folder == shipped_folder(config)
    assert len(templates.set.layers) == 30
    assert model_shape(config) == PUBLISHED
    assert sum(file.stat().st_size for file in templates.folder.iterdir()) < 300_000


def test_the_whole_published_stack_asks_for_every_weight_once(published: tuple[ModelConfig, Templates]) -> None:
    _, templates = published
    found: dict[str, tuple[int, ...]] = {}
    for first in range(0, 30, 5):
        names = names_of(segment_graph(templates, first, first + 5))
        assert not set(names) & set(found)
        found.update(names)
    found.update(names_of(end_graph(templates, EMBED)) | names_of(end_graph(templates, HEAD)))
    assert found["model.decoder.layers.29.self_attn.q_proj.weight"] == (16 * 512, 2816)
    assert found["model.decoder.layers.0.experts.gate_up_proj"] == (128, 1408, 2816)
    assert "model.decoder.layers.5.self_attn.v_proj.weight" not in found
    assert "model.encoder.language_model.layers.17.layer_scalar" in found
    matrices = sum(math.prod(dims) for dims in found.values() if len(dims) > 1)
    embedding = PUBLISHED.vocab_size * PUBLISHED.hidden_size
    assert matrices == PUBLISHED.parameters - embedding


@pytest.mark.parametrize("form", FORMS)
def test_sizes_of_the_published_layers(published: tuple[ModelConfig, Templates], form: WeightFormat) -> None:
    graph = quantised(segment_graph(published[1], 0, 1), form)
    names = names_of(graph)
    gate = "model.decoder.layers.0.experts.gate_up_proj"
    expected = {
        "plain": {gate: (128, 1408, 2816)},
        "fp8": {f"{gate}.codes": (128, 1408, 2816), f"{gate}.scale": (128,)},
        "int4": {f"{gate}.codes": (128, 1408, 2816), f"{gate}.scales": (128, 1408, 88)},
        "nvfp4": {
            f"{gate}.codes": (128, 1408, 2816), f"{gate}.block_scales": (128, 1408, 176), f"{gate}.scale": (),
            f"{gate}.ratios": (128, 1, 1408), f"{gate}.input_scale": (),
        },
    }[form]  # fmt: skip
    assert {name: dims for name, dims in names.items() if name.startswith(gate)} == expected
    dense = "model.decoder.layers.0.mlp.gate_proj.weight"
    assert (dense in names) == (form != "fp8")
    # Router and norms stay as they are, whatever the form.
    kinds = {item.name: item.data_type for item in placeholders(graph)}
    assert kinds["model.decoder.layers.0.router.proj.weight"] == TensorProto.FLOAT
    assert kinds["model.decoder.layers.0.input_layernorm.weight"] == TensorProto.FLOAT


def test_inputs_and_outputs_of_a_segment(published: tuple[ModelConfig, Templates]) -> None:
    graph = segment_graph(published[1], 4, 6).graph
    shapes = {i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in graph.input}
    assert shapes == {
        "hidden": ["N", 2816], "positions": ["N"], "denoising": [1], "full_past": ["N", "P"],
        "sliding_past": ["N", "S"], "new_mask": ["N", "N"], "slots": ["C"],
        "past_k4": ["S", 8, 256], "past_v4": ["S", 8, 256], "past_k5": ["P", 2, 512], "past_v5": ["P", 2, 512],
    }  # fmt: skip
    assert [item.name for item in graph.output] == ["hidden_out", "max_load", "new_k4", "new_v4", "new_k5", "new_v5"]
    only_full = {item.name for item in segment_graph(published[1], 5, 6).graph.input}
    assert "sliding_past" not in only_full


def test_rows_that_blocks_do_not_divide(published: tuple[ModelConfig, Templates]) -> None:
    graph = segment_graph(published[1], 0, 1)
    for item in placeholders(graph):
        if item.name.endswith("experts.down_proj"):
            item.dims[2] = 700
    with pytest.raises(BindingError, match="rows of 700 weights, which int4 cannot cut into blocks of 32"):
        quantised(graph, "int4")


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    folder = tmp_path / "starter"
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("*.onnx"))
    return folder


def test_templates_that_are_damaged_or_of_another_model(tmp_path: Path) -> None:
    config = model_config_from_folder(STARTER)
    fingerprint = configuration_fingerprint(config)
    own = tmp_path / "own"
    with pytest.raises(TemplateError, match="no graph templates"):
        Templates.load(own, fingerprint)
    shutil.copytree(shipped_folder(config), own)
    with pytest.raises(TemplateError, match="another version or model"):
        Templates.load(own, "0" * 16)
    (own / HEAD).write_bytes((own / HEAD).read_bytes()[:-1])
    with pytest.raises(TemplateError, match="checksum is wrong"):
        end_graph(Templates.load(own, fingerprint), HEAD)
    (own / "templates.json").write_text("{", "utf-8")
    with pytest.raises(TemplateError, match="is damaged"):
        Templates.load(own, fingerprint)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ("missing", WeightsError, "no tensor model.decoder.layers.1.mlp.up_proj.weight"),
        ("shape", BindingError, r"up_proj.weight has shape \(2, 2\), the graph asks for \(512, 256\)"),
        ("type", BindingError, "up_proj.weight is stored as int8, expected a floating-point type"),
    ],
)
def test_weights_that_do_not_fit(starter: Path, change: str, error: type[Exception], sentence: str) -> None:
    file = starter / "model.safetensors"
    tensors, name = load_file(file), "model.decoder.layers.1.mlp.up_proj.weight"
    if change == "missing":
        del tensors[name]
    else:
        tensors[name] = np.zeros((2, 2), np.float16) if change == "shape" else np.zeros((512, 256), np.int8)
    save_file(tensors, file)
    graph = segment_graph(templates_for(model_config_from_folder(starter), starter), 1, 2)
    with pytest.raises(error, match=sentence):
        bound_weights(graph, WeightSource.open(starter), "plain", lambda done: None)


@pytest.mark.parametrize("form", FORMS)
def test_bound_weights_stand_for_what_the_reference_uses(form: WeightFormat) -> None:
    """Codes and scales, read back by hand from the bound arrays, are the reference's float32 weights."""
    templates = templates_for(model_config_from_folder(STARTER), STARTER)
    source, compute = WeightSource.open(STARTER), COMPUTE_TYPES["bf16"]
    bound = bound_weights(quantised(segment_graph(templates, 0, 1), form), source, form, lambda done: None)
    truth = reference_weights(lowered(segment_graph(templates, 0, 1), "fp32"), source, form, compute)
    name = "model.decoder.layers.0.experts.down_proj"
    if form == "plain":
        values = bound[name].astype(np.float32)
    elif form == "fp8":
        values = bound[f"{name}.codes"].astype(np.float32) * bound[f"{name}.scale"].astype(np.float32)[:, None, None]
    else:
        codes = bound[f"{name}.codes"]
        nibbles = np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:2], -1)
        if form == "int4":
            numbers = np.where(nibbles > 7, nibbles.astype(np.int8) - 16, nibbles).astype(np.float32)
            values = numbers * np.repeat(bound[f"{name}.scales"].astype(np.float32), 32, axis=-1)
        else:
            table = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
            scales = bound[f"{name}.block_scales"].astype(np.float32) * np.float32(bound[f"{name}.scale"])
            values = table[nibbles] * np.repeat(scales, 16, axis=-1)
            values *= np.swapaxes(bound[f"{name}.ratios"].astype(np.float32), 1, 2)
    error = np.abs(values - truth[name]).max() / np.abs(truth[name]).max()
    assert error < (0.005 if form == "nvfp4" else 1e-6)  # bf16 ratios
    assert bound["model.decoder.layers.0.self_attn.q_norm.weight"].dtype == np.float32
    assert bound["model.decoder.layers.0.mlp.up_proj.weight.codes" if form == "fp8" else
                 "model.decoder.layers.0.mlp.up_proj.weight"].dtype == (
        ml_dtypes.float8_e4m3fn if form == "fp8" else ml_dtypes.bfloat16)  # fmt: skip
