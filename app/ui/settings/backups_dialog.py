"""Backups in the settings: what there is, and the chats of one in the place of those of now, after a look at it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.base.errors import ErrorReport
from app.bridge.restoring import Restoring
from app.chats.backup import BackupFile
from app.chats.lock.keys import know
from app.chats.recovery.bringing_back import BackupPreview, BroughtBack
from app.chats.recovery.restoring import key_file_wanted
from app.ui.settings import words
from app.ui.settings.coordinator import SettingsCoordinator
from app.ui.settings.dialog import SettingsDialog
from app.ui.settings.lock_dialog import opened_with_password
from app.ui.widgets import words as common_words
from app.ui.widgets.labels import Sentence
from app.ui.widgets.notices import Notices
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme, ThemeManager

_PATH_ROLE = Qt.ItemDataRole.UserRole


class BackupsPanel(QWidget):
    """What there is, and the way to it.

    Signals:
        wanted: The user wants to see the backups.
    """

    wanted = Signal()

    def __init__(self, backups: tuple[BackupFile, ...]) -> None:
        super().__init__()
        title = Sentence(words.BACKUPS)
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        self.button = QPushButton(words.BRING_BACK_CHATS)
        self.button.setAccessibleName(words.BRING_BACK_CHATS)
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self.wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (title, Sentence(words.BACKUPS_TEXT, "muted"), Sentence(words.backups_now(backups))):
            column.addWidget(widget)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)


class BackupsDialog(Sheet):
    """The backups, and below them what the chosen one would change.

    Signals:
        preview_wanted: Path of a backup.
        agreed: Path of the backup whose chats shall be brought back.
    """

    preview_wanted = Signal(object)
    agreed = Signal(object)
    scrolls = False
    width_ems = 60

    def __init__(self, backups: tuple[BackupFile, ...], theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(words.BACKUPS, words.BRING_BACK_TITLE, theme, parent)
        self.add_text(words.BRING_BACK_TEXT, "muted")
        self.list = QListWidget()
        self.list.setObjectName("chat_list")
        self.list.setAccessibleName(words.BACKUPS)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumHeight(round(theme.ui_points * 14))
        self.column.addWidget(self.list, 1)
        self.told = self.add_text("")
        self.told.setMinimumHeight(6 * self.told.fontMetrics().lineSpacing())  # the dialog keeps its size
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.agree = self.add_accept(words.BRING_BACK_AGREE, primary=True)
        self.other = self.add_button(words.OTHER_BACKUP, QDialogButtonBox.ButtonRole.ActionRole)
        self.add_reject(common_words.CANCEL)
        self._preview: BackupPreview | None = None
        for each in backups:
            self._add(each.path, words.backup_line(each))
        self.list.currentItemChanged.connect(self.on_chosen)
        self.other.clicked.connect(self.on_other_clicked)
        self.agree.setEnabled(False)
        self.told.setText("" if backups else words.NO_BACKUPS)
        self.list.setFocus()

    def choose_first(self) -> None:
        """Look into the newest one."""
        self.list.setCurrentRow(0)

    @property
    def chosen(self) -> Path | None:
        """The backup that is looked at."""
        item = self.list.currentItem()
        return item.data(_PATH_ROLE) if item is not None else None

    def show_preview(self, preview: BackupPreview) -> None:
        """What it would change."""
        if preview.path == self.chosen:
            self._preview = preview
            self.told.setText(words.backup_preview(preview))
            self.agree.setEnabled(True)

    def show_problem(self, report: ErrorReport) -> None:
        """It cannot be used."""
        self.told.setText(f"{report.text} {report.hint}".strip())

    def on_chosen(self) -> None:
        """Another one: look into it."""
        self._preview = None
        self.agree.setEnabled(False)
        if self.chosen is not None:
            self.told.setText(words.LOOKING_INTO_BACKUP)
            self.preview_wanted.emit(self.chosen)

    def on_other_clicked(self) -> None:
        """One that lies elsewhere."""
        name, _ = QFileDialog.getOpenFileName(self, words.OTHER_BACKUP, str(Path.home()), words.BACKUP_FILES)
        if name:
            self._add(Path(name), name)
            self.list.setCurrentRow(self.list.count() - 1)

    def accept(self) -> None:
        """Tell; it closes when that begins."""
        if self._preview is not None:
            self.agreed.emit(self._preview.path)

    def _add(self, path: Path, text: str) -> None:
        item = QListWidgetItem(text, self.list)
        item.setData(_PATH_ROLE, path)


class BringingBack(QObject):
    """Opens the dialog from the settings, and says how it ended, with one Undo."""

    def __init__(
        self,
        window: QWidget,
        settings: SettingsCoordinator,
        restoring: Restoring,
        themes: ThemeManager,
        notices: Notices,
    ) -> None:
        super().__init__(window)
        self._restoring, self._themes, self._notices = restoring, themes, notices
        self._window = window
        self.dialog: BackupsDialog | None = None
        self._offered = ""  # what is said beside the Undo
        self._undoing: Path | None = None
        settings.add_panel("data", f"{words.BACKUPS} {words.BACKUPS_TEXT} {words.BRING_BACK_CHATS}", self._new_panel)
        restoring.previewed.connect(self.on_previewed)
        restoring.brought_back.connect(self.on_brought_back)
        restoring.failed.connect(self.on_failed)
        restoring.began.connect(self.on_began)
        restoring.ended.connect(self.on_ended)

    def open(self, host: QWidget) -> BackupsDialog:
        """Show what can be brought back."""
        dialog = self.dialog = BackupsDialog(self._restoring.backups(), self._themes.theme, host)
        dialog.preview_wanted.connect(self.on_preview_wanted)
        dialog.agreed.connect(partial(self.on_agreed, host))
        dialog.finished.connect(self.on_closed)
        dialog.open()
        dialog.choose_first()
        return dialog

    def on_closed(self) -> None:
        """Its news have no place any more."""
        self.dialog = None

    def on_preview_wanted(self, backup: Path) -> None:
        """Look into one; the password of one that is locked with another one is asked for first."""
        dialog = self.dialog
        if dialog is not None and (key_file := key_file_wanted(backup)) is not None:
            told = words.backup_of_another(backup.name)
            key = opened_with_password(key_file, self._themes.theme, told, common_words.CANCEL, dialog)
            if key is None:
                dialog.told.setText(told)
                return
            know(key)
        self._restoring.preview(backup)

    def on_previewed(self, preview: BackupPreview) -> None:
        """It is known what is in one."""
        if self.dialog is not None:
            self.dialog.show_preview(preview)

    def on_agreed(self, host: QWidget, backup: Path) -> None:
        """Bring it back, in view of the window, unless an answer is being written into what would go."""
        dialog = self.dialog
        if self._restoring.bring_back(backup):
            if dialog is not None:
                dialog.done(QDialog.DialogCode.Accepted)
            host.close()
            self._notices.show(words.BRINGING_BACK, stays=True)
        elif dialog is not None:
            dialog.told.setText(words.BRING_BACK_BUSY)

    def on_began(self) -> None:
        """All chats are replaced: nothing is typed into what goes, in whatever window."""
        self._window.setEnabled(False)

    def on_ended(self) -> None:
        """Go on."""
        self._window.setEnabled(True)

    def on_brought_back(self, done: BroughtBack) -> None:
        """The chats are others now."""
        self._notices.withdraw(words.BRINGING_BACK, words.PUTTING_BACK, self._offered)
        if self._undoing is not None:
            self._undoing = None
            self._notices.show(words.TAKEN_BACK)
        else:
            self._offer(words.brought_back(done.preview), done.before)

    def on_undo(self, before: Path) -> None:
        """The chats as they were before; while that cannot be, it stays on offer."""
        if self._restoring.bring_back(before):
            self._undoing = before
            self._notices.show(words.PUTTING_BACK, stays=True)
        else:
            self._offer(words.BRING_BACK_BUSY, before)

    def on_failed(self, report: ErrorReport) -> None:
        """Nothing was changed."""
        self._notices.withdraw(words.BRINGING_BACK, words.PUTTING_BACK)
        if self._undoing is not None:
            self._offer(words.NOT_PUT_BACK, self._undoing)
            self._undoing = None
        if self.dialog is not None:
            self.dialog.show_problem(report)
        else:
            self._notices.report(report)

    def _offer(self, text: str, before: Path) -> None:
        self._offered = text
        self._notices.show(text, stays=True, action=words.UNDO, do=partial(self.on_undo, before))

    def _new_panel(self, dialog: SettingsDialog) -> QWidget:
        panel = BackupsPanel(self._restoring.backups())
        panel.wanted.connect(partial(self.open, dialog))
        return panel
