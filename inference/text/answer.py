"""The answer as it grows, block by block: where it ends, and what of it is text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """

    text: SplitText
    ended: FinishReason | None


class AnswerBuilder:
    """Collects committed canvases of one answer.

    Attributes:
        text: Answer and thinking so far.
        tokens: Tokens of both so far; end-of-text and padding do not count.
    """

    def __init__(
        self, tokenizer: TextTokenizer, prompt_ids: Sequence[int], max_new_tokens: int, has_form: bool = False
    ) -> None:
        """Start with nothing.

        Args:
            tokenizer: Ids to text.
            prompt_ids: What it answers.
            max_new_tokens: Cuts the answer, even within a canvas.
            has_form: The answer keeps a form, which alone says where it ends: a canvas of spaces may be part of it.
        """
        self._has_form = has_form
        self._tokenizer = tokenizer
        self._splitter = ChannelSplitter(tokenizer, prompt_ids)
        self._left = max_new_tokens
        self.text = SplitText()
        self.tokens = 0

    @property
    def readable(self) -> bool:
        """Whether the answer so far holds something that can be read; thinking is no answer."""
        return is_readable(self.text.answer)

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
        end = first_index(canvas, self._tokenizer.eos_ids)
        ended: FinishReason | None = None
        if end < len(canvas) and end <= self._left:
            ended = "end_of_text"
        elif len(canvas) >= self._left:
            ended = "max_new_tokens"
        if not self._has_form and not any(map(self._says_something, canvas[:end])):
            ended = "end_of_text"
        kept = canvas[: min(end, self._left)]
        self._left -= len(kept)
        self.tokens += sum(token_id != self._tokenizer.pad_id for token_id in kept)
        # 2.
        added = self._splitter.feed(kept)
        # 3.
        if ended is not None or last:
            added += self._splitter.finish()
        self.text += added
        return BlockText(added, ended)

    def _says_something(self, token_id: int) -> bool:
        """Whether an id is text, a piece of a character or a channel's marker: no padding and no white space."""
        text = (self._tokenizer.token_bytes(token_id) or b"").decode("utf-8", "replace")
        return is_readable(text) or "\N{REPLACEMENT CHARACTER}" in text or token_id in self._splitter.markers
