"""The inference core: a DiffusionGemma checkpoint in, text out, no Qt.

    from inference import open_model, GenerationRequest, ChatTurn, SamplerParams

    with open_model(folder) as model:
        for event in model.generate(GenerationRequest(turns=(ChatTurn("user", "Hi"),), seed=7)):
            ...

The window's process imports parts of this package (events, parameters, errors) without loading a tokenizer or a
runtime; so `open_model` is looked up only when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.params import ChatTurn, GenerationRequest, SamplerParams

if TYPE_CHECKING:
    from inference.opening import open_model

__all__ = ["ChatTurn", "GenerationRequest", "SamplerParams", "open_model"]


def __getattr__(name: str) -> Any:
    if name == "open_model":
        from inference.opening import open_model

        return open_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
