"""Before TensorRT for RTX is installed: what it takes, and NVIDIA's licence to read and accept."""

from __future__ import annotations

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.gpu import texts
from app.gpu.view import GpuOffer
from app.ui import gpu_words as words
from app.ui.first_size import resize_within_screen
from app.ui.sentences import Trouble
from app.ui.sheet import Sheet
from app.ui.theme import Theme

SIZE = (680, 620)


class GpuDialog(Sheet):
    """Accepted if the user accepts the licence and wants the installation."""

    own_size = True

    def __init__(self, offer: GpuOffer, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.INSTALL_TITLE, words.head(offer.version, offer.card), theme, parent)
        self.offer = offer
        self.add_text(words.INSTALL_TEXT)
        self.add_text(words.sizes(offer.download, offer.installed, offer.free_disk))
        self.add_text(words.goes_to(offer.folder), "faint")
        self.add_text(words.licence_line(texts.LICENCE, texts.LICENCE_PLACE), "muted")
        self.text = QPlainTextEdit(offer.licence_text)
        self.text.setObjectName("licence_text")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(words.LICENCE)
        self.text.setFont(theme.mono_font())
        self.text.setMinimumHeight(round(theme.ui_points * 9))
        self.column.addWidget(self.text, 1)
        self.trouble = Trouble()
        self.column.addWidget(self.trouble)
        self.box = self.add_box(words.ACCEPT)
        self.install = self.add_accept(words.INSTALL_NOW, primary=True)
        self.cancel = self.add_reject(words.CANCEL)
        self.install.setEnabled(False)
        self.trouble.show_report(offer.problem)
        for widget in (self.box, self.install):
            widget.setVisible(offer.problem is None)
        self.box.toggled.connect(self.install.setEnabled)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self.text.setFocus()
