"""Made the adapters beside this file with the real PEFT; run by hand, PEFT is not among our packages.

    python -m tests.inference.golden.make_adapters     (peft 0.21.2, transformers 5.23.0, torch 2.13.0)

Each adapter is trained in so far as its numbers are random. `merged.safetensors` holds the tensors that PEFT's
`merge_and_unload` changed in the base, `logits.npy` what PEFT's model (not merged) gives for `PROMPT` and `CANVAS`.
The base is `random_tensors(tiny_config())`, which the tests make again.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import DiffusionGemmaForBlockDiffusion

from tests.helpers.checkpoints import random_tensors, tiny_config, write_model

HERE = Path(__file__).resolve().parent
PROMPT, CANVAS = [2, 5, 17, 301, 44], [7, 900, 12, 55, 3, 3, 610, 18]
ATTENTION = r"model\.decoder\..*self_attn\.[qkvo]_proj"
EXPERTS = [
    f"model.decoder.layers.{layer}.experts.{part}" for layer in range(2) for part in ("gate_up_proj", "down_proj")
]
BOTH = EXPERTS + [name.replace("model.decoder", "model.encoder.language_model") for name in EXPERTS]

CASES: dict[str, dict[str, Any]] = {
    "attention": {"r": 4, "lora_alpha": 8, "target_modules": ATTENTION},
    "mlp-rslora": {
        "r": 3, "lora_alpha": 6, "use_rslora": True,
        "target_modules": r"model\.decoder\..*(mlp|self_conditioning)\.(gate|up|down)_proj",
    },
    "patterns": {
        "r": 2, "lora_alpha": 4, "target_modules": r"model\.decoder\..*(router\.proj|self_attn\.[qo]_proj)",
        "rank_pattern": {"q_proj": 5, r"layers\.1\.self_attn\.o_proj": 1},
        "alpha_pattern": {"router.proj": 1, r"decoder\.layers\.0\..*": 7},
    },
    "experts": {"r": 2, "lora_alpha": 6, "target_modules": [], "target_parameters": EXPERTS},
    "experts-down": {
        "r": 2, "lora_alpha": 2, "target_modules": ATTENTION,
        "target_parameters": [name for name in EXPERTS if "down" in name], "rank_pattern": {"experts.down_proj": 3},
    },
    "dora": {"r": 2, "lora_alpha": 3, "use_dora": True, "target_modules": r"model\.decoder\..*self_attn\.[qo]_proj"},
    "fan-in": {"r": 2, "lora_alpha": 3, "fan_in_fan_out": True, "target_modules": ATTENTION},
    "saved-modules": {
        "r": 2, "lora_alpha": 3, "target_modules": ATTENTION,
        "modules_to_save": ["router", "input_layernorm", "self_conditioning"],
    },
    "both-sides": {
        "r": 2, "lora_alpha": 6, "target_modules": ["q_proj", "k_proj", "o_proj"], "target_parameters": BOTH,
        "exclude_modules": r".*vision.*",
    },
}  # fmt: skip
WITH_LOGITS = ("both-sides",)


def train(model: Any, seed: int) -> None:
    """Random numbers for all that is trained; encoder and decoder get the same ones."""
    for name, parameter in sorted(model.named_parameters()):
        if not any(word in name for word in ("lora_", "modules_to_save")):
            continue
        same = name.replace("encoder.language_model", "decoder")
        generator = torch.Generator().manual_seed(seed + sum(ord(char) * place for place, char in enumerate(same, 1)))
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if "magnitude" in name or "modules_to_save" in name:
                parameter.mul_(1 + 0.1 * noise)
            else:
                parameter.copy_(0.2 * noise)


def make(name: str, base: Path, seed: int) -> None:
    """One adapter."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config = LoraConfig(base_model_name_or_path="tiny", **CASES[name])
    model = get_peft_model(DiffusionGemmaForBlockDiffusion.from_pretrained(base, dtype=torch.float32).eval(), config)
    train(model, seed)
    model.eval()
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()
    content = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": "tiny"}
    (folder / "adapter_config.json").write_text(json.dumps(content, indent=1) + "\n")
    # As users load it: PEFT sorts the patterns of the configuration when it saves them, and the first match counts.
    model = PeftModel.from_pretrained(
        DiffusionGemmaForBlockDiffusion.from_pretrained(base, dtype=torch.float32).eval(), folder
    )
    if name in WITH_LOGITS:
        with torch.no_grad():
            out = model(input_ids=torch.tensor([PROMPT]), decoder_input_ids=torch.tensor([CANVAS]))
        np.save(folder / "logits.npy", out.logits[0].numpy())
        return  # merge_and_unload would add the changes of both sides
    before = {
        key: tensor.clone()
        for key, tensor in DiffusionGemmaForBlockDiffusion.from_pretrained(base, dtype=torch.float32)
        .state_dict()
        .items()
    }
    merged = model.merge_and_unload().state_dict()
    changed = {
        key: tensor.contiguous().clone() for key, tensor in merged.items()
        if key.startswith("model.decoder.") and not torch.equal(tensor, before[key])
    }  # fmt: skip
    save_file(changed, folder / "merged.safetensors")
    sys.stdout.write(f"{name}: {len(changed)} tensors changed\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        write_model(Path(place), random_tensors(tiny_config(), dtype=np.float32), tiny_config())
        for number, case in enumerate(CASES):
            make(case, Path(place), 1000 * number)
