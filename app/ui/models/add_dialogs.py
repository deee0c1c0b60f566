"""Adding a model: by its name on the Hub, and an adapter that is merged into a base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QWidget

from app.library.values import ModelStatus
from app.ui.models import words
from app.ui.widgets import words as common_words
from app.ui.widgets.combo import ElidedComboBox
from app.ui.widgets.plain import PlainLabel, one_line, set_tip
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.library.values import FoundAdapter


class NameDialog(Sheet):
    """Accepted with the name of a repository in `text`."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.NAME_TITLE, words.NAME_TITLE, theme, parent)
        self.add_text(words.NAME_TEXT)
        self.edit = QLineEdit()
        self.edit.setAccessibleName(words.NAME_LABEL)
        self.edit.setPlaceholderText(words.NAME_EXAMPLE)
        self.column.addWidget(self.edit)
        self.add_text(words.NAME_NOTE, "muted")
        self.ask = self.add_accept(words.ASK, primary=True)
        self.add_reject(common_words.CANCEL)
        self.edit.textChanged.connect(self.on_text_changed)
        self.on_text_changed("")
        self.edit.setFocus()

    @property
    def text(self) -> str:
        """What was typed or pasted."""
        return self.edit.text().strip()

    def on_text_changed(self, text: str) -> None:
        """Something to ask for?"""
        self.ask.setEnabled(bool(text.strip()))


class AdapterDialog(Sheet):
    """Accepted with a base and a title for the merged model.

    Signals:
        base_wanted: Name of the repository of the base, which is not on this computer.
    """

    base_wanted = Signal(str)

    def __init__(
        self,
        adapter: FoundAdapter,
        models: Sequence[ModelStatus],
        why_not_ask: str,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(words.ADAPTER_TITLE, words.ADAPTER_TITLE, theme, parent)
        self.adapter = adapter
        self._models = [model for model in models if model.usable and model.folder is not None]
        self.add_text(words.ADAPTER_TEXT, "muted")
        self.add_text(words.adapter_names(adapter.base))
        self.base, self.edit = ElidedComboBox(16), QLineEdit(adapter.title)
        for model in self._models:
            self.base.addItem(one_line(model.title), model.id)
        self.base.view().setAccessibleName(words.ADAPTER_BASE)
        for text, editor in ((words.ADAPTER_BASE, self.base), (words.ADAPTER_NAME, self.edit)):
            label = PlainLabel(text)
            label.setBuddy(editor)
            editor.setAccessibleName(text)
            self.column.addWidget(label)
            self.column.addWidget(editor)
        self.note = self.add_text("", "muted")
        self._named = next((model for model in self._models if adapter.base and model.repo == adapter.base), None)
        self.merge = self.add_accept(words.MERGE, primary=True)
        self.get_base = self.add_button(words.GET_BASE, QDialogButtonBox.ButtonRole.ActionRole)
        self.add_reject(common_words.CANCEL)
        self.get_base.setVisible(self._named is None and "/" in adapter.base)
        self.get_base.setEnabled(not why_not_ask)
        set_tip(self.get_base, why_not_ask)
        self.base.setPlaceholderText(words.CHOOSE_BASE)
        self.base.setCurrentIndex(self._models.index(self._named) if self._named is not None else -1)
        self.base.setEnabled(bool(self._models))
        self.base.currentIndexChanged.connect(self.on_changed)
        self.edit.textChanged.connect(self.on_changed)
        self.get_base.clicked.connect(self.on_get_base_clicked)
        self.on_changed()

    @property
    def chosen(self) -> ModelStatus | None:
        """The base."""
        index = self.base.currentIndex()
        return self._models[index] if 0 <= index < len(self._models) else None

    @property
    def title(self) -> str:
        """Name of the merged model."""
        return self.edit.text().strip()

    def on_changed(self) -> None:
        """Both are needed; say so if the base is another one than the adapter names."""
        self.merge.setEnabled(self.chosen is not None and bool(self.title))
        if self.chosen is None:
            missing = words.base_missing(self.adapter.base) if self._named is None and self.adapter.base else ""
            self.note.show_text(missing if self._models else words.ADAPTER_NO_BASE)
        else:
            other = bool(self.adapter.base) and self.chosen.repo != self.adapter.base
            self.note.show_text(words.base_is(self.adapter.base) if other else "")

    def on_get_base_clicked(self) -> None:
        """Its licence comes next."""
        self.base_wanted.emit(self.adapter.base)
        self.reject()
