"""How what lies beside a checkpoint's weights is called."""

from __future__ import annotations

MANIFEST = "dewpoint-graphs.json"
MODEL_NOTE, MODEL_NOTE_VERSION = "dewpoint-model.json", 1  # what a Dewpoint wrote there
NAME_NOTE = "dewpoint.json"  # what a model of ours is called, and the places of its short canvas
