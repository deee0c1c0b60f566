"""What the window says where the canvas is steered: parts written anew, blanks, other words, forms, the tour."""

from __future__ import annotations

import math
import re

# -- a part that is written anew ---------------------------------------------------------------------------------------

BAR = "What to do with the selected words"
REWRITE, SHORTER, LONGER, SIMPLER = "Rewrite", "Shorter", "Longer", "Simpler"
WISHES = {
    REWRITE: ("", "Three other ways to say the selected words (Enter)"),
    SHORTER: ("Say it in fewer words.", "The same in fewer words"),
    LONGER: ("Say it in more words.", "The same in more words"),
    SIMPLER: ("Say it in simpler words.", "The same in simpler words"),
}
OWN_WORDS = "In your own words \u2026"
OWN_WORDS_HINT = "Say how the selected words shall be different, in 500 characters at most, and press Enter"
REWRITING = "Words that are written anew"
BUSY = "An answer is being written. Words can be written anew when it is finished, or stopped (Esc)."
ONLY_HERE = "Words of an answer can be changed by a model of this computer only."
NO_ANSWER = "There is no answer yet whose words could be written anew."
NOT_TOLD_APART = (
    "It cannot be told where exactly these words stand in the answer\u2019s source. Select some words more, or edit "
    "the answer (its menu \u22ef)."
)
PICK_WITH_KEYS = "Select words with Shift and the arrow keys (Ctrl+Shift: whole words), then press Enter. Esc leaves."
STARTS = "Waiting for the model \u2026"
TAKE, TAKE_HINT = "Take", "Keep the answer with these words, beside the one before (Enter)"
LEAVE, LEAVE_HINT = "Back", "Leave the answer as it was (Esc)"
STOP, STOP_HINT = "Stop", "Keep the variants that are there (Esc)"
MORE = "Three more"
MORE_HINT = "Write three more, from other noise"
EARLIER, LATER = "Variant before (Left)", "Next variant (Right)"
FITS_BEST = "fits best"
FITS_BEST_HINT = "Behind this variant the model finds the text that follows most likely. That says nothing about truth."
NONE_DIFFERENT = "The model wrote nothing new. Say in your own words what shall be different, or try three more."
LOST_HINT = f"Press \u201c{MORE}\u201d: the model is started anew."
STOPPED_EMPTY = "Stopped before a variant was written. The answer is as it was."
TAKEN = "The words are replaced; the answer before is kept beside it."
TAKEN_INSIDE = "The words are replaced; the answer before, and what followed it, are kept beside it (Alt+Left)."
CHANGED = "The answer has changed since the words were selected. Select them again."
_WRITING = "writing variant {number} of {count} \u2026"


def writing_variant(number: int, count: int) -> str:
    """Which one is on its way, from 1."""
    return _WRITING.format(number=number, count=count)


def variant_label(number: int, count: int) -> str:
    """Which one is shown, from 0."""
    return f"{number + 1} of {count}"


def words_counted(before: int, after: int) -> str:
    """How long it is."""
    noun = "word" if after == 1 else "words"
    return f"{after:,} {noun}, as before" if before == after else f"{after:,} {noun} instead of {before:,}"


def outside_same(before: int, behind: int) -> str:
    """What was compared: characters before and behind the part."""
    if not before + behind:
        return "The whole answer is written anew."
    sides = " and ".join(
        f"{count:,} {where}" for count, where in ((before, "before it"), (behind, "behind it")) if count
    )
    noun = "character" if before + behind == 1 else "characters"
    return f"All other text is the same, to the byte ({noun} compared: {sides})."


def variant_spoken(number: int, count: int, part: str) -> str:
    """For screen readers."""
    return f"Variant {number + 1} of {count}: {part}"


# -- blanks and forms --------------------------------------------------------------------------------------------------

FORM = "Form"
FORM_HINT = "What an answer has to be: a text with blanks, one of some answers, JSON (Ctrl+Shift+B)"
INSERT_BLANK = "Insert a blank"
BLANKS_TO_INSERT = {
    "[[...]]": "Anything within a line",
    "[[lines]]": "Several lines",
    "[[word]]": "A word",
    "[[1-3 words]]": "Some words",
    "[[number]]": "A number",
    "[[date]]": "A date, such as 2026-11-29",
    "[[time]]": "A time, such as 09:30",
    "[[email]]": "An e-mail address",
    "[[yes|no]]": "One of these",
}
CHANGED_IN_BLANK = {"[[1-3 words]]": "1-3 words", "[[yes|no]]": "yes|no"}
BLANKS = "Blanks in your message"
NO_BLANKS = "Send as it is"
NO_BLANKS_HINT = "Put a backslash before the brackets, so that they are no blanks"
_LONGEST_WISH = 60
_MOST_NAMED = 3  # of what looks like a blank and is none


