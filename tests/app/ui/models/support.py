"""Reading and pressing what a row of the models window has."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel

from app.ui.models.row import ModelRow


def texts(row: ModelRow) -> str:
    """All that can be read in a row."""
    elided = f"{row.title.full_text}\n{row.origin.full_text}\n"
    return elided + "\n".join(label.text() for label in row.findChildren(QLabel) if not label.isHidden())


def labels(row: ModelRow) -> list[str]:
    """The buttons; those that are grey in brackets."""
    return [button.text() if button.isEnabled() else f"({button.text()})" for button in row.buttons()]


def lines(row: ModelRow) -> list[str]:
    """The menu behind "More", in the same way."""
    return [line.text() if line.isEnabled() else f"({line.text()})" for line in row.menu.actions()]


def press(row: ModelRow, label: str) -> None:
    """Press a button, or choose a line of the menu."""
    button = next((one for one in row.buttons() if one.text() == label), None)
    if button is not None:
        button.click()
    else:
        next(line for line in row.menu.actions() if line.text() == label).trigger()
