"""Before TensorRT for RTX is installed: what it takes, and NVIDIA's licence to read and accept."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.gpu import texts
from app.gpu.values import GpuOffer
from app.ui.gpu import words
from app.ui.widgets import words as common_words
from app.ui.widgets.licence_sheet import LicenceSheet
from app.ui.widgets.theme import Theme

SIZE = (680, 620)


class GpuDialog(LicenceSheet):
    """Accepted if the user accepts the licence and wants the installation."""

    def __init__(self, offer: GpuOffer, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.INSTALL_TITLE, words.head(offer.version, offer.card), theme, parent)
        self.offer = offer
        self.add_text(words.INSTALL_TEXT)
        self.add_text(words.sizes(offer.download, offer.installed, offer.free_disk))
        self.add_text(words.goes_to(offer.folder), "faint")
        self.add_text(words.licence_line(texts.LICENCE, texts.LICENCE_PLACE), "muted")
        labels = (common_words.LICENCE, words.ACCEPT, words.INSTALL_NOW, common_words.CANCEL)
        self.install = self.add_licence(offer.licence_text, labels, offer.problem, SIZE)
