"""The torch module itself as a backend: the reference that the exported graphs are held against. Needs torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from inference.backends.base import DenoiseStep, Floats, Ids, Progress
from inference.backends.cached import CachedBackend, StackInput
from inference.backends.host_head import HostHead
from inference.backends.kv_cache import KvPairs
from inference.config import model_config_from_folder
from inference.graphs.manifest import KEPT_CANDIDATES, exact_self_conditioning
from inference.model.experts import mix_exact
from inference.model.stack import CachedAttend, DiffusionGemma
from inference.model.weights import model_from_folder
from inference.model_config import ModelConfig


class TorchBackend(CachedBackend):
    """One checkpoint run by torch in float32, with the exact expert loop."""

    name = "torch"

    def __init__(self, model: DiffusionGemma) -> None:
        super().__init__(model.config)
        self._model = model
        self._kept = min(KEPT_CANDIDATES, model.config.vocab_size)
        self._exact = exact_self_conditioning(model.config)
        self._head: HostHead | None = None

    @classmethod
    def open(cls, folder: Path, progress: Progress, config: ModelConfig | None = None) -> TorchBackend:
        """Load the checkpoint in `folder`, whose configuration may have been read already.

        Raises:
            ModelFolderError: The checkpoint is missing, damaged or of another architecture.
        """
        progress("Loading the model", 0.0)
        backend = cls(model_from_folder(folder, config or model_config_from_folder(folder)))
        progress("Loading the model", 1.0)
        return backend

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        return f"CPU, {torch.get_num_threads()} threads, PyTorch"

    def _host_head(self) -> HostHead:
        if self._head is None:
            self._head = head_of(self._model)
        return self._head

    @torch.inference_mode()
    def _embedded(self, ids: Ids, soft: Floats, denoising: bool) -> Floats:
        tokens = torch.from_numpy(np.asarray(ids, np.int64))
        if denoising:
            return _array(self._model.embed_canvas(tokens, torch.from_numpy(soft)))
        return _array(self._model.embed(tokens))

    @torch.inference_mode()
    def _stack(self, hidden: Floats, inputs: StackInput) -> tuple[Floats, KvPairs]:
        new = torch.from_numpy(inputs.new_mask)
        full = torch.cat([torch.from_numpy(inputs.full_past), new], dim=-1)
        sliding = torch.cat([torch.from_numpy(inputs.sliding_past), new], dim=-1)
        masks = [sliding if spec.sliding else full for spec in self.config.layers]
        past = [(torch.from_numpy(k), torch.from_numpy(v)) for k, v in inputs.past]
        out, new_kv = self._model.run_layers(
            torch.from_numpy(hidden),
            torch.from_numpy(inputs.positions),
            torch.tensor([inputs.denoising]),
            CachedAttend(past, masks),
            mix_exact,
        )
        return _array(out), [(_array(k), _array(v)) for k, v in new_kv]

    @torch.inference_mode()
    def _predict(self, hidden: Floats, temperature: float, uniforms: Floats) -> DenoiseStep:
        made = self._model.predict(
            torch.from_numpy(hidden),
            torch.tensor([temperature]),
            torch.from_numpy(np.asarray(uniforms, np.float32)),
            self._kept,
            self._exact,
        )
        fields = (made.argmax, made.sampled, made.entropy, made.top_ids, made.top_probs, made.soft)
        return DenoiseStep(*(field.numpy() for field in fields))


def head_of(model: DiffusionGemma) -> HostHead:
    """The head on the processor, from a module that may lie elsewhere."""
    weight = model.embed_tokens.weight.detach().float().cpu().numpy()
    norm = model.norm.weight
    assert norm is not None
    return HostHead(weight, norm.detach().float().cpu().numpy(), model.config, model.scale)


def _array(tensor: torch.Tensor) -> Floats:
    array: Floats = tensor.numpy()
    return array
