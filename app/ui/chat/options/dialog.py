"""What holds for one chat alone: its system prompt, with the library of prompts, and how answers are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QPushButton, QSpinBox, QWidget

from app.chats.options import LONGEST_PROMPT, MOST_ANSWER_TOKENS, MOST_STEPS, PRESETS, ChatOptions, SystemPrompt
from app.ui.chat.large_edit import LargeEdit
from app.ui.chat.options import words
from app.ui.widgets import words as common_words
from app.ui.widgets.combo import ElidedComboBox
from app.ui.widgets.labels import Sentence
from app.ui.widgets.plain import PlainLabel, one_line
from app.ui.widgets.sheet import Sheet
from app.ui.widgets.theme import Theme

_PROMPT_LINES = 7


class ChatOptionsDialog(Sheet):
    """Edits the options of a chat.

    Signals:
        chosen: The `ChatOptions`.
        prompt_kept: Name and text of a prompt for the library.
        prompt_removed: Id of one that shall be in it no longer.
    """

    chosen = Signal(object)
    prompt_kept = Signal(str, str)
    prompt_removed = Signal(str)

    def __init__(
        self,
        options: ChatOptions,
        prompts: tuple[SystemPrompt, ...],
        models: Sequence[tuple[str, str]],
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        """Show what holds.

        Args:
            options: Those of the chat.
            prompts: The library.
            models: What can answer: `ChatOptions.model` and the name of each.
            theme: Colours and sizes.
            parent: Owns it.
        """
        super().__init__(words.OPTIONS_TITLE, words.OPTIONS_TITLE, theme, parent)
        self._prompts = prompts
        self.add_text(words.OPTIONS_DETAIL, "muted")
        self.library = QComboBox()
        self.library.setAccessibleName(words.LIBRARY)
        self.prompt = LargeEdit()
        self.prompt.set_whole_text(options.system_prompt)
        self.prompt.setAccessibleName(words.SYSTEM_PROMPT)
        self.prompt.setPlaceholderText(words.SYSTEM_PROMPT_HINT)
        self.prompt.setTabChangesFocus(True)
        self.prompt.setFixedHeight(self.prompt.fontMetrics().lineSpacing() * _PROMPT_LINES)
        self._given = options
        self.keep, self.remove = QPushButton(words.KEEP_PROMPT), QPushButton(words.REMOVE_PROMPT)
        self.model = ElidedComboBox(12)
        self.model.setAccessibleName(words.MODEL)
        self.model.addItem(words.MODEL_AS_ELSEWHERE, "")
        for value, name in models:
            self.model.addItem(one_line(name, 60), value)
        if options.model and self.model.findData(options.model) < 0:
            self.model.addItem(one_line(options.model_name or options.model, 60), options.model)
        self.model.setCurrentIndex(self.model.findData(options.model))
        self.preset = QComboBox()
        self.preset.setAccessibleName(words.PRESET)
        for preset in PRESETS:
            self.preset.addItem(words.PRESET_NAMES[preset], preset)
        self.preset.setCurrentIndex(PRESETS.index(options.preset))
        self.steps = self._number(words.STEPS, MOST_STEPS, options.steps)
        self.length = self._number(words.LENGTH, MOST_ANSWER_TOKENS, options.answer_tokens)
        self.thinking = self.add_box(words.THINKING)
        self.thinking.setChecked(options.thinking)
        self.too_long = Sentence()
        self.agree = self.add_accept(words.OPTIONS_AGREE, primary=True)
        self._lay_out()
        self._show_library(options.prompt_name)
        self.add_reject(common_words.CANCEL)
        self.library.activated.connect(self.on_prompt_chosen)
        self.keep.clicked.connect(self.on_keep_clicked)
        self.remove.clicked.connect(self.on_remove_clicked)
        self.prompt.textChanged.connect(self.on_prompt_changed)
        self.accepted.connect(self.on_accepted)
        self.on_prompt_changed()
        self.prompt.setFocus()

    @property
    def options(self) -> ChatOptions:
        """What is chosen now."""
        text = self.prompt.whole_text().strip()
        chosen = self._chosen
        return dataclasses.replace(
            self._given,
            system_prompt=text,
            prompt_name=chosen.name if chosen is not None and chosen.body.strip() == text else "",
            preset=self.preset.currentData(),
            steps=self.steps.value(),
            answer_tokens=self.length.value(),
            thinking=self.thinking.isChecked(),
            model=self.model.currentData(),
            model_name=self.model.currentText() if self.model.currentData() else "",
        )

    def show_prompts(self, prompts: tuple[SystemPrompt, ...], name: str) -> None:
        """The library has changed."""
        self._prompts = prompts
        self._show_library(name)

    def on_prompt_chosen(self) -> None:
        """Take one from the library."""
        if self._chosen is not None:
            self.prompt.set_whole_text(self._chosen.body)
        self.on_prompt_changed()

    def on_prompt_changed(self) -> None:
        """What is typed can be kept; what is too long is said, unless it was taken as it is, from an import."""
        text = self.prompt.whole_text().strip()
        too_long = len(text) > LONGEST_PROMPT and text != self._given.system_prompt.strip()
        self.too_long.show_text(words.prompt_too_long(len(text), LONGEST_PROMPT) if too_long else "")
        self.agree.setEnabled(not too_long)
        self.keep.setEnabled(bool(text) and not too_long)
        self.remove.setEnabled(self._chosen is not None)

    def on_keep_clicked(self) -> None:
        """Into the library, under its first words, or in the place of the chosen one."""
        text = self.prompt.whole_text().strip()
        name = self._chosen.name if self._chosen is not None else text.split("\n")[0]
        self.prompt_kept.emit(name, text)

    def on_remove_clicked(self) -> None:
        """Out of the library."""
        if self._chosen is not None:
            self.prompt_removed.emit(self._chosen.id)

    def on_accepted(self) -> None:
        """Tell."""
        self.chosen.emit(self.options)

    @property
    def _chosen(self) -> SystemPrompt | None:
        return next((each for each in self._prompts if each.id == self.library.currentData()), None)

    def _show_library(self, name: str) -> None:
        self.library.clear()
        self.library.addItem(words.NO_LIBRARY_PROMPT, "")
        for each in self._prompts:
            self.library.addItem(one_line(each.name, 60), each.id)
            if each.name == name:
                self.library.setCurrentIndex(self.library.count() - 1)
        self.on_prompt_changed()

    def _number(self, name: str, most: int, value: int) -> QSpinBox:
        box = QSpinBox()
        box.setRange(0, most)
        box.setSpecialValueText(words.AS_IN_SETTINGS)
        box.setValue(value)
        box.setAccessibleName(name)
        return box

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.keep)
        row.addWidget(self.remove)
        row.addStretch(1)
        form = QFormLayout()
        for name, box in (
            (words.MODEL, self.model),
            (words.PRESET, self.preset),
            (words.STEPS, self.steps),
            (words.LENGTH, self.length),
        ):
            form.addRow(PlainLabel(name), box)
        for at, part in enumerate((PlainLabel(words.SYSTEM_PROMPT), self.library, self.prompt)):
            self.column.insertWidget(at + 1, part)
        self.column.insertWidget(4, self.too_long)
        self.column.insertLayout(5, row)
        self.column.insertLayout(6, form)
