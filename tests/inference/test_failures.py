"""What a user reads of an exception."""

from __future__ import annotations

import pickle

from inference.errors import InferenceError, ModelFolderError
from inference.events import Failed
from inference.failures import failed_from_error


def test_known_errors_speak_for_themselves() -> None:
    error = ModelFolderError("It is damaged.", "Download it again.")
    assert failed_from_error(error) == Failed("It is damaged.", "Download it again.", known=True)
    assert failed_from_error(pickle.loads(pickle.dumps(error))) == failed_from_error(error)


def test_no_memory_is_known() -> None:
    assert failed_from_error(MemoryError()).known


def test_anything_else_is_a_bug_with_its_traceback() -> None:
    try:
        raise RuntimeError("boom")
    except RuntimeError as error:
        failed = failed_from_error(error)
    assert not failed.known
    assert "RuntimeError" in failed.user_text
    assert "boom" in failed.detail
    assert "test_failures.py" in failed.detail
    assert not failed_from_error(InferenceError("Odd.")).known
