"""The menus: one table of actions, with their keys; the window connects them by name."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a menu.

    Attributes:
        name: What the window calls it.
        text: Label, with & before the access key.
        keys: Shortcuts in Qt's notation; the first is shown.
        checkable: Whether it is a switch.
        hint: Key that is shown but belongs to one panel alone.
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()
    checkable: bool = False
    hint: str = ""


MENUS: dict[str, tuple[Entry | None, ...]] = {
    "&File": (
        Entry("new_chat", "&New chat", ("Ctrl+N",)),
        None,
        Entry("rename", "&Rename chat", ("F2",)),
        Entry("delete", "&Delete chat", hint="Del"),
        None,
        Entry("settings", "&Settings \u2026", ("Ctrl+,",)),
        None,
        Entry("quit", "&Quit", ("Ctrl+Q",)),
    ),
    "&Edit": (
        Entry("undo", "&Undo", ("Ctrl+Z",)),
        None,
        Entry("copy_answer", "&Copy last answer", ("Ctrl+Shift+C",)),
        Entry("try_again", "&Try again", ("Ctrl+R",)),
        Entry("stop", "&Stop", ("Esc",)),
    ),
    "&View": (
        Entry("chat_list", "&Chat list", ("Ctrl+B",), checkable=True),
        Entry("message_box", "&Message box", ("Ctrl+L",)),
        Entry("next_chat", "&Next chat", ("Ctrl+PgDown",)),
        Entry("previous_chat", "&Previous chat", ("Ctrl+PgUp",)),
        None,
        Entry("larger", "&Larger text", ("Ctrl++", "Ctrl+=")),
        Entry("smaller", "&Smaller text", ("Ctrl+-",)),
        Entry("normal", "Normal text &size", ("Ctrl+0",)),
        None,
        Entry("calm", "C&alm mode", checkable=True),
        Entry("reduce_motion", "&Reduce motion", checkable=True),
    ),
    "&Model": (
        Entry("models", "&Models \u2026", ("Ctrl+M",)),
        None,
        Entry("open_model", "&Open model folder \u2026"),
        Entry("starter_model", "&Starter model", checkable=True),
        None,
        Entry("engines", "&Engines \u2026"),
    ),
    "&Help": (
        Entry("shortcuts", "&Keyboard shortcuts", ("F1",)),
        Entry("data_folder", "Open &data folder"),
        Entry("doctor", "&Check this computer \u2026"),
        Entry("updates", "Check for &updates \u2026"),
        Entry("network", "What Dewpoint asks the &network \u2026"),
        None,
        Entry("about", "&About Dewpoint"),
    ),
}


def make_actions(window: QMainWindow) -> dict[str, QAction]:
    """Fill the menu bar; each action calls the window's method `on_<name>`."""
    actions: dict[str, QAction] = {}
    bar = window.menuBar()
    bar.setAccessibleName("Menu")
    for title, entries in MENUS.items():
        menu = bar.addMenu(title)
        menu.setAccessibleName(title.replace("&", ""))
        for entry in entries:
            if entry is None:
                menu.addSeparator()
                continue
            label = f"{entry.text}\t{entry.hint}" if entry.hint else entry.text
            action = menu.addAction(label)
            action.setObjectName(entry.name)
            action.setCheckable(entry.checkable)
            action.setShortcuts([QKeySequence(keys) for keys in entry.keys])
            action.triggered.connect(getattr(window, f"on_{entry.name}"))
            actions[entry.name] = action
    return actions
