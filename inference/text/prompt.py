"""From the turns of a chat to prompt ids, in which control tokens are the template's own and never somebody's words.

Whatever a person, an attachment or an old answer spells (`<turn|>`, `<eos>`, `<|image|>`) reaches the model as plain
characters. A chat that spells none gets exactly the ids of transformers' `apply_chat_template`.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence

from inference.calls import BEGIN, END, HEAD, SIGNS, CallTokens, written_call
from inference.errors import ModelFolderError
from inference.params import ChatTurn, GenerationRequest, ToolDeclared
from inference.text.chat_template import ChatTemplate
from inference.text.own_syntax import call_tokens, declarations_of, messages_of
from inference.text.thinking import CHANNEL_CLOSE, CHANNEL_OPEN
from inference.text.tokenizer import TextTokenizer

# Private-use planes: one character of them that no turn holds marks what was spelled by somebody.
_MARKS = range(0xF0000, 0x110000)
_AT_SIGNS = re.compile(f"([{''.join(SIGNS)}])")
_PROBE = "dewpoint"
# Letters that `re` takes for the same without their case, though their small letters differ.
_TWINS = str.maketrans("\u0130\u0131\u1e9e\u1fd3\u1fe3\ufb06", "ii\u00df\u0390\u03b0\ufb05")


class PromptEncoder:
    """Template and tokenizer of one checkpoint, together.

    Control tokens are the added tokens that are special, and those others that the template itself writes (line
    breaks and spaces apart), as in transformers' `sanitize_control_tokens`.

    Attributes:
        calls: The markers of the template's own syntax for calls of tools; None if it has none.
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
        found = call_tokens(template, self._control, tokenizer.eos_ids)
        self.calls: CallTokens | None = None if found is None else found[0]
        self._results_within = found is not None and found[1]

    def ids(
        self,
        turns: Sequence[ChatTurn],
        thinking: bool = False,
        add_generation_prompt: bool = True,
        tools: Sequence[ToolDeclared] = (),
    ) -> list[int]:
        """Ids of the rendered chat.

        1. In the turns, put a mark behind each character of whatever spells a control token. The case is ignored:
           some templates write the user's words in small letters.
        2. Render. What still reads as a control token was written by the template.
        3. Take the marks out, and encode everything in one go.

        Args:
            turns: Oldest first.
            thinking: Ask for a thinking channel.
            add_generation_prompt: End with the beginning of the model's turn.
            tools: Tools that are declared.

        Raises:
            ModelFolderError: The template refuses the turns, or fails, or has no syntax of its own for the calls.
        """
        if self.calls is None and (tools or any(turn.calls or turn.role == "tool" for turn in turns)):
            raise ModelFolderError("The model's chat template has no calls of tools.", "Ask again without tools.")
        # 1.
        called = (text for turn in turns for call in turn.calls for text in (call.name, call.arguments))
        declared = (text for tool in tools for text in (tool.name, tool.description, tool.schema))
        everything = "".join((*(turn.text + turn.tool for turn in turns), *called, *declared))
        mark = next(chr(code) for code in _MARKS if chr(code) not in everything)
        marked = functools.partial(self._marked, mark=mark)
        messages = messages_of(turns, self._results_within, marked)
        # 2.
        rendered = self._template.write(messages, declarations_of(tools, marked), thinking, add_generation_prompt)
        # 3.
        parts = self._parts(rendered, mark)
        if turns[-1].role == "tool" and add_generation_prompt and self._closed(parts):
            said = [dataclasses.replace(turn, text="") if turn.calls else turn for turn in turns]
            if said != list(turns):
                return self.ids(said, thinking, add_generation_prompt, tools)
        return self._tokenizer.encode_parts(parts)

    def _closed(self, parts: Sequence[str | int]) -> bool:
        """Whether nobody's turn is open: published templates write what was said beside calls behind the results."""
        last = next((part for part in reversed(parts) if isinstance(part, int)), None)
        return last in self._tokenizer.eos_ids

    def start(self, request: GenerationRequest) -> list[int]:
        """Ids of what is given of an answer, behind the rendered chat: thinking, text, calls, the beginning of one."""
        parts: list[str | int] = []
        if request.thought and {CHANNEL_OPEN, CHANNEL_CLOSE} <= self._control.keys():
            parts = [self._control[CHANNEL_OPEN], f"thought\n{request.thought}\n", self._control[CHANNEL_CLOSE]]
        parts.append(request.answer_start)
        if self.calls is not None:
            given = "".join(f"{BEGIN}{HEAD}{call.name}{written_call(call.arguments)}{END}" for call in request.called)
            given += f"{BEGIN}{HEAD}{request.calling}" if request.calling else ""
            ids = {char: token_id for token_id, char in self.calls.signs.items()}
            parts += [ids.get(part, part) for part in _AT_SIGNS.split(given)]
        return self._tokenizer.encode_parts(parts)

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
