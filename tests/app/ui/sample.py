"""A finished answer with every kind of content, for tests of how the window looks."""

from __future__ import annotations

from app.main import Parts
from inference.params import SamplerParams
from tests.helpers.scripted_process import committed, finished

ANSWER = (
    "# Title\n\nText with `code` and [a link](https://example.org).\n\n```python\nprint('x')\n```\n\n"
    "| a |\n|---|\n| b |\n"
)


def add_answer(parts: Parts, body: str) -> str:
    """A chat with one finished answer, shown."""
    user = parts.store.add_user_message(None, "Please")
    answer = parts.store.begin_answer(
        user.conversation_id, user.id, seed=1, params=SamplerParams(), model="m", backend="fake"
    )
    parts.store.commit_block(answer.id, committed(body))
    parts.store.finish_answer(answer.id, finished(body))
    parts.controller.open_chat(user.conversation_id)
    return user.conversation_id
