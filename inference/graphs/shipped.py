"""Graph templates that the program ships, and the fingerprint of a configuration by which they are found."""

from __future__ import annotations

import hashlib
from pathlib import Path

from inference.graphs.manifest import KEPT_ONLY, exact_self_conditioning, shape_fingerprint
from inference.model_config import ModelConfig

_SHIPPED = Path(__file__).resolve().parents[2] / "resources" / "graphs"


def configuration_fingerprint(config: ModelConfig) -> str:
    """Hash of what the templates depend on: shape, head, and the checkpoint's type, to which the scale is rounded."""
    head = "" if exact_self_conditioning(config) else f" {KEPT_ONLY}"
    return hashlib.sha256(f"{shape_fingerprint(config)} {config.dtype}{head}".encode()).hexdigest()[:16]


def shipped_folder(config: ModelConfig) -> Path:
    """Where the program ships templates of this configuration, if it does."""
    return _SHIPPED / configuration_fingerprint(config)
