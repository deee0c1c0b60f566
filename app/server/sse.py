"""Events that a server sends, as text."""

from __future__ import annotations

import json
from typing import Any

DONE = "data: [DONE]\n\n"


def data_line(value: Any) -> str:
    """An event without a name."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def named_event(name: str, value: Any) -> str:
    """An event with a name."""
    return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n"


def json_line(value: Any) -> str:
    """One object a line."""
    return json.dumps(value, ensure_ascii=False) + "\n"
