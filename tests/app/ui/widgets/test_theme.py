"""Light and dark: who decides, and whether text can be read."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import (
    QApplication,
)

from app.main import Parts
from app.ui.widgets.colours import DARK, LIGHT
from tests.app.ui.sample import ANSWER, add_answer


def test_light_and_dark(qapp: QApplication, parts: Parts) -> None:
    chat = add_answer(parts, ANSWER)
    parts.preferences.set(appearance="dark")
    assert parts.themes.theme.tokens is DARK
    assert qapp.palette().window().color().name() == DARK.window
    parts.preferences.set(appearance="light")
    assert parts.themes.theme.tokens is LIGHT
    assert parts.controller.chat_id == chat


def test_the_system_decides_unless_the_user_did(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.themes, "system_is_dark", lambda: True)
    parts.themes.on_system_scheme_changed()
    assert parts.themes.theme.dark
    parts.preferences.set(appearance="light")
    assert not parts.themes.theme.dark
    parts.preferences.set(appearance="system")
    assert parts.themes.theme.dark


def test_contrast_of_text() -> None:
    for tokens in (LIGHT, DARK):
        for text in (tokens.text, tokens.muted, tokens.accent, tokens.danger):
            for surface in (tokens.window, tokens.sidebar, tokens.surface):
                assert contrast(text, surface) >= 4.5, (tokens.dark, text, surface)
        assert contrast(tokens.accent_text, tokens.accent) >= 4.5
        assert contrast(tokens.tooltip_text, tokens.tooltip) >= 4.5


def contrast(one: str, two: str) -> float:
    """Ratio by WCAG."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Relative luminance of #rrggbb."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
