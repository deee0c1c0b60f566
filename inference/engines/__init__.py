"""Which TensorRT engines a model needs on a card, and which of them are ready."""

from __future__ import annotations

# Tells `python -m inference` the folder of all engine sets; everything below the command line gets it as an argument.
ENGINES_VARIABLE = "DEWPOINT_ENGINES"
