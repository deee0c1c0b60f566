"""Before every download: the licence to read, whether the model runs here, and what the download takes."""

from __future__ import annotations

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app import model_texts
from app.models.view import Offer
from app.ui import dialog_words as words
from app.ui.first_size import resize_within_screen
from app.ui.sentences import Trouble
from app.ui.sheet import Sheet
from app.ui.theme import Theme

SIZE = (680, 640)


class LicenceDialog(Sheet):
    """Accepted if the user accepts the licence and wants the download."""

    own_size = True

    def __init__(self, offer: Offer, rate: float, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.LICENCE, offer.title, theme, parent)
        self.offer = offer
        self.add_text(words.licence_head(offer.remote.repo, offer.remote.licence), "muted")
        self.add_text(f"{offer.fit.text} {offer.fit.hint}".strip())
        time = model_texts.time_to_fetch(offer.missing, rate)
        self.add_text(words.download_line(offer.missing, offer.free_disk, time))
        self.add_text(words.goes_to(offer.folder), "faint")
        if offer.terms:
            self.add_text(offer.terms)
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
        self.download = self.add_accept(words.DOWNLOAD, primary=True)
        self.cancel = self.add_reject(words.CANCEL)
        self.download.setEnabled(False)
        self.trouble.show_report(offer.problem)
        for widget in (self.box, self.download):
            widget.setVisible(offer.problem is None)
        self.box.toggled.connect(self.download.setEnabled)
        resize_within_screen(self, round(SIZE[0] * theme.scale), round(SIZE[1] * theme.scale))
        self.text.setFocus()
