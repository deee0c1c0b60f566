"""Only new tokens are computed from turn to turn, and the cache always holds what the session believes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.base import Ids
from inference.backends.fake import FakeBackend
from inference.backends.fake_model import fake_config, fake_template, fake_tokenizer
from inference.events import BlockCommitted, Finished, PromptEncoded
from inference.params import ChatTurn
from inference.session import Session
from tests.inference.support import CancelAfter, ask, fake_session, of_kind

LONG = "A rather long answer that takes some blocks of sixteen tokens, one after the other, until it ends."


class RecordingBackend(FakeBackend):
    """Keeps the ids that its KV cache would hold."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.held: list[int] = []

    def reset(self) -> None:
        super().reset()
        self.held = []

    def truncate(self, length: int) -> int:
        kept = super().truncate(length)
        self.held = self.held[:kept]
        return kept

    def encode(self, token_ids: Ids) -> None:
        super().encode(token_ids)
        self.held += token_ids.tolist()


def recording_session(**options: object) -> tuple[Session, RecordingBackend]:
    """A session whose cache can be looked into."""
    backend = RecordingBackend(LONG, config=fake_config(16, 4096), **options)
    return Session(backend, fake_tokenizer(), fake_template(), "Test model"), backend


def answer_of(events: list[object]) -> str:
    """Text of the closing event."""
    assert isinstance(events[-1], Finished)
    return events[-1].answer


def test_the_next_turn_computes_only_what_is_new() -> None:
    session, backend = fake_session("Short.", canvas_length=32)
    first = list(session.generate(ask("Hello there, model.")))
    turns = (ChatTurn("user", "Hello there, model."), ChatTurn("assistant", answer_of(first)))
    before = backend.encoded_tokens
    event = of_kind(list(session.generate(ask("And?", *turns))), PromptEncoded)[0]
    prompt = of_kind(first, PromptEncoded)[0].prompt_tokens
    # The answer was one block, which is never encoded: the whole old prompt is shared.
    assert event.reused_tokens == prompt
    assert event.prefilled_tokens == event.prompt_tokens - prompt == backend.encoded_tokens - before


def test_blocks_that_were_encoded_are_shared_too() -> None:
    session, _ = recording_session()
    first = list(session.generate(ask("Hello")))
    blocks = of_kind(first, BlockCommitted)
    assert len(blocks) > 1
    turns = (ChatTurn("user", "Hello"), ChatTurn("assistant", answer_of(first)))
    event = of_kind(list(session.generate(ask("And?", *turns))), PromptEncoded)[0]
    prompt = of_kind(first, PromptEncoded)[0].prompt_tokens
    assert event.reused_tokens == prompt + 16 * (len(blocks) - 1)


def test_asking_the_same_again_computes_nothing() -> None:
    session, _ = fake_session("Short.", canvas_length=32)
    list(session.generate(ask()))
    event = of_kind(list(session.generate(ask())), PromptEncoded)[0]
    assert (event.prefilled_tokens, event.reused_tokens) == (0, event.prompt_tokens)


def test_another_chat_shares_what_it_begins_with() -> None:
    session, _ = fake_session("Short.", canvas_length=32)
    system = ChatTurn("system", "Be brief and kind.")
    list(session.generate(ask("One", system)))
    event = of_kind(list(session.generate(ask("Two", system))), PromptEncoded)[0]
    assert 0 < event.reused_tokens < event.prompt_tokens


def test_a_cache_that_cannot_be_cut_is_computed_anew() -> None:
    session, backend = recording_session(can_truncate=False)
    list(session.generate(ask("One")))
    event = of_kind(list(session.generate(ask("Two"))), PromptEncoded)[0]
    assert event.reused_tokens == 0
    assert backend.held[: event.prompt_tokens] == fake_tokenizer().encode(
        "<bos><|turn>user\nTwo<turn|>\n<|turn>model\n"
    )


def test_ids_are_compared_not_text() -> None:
    """The model may write a text in other tokens than the tokenizer would: what is shared ends there, no more."""
    session, backend = recording_session()
    first = list(session.generate(ask("Hello", max_new_tokens=48)))
    backend.held[-1] += 1
    session._held = list(backend.held)
    turns = (ChatTurn("user", "Hello"), ChatTurn("assistant", answer_of(first)))
    event = of_kind(list(session.generate(ask("And?", *turns))), PromptEncoded)[0]
    assert event.reused_tokens == of_kind(first, PromptEncoded)[0].prompt_tokens + 31


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "ab", "abc", "b"]), st.integers(1, 60), st.booleans(), st.integers(1, 90)),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
def test_the_cache_always_holds_the_prompt_and_the_blocks(
    requests: list[tuple[str, int, bool, int]], can_truncate: bool
) -> None:
    """Whatever is asked, cancelled or left in whatever order."""
    session, backend = recording_session(can_truncate=can_truncate)
    for text, looks, leaves, limit in requests:
        run = session.generate(ask(text, max_new_tokens=limit), CancelAfter(looks))
        events = []
        for event in run:
            events.append(event)
            if leaves and len(events) == 12:
                break
        run.close()
        assert session.length == backend.length == len(backend.held)
        assert session._held == backend.held
        prompt = fake_tokenizer().encode(f"<bos><|turn>user\n{text}<turn|>\n<|turn>model\n")
        if of_kind(events, PromptEncoded):
            blocks = [i for block in of_kind(events, BlockCommitted) for i in block.token_ids]
            expected = prompt + blocks
            assert backend.held == expected[: len(backend.held)]
            assert len(backend.held) >= len(prompt)


@pytest.mark.parametrize("looks", [1, 5, 12, 25])
def test_reuse_after_a_cancel(looks: int) -> None:
    session, backend = recording_session()
    list(session.generate(ask("Hello"), CancelAfter(looks)))
    event = of_kind(list(session.generate(ask("Hello"))), PromptEncoded)[0]
    assert event.reused_tokens in (0, event.prompt_tokens)
    assert session._held == backend.held
