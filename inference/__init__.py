"""The inference core: a DiffusionGemma checkpoint in, text out, no Qt.

    from inference import open_model, GenerationRequest, ChatTurn, SamplerParams

    with open_model(folder) as model:
        for event in model.generate(GenerationRequest(turns=(ChatTurn("user", "Hi"),), seed=7)):
            ...

The window's process imports parts of this package (events, parameters, errors) without loading a tokenizer or a
runtime; so names are looked up only when they are asked for. (And Ctrl+C is quiet from the beginning on.)
"""

from __future__ import annotations

TYPE_CHECKING = False  # as of `typing`, whose import takes a while
if TYPE_CHECKING:
    from inference.opening import open_model
    from inference.params import ChatTurn, GenerationRequest, SamplerParams

__all__ = ["ChatTurn", "GenerationRequest", "SamplerParams", "open_model"]


def __getattr__(name: str) -> object:
    if name == "open_model":
        from inference.opening import open_model

        return open_model
    if name in __all__:
        from inference import params

        return getattr(params, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
