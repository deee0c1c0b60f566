"""The starter model as it is shipped: complete, small, loadable by `transformers`, and run without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.backends.onnx import OnnxBackend
from inference.backends.onnx_graphs import ensure_graphs, valid_graphs
from inference.backends.torch_reference import TorchBackend
from inference.config import model_config_from_folder
from inference.opening import open_session
from inference.params import ChatTurn
from inference.text.chat_template import template_from_folder
from inference.text.prompt import PromptEncoder
from inference.text.tokenizer import tokenizer_from_folder
from inference.training.vocabulary import load_tokenizer
from tests.helpers.waiting import WAIT_SECONDS
from trt_engines.weights.index import index_checkpoint

STARTER = Path(__file__).resolve().parents[2] / "resources" / "starter"


def _quiet(stage: str, fraction: float) -> None:
    """Progress that nobody reads."""


def _prompt(text: str) -> NDArray[np.int64]:
    """Ids of a chat that begins with this message, as the program writes them."""
    tokenizer = tokenizer_from_folder(STARTER, model_config_from_folder(STARTER))
    return np.array(PromptEncoder(template_from_folder(STARTER), tokenizer).ids([ChatTurn("user", text)]))


@pytest.fixture(autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """Small tensors: more threads only wait for each other."""


def test_folder_is_complete_and_small() -> None:
    names = {file.name for file in STARTER.iterdir()}
    assert names >= {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "README.md", "dewpoint.json", "dewpoint-graphs.json",
    }  # fmt: skip
    assert not {name for name in names if name.endswith((".part", ".tmp"))}
    assert sum(file.stat().st_size for file in STARTER.iterdir()) < 40_000_000
    assert json.loads((STARTER / "dewpoint.json").read_text())["display_name"].startswith("Starter model (small")


def test_graphs_belong_to_these_weights(tmp_path: Path) -> None:
    config, records = model_config_from_folder(STARTER), index_checkpoint(STARTER)
    manifest = valid_graphs(STARTER, config, records)
    assert manifest is not None
    assert manifest.precision == "int8"
    assert ensure_graphs(STARTER, _quiet) == (manifest, False)
    for file in STARTER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    assert valid_graphs(tmp_path, config, index_checkpoint(tmp_path)) is None, "int8 graphs hold the old weights"


def test_transformers_loads_every_weight_and_agrees() -> None:
    import torch
    from transformers import AutoTokenizer, DiffusionGemmaForBlockDiffusion

    model, info = DiffusionGemmaForBlockDiffusion.from_pretrained(
        STARTER, dtype=torch.float32, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    turns = [{"role": "user", "content": "How do I delete a chat?"}]
    ids = AutoTokenizer.from_pretrained(STARTER).apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    ours = _prompt(turns[0]["content"])
    assert list(ids) == ours.tolist()
    backend = TorchBackend.open(STARTER, _quiet)
    backend.encode(ours)
    canvas = np.random.default_rng(0).integers(0, backend.config.vocab_size, 256)
    step = backend.denoise(canvas, None, 0.5, np.full(256, 0.5, np.float32))
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.from_numpy(canvas)[None]).logits[0] / 0.5
    entropy = torch.distributions.Categorical(logits=logits).entropy().numpy()
    np.testing.assert_allclose(step.entropy, entropy, atol=1e-4)
    np.testing.assert_array_equal(step.argmax, logits.argmax(-1).numpy())


def test_int8_graphs_keep_close_to_the_weights() -> None:
    exact, quick = TorchBackend.open(STARTER, _quiet), OnnxBackend.open(STARTER, _quiet)
    rng = np.random.default_rng(0)
    same, apart = [], []
    for text in ("hello", "how do i rename a chat", "tell me a story about a fox", "what is a canvas"):
        for backend in (exact, quick):
            backend.reset()
            backend.encode(_prompt(text))
        canvas = rng.integers(0, exact.config.vocab_size, 256)
        states = [None, None]
        for _ in range(3):
            uniforms = rng.random(256).astype(np.float32)
            steps = [b.denoise(canvas, s, 0.3, uniforms) for b, s in zip((exact, quick), states, strict=True)]
            same.append((steps[0].argmax == steps[1].argmax).mean())
            apart.append(np.abs(steps[0].entropy - steps[1].entropy).mean())
            states = [step.state for step in steps]
            canvas = np.where(rng.random(256) < 0.5, steps[0].argmax, canvas)
    assert np.mean(same) > 0.97
    assert np.mean(apart) < 0.03
    quick.close()


def test_tokenizer_spells_anything() -> None:
    raw = load_tokenizer(STARTER)
    for text in ("naïve Zażółć 日本 🙂", "a\tb\n\nc", "x" * 300, "42 + 17"):
        assert raw.decode(raw.encode(text, add_special_tokens=False).ids) == text


def test_answers_in_a_process_without_torch() -> None:
    code = (
        "import sys, json\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"  # an import of either raises
        "from inference.cli import main\n"
        f"sys.exit(main(['generate', '--model', {str(STARTER)!r}, '--prompt', 'hello', '--seed', '1', '--json']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"]


def test_same_seed_same_tokens() -> None:
    from inference import ChatTurn, GenerationRequest, SamplerParams
    from inference.events import BlockCommitted

    with open_session(STARTER, "onnx") as session:
        runs = []
        for seed in (5, 5):
            session.reset()
            sampler = SamplerParams(max_denoising_steps=6)
            request = GenerationRequest((ChatTurn("user", "tell me a story about a cat"),), seed, sampler)
            runs.append([e.token_ids for e in session.generate(request) if isinstance(e, BlockCommitted)])
    assert runs[0] == runs[1]
