"""How what lies beside a checkpoint's weights is called."""

from __future__ import annotations

MANIFEST = "dewpoint-graphs.json"
