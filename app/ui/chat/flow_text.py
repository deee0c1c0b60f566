"""Text that takes the height it needs: one paragraph group of an answer, or one message of the user.

It never loads anything: `loadResource` answers every request with nothing, and a link opens only after a click, in the
system's browser.
"""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QEvent, QSize, QSizeF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFocusEvent, QPalette, QTextDocument, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QToolTip

from app.ui.chat.markdown import html_from_markdown
from app.ui.widgets.plain import set_tip
from app.ui.widgets.theme import Theme

SAFE_SCHEMES = ("http", "https", "mailto")


class FlowText(QTextBrowser):
    """Read-only, selectable text without a scroll bar."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._markdown: str | None = None
        self._plain: str | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self.on_document_size_changed)
        self.anchorClicked.connect(self.on_anchor_clicked)
        self.highlighted.connect(self.on_link_highlighted)
        self.setAccessibleName("Message text")

    def set_markdown(self, text: str) -> None:
        """Show Markdown."""
        self._markdown, self._plain = text, None
        self._render()

    def set_plain(self, text: str) -> None:
        """Show text as it is."""
        self._markdown, self._plain = None, text
        self._render()

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        self._render()

    def ideal_width(self) -> int:
        """Width at which no line breaks that need not."""
        probe = self.document().clone()
        probe.setTextWidth(-1)
        width = math.ceil(probe.idealWidth())
        probe.deleteLater()
        return width + 1

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Who comes by Tab is at the first link, or backwards at the last one, and sees it."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.focusNextPrevChild(event.reason() == Qt.FocusReason.TabFocusReason)

    def _render(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Link, self._theme.color("accent"))
        self.setPalette(palette)
        self.setFont(self._theme.body_font())
        self.document().setDefaultFont(self._theme.body_font())
        if self._markdown is not None:
            self.setHtml(html_from_markdown(self._markdown, self._theme))
        elif self._plain is not None:
            self.setPlainText(self._plain)
            self._space_lines()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if self._has_links() else Qt.FocusPolicy.ClickFocus)
        self._fit()

    def _space_lines(self) -> None:
        cursor = self.textCursor()
        cursor.select(cursor.SelectionType.Document)
        block_format = cursor.blockFormat()
        block_format.setLineHeight(self._theme.line_percent(), block_format.LineHeightTypes.ProportionalHeight.value)
        cursor.setBlockFormat(block_format)

    def _has_links(self) -> bool:
        return self._markdown is not None and "<a href" in html_from_markdown(self._markdown, self._theme)

    def _fit(self) -> None:
        self.on_document_size_changed(self.document().documentLayout().documentSize())

    def on_document_size_changed(self, size: QSizeF) -> None:
        """Take the height of the text."""
        height = max(1, math.ceil(size.height()))
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def on_anchor_clicked(self, url: QUrl) -> None:
        """Open a link that was clicked, outside."""
        if url.scheme() in SAFE_SCHEMES:
            QDesktopServices.openUrl(url)

    def on_link_highlighted(self, url: QUrl) -> None:
        """Say where a link leads before it is clicked."""
        set_tip(self, url.toString() if url.isValid() and not url.isEmpty() else "")
        if url.isEmpty():
            QToolTip.hideText()

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def loadResource(self, type: int, name: QUrl | str) -> Any:
        """Nothing is ever loaded, from nowhere."""
        return "" if type != QTextDocument.ResourceType.ImageResource.value else None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The chat scrolls, not the message."""
        event.ignore()

    def sizeHint(self) -> QSize:
        """Any width, the height of the text."""
        return QSize(120, self.height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as need be."""
        return QSize(40, self.height())

    def changeEvent(self, event: QEvent) -> None:
        """A style change must not bring Qt's margins back."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.document().setDocumentMargin(0)
