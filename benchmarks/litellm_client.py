"""litellm against the local server, through its providers of OpenAI, Anthropic and Ollama; run by hand, not in CI.

litellm is in no lock of ours: give it an environment of its own, and run this in it.

    python -m app serve --port 8321                                   # in one terminal; it prints the key
    python3 -m venv litellm && litellm/bin/pip install litellm        # in another one
    litellm/bin/python benchmarks/litellm_client.py http://127.0.0.1:8321 KEY
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

HELLO = [{"role": "user", "content": "Hello"}]
CITY = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"]}
MOOD = {
    "type": "object",
    "properties": {"mood": {"enum": ["good", "bad"]}},
    "required": ["mood"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
FORM = {"type": "json_schema", "json_schema": {"name": "mood", "schema": MOOD}}


def main(address: str, key: str) -> int:
    """Ask in each way; the number of those that failed."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices
    litellm: Any = importlib.import_module("litellm")
    openai = {"model": "openai/dewpoint", "api_base": f"{address}/v1", "api_key": key, "messages": HELLO, "seed": 1}
    plain = {"api_base": address, "api_key": key, "messages": HELLO, "max_tokens": 60}

    def text(**more: Any) -> str:
        return str(litellm.completion(**{**openai, **more}).choices[0].message.content)

    def streamed(**asked: Any) -> str:
        return "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**asked, stream=True))

    def refused(kind: str, **more: Any) -> bool:
        try:
            litellm.completion(**{**openai, **more}, max_retries=0)
        except getattr(litellm, kind):
            return True
        return False

    def call() -> Any:
        message = litellm.completion(**openai, tools=[TOOL], tool_choice="required").choices[0].message
        return json.loads(message.tool_calls[0].function.arguments)["city"]

    def asynchronous() -> str:
        return str(asyncio.run(litellm.acompletion(**openai)).choices[0].message.content)

    whole = text()
    checks: dict[str, Callable[[], bool]] = {
        "a stream says the same": lambda: streamed(**openai) == whole != "",
        "so does an asynchronous question": lambda: asynchronous() == whole,
        "two answers": lambda: len(litellm.completion(**openai, n=2).choices) == 2,
        "log-probabilities": lambda: bool(litellm.completion(**openai, logprobs=True).choices[0].logprobs.content),
        "a call of a tool": lambda: isinstance(call(), str),
        "a form": lambda: json.loads(text(response_format=FORM))["mood"] in ("good", "bad"),
        "a wrong key": lambda: refused("AuthenticationError", api_key="wrong"),
        "a penalty": lambda: refused("BadRequestError", frequency_penalty=1),
        "Anthropic": lambda: bool(litellm.completion(**plain, model="anthropic/dewpoint").choices[0].message.content),
        "Anthropic, streamed": lambda: streamed(**plain, model="anthropic/dewpoint") != "",
        "Ollama": lambda: bool(litellm.completion(**plain, model="ollama_chat/dewpoint").choices[0].message.content),
    }
    failed = 0
    for name, check in checks.items():
        good = check()
        failed += not good
        print("good  " if good else "FAILED", name)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
