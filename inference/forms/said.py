"""Something else than a text: not its words again, with other capitals, white space or punctuation."""

from __future__ import annotations

from inference.forms.nodes import ANY, EMPTY, Chars, Node, Repeat, Seq, chars, literal, other_chars

MOST_COUNTED = 32  # letters that something else has at least, where the text has twice as many or more
MOST_LETTERS = 48  # what begins with so many of the same says the same
# Of all others a sign makes a word another one. A few ranges alone: each place of a text has them in its automaton.
_BETWEEN = chars([(0x00, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0xBF), (0x2000, 0x206F), (0x3000, 0x303F)])
_BETWEEN_MANY = Repeat(_BETWEEN, 0, None)
_LETTER = other_chars(_BETWEEN.ranges)


def letters_of(text: str) -> str:
    """The signs of a text that make its words."""
    return "".join(each for each in text if not any(low <= ord(each) <= high for low, high in _BETWEEN.ranges))


def same_words(text: str) -> Node:
    """All texts that say what this one says; of more than `MOST_LETTERS` letters, all that begin so.

    One without letters is itself alone.
    """
    letters = letters_of(text)
    if not letters:
        return literal(text)
    said = [part for letter in letters[:MOST_LETTERS] for part in (_BETWEEN_MANY, _either_case(letter))]
    return Seq((*said, Repeat(ANY, 0, None) if len(letters) > MOST_LETTERS else _BETWEEN_MANY))


def otherwise(text: str, before: str, behind: str, unlike: str) -> tuple[Node, Node]:
    """What may stand between two texts in the place of one, and what of that says its words again.

    Args:
        text: What stood there.
        before: What comes first.
        behind: What comes last.
        unlike: Signs with which it does not begin.

    Returns:
        Texts whose middle has half of its letters at least (of `MOST_COUNTED`), and those among which it is the same.
    """
    least = max(1, min(MOST_COUNTED, len(letters_of(text)) // 2))
    counted = Seq((_BETWEEN_MANY, _LETTER))
    begun = EMPTY if not unlike else other_chars(chars((ord(sign), ord(sign)) for sign in unlike).ranges)
    count = least - bool(unlike)
    new = (begun, Repeat(counted, count, count), Repeat(ANY, 0, None))
    return Seq((literal(before), *new, literal(behind))), Seq((literal(before), same_words(text), literal(behind)))


def _either_case(letter: str) -> Chars:
    cases = {letter, letter.lower(), letter.upper(), letter.swapcase()}
    return chars([(ord(each), ord(each)) for each in cases if len(each) == 1])
