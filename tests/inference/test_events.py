"""Events survive the pipe and turn into JSON."""

from __future__ import annotations

import dataclasses
import json
import pickle
from base64 import b64decode

import pytest

from inference.events import Event, Failed, ModelLoading, event_as_dict
from tests.inference.support import ask, fake_session


def all_events() -> list[Event]:
    """One whole run, and the events that it does not have."""
    session, _ = fake_session("Text with \N{DROPLET} and \u4e2d.", canvas_length=8)
    others = [ModelLoading("Reading", 0.5), session.ready_event(1.0), Failed("No.", "Try.", known=True)]
    return [*others, session.measure(ask()), *session.generate(ask(traced=True))]


def test_json_and_back_gives_an_equal_event() -> None:
    for event in all_events():
        plain = json.loads(json.dumps(event_as_dict(event), allow_nan=False))
        assert plain.pop("event") == type(event).__name__
        lists_as_tuples = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        if "trace" in plain:
            lists_as_tuples["trace"] = b64decode(plain["trace"], validate=True)
        assert type(event)(**lists_as_tuples) == event


def test_pickling_gives_an_equal_event() -> None:
    for event in all_events():
        assert pickle.loads(pickle.dumps(event)) == event


def test_events_are_frozen() -> None:
    for event in all_events():
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            event.block = 3  # type: ignore[union-attr, misc]


def test_events_hold_plain_values_only() -> None:
    """No numpy type: the reader may not have numpy, and JSON does not know it."""
    plain = {int, float, bool, str, type(None)}
    for event in all_events():
        for value in event_as_dict(event).values():
            assert {type(item) for item in (value if isinstance(value, tuple) else (value,))} <= plain
