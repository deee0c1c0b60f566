"""A form as it is asked for: plain values that any process may hold, compiled where the model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

FormKind = Literal["regex", "choice", "template", "schema", "json", "words", "part", "call", "arguments", "otherwise"]
KINDS: tuple[FormKind, ...] = get_args(FormKind)


@dataclass(frozen=True, slots=True)
class Form:
    """A language that an answer has to be a text of.

    Attributes:
        kind: "regex": a regular expression of Python that the whole answer matches; "choice": one of `texts`;
            "template": text with blanks, see `inference.forms.template`; "schema": JSON that a JSON schema allows;
            "json": any JSON; "words": any text that holds each of `texts`, in any order; "part": words of a text, as
            they stand there; "call": the beginning of a call of one of the tools `texts` in the template's own syntax,
            or nothing where one of them is ""; "arguments": what follows it, arguments that a JSON schema allows.
        text: The expression, template, schema (as JSON) or text.
        texts: The texts to choose from, or the words to hold; of "otherwise" what stands before and behind, and signs
            with which it does not begin.
    """

    kind: FormKind
    text: str = ""
    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.kind in ("choice", "words", "call") and not self.texts:
            raise ValueError(f"a form of the kind {self.kind} needs texts")
        if self.kind == "otherwise" and len(self.texts) != 3:
            raise ValueError("a form of the kind otherwise needs three texts, which may be empty")
