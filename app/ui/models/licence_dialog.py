"""Before every download: the licence to read, whether the model runs here, and what the download takes."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.library import texts as model_texts
from app.library.values import DownloadOffer
from app.ui.models import words
from app.ui.widgets import words as common_words
from app.ui.widgets.licence_sheet import LicenceSheet
from app.ui.widgets.theme import Theme

SIZE = (680, 640)


class LicenceDialog(LicenceSheet):
    """Accepted if the user accepts the licence and wants the download."""

    def __init__(self, offer: DownloadOffer, rate: float, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(common_words.LICENCE, offer.title, theme, parent)
        self.offer = offer
        self.add_text(words.licence_head(offer.remote.repo, offer.remote.licence), "muted")
        self.add_text(f"{offer.fit.text} {offer.fit.hint}".strip())
        time = model_texts.time_to_fetch(offer.missing, rate)
        self.add_text(words.download_line(offer.missing, offer.free_disk, time))
        self.add_text(words.goes_to(offer.folder), "faint")
        if offer.terms:
            self.add_text(offer.terms)
        labels = (common_words.LICENCE, words.ACCEPT, words.DOWNLOAD, common_words.CANCEL)
        self.download = self.add_licence(offer.licence_text, labels, offer.problem, SIZE)
