"""The menus: one table of actions, with their keys; each subject's coordinator connects its own."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenuBar


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line of a menu.

    Attributes:
        name: What the coordinators call it.
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


MENUS: dict[str, tuple[MenuEntry | None, ...]] = {
    "&File": (
        MenuEntry("new_chat", "&New chat", ("Ctrl+N",)),
        None,
        MenuEntry("rename", "&Rename chat", ("F2",)),
        MenuEntry("delete", "&Delete chat", hint="Del"),
        MenuEntry("bin", "Deleted &chats \u2026"),
        None,
        MenuEntry("attach", "A&ttach files \u2026", ("Ctrl+Shift+A",)),
        MenuEntry("tables", "As&k many files \u2026", ("Ctrl+Shift+T",)),
        None,
        MenuEntry("export_chat", "&Export chat \u2026"),
        MenuEntry("export_all", "Export &all chats \u2026"),
        MenuEntry("import_chats", "&Import chats \u2026"),
        None,
        MenuEntry("settings", "&Settings \u2026", ("Ctrl+,",)),
        MenuEntry("server", "&Local server \u2026"),
        None,
        MenuEntry("quit", "&Quit", ("Ctrl+Q",)),
    ),
    "&Edit": (
        MenuEntry("undo", "&Undo", ("Ctrl+Z",)),
        None,
        MenuEntry("copy_answer", "&Copy last answer", ("Ctrl+Shift+C",)),
        MenuEntry("try_again", "&Try again", ("Ctrl+R",)),
        MenuEntry("continue_answer", "C&ontinue the answer"),
        MenuEntry("rewrite", "Re&write selected words \u2026", ("Ctrl+Shift+R",)),
        MenuEntry("form", "Fo&rm of the answer \u2026", ("Ctrl+Shift+B",)),
        MenuEntry("settle_now", "S&ettle this block now", ("Ctrl+E",)),
        MenuEntry("more_steps", "&More steps for this block", ("Ctrl+Shift+E",)),
        MenuEntry("stop", "&Stop", ("Esc",)),
        None,
        MenuEntry("palette", "&Go to \u2026", ("Ctrl+K",)),
        MenuEntry("find_chats", "Search all &chats", ("Ctrl+Shift+F",)),
        MenuEntry("find_here", "&Find in this chat", ("Ctrl+F",)),
        MenuEntry("find_next", "Find ne&xt", ("F3",)),
        MenuEntry("find_previous", "Find &previous", ("Shift+F3",)),
    ),
    "&View": (
        MenuEntry("chat_list", "&Chat list", ("Ctrl+B",), checkable=True),
        MenuEntry("map", "Ma&p of the block", ("Ctrl+Shift+M",), checkable=True),
        MenuEntry("how_settled", "Ho&w settled each word is", checkable=True),
        MenuEntry("message_box", "&Message box", ("Ctrl+L",)),
        MenuEntry("earlier_version", "&Earlier version of the answer", ("Alt+Left",)),
        MenuEntry("later_version", "La&ter version of the answer", ("Alt+Right",)),
        MenuEntry("next_chat", "&Next chat", ("Ctrl+PgDown",)),
        MenuEntry("previous_chat", "&Previous chat", ("Ctrl+PgUp",)),
        None,
        MenuEntry("larger", "&Larger text", ("Ctrl++", "Ctrl+=")),
        MenuEntry("smaller", "&Smaller text", ("Ctrl+-",)),
        MenuEntry("normal", "Normal text &size", ("Ctrl+0",)),
        None,
        MenuEntry("calm", "C&alm mode", checkable=True),
        MenuEntry("reduce_motion", "&Reduce motion", checkable=True),
    ),
    "&Model": (
        MenuEntry("models", "&Models \u2026", ("Ctrl+M",)),
        None,
        MenuEntry("open_model", "&Open model folder \u2026"),
        MenuEntry("starter_model", "&Starter model", checkable=True),
        MenuEntry("add_server", "A&dd a server \u2026"),
        None,
        MenuEntry("engines", "&Engines \u2026"),
    ),
    "&Help": (
        MenuEntry("tour", "Three-minute &tour"),
        MenuEntry("shortcuts", "&Keyboard shortcuts", ("F1",)),
        MenuEntry("data_folder", "Open &data folder"),
        MenuEntry("monitor", "&This machine \u2026"),
        MenuEntry("bench", "&How fast it is \u2026"),
        MenuEntry("doctor", "&Check this computer \u2026"),
        MenuEntry("updates", "Check for &updates \u2026"),
        MenuEntry("network", "What Dewpoint asks the &network \u2026"),
        None,
        MenuEntry("about", "&About Dewpoint"),
    ),
}


def make_actions(bar: QMenuBar) -> dict[str, QAction]:
    """Fill the menu bar; the actions by their names, connected to nothing yet."""
    actions: dict[str, QAction] = {}
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
            actions[entry.name] = action
    return actions
