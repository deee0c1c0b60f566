"""The local server under load, and what it costs; runs the starter model, on this machine alone.

    python benchmarks/serve.py                        # overhead a block; requests a second at 1, 4 and 16 clients
    python benchmarks/serve.py --load 64 --seconds 120  # so many clients at once: fairness, failures, memory
    python benchmarks/serve.py --malformed 10000      # bodies that are no requests
    python benchmarks/serve.py --tools 500            # so many turns with tools: markers in texts, empty answers
    python benchmarks/serve.py --tools 500 --own 1    # the same, a model of noise with a syntax of its own for calls

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.base.paths import starter_model_folder  # noqa: E402
from inference import ChatTurn, GenerationRequest, open_model  # noqa: E402
from inference.calls import SIGNS  # noqa: E402
from tests.app.server.bodies import malformed  # noqa: E402
from tests.helpers.call_folders import call_folder  # noqa: E402

KEY = "benchmark"
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat")
QUESTIONS = ("Hello", "Who are you?", "What is dew?", "Tell me a story about a river", "What is a canvas?")


def random_model(folder: Path, seed: int) -> Path:
    """The starter's shape and tokenizer with noise for weights: it writes whatever it is not kept from."""
    folder.mkdir()
    for file in starter_model_folder().iterdir():
        if file.suffix in (".json", ".jinja") and not file.name.startswith("dewpoint"):
            shutil.copy(file, folder)
    chance, weights = np.random.default_rng(seed), load_file(starter_model_folder() / "model.safetensors")
    for name, value in weights.items():
        if value.ndim > 1:
            weights[name] = chance.normal(0.0, float(value.std()), value.shape).astype(value.dtype)
    save_file(weights, folder / "model.safetensors")
    return folder


@contextmanager
def server(noise: int = 0, own: int = 0) -> Iterator[tuple[str, psutil.Process]]:
    """A server on a free port: its address and process.

    `noise` is the seed of a random model of the starter's shape, `own` of a small one whose template has a syntax of
    its own for calls of tools; 0 and 0 are the starter.
    """
    with tempfile.TemporaryDirectory(prefix="dewpoint-serve-") as home:
        environment = {**os.environ, "DEWPOINT_HOME": home, "DEWPOINT_SERVER_KEY": KEY}
        command = [sys.executable, "-m", "app", "serve", "--port", "0", "--json"]
        command += ["--model", str(random_model(Path(home) / "random", noise))] if noise else []
        if own:
            folder = call_folder(Path(home) / "own", weights=True, seed=own)
            (folder / "generation_config.json").write_text('{"max_denoising_steps": 4}', "utf-8")  # noise never settles
            command += ["--model", str(folder)]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["address"]
            try:
                yield address, psutil.Process(process.pid)
            finally:
                process.terminate()
                process.wait(30)


def asked(client: httpx2.Client, address: str, question: str, seed: int) -> dict[str, Any]:
    """One answer."""
    body = {"model": "dewpoint", "messages": [{"role": "user", "content": question}], "seed": seed}
    answer = client.post(f"{address}/v1/chat/completions", json=body, timeout=300)
    return {"status": answer.status_code, **answer.json()}


def new_client() -> httpx2.Client:
    """A client with the key."""
    return httpx2.Client(headers={"x-api-key": KEY})


def overhead(address: str, count: int) -> dict[str, float]:
    """Seconds a block through the server and through the Python API, one after another."""
    with new_client() as client:
        times = []
        for number in range(count + 1):
            began = time.perf_counter()
            asked(client, address, QUESTIONS[0], number)
            times.append(time.perf_counter() - began)
    with open_model(starter_model_folder()) as model:
        own = []
        for number in range(count + 1):
            began = time.perf_counter()
            list(model.generate(GenerationRequest((ChatTurn("user", QUESTIONS[0]),), seed=number)))
            own.append(time.perf_counter() - began)
    served, alone = statistics.median(times[1:]), statistics.median(own[1:])
    return {"served_ms": served * 1e3, "python_ms": alone * 1e3, "overhead_ms": (served - alone) * 1e3}


