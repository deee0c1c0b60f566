"""Adapters that the real PEFT made; see make_adapters.py."""

from __future__ import annotations

from pathlib import Path


def names(with_merge: bool) -> list[str]:
    """The adapters with what PEFT merged, or those with its logits."""
    file = "merged.safetensors" if with_merge else "logits.npy"
    return sorted(path.parent.name for path in Path(__file__).parent.glob(f"*/{file}"))
