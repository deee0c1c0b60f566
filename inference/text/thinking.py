"""Splits what the model writes into thinking and answer.

Checkpoints with thinking write `<|channel>thought\\n ... <channel|>` before the answer. The two markers are single
tokens, so they are found in the ids; the channel's name is found in the text. Everything is incremental: the ids
come block by block, and any of the parts may be cut by a block border.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.text.tokenizer import StreamDecoder, TextTokenizer

CHANNEL_OPEN = "<|channel>"
CHANNEL_CLOSE = "<channel|>"
_ANSWER_CHANNELS = ("final", "answer")
# A channel's name is one word; what is longer than this without a line break is no name but text.
_LONGEST_NAME = 32


@dataclass(frozen=True, slots=True)
class SplitText:
    """Text that some ids added to the answer and to the thinking channel."""

    answer: str = ""
    thinking: str = ""

    def __add__(self, other: SplitText) -> SplitText:
        return SplitText(self.answer + other.answer, self.thinking + other.thinking)


class _State(enum.Enum):
    ANSWER = "text outside of channels"
    NAME = "between a channel's opening and the line break after its name"
    THINKING = "text of a thinking channel"


class ChannelSplitter:
    """Incremental parser; a channel that is never closed is thinking to its end.

    The markers and names never reach either text, nor do line breaks around them (but those of a `whole` answer).

    Attributes:
        markers: The ids that open and close a channel.
        thinking_tokens: Ids so far that are thinking, markers and names included.
        said: Places of the newest ids that are text of the answer.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        prompt_ids: Sequence[int] = (),
        whole: bool = False,
        signs: Mapping[int, str] | None = None,
    ) -> None:
        """Start where the prompt ends: a template may have opened a channel, or opened and closed an empty one.

        With `whole` an answer keeps the line breaks that it begins with; `signs` are texts of ids that have none.
        """
        self._whole = whole
        self._tokenizer = tokenizer
        self._open_id = tokenizer.token_id(CHANNEL_OPEN)
        self._close_id = tokenizer.token_id(CHANNEL_CLOSE)
        self.markers = frozenset((self._open_id, self._close_id)) - {None}
        self._decoder = StreamDecoder(tokenizer, signs)
        self._state = _State.ANSWER
        self._name = ""
        self._held = ""  # line breaks at the end of thinking: shown only if more thinking follows
        self._strip_start = False
        self.thinking_tokens = 0
        self.said: list[int] = []
        start = _open_channel_start(prompt_ids, self._open_id, self._close_id, tokenizer.eos_ids)
        if start is not None:
            self.feed(prompt_ids[start:])
            self.thinking_tokens = 0

    @property
    def pending(self) -> bytes:
        """Bytes of an unfinished character (0 to 3)."""
        return self._decoder.pending

    def feed(self, ids: Sequence[int]) -> SplitText:
        """Text that these ids add; end-of-text ids must not be among them.

        1. Cut the ids at the channel markers.
        2. A marker ends the text before it and switches the state.
        3. Anything else is text of the present state.
        """
        added = SplitText()
        run: list[int] = []
        self.said = []
        for place, token_id in enumerate(ids):  # 1.
            if token_id not in (self._open_id, self._close_id):
                run.append(token_id)
                self.thinking_tokens += self._state is not _State.ANSWER
                if self._state is _State.ANSWER:
                    self.said.append(place)
                continue
            self.thinking_tokens += 1
            # 2.
            added += self._take(self._decoder.feed(run) + self._decoder.finish())
            run = []
            added += self._switch(opens=token_id == self._open_id)
        return added + self._take(self._decoder.feed(run))  # 3.

    def finish(self) -> SplitText:
        """Nothing follows: the rest of the text."""
        added = self._take(self._decoder.finish())
        if self._state is _State.NAME:
            added += self._end_name()
        return added

    def _switch(self, opens: bool) -> SplitText:
        added = self._end_name() if self._state is _State.NAME else SplitText()
        self._name = self._held = ""
        self._strip_start = True
        self._state = _State.NAME if opens else _State.ANSWER
        return added

    def _end_name(self) -> SplitText:
        """A channel ended before the line break after its name: a single word is the name, else it is thinking."""
        name, self._name = self._name.strip(), ""
        self._state = _State.THINKING
        return SplitText(thinking=name if " " in name else "")

    def _take(self, text: str) -> SplitText:
        if not text:
            return SplitText()
        if self._state is _State.ANSWER:
            return SplitText(answer=text if self._whole else self._lead(text))
        if self._state is _State.THINKING:
            return SplitText(thinking=self._think(text))
        self._name += text
        name, line_break, rest = self._name.partition("\n")
        if not line_break and len(name) <= _LONGEST_NAME:
            return SplitText()
        self._name = ""
        if line_break and name.strip() in _ANSWER_CHANNELS:
            self._state = _State.ANSWER
            return self._take(rest)
        self._state = _State.THINKING
        return self._take(rest if line_break else name)

    def _think(self, text: str) -> str:
        text = self._held + self._lead(text)
        shown = text.rstrip("\n")
        self._held = text[len(shown) :]
        return shown

    def _lead(self, text: str) -> str:
        if self._strip_start:
            text = text.lstrip("\n")
            self._strip_start = not text
        return text


def _open_channel_start(
    prompt_ids: Sequence[int], open_id: int | None, close_id: int | None, turn_ends: frozenset[int]
) -> int | None:
    """Index of the channel opening that the prompt's last turn left open, None if there is none."""
    for index in range(len(prompt_ids) - 1, -1, -1):
        if prompt_ids[index] == open_id:
            return index
        if prompt_ids[index] == close_id or prompt_ids[index] in turn_ends:
            return None
    return None
