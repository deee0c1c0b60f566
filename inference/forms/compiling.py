"""From a form that is asked for to its automaton over a checkpoint's tokens; the newest ones are kept."""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.calls import BEGIN, END, HEAD, SIGNS
from inference.forms.bytes_dfa import MOST_STATES, ByteDfa, both, compile_bytes, parts_of, too_large, without
from inference.forms.errors import FormError, FormSizeError
from inference.forms.kept import KeptForms
from inference.forms.live import LiveTokens, live_tokens
from inference.forms.nodes import ANY, EMPTY, Alt, Node, Repeat, Seq, choice, half_character, literal, sign
from inference.forms.notation import OWN
from inference.forms.regex import regex
from inference.forms.said import otherwise
from inference.forms.schema import any_json, schema
from inference.forms.sizes import explained
from inference.forms.template import template
from inference.forms.tokens_dfa import TokenDfa, compile_tokens
from inference.forms.vocabulary import Vocabulary
from inference.forms.wanted import Form
from trt_engines.files import parse_json

_KEPT = 16
_CHECKED = 1024  # forms that are known to be good, and as many that are not
MOST_WORDS = 4  # that are held in any order
_LONGEST_SCHEMA = 1 << 20
_SCHEMA = "JSON schema"
_WRITTEN = {"regex": "regular expression", "template": "template", "schema": _SCHEMA, "arguments": _SCHEMA}
_LONGEST_TEXTS = 100_000  # of a choice or a template
_OF_TEXTS = ("choice", "template", "words", "otherwise")


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

    def __init__(self, known: Callable[[], Vocabulary], disk: KeptForms | None = None) -> None:
        """`known` makes the vocabulary; it is asked once, when the first form comes. `disk` keeps what took long."""
        self._make = known
        self._disk = disk
        self._known: Vocabulary | None = None
        self._kept: OrderedDict[Form, CompiledForm] = OrderedDict()
        self._checked: OrderedDict[int, None] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[type[FormError], str, str]] = OrderedDict()

    def check(self, form: Form) -> None:
        """Refuse a form that cannot be kept, without compiling it for the vocabulary: that takes longer.

        Raises:
            FormError: It cannot be kept; the sentence says why.
        """
        name = hash(form)  # the forms themselves may be long
        if form not in self._kept and name not in self._checked:
            self._byte_form(form)
            self._checked[name] = None
            if len(self._checked) > _CHECKED:
                self._checked.popitem(last=False)

    def compiled(self, form: Form) -> CompiledForm:
        """The automaton of a form.

        Raises:
            FormError: It cannot be kept; the sentence says why.
        """
        if form in self._kept:
            self._kept.move_to_end(form)
            return self._kept[form]
        known = self._known = self._known or self._make()

        def automata() -> tuple[ByteDfa, TokenDfa]:
            over_bytes = self._byte_form(form)
            return over_bytes, compile_tokens(over_bytes, known)

        over_bytes, tokens = automata() if self._disk is None else self._disk.get(form, known, automata)
        made = self._kept[form] = CompiledForm(over_bytes, tokens, live_tokens(tokens))
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made

    def _byte_form(self, form: Form) -> ByteDfa:
        """`byte_form`, but what was refused is refused again at once: that takes seconds, and all others wait."""
        name = hashlib.sha256(repr(form).encode("utf-8", "surrogatepass")).digest()
        if name in self._refused:
            kind, text, hint = self._refused[name]
            raise kind(text, hint)
        try:
            return byte_form(form)
        except FormError as exc:
            self._refused[name] = type(exc), exc.user_text, exc.hint
            if len(self._refused) > _CHECKED:
                self._refused.popitem(last=False)
            raise


def byte_form(form: Form) -> ByteDfa:
    """The automaton of a form over bytes.

    Raises:
        FormError: It cannot be kept.
    """
    _refuse_odd(form)
    if form.kind in _OF_TEXTS and sum(map(len, (form.text, *form.texts))) > _LONGEST_TEXTS:
        raise FormError(f"This form has more than {_LONGEST_TEXTS} characters.", "Give a shorter one.")
    try:
        return _automaton(form)
    except FormSizeError as exc:
        raise explained(exc, form) from exc
    except RecursionError as exc:
        raise FormError("This form is nested too deeply.", "Make it flatter.") from exc


def _automaton(form: Form) -> ByteDfa:
    match form.kind:
        case "choice" if max(map(len, form.texts), default=0) > MOST_STATES:
            raise too_large()  # it needs a state for each character: known before minutes are spent on it
        case "part":
            return parts_of(form.text)
        case "words":
            return _holding(form.texts)
        case "otherwise":
            return without(*map(compile_bytes, otherwise(form.text, *form.texts)))
        case _:
            return compile_bytes(_language(form))


def _refuse_odd(form: Form) -> None:
    """Refuse what is empty, which nobody means, and what is no text."""
    if form.kind == "choice" and not all(form.texts):
        raise FormError("One of the texts to choose from is empty.", "Write a text, or leave it out.")
    if form.kind in _WRITTEN and not form.text:
        raise FormError(f"The {_WRITTEN[form.kind]} is empty.", "Write one.")
    if any(map(half_character, (form.text, *form.texts))):
        raise FormError("The form holds half a character (a lone surrogate), which no text can hold.", "Take it out.")


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
        case "call":
            named = [Seq((sign(SIGNS.index(BEGIN)), literal(HEAD + name))) for name in form.texts if name]
            return Alt((*named, *([EMPTY] if "" in form.texts else [])))
        case "arguments":
            return Seq((schema(_parsed(form.text), OWN), sign(SIGNS.index(END))))
        case _:
            return any_json()


def _parsed(text: str) -> object:
    if len(text) > _LONGEST_SCHEMA:
        raise FormError("The JSON schema has more than a million characters.", "Give a shorter one.")
    try:
        return parse_json(text)
    except ValueError as exc:
        raise FormError(f"The JSON schema is no JSON: {exc}.", "Correct it there.") from exc


def _holding(words: Sequence[str]) -> ByteDfa:
    """Any text that holds all of some words, in any order."""
    if not all(words):
        raise FormError("A word that is to be held is empty.", "Write a word, or leave it out.")
    if len(words) > MOST_WORDS:
        raise FormError(f"{len(words)} words are to be held somewhere; 1 to {MOST_WORDS} can be.", "Hold fewer words.")
    free = Repeat(ANY, 0, None)
    return functools.reduce(both, (compile_bytes(Seq((free, literal(word), free))) for word in words))
