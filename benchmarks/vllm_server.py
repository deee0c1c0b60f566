"""Our side of a model on a server against a real vLLM, which serves a small model of noise on this machine's processor.

    python benchmarks/vllm_server.py --python /tmp/vllm/bin/python

`--python` is that of an environment in which vLLM is installed (docs/bigger-machine.md says how). It takes about 3 GB
of memory and some minutes, most of which vLLM needs to start. Prints one JSON object: what was tried, and what came of
it. vLLM serves no diffusion model on a processor, so steering is not tried here.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.network.client import Network  # noqa: E402
from app.server.remote.opener import RemoteOpener  # noqa: E402
from app.server.remote.session import RemoteSession  # noqa: E402
from inference.errors import KnownError  # noqa: E402
from inference.events import BlockCommitted, Event, Finished  # noqa: E402
from inference.forms.wanted import Form  # noqa: E402
from inference.params import ChatTurn, GenerationRequest, SamplerParams  # noqa: E402

KEY, MODEL, CONTEXT = "sk-benchmark", "small", 4096
STARTS_SECONDS = 900.0
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def small_model(folder: Path) -> None:
    """A model of noise that types word after word, as transformers writes it, with a byte-level tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from tests.helpers.text_folders import byte_level_tokenizer

    inner = byte_level_tokenizer()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", bos_token="<bos>", pad_token="<pad>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=inner.get_vocab_size(), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=32, max_position_embeddings=CONTEXT,
        bos_token_id=2, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)


@contextmanager
def vllm(python: str, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A vLLM on a free port of 127.0.0.1: its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="dewpoint-vllm-") as folder, log.open("wb") as said:
        small_model(Path(folder))
        environment = {
            **os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        }  # fmt: skip
        command = [
            python, "-m", "vllm.entrypoints.openai.api_server", "--model", folder, "--served-model-name", MODEL,
            "--host", "127.0.0.1", "--port", str(port), "--api-key", KEY, "--dtype", "float32", "--enforce-eager",
            "--max-model-len", str(CONTEXT), "--max-num-seqs", "4",
        ]  # fmt: skip
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1", process
        finally:
            ended(process)


def ended(process: subprocess.Popen[bytes]) -> None:
    """It and its own processes are gone."""
    for each in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, each)
            process.wait(20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers."""
    began = time.monotonic()
    while time.monotonic() - began < STARTS_SECONDS:
        try:
            if httpx2.get(address, timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        if process.poll() is not None:
            raise SystemExit(f"vLLM ended:\n{log.read_text('utf-8', 'replace')[-3000:]}")
        time.sleep(1)
    raise SystemExit(f"vLLM did not start within {STARTS_SECONDS:.0f} s")


def asked(text: str = "Hello", **fields: Any) -> GenerationRequest:
    """A request."""
    return GenerationRequest((ChatTurn("user", text),), **{"max_new_tokens": 40, **fields})


def answer(session: RemoteSession, request: GenerationRequest, cancel: Any = None) -> tuple[list[Event], Finished]:
    """All events, and the last one."""
    events = list(session.generate(request, cancel))
    last = events[-1]
    assert isinstance(last, Finished)
    return events, last


def refused(ask: Callable[[], object]) -> str:
    """The sentence with which it fails; "" if it does not."""
    try:
        ask()
    except KnownError as exc:
        return f"{exc.user_text} {exc.hint}"
    return ""


def tried(address: str, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Everything that is plain OpenAI: what came of it."""
    opener = RemoteOpener(address, MODEL, KEY, CONTEXT)
    session = RemoteSession(opener, Network())
    found: dict[str, Any] = {"vllm": session._vllm, "steering": session.steering}
    events, last = answer(session, asked(sampler=SamplerParams(temperature=0.0)))
    texts = "".join(each.answer for each in events if isinstance(each, BlockCommitted))
    found["stream"] = texts == last.answer and bool(last.answer) and last.reason == "max_new_tokens"
    found["usage"] = last.answer_tokens == 40
    again = answer(session, asked(sampler=SamplerParams(temperature=0.0)))[1]
    found["same_when_cold"] = again.answer == last.answer
    more = answer(session, asked(answer_start="It goes", sampler=SamplerParams(temperature=0.0)))[1]
    found["goes_on"] = bool(more.answer) and more.answer != last.answer
    found["thinking_is_no_trouble"] = bool(answer(session, asked(thinking=True))[1].answer)
    for name, other in (
        ("wrong_key", dataclasses.replace(opener, key="sk-wrong")), ("no_key", dataclasses.replace(opener, key="")),
        ("wrong_port", dataclasses.replace(opener, address="http://127.0.0.1:9/v1")),
    ):  # fmt: skip
        found[name] = refused(lambda other=other: RemoteSession(other, Network()))  # type: ignore[misc]
    session._opener = dataclasses.replace(opener, model="nobody")
    found["wrong_model"] = refused(lambda: answer(session, asked()))
    session._opener = opener
    found["too_long"] = refused(lambda: answer(session, asked("word " * 3 * CONTEXT)))
    found["too_many_wanted"] = refused(lambda: answer(session, asked(max_new_tokens=CONTEXT * 2)))
    found["form"] = refused(lambda: answer(session, asked(form=Form("choice", texts=("a", "b")))))
    found["stopped"] = stopped(session, address)
    found["window_says"] = session.ready_event(0.0).device
    found["cut"] = killed(session, process)
    return found


def stopped(session: RemoteSession, address: str) -> dict[str, Any]:
    """An answer that is stopped after its first piece: how long that takes, and whether vLLM goes on with it."""
    cancel = threading.Event()
    set_at, last = 0.0, None
    for last in session.generate(asked(max_new_tokens=3000, sampler=SamplerParams(temperature=1.0)), cancel):
        if isinstance(last, BlockCommitted) and not cancel.is_set():
            cancel.set()
            set_at = time.monotonic()
    assert isinstance(last, Finished)
    took = time.monotonic() - set_at
    root, idle = address.removesuffix("/v1"), False
    for _ in range(20):
        said = httpx2.get(f"{root}/metrics", timeout=10).text
        running = re.findall(r"^vllm:num_requests_running\{.*\} ([0-9.]+)", said, re.MULTILINE)
        idle = bool(running) and all(float(each) == 0.0 for each in running)
        if idle:
            break
        time.sleep(0.5)
    return {"reason": last.reason, "seconds": round(took, 2), "kept": len(last.answer), "vllm_idle": idle}


def killed(session: RemoteSession, process: subprocess.Popen[bytes]) -> str:
    """vLLM is killed while it answers: the sentence."""

    def ask() -> None:
        for event in session.generate(asked(max_new_tokens=3000)):
            if isinstance(event, BlockCommitted) and process.poll() is None:
                ended(process)

    return refused(ask)


def main() -> None:
    """Start it, try it, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", required=True, help="of an environment with vLLM")
    parser.add_argument("--log", type=Path, default=Path(tempfile.gettempdir()) / "dewpoint-vllm.log")
    options = parser.parse_args()
    began = time.monotonic()
    with vllm(options.python, options.log) as (address, process):
        version = httpx2.get(f"{address.removesuffix('/v1')}/version", timeout=10).json()["version"]
        found = {"version": version, "started_s": round(time.monotonic() - began), **tried(address, process)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
