"""The answer as it grows, block by block: where it ends, and what of it is text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.calls import CallTokens
from inference.events import FinishReason
from inference.text.draft_text import is_readable
from inference.text.thinking import ChannelSplitter, SplitText
from inference.text.tokenizer import TextTokenizer, first_index


@dataclass(frozen=True, slots=True)
class BlockText:
    """What one committed canvas adds.

    Attributes:
        text: Its part of answer and thinking.
        ended: Why the answer ends with it, None if it goes on.
        tokens: Tokens that it adds; end-of-text and padding do not count.
        thinking_tokens: Those of them that are thinking.
        said: Places of the canvas that are text of the answer.
    """

    text: SplitText
    ended: FinishReason | None
    tokens: int = field(default=0, compare=False)
    thinking_tokens: int = field(default=0, compare=False)
    said: tuple[int, ...] = field(default=(), compare=False)


class AnswerBuilder:
    """Collects committed canvases of one answer.

    Attributes:
        text: Answer and thinking so far.
        tokens: Tokens of both so far; end-of-text and padding do not count.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        prompt_ids: Sequence[int],
        max_new_tokens: int,
        has_form: bool = False,
        calls: CallTokens | None = None,
    ) -> None:
        """Start with nothing.

        Args:
            tokenizer: Ids to text.
            prompt_ids: What it answers.
            max_new_tokens: Cuts the answer, even within a canvas.
            has_form: The answer keeps a form, which alone says where it ends: a canvas of spaces may be part of it.
            calls: Markers of calls: in a form they are signs in the text (`inference.calls`); without one a call ends
                the answer, wherever it begins, as does the result of one, which is not the model's to write.
        """
        self._has_form = has_form
        self._tokenizer = tokenizer
        signs = calls.signs if calls is not None and has_form else None
        self._splitter = ChannelSplitter(tokenizer, prompt_ids, whole=has_form, signs=signs)
        self._begins = None if calls is None or has_form else calls.begin
        others = {calls.begin, calls.result} - {None} if calls is not None and not has_form else set()
        self._ends = tokenizer.eos_ids | {each for each in others if each is not None}
        self._left = max_new_tokens
        self.text = SplitText()
        self.tokens = 0

    @property
    def readable(self) -> bool:
        """Whether the answer so far holds something that can be read; thinking is no answer."""
        return is_readable(self.text.answer)

    @property
    def shown(self) -> str:
        """The answer so far; nothing, if there is nothing to read in it and no form has it so."""
        return self.text.answer if self._has_form or self.readable else ""

    @property
    def pending(self) -> bytes:
        """Bytes of a character that the next block must finish (0 to 3)."""
        return self._splitter.pending

    def add(self, canvas: Sequence[int], last: bool) -> BlockText:
        """Take in a committed canvas.

        1. Cut it at the first end-of-text id, or where the limit of new tokens is reached. A canvas of nothing is an
           end, too, at whatever limit: the next one would hold no more, and an answer could go on so for ever.
        2. Split the rest into thinking and answer.
        3. If nothing follows, give out what was held back for the next block.

        Args:
            canvas: The committed ids, whole.
            last: True if no further block is planned.
        """
        # 1. An end-of-text id just behind the last allowed token is still a natural end.
        end = first_index(canvas, self._ends)
        ended: FinishReason | None = None
        if end < len(canvas) and end <= self._left:
            ended = "tool_call" if canvas[end] == self._begins else "end_of_text"
        elif len(canvas) >= self._left:
            ended = "max_new_tokens"
        if ended != "tool_call" and not self._has_form and not any(map(self._says_something, canvas[:end])):
            ended = "end_of_text"
        kept = canvas[: min(end, self._left)]
        self._left -= len(kept)
        tokens = sum(token_id != self._tokenizer.pad_id for token_id in kept)
        self.tokens += tokens
        # 2.
        thinking = self._splitter.thinking_tokens
        added = self._splitter.feed(kept)
        thinking = self._splitter.thinking_tokens - thinking
        said = tuple(place for place in self._splitter.said if kept[place] != self._tokenizer.pad_id)
        # 3.
        if ended is not None or last:
            added += self._splitter.finish()
        self.text += added
        return BlockText(added, ended, tokens, thinking, said)

    def _says_something(self, token_id: int) -> bool:
        """Whether an id is text, a piece of a character or a channel's marker: no padding and no white space."""
        text = (self._tokenizer.token_bytes(token_id) or b"").decode("utf-8", "replace")
        return is_readable(text) or "\N{REPLACEMENT CHARACTER}" in text or token_id in self._splitter.markers
