"""The named colours of the light and the dark look.

Text and muted text keep a contrast of at least 4.5 to 1 on every surface they stand on; faint is for hints and
decoration only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """Colours as #rrggbb.

    Attributes:
        window, sidebar, surface, raised: Backgrounds, from the chat area to floating things.
        border, border_strong: Hairlines, and those around inputs.
        text, muted, faint: Text in three steps.
        accent, accent_hover, accent_text, accent_soft: The dew colour, text on it, and a tint of it.
        bubble, bubble_text: The user's messages.
        code, code_header: Code blocks.
        hover, selected, selection: Pointed-at rows, the chosen row, selected text.
        danger, danger_soft, warning: Things that went wrong.
        tooltip, tooltip_text: Tool tips.
        focus: Ring around the focused control.
        syntax_*: Highlighted code.
    """

    dark: bool
    window: str
    sidebar: str
    surface: str
    raised: str
    border: str
    border_strong: str
    text: str
    muted: str
    faint: str
    accent: str
    accent_hover: str
    accent_text: str
    accent_soft: str
    bubble: str
    bubble_text: str
    code: str
    code_header: str
    hover: str
    selected: str
    selection: str
    danger: str
    danger_soft: str
    warning: str
    tooltip: str
    tooltip_text: str
    focus: str
    syntax_keyword: str
    syntax_string: str
    syntax_number: str
    syntax_comment: str
    syntax_name: str
    syntax_type: str


LIGHT = Tokens(
    dark=False,
    window="#fdfdfc",
    sidebar="#f3f6f5",
    surface="#ffffff",
    raised="#ffffff",
    border="#e4e9e8",
    border_strong="#cfd8d7",
    text="#1c2628",
    muted="#566567",
    faint="#7f8d8f",
    accent="#0b7a7f",
    accent_hover="#09666a",
    accent_text="#ffffff",
    accent_soft="#dff1f0",
    bubble="#e9f3f2",
    bubble_text="#1c2628",
    code="#f5f7f7",
    code_header="#ecf0f0",
    hover="#e9eeed",
    selected="#dcebea",
    selection="#b5dedd",
    danger="#a8322a",
    danger_soft="#fbecea",
    warning="#8a5a00",
    tooltip="#243133",
    tooltip_text="#f4f7f7",
    focus="#2aa3a8",
    syntax_keyword="#7a3e9d",
    syntax_string="#2c6e2f",
    syntax_number="#9a4a00",
    syntax_comment="#6b7a7c",
    syntax_name="#0b5f8a",
    syntax_type="#0b7a7f",
)

DARK = Tokens(
    dark=True,
    window="#15191a",
    sidebar="#101314",
    surface="#1b2021",
    raised="#232a2b",
    border="#293132",
    border_strong="#3a4546",
    text="#e3e9e9",
    muted="#9fadae",
    faint="#748384",
    accent="#57c7c9",
    accent_hover="#74d6d7",
    accent_text="#062324",
    accent_soft="#173436",
    bubble="#223032",
    bubble_text="#e3e9e9",
    code="#111516",
    code_header="#1b2122",
    hover="#1c2223",
    selected="#213032",
    selection="#2a5d60",
    danger="#f2a199",
    danger_soft="#3a201e",
    warning="#e2b96b",
    tooltip="#e3e9e9",
    tooltip_text="#15191a",
    focus="#57c7c9",
    syntax_keyword="#c9a2e8",
    syntax_string="#9fd08f",
    syntax_number="#eeb07a",
    syntax_comment="#8a9899",
    syntax_name="#86c5ee",
    syntax_type="#74d6d7",
)
