"""An answer's recorded blocks as one row of frames: what stood where at each step, and what is told of a word."""

from __future__ import annotations

from collections.abc import Sequence

from app.bridge.answer import NOISE_NATS
from app.ui.chat import words
from inference.events import DraftUpdated
from inference.text.draft_text import pieces_from_bytes
from inference.traces.trace import Trace

_MOST_WAS = 4  # earlier words that are told
_MOST_OTHERS = 3


class Replay:
    """Frames of an answer, from the noise of its first block to the text of its last.

    Args:
        traces: Of its blocks, in order; those that are missing are left out.
        start: Text before the first of them.
    """

    def __init__(self, traces: Sequence[Trace], start: str = "") -> None:
        self.traces = tuple(traces)
        self._frames = [(at, number) for at, trace in enumerate(self.traces) for number in range(len(trace.steps))]
        self._starts = [start]
        for trace in self.traces:
            self._starts.append(self._starts[-1] + "".join(trace.pieces(trace.committed)))

    def __len__(self) -> int:
        return len(self._frames)

    def draft(self, frame: int) -> DraftUpdated:
        """What was shown; noise where nothing is known of it yet."""
        at, number = self._frames[frame]
        draft = self.traces[at].draft(number)
        if number:
            return draft
        nats = (NOISE_NATS,) * len(draft.entropy)
        return DraftUpdated(
            draft.block, 0, draft.max_steps, draft.token_ids, draft.pieces, nats, (False,) * len(nats)
        )  # fmt: skip

    def start(self, frame: int) -> str:
        """The text before the block of a frame."""
        return self._starts[self._frames[frame][0]]

    def block(self, frame: int) -> int:
        """Which of the traces it belongs to."""
        return self._frames[frame][0]

    def held(self, frame: int) -> tuple[bool, ...]:
        """Which places are held."""
        return self.traces[self._frames[frame][0]].held

    def is_noise(self, frame: int) -> bool:
        """Whether it is the first of its block."""
        return self._frames[frame][1] == 0

    def label(self, frame: int) -> str:
        """Which step it is."""
        at, number = self._frames[frame]
        trace = self.traces[at]
        step, last = trace.steps[number].step, trace.steps[-1].step
        return words.replay_label(step, last, at + 1 if len(self.traces) > 1 else 0)

    def curve(self, frame: int) -> tuple[float, ...]:
        """Mean entropy after each step of the block, in nats."""
        steps = self.traces[self._frames[frame][0]].steps[1:]
        return tuple(sum(step.entropy) / len(step.entropy) for step in steps)

    def told(self, frame: int, place: int) -> str:
        """What is told of a word: since when it stands there, how sure the model was, and what stood there before."""
        trace = self.traces[self._frames[frame][0]]
        history = trace.history(place)
        since = history[-1][0]
        step = next(step for step in trace.steps if step.step == since)
        was = [_shown(trace, token) for _, token in history[1:]][-_MOST_WAS:]
        last = _shown(trace, trace.committed[place])
        others = [each for each in trace.alternatives(place) if each.token != trace.committed[place]][:_MOST_OTHERS]
        return words.word_told(
            last, since, step.entropy[place], was, [(each.piece.strip(), each.log_probability) for each in others]
        )


def _shown(trace: Trace, token: int) -> str:
    text = trace.texts[token]
    return "" if not text else pieces_from_bytes([text])[0].strip()
