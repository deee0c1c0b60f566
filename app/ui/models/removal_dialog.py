"""Before a model is removed: what goes, what stays, and how much comes free."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.library.values import ModelState, Removal
from app.ui.models import words
from app.ui.models.file_list import FileList
from app.ui.widgets import words as common_words
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme


class RemovalDialog(Sheet):
    """Accepted if the user agrees; Cancel is the default."""

    def __init__(self, removal: Removal, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.REMOVE, words.remove_title(removal.model.title), theme, parent)
        self.removal = removal
        model, count = removal.model, len(removal.files)
        self.files: FileList | None = None
        if model.state == ModelState.MISSING:
            self.add_text(words.GONE_FOLDER)
        elif model.kind == "folder" and not count:
            self.add_text(words.OWN_FOLDER)
        else:
            self.add_text(words.own_files(count, removal.size, model.folder))
            if removal.kept:
                self.add_text(words.kept_files(removal.kept))
            if model.folder is not None and (count or removal.kept):
                self.files = FileList(removal.files, removal.kept, model.folder)
                self.column.addWidget(self.files)
        self.engines = self.add_box(words.with_engines(len(removal.engines), removal.engine_size))
        self.engines.setChecked(bool(removal.engines))
        self.engines.setVisible(bool(removal.engines))
        self.free = self.add_text("")
        self.agree = self.add_accept(words.REMOVE if removal.size or count else words.REMOVE_FROM_LIST)
        self.cancel = self.add_reject(common_words.CANCEL, primary=True)
        self.engines.toggled.connect(self.on_engines_toggled)
        self.on_engines_toggled()
        self.cancel.setFocus()

    @property
    def with_engines(self) -> bool:
        """Whether the engines go, too."""
        return bool(self.removal.engines) and self.engines.isChecked()

    def on_engines_toggled(self) -> None:
        """The sum."""
        freed = self.removal.size + (self.removal.engine_size if self.with_engines else 0)
        self.free.show_text(words.comes_free(freed) if freed else "")
