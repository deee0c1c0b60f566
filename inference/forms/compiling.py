"""From a form that is asked for to its automaton over a checkpoint's tokens; the newest ones are kept."""

from __future__ import annotations

import functools
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.forms.bytes_dfa import ByteDfa, both, compile_bytes, parts_of
from inference.forms.errors import FormError
from inference.forms.live import LiveTokens, live_tokens
from inference.forms.nodes import ANY, Node, Repeat, Seq, choice, literal
from inference.forms.regex import regex
from inference.forms.schema import any_json, schema
from inference.forms.template import template
from inference.forms.tokens_dfa import TokenDfa, compile_tokens
from inference.forms.vocabulary import Vocabulary
from inference.forms.wanted import Form

_KEPT = 16
MOST_WORDS = 4  # that are held in any order
_LONGEST_SCHEMA = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class CompiledForm:
    """A form over one checkpoint's tokens.

    Attributes:
        bytes: Its automaton over bytes; its states are those of `tokens` but for the last.
        tokens: Its automaton over tokens.
        live: The tokens that it allows anywhere.
    """

    bytes: ByteDfa
    tokens: TokenDfa
    live: LiveTokens

    @property
    def least_tokens(self) -> int:
        """Least tokens of a whole answer, its end not counted."""
        return self.least_from(self.tokens.start)

    def least_from(self, state: int) -> int:
        """Least tokens from a state to the end of the text."""
        return int(self.tokens.shortest[state]) - 1


class FormCompiler:
    """Compiles forms for one vocabulary."""

    def __init__(self, known: Callable[[], Vocabulary]) -> None:
        """`known` makes the vocabulary; it is asked once, when the first form comes."""
        self._make = known
        self._known: Vocabulary | None = None
        self._kept: OrderedDict[Form, CompiledForm] = OrderedDict()

    def compiled(self, form: Form) -> CompiledForm:
        """The automaton of a form.

        Raises:
            FormError: It cannot be kept; the sentence says why.
        """
        if form in self._kept:
            self._kept.move_to_end(form)
            return self._kept[form]
        over_bytes = byte_form(form)
        if self._known is None:
            self._known = self._make()
        tokens = compile_tokens(over_bytes, self._known)
        made = self._kept[form] = CompiledForm(over_bytes, tokens, live_tokens(tokens))
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made


def byte_form(form: Form) -> ByteDfa:
    """The automaton of a form over bytes.

    Raises:
        FormError: It cannot be kept.
    """
    if form.kind == "part":
        return parts_of(form.text)
    if form.kind == "words":
        return _holding(form.texts)
    return compile_bytes(_language(form))


def _language(form: Form) -> Node:
    match form.kind:
        case "regex":
            return regex(form.text)
        case "choice":
            return choice(form.texts)
        case "template":
            return template(form.text)
        case "schema":
            return schema(_parsed(form.text))
        case _:
            return any_json()


def _parsed(text: str) -> object:
    if len(text) > _LONGEST_SCHEMA:
        raise FormError("The JSON schema has more than a million characters.", "Give a shorter one.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise FormError(f"The JSON schema is no JSON: {exc}.", "Correct it there.") from exc


def _holding(words: Sequence[str]) -> ByteDfa:
    """Any text that holds all of some words, in any order."""
    if len(words) > MOST_WORDS or not all(words):
        raise FormError(f"{len(words)} words are to be held somewhere; 1 to {MOST_WORDS} can be.", "Hold fewer words.")
    free = Repeat(ANY, 0, None)
    return functools.reduce(both, (compile_bytes(Seq((free, literal(word), free))) for word in words))
