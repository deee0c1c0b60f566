"""Bodies that are no requests; `benchmarks/serve.py` sends more of them."""

from __future__ import annotations

import json
import random
from typing import Any


def malformed(seed: int) -> bytes:
    """A body that is no request: cut, or with something wrong somewhere in it."""
    chance = random.Random(seed)
    junk: list[Any] = [None, True, -1, 1e308, "", "\ud800", [], {}, [[]], {"a": 1}, "x" * 50, 10**30, [None], [{}]]
    asked: dict[str, Any] = {"model": "dewpoint", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    match chance.randrange(5):
        case 0:
            text = json.dumps(asked)
            return text[: chance.randrange(len(text))].encode()
        case 1:
            return chance.randbytes(chance.randrange(1, 60))
        case 2:
            return (b"[" * 50_000) if chance.random() < 0.5 else b'{"a":' * 5000
        case 3:
            asked["messages"] = chance.choice([*junk[1:], [{"role": chance.choice(junk), "content": "x"}]])
            return json.dumps(asked).encode()
        case _:
            name = chance.choice(["model", "temperature", "stop", "stream", "seed", "stream_options", "surprise"])
            value = chance.choice([{"x": [1]}, [[1]], "\udc00", {"include_usage": 3}, [5], -5.5])
            return json.dumps({**asked, name: value}).encode()
