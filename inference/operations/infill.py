"""Fill the blanks of a text; everything outside of them comes back as it was, to the byte."""

from __future__ import annotations

import re

from inference.forms.errors import FormError
from inference.forms.template import before_blank, has_blank
from inference.forms.wanted import Form
from inference.params import ChatTurn, GenerationRequest, SamplerParams

_ASKED = "Fill in the blanks of this text:\n\n{text}"
_BLANK = re.compile(r"\{/.*?/\}|\{[^{}]*\}|_{3,}", re.DOTALL)


def infill_request(
    text: str,
    wish: str = "",
    *,
    seed: int | None = None,
    sampler: SamplerParams | None = None,
    max_new_tokens: int | None = None,
) -> GenerationRequest:
    """What to ask for a text with blanks (see `inference.forms.template`).

    What stands before the first blank is the given beginning of the answer: the model reads it as text that is settled.
    The whole text is the request's `answer_start` and the answer.

    Args:
        text: The template.
        wish: What shall stand in the blanks, in words; "" for what fits.
        seed: See `GenerationRequest`.
        sampler: See `GenerationRequest`.
        max_new_tokens: See `GenerationRequest`.

    Raises:
        FormError: The text has no blank.
    """
    if not has_blank(text):
        raise FormError("The text has no blank.", "Mark one with ___ or {word}.")
    before, rest = before_blank(text)
    start = before.rstrip()  # a blank's first token begins with its space
    shown = _BLANK.sub("___", text.replace("{{", "\0").replace("}}", "\1")).replace("\0", "{").replace("\1", "}")
    asked = _ASKED.format(text=shown) + (f"\n\n{wish}" if wish else "")
    return GenerationRequest(
        turns=(ChatTurn("user", asked),),
        seed=seed,
        sampler=sampler or SamplerParams(),
        max_new_tokens=max_new_tokens,
        answer_start=start,
        form=Form("template", before[len(start) :] + rest),
        form_is_new=True,  # so that the text before the first blank may have any length
    )
