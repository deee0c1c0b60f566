"""How the weight files of a checkpoint are called."""

from __future__ import annotations

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
