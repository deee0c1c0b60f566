"""The loaded model by every name that it answers to, and models that are not here."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx2
import openai
import pytest

from app.server.application import ServerApplication
from app.server.queue import AnswerQueue
from app.server.wire import ServedModel
from tests.app.server.conftest import KEY, RunningServer
from tests.app.server.test_queue import GatedProcess

MODEL = ServedModel("own-7", "owner/Own 7 (small)", "", 100, 10)
NAMES = (MODEL.id, MODEL.title, "dewpoint", "default", "own-7:latest", "dewpoint:latest")


def asked(path: str, body: Any = None) -> httpx2.Response:
    """What the application says."""

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(ServerApplication(AnswerQueue(GatedProcess()), MODEL, KEY))
        headers = {"x-api-key": KEY}
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            return await (client.get(path) if body is None else client.post(path, json=body))

    return asyncio.run(ask())


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_request_may_ask_for_can_be_looked_up(name: str) -> None:
    for written in {quote(name, safe=""), quote(name, safe="/"), quote(name, safe="") + "/"}:
        answer = asked(f"/v1/models/{written}")
        assert (answer.status_code, answer.json()["id"], answer.json()["object"]) == (200, name, "model")
    for field in ("model", "name"):
        assert asked("/api/show", {field: name}).json()["model_info"]["diffusiongemma.context_length"] == 100
    assert [each["id"] for each in asked("/v1/models").json()["data"]] == [MODEL.id]


@pytest.mark.parametrize("name", ["gpt-4o", "google/gemma", "own-77", "own-7/x", "own-7:8b", "\u00e9"])
def test_other_models_are_not_found_and_the_one_there_is_named(name: str) -> None:
    listed = asked(f"/v1/models/{quote(name, safe='')}")
    error = listed.json()["error"]
    assert (listed.status_code, error["type"], error["param"], error["code"]) == (
        404, "not_found_error", "model", "model_not_found",
    )  # fmt: skip
    assert all(f"'{each}'" in error["message"] for each in (name, MODEL.id, "dewpoint")), "in its own letters"
    shown = asked("/api/show", {"model": name})
    assert shown.status_code == 404
    assert shown.json() == {"error": error["message"]}
    chat = asked("/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": "Hi"}]})
    assert (chat.status_code, chat.json()) == (404, listed.json())


def test_the_real_client_looks_models_up(server: RunningServer) -> None:
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY, max_retries=0) as client:
        assert client.models.retrieve("dewpoint").id == "dewpoint"
        with pytest.raises(openai.NotFoundError, match="dewpoint-starter"):
            client.models.retrieve("gpt-4o")
