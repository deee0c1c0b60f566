"""Records the steps of one block while it is denoised."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.traces import layout
from inference.traces.codec import LARGEST_BODY, BodyWriter, sealed

if TYPE_CHECKING:
    from inference.denoising.denoise import CanvasStep

MOST_BYTES = 64_000  # of a trace; where it is more, every second step is left out
_LEAST_SHARE = 0.002  # of a candidate
Ids = NDArray[np.int64]
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What is kept of a step: its number, tokens, what the model would have put, entropies in 8 bits, accepted."""

    step: int
    argmax: Ids
    thought: Ids
    entropy: NDArray[np.uint8]
    accepted: Bits


class TraceRecorder:
    """The steps of one block."""

    def __init__(self, block: int, carry: bytes, held: Bits | None = None) -> None:
        """Begin a block.

        Args:
            block: Its number.
            carry: Bytes of a character that the block before left unfinished.
            held: bool [C], places that are held; None for none.
        """
        self._block, self._carry, self._held = block, carry, held
        self._rows: list[_Row] = []
        self._begun: Ids | None = None
        self._last: CanvasStep | None = None

    def add(self, step: CanvasStep) -> None:
        """One more step is done."""
        if self._begun is None:
            self._begun = step.read.copy()
        self._last = step
        codes = entropy_codes(step.entropy)
        self._rows.append(_Row(step.step, step.argmax.copy(), step.thought.copy(), codes, step.accepted.copy()))

    def encoded(
        self, text_of: Callable[[int], bytes | None], ends: Collection[int], committed: Ids | None = None
    ) -> bytes:
        """The trace; b"" if no step was done, or where a canvas has more places than a trace may.

        Args:
            text_of: Bytes of a token.
            ends: Tokens that end an answer.
            committed: int64 [C], what is committed if it is not the last step's.
        """
        if self._begun is None or self._last is None or len(self._begun) > layout.MOST_PLACES:
            return b""
        rows = self._rows
        final = rows[-1].argmax if committed is None else committed
        while True:
            if len(rows) * len(final) <= LARGEST_BODY // 8:
                data = sealed(self._body(self._begun, rows, final, self._last, text_of, ends))
                if len(data) <= MOST_BYTES or len(rows) <= 2:
                    return data
            rows = [*rows[:-1:2], rows[-1]]

    def _body(
        self,
        begun: Ids,
        rows: list[_Row],
        committed: Ids,
        last: CanvasStep,
        text_of: Callable[[int], bytes | None],
        ends: Collection[int],
    ) -> bytes:
        canvases = np.array([begun, *(row.argmax for row in rows), committed])
        changed = canvases[1:] != canvases[:-1]
        thought = np.array([row.thought for row in rows])
        other = thought != canvases[1:-1]
        counts, candidates, below = _candidates(last)
        occurring = np.concatenate([begun, canvases[1:][changed], thought[other], candidates])
        tokens, index = np.unique(occurring, return_inverse=True)
        places = len(committed)
        # Where the indexes of each part begin among all: the start, what came in steps and at the end, thoughts.
        came = places + int(changed[:-1].sum())
        thoughts = came + int(changed[-1].sum())
        shares = thoughts + int(other.sum())
        out = BodyWriter()
        out.numbers((places, len(rows), last.max_steps, round(last.temperature * 1000), self._block, len(self._carry)))
        out.plane(self._carry)
        _write_tokens(out, tokens, text_of, ends)
        out.plane(np.packbits(np.zeros(places, np.bool_) if self._held is None else self._held).tobytes())
        _write_indexes(out, index[:places])
        out.numbers(np.diff([row.step for row in rows], prepend=0).tolist())
        out.plane(np.packbits(changed[:-1], axis=1).tobytes())
        _write_indexes(out, index[places:came])
        out.plane(np.packbits(other, axis=1).tobytes())
        _write_indexes(out, index[thoughts:shares])
        entropy = np.array([row.entropy for row in rows])
        out.plane(np.diff(entropy, axis=0, prepend=np.zeros((1, places), np.uint8)).T.tobytes())
        accepted = np.array([row.accepted for row in rows])
        accepted[1:] ^= accepted[:-1].copy()
        out.plane(np.packbits(accepted, axis=1).tobytes())
        out.plane(np.packbits(changed[-1]).tobytes())
        _write_indexes(out, index[came:thoughts])
        out.plane(counts.astype(np.uint8).tobytes())
        _write_indexes(out, index[shares:])
        out.plane(below.tobytes())
        return out.body()


class AnswerTraces:
    """The traces of an answer's blocks, one after another, if they are wanted."""

    def __init__(self, wanted: bool, text_of: Callable[[int], bytes | None], ends: Collection[int]) -> None:
        """See `TraceRecorder.encoded`; where they are not wanted, everything is b""."""
        self._wanted, self._text_of, self._ends = wanted, text_of, ends
        self._recorder: TraceRecorder | None = None

    def begin(self, block: int, carry: bytes, held: Bits | None = None) -> None:
        """A block begins; what is recorded of another one is dropped. See `TraceRecorder`."""
        self._recorder = TraceRecorder(block, carry, held) if self._wanted else None

    def add(self, step: CanvasStep) -> None:
        """One more step is done."""
        if self._recorder is not None:
            self._recorder.add(step)

    def take(self, committed: Ids | None = None) -> bytes:
        """The block's trace, once; `committed` as for `TraceRecorder.encoded`."""
        recorder, self._recorder = self._recorder, None
        return b"" if recorder is None else recorder.encoded(self._text_of, self._ends, committed)


def entropy_codes(nats: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Entropies in 8 bits each; `layout.NATS` reads them back."""
    codes = np.rint(np.log1p(np.maximum(nats, 0.0).astype(np.float64) * layout.FINE) * layout.ENTROPY_SCALE)
    return np.minimum(codes, 255).astype(np.uint8)


def _candidates(step: CanvasStep) -> tuple[Ids, Ids, NDArray[np.uint8]]:
    """How many each place has, their ids, and how far below certainty each is."""
    ids = step.top_ids[:, : layout.MOST_CANDIDATES]
    shares = step.top_probs[:, : layout.MOST_CANDIDATES].astype(np.float64)
    wanted = shares >= _LEAST_SHARE
    below = -np.log(np.clip(shares[wanted], _LEAST_SHARE, 1.0)) * layout.LOG_PROBABILITY_SCALE
    return wanted.sum(axis=1), ids[wanted], np.rint(below).astype(np.uint8)


def _write_tokens(out: BodyWriter, tokens: Ids, text_of: Callable[[int], bytes | None], ends: Collection[int]) -> None:
    texts = [text_of(token) or b"" for token in tokens.tolist()]
    texts = [text if len(text) <= layout.MOST_TEXT else b"" for text in texts]
    out.number(len(tokens))
    out.numbers(np.diff(tokens, prepend=0).tolist())
    out.numbers(
        layout.ENDS if token in ends else len(text) + layout.TEXT if text else layout.NO_TEXT
        for token, text in zip(tokens.tolist(), texts, strict=True)
    )
    out.plane(b"".join(b"" if token in ends else text for token, text in zip(tokens.tolist(), texts, strict=True)))


def _write_indexes(out: BodyWriter, indexes: NDArray[np.intp]) -> None:
    out.plane((indexes & 0xFF).astype(np.uint8).tobytes())
    out.plane((indexes >> 8).astype(np.uint8).tobytes())
