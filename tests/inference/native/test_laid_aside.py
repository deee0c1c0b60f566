"""The KV cache of our kernels can be laid aside and taken back."""

from __future__ import annotations

from app.base.paths import starter_model_folder
from inference.opening import open_session
from tests.inference.text.test_shelf import check_conversations_in_turn


def test_conversations_in_turn_are_read_once() -> None:
    with open_session(starter_model_folder(), "native") as session:
        check_conversations_in_turn(session)