def blanks_told(count: int, wish: str, unknown: tuple[str, ...]) -> str:
    """Above the message box; "" for an ordinary message."""
    said = ""
    if count:
        noun = "blank" if count == 1 else "blanks"
        said = f"The answer will be this text with its {count} {noun} filled in; all else comes back as it stands."
        if wish:
            short = wish if len(wish) <= _LONGEST_WISH else f"{wish[:_LONGEST_WISH]}\u2026"
            said += f" Wished of it: {' '.join(short.split())}"
        else:
            said += " What you wish of it can stand above a line of ---."
    if unknown:
        more = len(unknown) - _MOST_NAMED
        few = ", ".join(unknown[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        said += f" {few} {'is no blank' if len(unknown) == 1 else 'are no blanks'} and stay{'s' * (len(unknown) == 1)}."
    return said.strip()


def filled_note(count: int) -> str:
    """Below an answer whose blanks are filled."""
    if count == 1:
        return "The tinted words were filled in; all else is your text, to the byte."
    return f"The tinted words were filled into {count} blanks; all else is your text, to the byte."


# -- other words -------------------------------------------------------------------------------------------------------

INSTEAD = "Instead:"
ASKING = "Asking the model \u2026"
NOTHING_ELSE = "The model sees no other word here."
SETTLED_TINT = (
    "The deeper the tint of a word, the less sure the model was of it in its last step. That says nothing about "
    "whether it is true. Answers without a recording have no tint."
)


def _percent(log_probability: float) -> str:
    """A share, in two digits."""
    share = 100 * math.exp(min(0.0, log_probability))
    return "under 0.1 %" if share < 0.1 else f"{share:.2g} %"


def other_word_hint(word: str, log_probability: float) -> str:
    """On the button of one."""
    return f"Put \u201c{word}\u201d here ({_percent(log_probability)}), and let the block settle around it"


def other_words_told(found: list[tuple[str, float]], entropy: float, possible: bool) -> str:
    """Of a word that is pointed at; `possible`: the model that answers now can put another one there."""
    told = f"{entropy:.2f} nats in the last step"
    if not found:
        return f"{told}; the model saw no other word here."
    instead = ", ".join(f"{word} {_percent(share)}" for word, share in found)
    told = f"Also possible: {instead} ({told})."
    return f"{told} Double-click to put one of them here." if possible else told


# -- forms of whole answers --------------------------------------------------------------------------------------------

NO_FORM = "Ordinary answers"
ANY_JSON = "Any JSON"
BY_SCHEMA = "JSON by a schema \u2026"
BY_CHOICE = "One of some answers \u2026"
_FORM_NAMES = {"": FORM, "json": "Form: JSON", "schema": "Form: JSON by a schema", "choice": "Form: one of {count}"}
FORM_TITLES = {"schema": "Answers as JSON by a schema", "choice": "One of some answers"}
FORM_TEXTS = {
    "schema": "Every answer of this chat will be JSON that the schema allows, without exception. Paste it, or load a "
    "file.",
    "choice": "Every answer of this chat will be one of these, a line each, and nothing else.",
}
FORM_EXAMPLES = {
    "schema": '{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}',
    "choice": "yes\nno\nit depends",
}
LOAD_SCHEMA = "Load a file \u2026"
SCHEMA_FILES = "JSON (*.json);;All files (*)"
USE_FORM = "Use this form"
_JSON_PLACE = re.compile(r"(?: starting)?(?: at|:)? *$")
TWO_CHOICES = "Give two different answers or more, a line each."


def form_name(kind: str, choices: int) -> str:
    """On the button below the message box."""
    return _FORM_NAMES[kind].format(count=choices)


def json_error(line: int, column: int, what: str) -> str:
    """Text that is no JSON."""
    why = _JSON_PLACE.sub("", what[:200])  # the place is named already
    return f"Line {line}, column {column}: this is no JSON yet ({why[:1].lower()}{why[1:]})."


def json_too_deep(line: int) -> str:
    """JSON that nobody reads to its bottom."""
    return f"Line {line}: this JSON is nested too deeply for a form. Make it flatter."


def json_number_too_long(line: int) -> str:
    """JSON with a number that nobody computes with."""
    return f"Line {line}: a number of thousands of digits stands in this JSON. Make it shorter."


def form_too_long(length: int, most: int) -> str:
    """A schema or list that is too long."""
    return f"This has {length:,} characters; a form may have {most:,}. Use a smaller one."


def no_schema_file(name: str) -> str:
    """A file that cannot be taken."""
    return f"{name} cannot be read as a schema: choose a JSON text file of less than 400 KB."


# -- the tour ----------------------------------------------------------------------------------------------------------

TOUR = "The three-minute tour"
TOUR_LINK = "Take the three-minute tour"
TOUR_NEXT, TOUR_DONE, TOUR_LEAVE = "Next", "Done", "End the tour"
TOUR_ASK, TOUR_REPLAY, TOUR_WORD, TOUR_REWRITE, TOUR_BLANKS = range(5)
TOUR_STEPS = (
    "Ask something of your own, and press Enter. Watch the answer: it begins as noise, and every place of it "
    "settles when the model is sure.",
    "Press Replay under the answer, and drag the slider from noise to text. Point at a word: since when it stands"
    " there, and what stood there before. Close the replay to go on.",
    "With the replay closed, double-click a word of the answer: the bar offers others. Choose one: it is held, and the "
    "rest settles around it, in a new answer beside the first.",
    "Select some words, and press Rewrite. Left and Right go through the variants, Enter takes one, Esc leaves: "
    "all other text is the same to the byte.",
    "Write a text with blanks such as [[word]] or [[date]] into the message box, or take the one that stands there, and"
    " press Enter: the model fills in the blanks, and nothing else.",
    "That is how a text condenses. View > Map of the block shows every place; View > How settled each word is "
    "tints what was unsure; Form below the message box keeps answers to a form. The arrows above an answer lead "
    "to the one before.",
)
TOUR_ANSWER_FIRST = "This step needs an answer in this chat: ask something of your own, and press Enter."
TOUR_TEXT = "Dear [[word]], shall we meet on [[date]] at [[10|11|12]] o\u2019clock?"


def tour_place(number: int, count: int) -> str:
    """Which step it is, from 0."""
    return f"{number + 1} of {count}"
