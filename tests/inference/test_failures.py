"""What a user reads of an exception."""

from __future__ import annotations

import pickle

import pytest

from inference.errors import InferenceError, ModelFolderError
from inference.events import Failed
from inference.failures import failed_from_error
from trt_engines.building.store import DamagedEngineError
from trt_engines.errors import DewpointError, EngineError


def test_known_errors_speak_for_themselves() -> None:
    error = ModelFolderError("It is damaged.", "Download it again.")
    assert failed_from_error(error) == Failed("It is damaged.", "Download it again.", known=True)
    assert failed_from_error(pickle.loads(pickle.dumps(error))) == failed_from_error(error)


@pytest.mark.parametrize("kind", [EngineError, DamagedEngineError])
def test_errors_of_the_engine_layer_keep_their_sentences(kind: type[EngineError]) -> None:
    error = kind("The engine head.plan is damaged.", "Build it again.")
    assert failed_from_error(error) == Failed("The engine head.plan is damaged.", "Build it again.", known=True)
    assert failed_from_error(pickle.loads(pickle.dumps(error))) == failed_from_error(error)


def test_an_error_that_is_our_fault_keeps_its_sentences_and_its_traceback() -> None:
    failed = failed_from_error(DewpointError("Odd.", "Report it."))
    assert (failed.user_text, failed.hint, failed.known) == ("Odd.", "Report it.", False)
    assert "DewpointError" in failed.detail


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
