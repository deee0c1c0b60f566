"""Every line of every menu does something, whoever of the coordinators owns it."""

from __future__ import annotations

from app.main import Parts
from app.ui.actions import MENUS


def test_every_action_is_connected(parts: Parts) -> None:
    actions = parts.window.actions_by_name
    names = [entry.name for entries in MENUS.values() for entry in entries if entry is not None]
    assert sorted(actions) == sorted(names)
    assert not [name for name in names if not actions[name].receivers("2triggered(bool)")]