def under_load(address: str, process: psutil.Process, clients: int, seconds: float) -> dict[str, Any]:
    """So many clients at once, each asking again as soon as it is answered."""
    blocks, failures, waits = [0] * clients, list[str](), list[float]()
    deadline = time.monotonic() + seconds

    def ask(number: int) -> None:
        with new_client() as client:
            while time.monotonic() < deadline:
                began = time.monotonic()
                answer = asked(client, address, QUESTIONS[number % len(QUESTIONS)], number)
                if answer["status"] == 200:
                    blocks[number] += answer["dewpoint"]["blocks"]
                    waits.append(time.monotonic() - began)
                else:
                    failures.append(str(answer.get("error")))

    before = memory(process)
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 2)
    middle = memory(process)
    for thread in threads:
        thread.join()
    return {
        "clients": clients,
        "requests_a_second": round(len(waits) / seconds, 2),
        "blocks_of_a_client": [min(blocks), max(blocks)],
        "longest_wait_s": round(max(waits), 2),
        "failures": len(failures),
        "memory_mb": [before, middle, memory(process)],
    }


def memory(process: psutil.Process) -> int:
    """Megabytes of the server and its model process."""
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True))) >> 20


def bodies(address: str, count: int) -> dict[str, int]:
    """Malformed bodies: the statuses that came back, by their hundreds."""
    found: dict[str, int] = {}
    with new_client() as client:
        for seed in range(count):
            path = random.Random(seed).choice(PATHS)
            headers = {"Content-Type": "application/json"}
            answer = client.post(address + path, content=malformed(seed), headers=headers, timeout=60)
            key = "traceback" if "Traceback" in answer.text else f"{answer.status_code // 100}xx"
            found[key] = found.get(key, 0) + 1
        alive = client.get(f"{address}/health").status_code
    return {**found, "health": alive}


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": what,
            "parameters": {
                "type": "object",
                "properties": {"what": {"type": "string", "maxLength": 12}, "count": {"type": "integer"}},
                "required": ["what"],
            },
        },
    }
    for name, what in (("search", "Search something."), ("remember", "Keep something for later."))
]
SHORT_ANSWER = 200  # tokens
MARKERS = ("tool_call", '"name"', "call:", "<|", "arguments", *SIGNS)


def tool_turns(address: str, count: int, short: bool) -> dict[str, Any]:
    """Turns with tools, some of which must be called: what of a call leaks into a text, and what is empty.

    `short` keeps answers to a block or two: a random model does not end them by itself.
    """
    found: dict[str, Any] = {"turns": count, "calls": 0, "texts": 0, "leaks": 0, "empty": 0, "invalid": 0, "refused": 0}
    with new_client() as client:
        for number in range(count):
            messages = [{"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]}]
            body: dict[str, Any] = {"model": "dewpoint", "messages": messages, "tools": TOOLS, "seed": number}
            if short:
                body["max_tokens"] = SHORT_ANSWER
            body["tool_choice"] = "required" if number % 2 else "auto"
            body["parallel_tool_calls"] = number % 4 == 3
            answer = client.post(f"{address}/v1/chat/completions", json=body, timeout=300)
            if answer.status_code != 200:
                found["refused"] += 1
                continue
            message = answer.json()["choices"][0]["message"]
            calls, text = message.get("tool_calls") or [], message["content"] or ""
            found["calls"] += len(calls)
            found["texts"] += bool(text)
            found["empty"] += not calls and not text.strip()
            found["leaks"] += any(marker in text for marker in MARKERS)
            found["invalid"] += sum("what" not in json.loads(call["function"]["arguments"]) for call in calls)
    return found


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--load", type=int, default=0, help="clients at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--malformed", type=int, default=0, help="bodies that are no requests")
    parser.add_argument("--against", metavar="ADDRESS", default="", help="a server that runs, with the key 'benchmark'")
    parser.add_argument("--tools", type=int, default=0, help="turns with tools")
    parser.add_argument("--random", type=int, default=0, metavar="SEED", help="a random model instead of the starter")
    parser.add_argument(
        "--own", type=int, default=0, metavar="SEED", help="a random model with calls of its own syntax"
    )
    parser.add_argument("--count", type=int, default=20, help="answers for the overhead")
    options = parser.parse_args()
    found: Any
    if options.against:
        found = under_load(options.against, psutil.Process(), options.load or 1, options.seconds)
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    with server(options.random, options.own) as (address, process):
        if options.malformed:
            found = bodies(address, options.malformed)
        elif options.tools:
            found = tool_turns(address, options.tools, short=bool(options.random or options.own))
        elif options.load:
            found = under_load(address, process, options.load, options.seconds)
        else:
            loads = [under_load(address, process, clients, options.seconds) for clients in (1, 4, 16)]
            found = {"overhead": overhead(address, options.count), "loads": loads}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
