"""An answer that waits between its blocks, and finds its keys and values gone, is the same to the bit."""

from __future__ import annotations

import pytest

from app.base.paths import starter_model_folder
from inference.events import BlockCommitted, Finished
from inference.native import library
from inference.opening import open_session
from inference.params import ChatTurn, GenerationRequest
from inference.session import Session

QUESTION = "Tell me a story about a river and a lamp. " * 12  # more than one pass reads


@pytest.mark.parametrize("backend", ["onnx", "native"])
def test_what_is_gone_between_blocks_changes_no_bit(backend: str) -> None:
    if backend == "native" and not library.is_there():
        pytest.skip("the kernels are not built here")
    with open_session(starter_model_folder(), backend) as session:
        assert isinstance(session, Session)
        alone, interrupted = answered(session, False), answered(session, True)
    assert len(alone) > 2
    assert alone == interrupted


def answered(session: Session, forgets: bool) -> list[object]:
    """All that can be told of an answer's blocks; with `forgets` the KV cache is emptied behind each."""
    session.reset()
    said: list[object] = []
    request = GenerationRequest((ChatTurn("user", QUESTION),), seed=3, canvas_length=16, max_new_tokens=128)
    for event in session.generate(request):
        if isinstance(event, BlockCommitted):
            said.append((event.token_ids, event.entropy, event.steps, event.settled_step))
            if forgets:
                session.reset()
        if isinstance(event, Finished):
            said.append((event.answer, event.reason))
    return said
