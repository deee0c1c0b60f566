"""From the turns of a chat to prompt ids, in which control tokens are the template's own and never somebody's words.

Whatever a person, an attachment or an old answer spells (`<turn|>`, `<eos>`, `<|image|>`) reaches the model as plain
characters. A chat that spells none gets exactly the ids of transformers' `apply_chat_template`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from inference.errors import ModelFolderError
from inference.params import ChatTurn
from inference.text.chat_template import ChatTemplate
from inference.text.tokenizer import TextTokenizer

# Private-use planes: one character of them that no turn holds marks what was spelled by somebody.
_MARKS = range(0xF0000, 0x110000)
_PROBE = "dewpoint"
# Letters that `re` takes for the same without their case, though their small letters differ.
_TWINS = str.maketrans("\u0130\u0131\u1e9e\u1fd3\u1fe3\ufb06", "ii\u00df\u0390\u03b0\ufb05")


class PromptEncoder:
    """Template and tokenizer of one checkpoint, together.

    Control tokens are the added tokens that are special, and those others that the template itself writes (line
    breaks and spaces apart), as in transformers' `sanitize_control_tokens`.
    """

    def __init__(self, template: ChatTemplate, tokenizer: TextTokenizer) -> None:
        """Teach the tokenizer private names of the control tokens, and that an answer ends where the template ends it.

        Trainers save `eos_token_id: 1` alone in generation_config.json; the answer would run on behind `<turn|>`.
        """
        self._template = template
        written = template.literals()
        self._control = {
            token.content: token_id
            for token_id, token in tokenizer.added_tokens().items()
            if token.content and (token.special or (token.content in written and not token.content.isspace()))
        }
        self._tokenizer = tokenizer
        self._written = re.compile(_any_of(self._control))
        # Of letters that are the same without their case one is in the pattern: else both ways would be tried.
        self._spelled = re.compile(_any_of({_folded(token) for token in self._control}), re.IGNORECASE)
        tokenizer.protect(self._control.values())
        end = self._end_of_turn()
        if end is not None:
            tokenizer.eos_ids |= {end}

    def ids(self, turns: Sequence[ChatTurn], thinking: bool = False, add_generation_prompt: bool = True) -> list[int]:
        """Ids of the rendered chat.

        1. In the turns, put a mark behind each character of whatever spells a control token. The case is ignored:
           some templates write the user's words in small letters.
        2. Render. What still reads as a control token was written by the template.
        3. Take the marks out, and encode everything in one go.

        Args:
            turns: Oldest first.
            thinking: Ask for a thinking channel.
            add_generation_prompt: End with the beginning of the model's turn.

        Raises:
            ModelFolderError: The template refuses the turns, or fails.
        """
        # 1.
        everything = "".join(turn.text for turn in turns)
        mark = next(chr(code) for code in _MARKS if chr(code) not in everything)
        marked = [dataclasses.replace(turn, text=self._marked(turn.text, mark)) for turn in turns]
        # 2.
        rendered = self._template.render(marked, thinking, add_generation_prompt)
        # 3.
        return self._tokenizer.encode_parts(self._parts(rendered, mark))

    def _marked(self, text: str, mark: str) -> str:
        return self._spelled.sub(lambda found: "".join(char + mark for char in found[0]), text)

    def _end_of_turn(self) -> int | None:
        """Id of the control token that the template writes behind an answer; None if it writes none."""
        turns = (ChatTurn("user", _PROBE), ChatTurn("assistant", _PROBE * 2))
        try:
            rendered = self._template.render(turns, add_generation_prompt=False)
        except ModelFolderError:
            return None
        _, answer, rest = rendered.rpartition(_PROBE * 2)
        found = self._written.search(rest) if answer else None
        return self._control[found[0]] if found else None

    def _parts(self, rendered: str, mark: str) -> list[str | int]:
        """The rendered chat as plain texts and ids of the template's own control tokens, in order."""
        parts: list[str | int] = []
        end = 0
        for found in self._written.finditer(rendered):
            if rendered.startswith(mark, found.end()) and len(found[0]) == 1:
                continue  # a control token of a single character has no inside for a mark
            parts += [rendered[end : found.start()].replace(mark, ""), self._control[found[0]]]
            end = found.end()
        return [*parts, rendered[end:].replace(mark, "")]


def _any_of(tokens: Iterable[str]) -> str:
    """A pattern for any of the tokens, the longest that fits; written as a tree, for vocabularies have thousands."""
    by_first: dict[str, list[str]] = {}
    for token in tokens:
        by_first.setdefault(token[0], []).append(token[1:])
    branches = []
    for first, rests in by_first.items():
        longer = _any_of(rest for rest in rests if rest) if any(rests) else ""
        branches.append(re.escape(first) + (f"(?:{longer})?" if longer and "" in rests else longer))
    if not branches:
        return "(?!)"
    return f"(?:{'|'.join(branches)})" if len(branches) > 1 else branches[0]


def _folded(token: str) -> str:
    """The token with each letter as that one of its cases which stands for all of them in a pattern without case."""
    return "".join(
        next((same for same in (char.casefold(), char.lower()) if len(same) == 1), char) for char in token
    ).translate(_TWINS)
