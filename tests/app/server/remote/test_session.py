"""A model on a server: what is sent, what comes of each answer, good or bad; the server is a stand-in, no vLLM."""

from __future__ import annotations

import json
import threading

import pytest

from app.network.client import Network
from app.server.remote import session as session_module
from app.server.remote import texts
from app.server.remote.addresses import AddressError, readable_on_the_way, server_address
from app.server.remote.answers import LONGEST_LINE, OddAnswerError, pieces, words_of
from app.server.remote.opener import RemoteOpener
from app.server.remote.session import RemoteSession, check_status
from inference.errors import KnownError
from inference.events import BlockCommitted, Event, Finished, NothingWritten
from inference.forms.wanted import Form
from inference.params import CanvasStart, ChatTurn, GenerationRequest, SamplerParams, ToolDeclared
from tests.helpers.openai_stand_in import KEY, StandInServer

HI = GenerationRequest((ChatTurn("system", "Be kind."), ChatTurn("user", "Hi")))
SAID = "Hello from a server. ? \U0001f600"


def opened(server: StandInServer, key: str = KEY) -> RemoteSession:
    return RemoteSession(RemoteOpener(server.address, "big/model", key, 8192), Network())


def last(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def test_an_answer_comes_in_pieces_that_are_final(server: StandInServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "COMMIT_SECONDS", -1.0)
    session = opened(server)
    ready = session.ready_event(0.1)
    assert "127.0.0.1" in ready.name
    assert "sent to 127.0.0.1" in ready.device
    assert ready.max_context == 8192
    events = list(session.generate(HI))
    blocks = [event for event in events if isinstance(event, BlockCommitted)]
    assert "".join(block.answer for block in blocks) == last(events).answer == SAID
    assert last(events).thinking == "Let me see."
    assert (last(events).reason, last(events).answer_tokens) == ("end_of_text", 12)
    (body,) = server.chats()
    assert body["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    assert "vllm_xargs" not in body
    assert "seed" not in body
    server.mode = "long"
    assert last(list(session.generate(HI))).reason == "max_new_tokens"
    server.mode = "whole"
    assert last(list(session.generate(HI))).answer == "All at once."


@pytest.mark.parametrize(
    ("mode", "words", "kept"),
    [
        ("unauthorised", "refused the key", ""),
        ("missing", "no such model", ""),
        ("busy", "too much to do", ""),
        ("broken", "status 500", ""),
        ("refused", "Stand-in says no.", ""),
        ("elsewhere", "Dewpoint does not follow", ""),
        ("page", "web page", ""),
        ("nonsense", "no answer in OpenAI's way", ""),
        ("endless", "no answer in OpenAI's way", ""),
        ("cut", "broke off", "Hello from a "),
        ("empty_end", "broke off", SAID),
        ("failed", "out of memory", "Hello from a "),
    ],
)
def test_trouble_is_one_sentence_and_what_came_is_kept(server: StandInServer, mode: str, words: str, kept: str) -> None:
    session = opened(server)
    server.mode = mode
    events = list[Event]()
    with pytest.raises(KnownError) as failed:
        events.extend(session.generate(HI)) if not kept else [events.append(each) for each in session.generate(HI)]
    assert words in failed.value.user_text
    assert failed.value.hint
    assert "\n" not in failed.value.user_text
    assert "".join(each.answer for each in events if isinstance(each, BlockCommitted)) == kept
    assert not any(path == "/elsewhere" for path, _, _ in server.asked)


def test_nobody_there_and_silence(server: StandInServer, monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened(server)
    monkeypatch.setattr(session_module, "SILENCE_SECONDS", 0.2)
    server.mode = "slow"
    with pytest.raises(KnownError, match="nothing for too long"):
        list(session.generate(HI))
    server.gate.set()
    gone = RemoteOpener("http://127.0.0.1:9/v1", "x", "")
    with pytest.raises(KnownError, match="cannot be reached"):
        RemoteSession(gone, Network())


def test_stop_ends_it_at_once_and_keeps_what_came(server: StandInServer) -> None:
    session, cancel = opened(server), threading.Event()
    server.mode = "slow"
    events = session.generate(HI, cancel)
    first = next(event for event in events if isinstance(event, BlockCommitted))
    assert first.answer == "Hello from a "
    cancel.set()
    rest = list(events)
    assert last(rest).reason == "cancelled"
    assert last(rest).answer == "Hello from a "


def test_steering_is_used_where_the_probe_finds_it(server: StandInServer) -> None:
    asked = GenerationRequest(
        HI.turns, sampler=SamplerParams(max_denoising_steps=12), canvas_length=3,
        start=CanvasStart((5, 6, 7), kept=(True, False, True)),
    )  # fmt: skip
    session = opened(server)
    assert session.steering
    list(session.generate(asked))
    assert server.chats()[-1]["vllm_xargs"] == {
        "diffusion_max_steps": 12, "diffusion_canvas_length": 3, "diffusion_seed_canvas": [5, 6, 7],
        "diffusion_pinned": [0, 2],
    }  # fmt: skip
    for steered in (False, None):
        server.steered = steered
        plain = opened(server)
        assert not plain.steering
        with pytest.raises(KnownError, match="given canvas"):
            list(plain.generate(asked))
    list(plain.generate(GenerationRequest(HI.turns, sampler=SamplerParams(max_denoising_steps=12))))
    assert "vllm_xargs" not in server.chats()[-1]


def test_what_a_server_cannot_do_is_refused_by_its_name(server: StandInServer) -> None:
    session = opened(server)
    with pytest.raises(KnownError, match="keeps a form"):
        list(session.generate(GenerationRequest(HI.turns, form=Form("regex", "a+"))))
    for later in (session.measure, lambda asked: list(session.generate(asked))):
        with pytest.raises(KnownError, match="keeps a form"):
            later(GenerationRequest(HI.turns, later_forms=(Form("regex", "a+"),)))
    with pytest.raises(KnownError, match="calls of tools"):
        list(session.generate(GenerationRequest(HI.turns, tools=(ToolDeclared("look", "", "{}"),))))
    thinks = GenerationRequest(HI.turns, thinking=True)
    list(session.generate(thinks))
    assert server.chats()[-1]["chat_template_kwargs"] == {"enable_thinking": True}
    goes_on = GenerationRequest(HI.turns, answer_start="Well,")
    list(session.generate(goes_on))
    assert server.chats()[-1]["continue_final_message"] is True
    assert server.chats()[-1]["messages"][-1] == {"role": "assistant", "content": "Well,"}
    server.steered = None
    with pytest.raises(KnownError, match="given beginning"):
        list(opened(server).generate(goes_on))
    with pytest.raises(KnownError, match="thinking"):
        list(opened(server).generate(thinks))


def test_a_wrong_key_is_known_before_the_first_question(server: StandInServer) -> None:
    server.listing = "401"
    with pytest.raises(KnownError, match="refused the key"):
        opened(server, "wrong")
    server.listing = "elsewhere"
    with pytest.raises(KnownError, match="does not follow"):
        opened(server)
    assert not any(path == "/elsewhere" for path, _, _ in server.asked)
    assert KEY not in repr(RemoteOpener("a", "b", KEY))


def test_what_is_too_long_for_a_server_says_what_to_do() -> None:
    """In vLLM 0.32's own words; "the server's own log says more" was no help."""
    for words in (
        "This model's maximum context length is 4096 tokens. However, your prompt contains at least 4097 input tokens",
        "max_tokens=8192 cannot be greater than max_model_len=4096. Please request fewer output tokens.",
    ):
        with pytest.raises(KnownError) as refused:
            check_status(400, json.dumps({"error": {"message": words}}).encode(), "big")
        assert refused.value.hint == texts.LENGTH_HINT
    with pytest.raises(KnownError) as other:
        check_status(400, b'{"error": {"message": "No."}}', "big")
    assert other.value.hint == texts.SERVER_HINT


def test_an_answer_without_a_word(server: StandInServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.helpers.openai_stand_in.PIECES", ())
    events = list(opened(server).generate(HI))
    assert any(isinstance(event, NothingWritten) for event in events)


def test_lines_and_words_have_limits() -> None:
    with pytest.raises(OddAnswerError):
        list(pieces(iter([b"data: " + b"x" * LONGEST_LINE])))
    split = [b'data: {"choices": [{"del', b'ta": {"content": "a"}}]}\r\n', b": comment\n\n", b"data: [DONE]\n", b"rest"]
    assert [piece.text for piece in pieces(iter(split))] == ["a"]
    assert words_of(b"[" * 100_000) == ""
    assert words_of(b'{"detail": "no"}') == "no"


@pytest.mark.parametrize(
    ("typed", "address", "readable"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1", False),
        ("localhost:8000/", "http://localhost:8000/v1", False),
        ("http://192.168.1.20:8000", "http://192.168.1.20:8000/v1", True),
        ("gpu.example.org/v1/", "https://gpu.example.org/v1", False),
        ("https://gpu.example.org/openai/v1", "https://gpu.example.org/openai/v1", False),
    ],
)
def test_addresses_as_people_type_them(typed: str, address: str, readable: bool) -> None:
    assert server_address(typed) == address
    assert readable_on_the_way(address) == readable


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://x/v1",
        "http://",
        "http://user:pw@x/v1",
        "http://x/v1?a=b",
        "http://x:99999",
        "http://a b/v1",
        "http://[",
        "a" * 600,
    ],
)
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(AddressError):
        server_address(typed)


def test_offline_refuses(server: StandInServer) -> None:
    network = Network(offline=True)
    with pytest.raises(Exception, match="stay offline"):
        RemoteSession(RemoteOpener(server.address, "x", ""), network)
    assert not server.asked
