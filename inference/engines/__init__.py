"""Which TensorRT engines a model needs on a card, and which of them are ready."""

from __future__ import annotations

# Tells `open_model` and `python -m inference` the folder of all engine sets; everything below gets it as an argument.
ENGINES_VARIABLE = "DEWPOINT_ENGINES"
