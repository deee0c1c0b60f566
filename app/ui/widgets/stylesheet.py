"""The style sheet: everything that a palette cannot say, written once for both looks."""

from __future__ import annotations

from string import Template

from app.ui.widgets.colours import Tokens

_SHEET = Template(
    """
QMainWindow, QDialog { background: $window; }
QToolTip { background: $tooltip; color: $tooltip_text; border: none; padding: 5px 8px; }
QSplitter::handle { background: $border; }

QMenuBar { background: $window; color: $muted; padding: 2px 6px; border-bottom: 1px solid $border; }
QMenuBar::item { padding: 4px 9px; border-radius: 5px; background: transparent; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $hover; color: $text; }
QMenu { background: $raised; color: $text; border: 1px solid $border_strong; border-radius: 8px; padding: 5px; }
QMenu::item { padding: 6px 26px 6px 24px; border-radius: 5px; }
QMenu::item:selected { background: $accent_soft; }
QMenu::item:disabled { color: $faint; }
QMenu::separator { height: 1px; background: $border; margin: 5px 8px; }
QMenu::indicator { left: 7px; }

QPushButton {
    background: $surface; color: $text; border: 1px solid $border_strong; border-radius: 7px; padding: 6px 14px;
}
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $selected; }
QPushButton:focus { border: 2px solid $focus; padding: 5px 13px; }
QPushButton:disabled { color: $faint; border-color: $border; }
QPushButton:default, QPushButton[role="primary"] {
    background: $accent; color: $accent_text; border: 1px solid $accent;
}
QPushButton:default:hover, QPushButton[role="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton:default:focus, QPushButton[role="primary"]:focus { border: 2px solid $text; }
QPushButton:default:disabled, QPushButton[role="primary"]:disabled { background: $border; border-color: $border; color: $muted; }

QToolButton {
    background: transparent; color: $muted; border: 2px solid transparent; border-radius: 7px; padding: 3px 6px;
}
QToolButton:hover { background: $hover; color: $text; }
QToolButton:pressed { background: $selected; }
QToolButton:focus { border-color: $focus; }
QToolButton:disabled { color: $faint; }
QToolButton#round {
    background: $accent; border: 2px solid $accent; border-radius: ${round_radius}px;
    min-width: ${round}px; max-width: ${round}px; min-height: ${round}px; max-height: ${round}px; padding: 0;
}
QToolButton#round:hover { background: $accent_hover; border-color: $accent_hover; }
QToolButton#round:focus { border-color: $text; }
QToolButton#round:disabled { background: $border; border-color: $border; }
QToolButton#latest { background: $raised; border: 1px solid $border_strong; border-radius: 15px; padding: 5px; }
QToolButton#latest:hover { background: $hover; }
QToolButton#latest:focus { border: 2px solid $focus; padding: 4px; }

QWidget#sidebar { background: $sidebar; }
QPushButton#new_chat {
    background: $surface; border: 1px solid $border; border-radius: 9px; padding: 8px 12px; text-align: left;
    font-weight: 600;
}
QPushButton#new_chat:hover { background: $raised; border-color: $border_strong; }
QPushButton#new_chat:focus { border: 2px solid $focus; padding: 7px 11px; }
QListView#chat_list { background: transparent; border: 2px solid transparent; border-radius: 9px; outline: none; padding: 0; }
QListView#chat_list:focus { border-color: $focus; }
QListView#chat_list::item { border-radius: 7px; padding: 6px 9px; margin: 1px 0; color: $text; border: 2px solid transparent; }
QListView#chat_list::item:hover { background: $hover; }
QListView#chat_list::item:selected { background: $selected; color: $text; }
QListView#chat_list::item:disabled { color: $muted; background: transparent; padding: 12px 9px 3px 9px; }
QListView#chat_list QLineEdit { padding: 0 7px; border: 2px solid $focus; border-radius: 7px; background: $surface; }

QFrame#palette { background: $raised; border: 1px solid $border_strong; border-radius: 12px; }
QLineEdit#palette_line { border-radius: 8px; padding: 8px 11px; }
QLineEdit#palette_line:focus { padding: 7px 10px; }
QListWidget#palette_rows { background: transparent; border: none; outline: none; }
QListWidget#palette_rows::item { border-radius: 7px; color: $text; }
QListWidget#palette_rows::item:hover { background: $hover; }
QListWidget#palette_rows::item:selected { background: $accent_soft; color: $text; }
QFrame#find_bar { background: $surface; border: none; border-bottom: 1px solid $border; }
QLineEdit#search { border-radius: 9px; padding: 6px 10px; }
QLineEdit#search:focus { padding: 5px 9px; }

QWidget#header { background: $window; border-bottom: 1px solid $border; }
QPushButton#model_name { color: $text; font-weight: 600; background: transparent; border: 2px solid transparent; padding: 1px 6px; text-align: left; }
QPushButton#model_name:hover { background: $hover; }
QPushButton#model_name:focus { border-color: $focus; padding: 1px 6px; }
QLabel#model_state { color: $muted; font-size: ${small}pt; padding-left: 5px; }
QLabel#model_state[tone="error"] { color: $danger; }
QLabel#model_state[tone="busy"] { color: $accent; }

QScrollArea#chat_view { background: $window; border: 2px solid $window; }
QScrollArea#chat_view:focus { border-color: $focus; }
QWidget#chat_canvas, QWidget#chat_column, QWidget#chat_area { background: $window; border: none; }
QDialog QScrollArea { border: 2px solid transparent; border-radius: 6px; }
QDialog QScrollArea:focus { border-color: $focus; }
QDialog QScrollArea#page_area { border: none; }
QDialog QScrollArea#page_area:focus { border: 2px solid $focus; }
QFrame#bubble { background: $bubble; border: none; border-radius: 14px; }
QTextBrowser { background: transparent; border: none; color: $text; selection-background-color: $selection; selection-color: $text; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="faint"] { color: $muted; font-size: ${small}pt; }
QLabel#empty_title { font-size: ${title}pt; font-weight: 600; color: $text; }
QLabel#empty_tagline { font-size: ${lead}pt; color: $muted; }
QPushButton#example {
    background: $surface; border: 1px solid $border; border-radius: 12px; padding: 12px 16px; text-align: left;
}
QPushButton#example:hover { border-color: $accent; background: $surface; }
QPushButton#example:focus { border: 2px solid $focus; padding: 11px 15px; }
QPushButton[role="quiet"] {
    background: transparent; color: $muted; border: 2px solid transparent; border-radius: 7px; padding: 3px 7px;
}
QPushButton[role="quiet"]:hover { background: $hover; color: $text; }
QPushButton[role="quiet"]:pressed { background: $selected; }
QPushButton[role="quiet"]:focus { border-color: $focus; padding: 3px 7px; }
QPushButton[role="quiet"]:disabled { color: $faint; }
QPushButton#link { background: transparent; border: 2px solid transparent; color: $accent; padding: 4px 8px; }
QPushButton#link:hover { text-decoration: underline; }
QPushButton#link:focus { border-color: $focus; }

QFrame#thought { background: transparent; border: none; border-left: 2px solid $border_strong; margin-left: 10px; }
QFrame#thought QTextBrowser, QFrame#thought QPlainTextEdit { color: $muted; }
QWidget#code { background: $code; border: 1px solid $border; border-radius: 9px; }
QWidget#code_header { background: $code_header; border-top-left-radius: 8px; border-top-right-radius: 8px; }
QPlainTextEdit#code_text { background: transparent; border: none; color: $text; selection-background-color: $selection; selection-color: $text; }
QFrame#problem { background: $danger_soft; border: none; border-radius: 10px; }
QFrame#problem QLabel { color: $text; }

QFrame#composer { background: $surface; border: 1px solid $border_strong; border-radius: 16px; }
QFrame#edit_box { background: $surface; border: 1px solid $focus; border-radius: 14px; }
QFrame#selection_bar { background: $raised; border: 1px solid $border_strong; border-radius: 10px; }
QFrame#queue_strip { background: $code_header; border: none; border-radius: 9px; }
QFrame#composer[focused="true"] { border: 1px solid $focus; }
QFrame#composer[files="true"] { background: $accent_soft; border: 1px dashed $accent; }
QPlainTextEdit#message_box { background: transparent; border: none; color: $text; font-size: ${body}pt; selection-background-color: $selection; selection-color: $text; }
QLabel#status_line { color: $muted; font-size: ${small}pt; }

QFrame#undo_bar, QFrame#notice { background: $tooltip; border-radius: 10px; }
QFrame#undo_bar QLabel, QFrame#notice QLabel { color: $tooltip_text; }
QFrame#undo_bar QPushButton, QFrame#notice QPushButton {
    background: transparent; color: $tooltip_text; border: 2px solid transparent; font-weight: 600; padding: 4px 10px;
}
QFrame#undo_bar QPushButton { text-decoration: underline; }
QFrame#undo_bar QPushButton:hover, QFrame#notice QPushButton:hover { border-color: $faint; }
QFrame#undo_bar QPushButton:focus, QFrame#notice QPushButton:focus { border-color: $focus; }

QTableView { background: $surface; border: 2px solid $border; border-radius: 8px; gridline-color: $border; }
QTableView:focus { border-color: $focus; }
QTableView#names { border: none; border-radius: 0; }
QTableView QTableCornerButton::section, QAbstractScrollArea::corner { background: transparent; border: none; }
QHeaderView::section { background: $surface; color: $muted; border: none; padding: 4px; }
QTabBar::tab { padding: 6px 12px; color: $muted; background: transparent; border: 2px solid transparent; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:selected:focus { border: 2px solid $focus; border-radius: 6px; }
QComboBox, QSpinBox, QLineEdit {
    background: $surface; color: $text; border: 1px solid $border_strong; border-radius: 7px; padding: 5px 9px;
    selection-background-color: $selection; selection-color: $text;
}
QComboBox:focus, QSpinBox:focus, QLineEdit:focus { border: 2px solid $focus; padding: 4px 8px; }
QSpinBox::up-button, QSpinBox::down-button { width: 0; border: none; }
QSpinBox QLineEdit { border: none; padding: 0 7px; background: transparent; }
QComboBox { combobox-popup: 0; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url("$arrow"); width: ${mark}px; height: ${mark}px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $border_strong; selection-background-color: $accent_soft; selection-color: $text; }
QComboBox QAbstractItemView { outline: none; }
QComboBox QAbstractItemView::item { padding: 4px 7px; color: $text; }
QComboBox QAbstractItemView::item:selected { background: $accent_soft; }
QCheckBox { spacing: 0; }
QCheckBox[role="text"] { spacing: 8px; }
QCheckBox::indicator { width: ${box}px; height: ${box}px; border: 1px solid $border_strong; border-radius: 4px; background: $surface; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url("$check"); }
QCheckBox::indicator:focus { border: 2px solid $focus; }
QLabel#dialog_title { font-size: ${lead}pt; font-weight: 600; }
QLabel[role="key"] {
    background: $code_header; border: 1px solid $border_strong; border-radius: 5px; padding: 2px 8px; color: $text;
}

QFrame#engine_banner, QFrame#engine_work { background: $surface; border: 1px solid $border; border-radius: 12px; }
QFrame#engine_banner[tone="good"] { background: $accent_soft; border-color: $accent_soft; }
QFrame#engine_banner[tone="bad"] { background: $danger_soft; border-color: $danger_soft; }
QLabel#engine_headline { font-size: ${lead}pt; font-weight: 600; color: $text; }
QFrame#engine_banner[tone="good"] QLabel#engine_headline { color: $accent; }
QFrame#engine_banner[tone="bad"] QLabel#engine_headline { color: $danger; }
QFrame#engine_banner QPushButton#link { padding: 3px 0; border-color: transparent; }
QFrame#engine_banner QPushButton#link:focus { text-decoration: underline; }
QLabel#engine_part { font-weight: 600; color: $text; }
QProgressBar { background: $border; border: none; border-radius: 3px; min-height: 6px; max-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }

QScrollArea#model_area, QWidget#model_body { background: $window; border: none; }
QFrame#machine_panel { background: $accent_soft; border: none; border-radius: 12px; }
QFrame#model_row { background: $surface; border: 1px solid $border; border-radius: 12px; }
QFrame#first_advice { background: $surface; border: 1px solid $border; border-radius: 12px; }
QLabel#model_title { font-weight: 600; }
QLabel#list_heading { color: $muted; font-weight: 600; padding-top: 6px; }
QLabel#pill { border-radius: 6px; padding: 2px 8px; font-size: ${small}pt; background: $border; color: $muted; }
QLabel#pill[tone="good"], QLabel#pill[tone="busy"] { background: $accent_soft; color: $accent; }
QLabel#pill[tone="warn"] { color: $warning; }
QLabel#pill[tone="bad"] { background: $danger_soft; color: $danger; }
QLabel#pill[tone="strong"] { background: $accent; color: $accent_text; }
QLabel#fit_dot { color: $faint; }
QLabel#fit_dot[tone="good"] { color: $accent; }
QLabel#fit_dot[tone="warn"] { color: $warning; }
QLabel#fit_dot[tone="bad"] { color: $danger; }
QProgressBar[tone="calm"]::chunk { background: $faint; }
QFrame#trouble, QFrame#strip[tone="bad"] { background: $danger_soft; border: none; border-radius: 9px; }
QFrame#strip { background: $code_header; border: none; border-radius: 9px; }
QFrame#strip[tone="good"] { background: $accent_soft; }
QLabel#offline_line { background: $code_header; color: $text; border-radius: 9px; padding: 8px 14px; }
QDialog QPlainTextEdit { background: $code; color: $text; border: 1px solid $border; border-radius: 9px; padding: 6px; }
QDialog QPlainTextEdit:focus { border: 2px solid $focus; padding: 5px; }
QPlainTextEdit#long_text { background: transparent; border: 1px solid transparent; color: $text; selection-background-color: $selection; selection-color: $text; }
QPlainTextEdit#long_text:focus { border-color: $focus; }
QPushButton::menu-indicator { image: url("$arrow"); width: ${mark}px; height: ${mark}px; subcontrol-position: right center; subcontrol-origin: padding; right: 8px; }
QPushButton[role="quiet"]::menu-indicator { right: 2px; }

QScrollBar:vertical { background: transparent; width: 11px; margin: 2px; }
QScrollBar::handle:vertical { background: $border_strong; border-radius: 3px; min-height: 36px; }
QScrollBar::handle:vertical:hover { background: $faint; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle:horizontal { background: $border_strong; border-radius: 3px; min-width: 36px; }
QScrollBar::handle:horizontal:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""
)


def stylesheet_from_tokens(tokens: Tokens, ui_points: float, body_points: float, arrow: str, check: str) -> str:
    """The whole sheet; `arrow` and `check` are paths of the two pictures that a style sheet must load from a file."""
    values = {name: getattr(tokens, name) for name in tokens.__slots__}
    round_size = round(ui_points * 96 / 72 * 2.2)
    return _SHEET.substitute(
        values,
        body=f"{body_points:.2f}",
        small=f"{ui_points * 0.9:.2f}",
        lead=f"{ui_points * 1.25:.2f}",
        title=f"{ui_points * 2.0:.2f}",
        round=round_size,
        box=round(ui_points * 1.6),
        mark=round(ui_points * 1.2),
        round_radius=round_size // 2 + 2,
        arrow=arrow,
        check=check,
    )
