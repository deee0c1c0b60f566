"""From chats to batches: canvases of the answers, corruption with uniformly random tokens, rows of attention.

Every answer of a chat is learnt from one pass over the chat: each has a canvas of its own, which sees only what came
before it. At inference the canvas has 256 places, or 64 for a first try. Most training canvases are shorter, because
most answers are: a model trained so is as good on 256 places (measured: the same cross-entropy), and sees several times
as many answers in the same time. The length is drawn at random above what the answer needs, so that it says little
about the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inference.model_config import ModelConfig
from inference.training.forward import Batch, Group, bias

Ids = NDArray[np.int64]
CANVAS_SIZES = (24, 32, 48, 64, 96, 128, 192)
CANVAS_SHARES = (0.3, 0.25, 0.2, 0.15, 0.06, 0.03, 0.01)
# Share of chats whose encoder sees the last answer, too: the causal loss on answers is learned long before the canvas.
ANSWERS_ENCODED = 0.2
# Share of answers of which a beginning is given: *Continue*, and text left of what is rewritten.
CONTINUED, SHORTEST_REST = 0.1, 3
BLOCK = 256
# Tokens are padded to multiples of this, so that products have few different shapes (each new shape costs a kernel).
ROUNDED = 256
PAD_WEIGHT = 0.15
# Shares of places that are targets: known tokens; clean text on a canvas; padding behind its first places.
CAUSAL_SHARE, CLEAN_SHARE, PADDING_SHARE = 0.5, 0.25, 0.125
_PADDING_NEAR = 4
_MOST_HELD, _MOST_SPANS, _LONGEST_SPAN = 8, 3, 24


@dataclass(frozen=True)
class Canvas:
    """One clean canvas, and how many of its chat's known tokens come before it."""

    context_length: int
    clean: Ids


@dataclass(frozen=True)
class Row:
    """One chat: its known tokens and canvases of its answers."""

    known: Ids
    canvases: tuple[Canvas, ...]

    @property
    def tokens(self) -> int:
        """Tokens of both passes."""
        return len(self.known) + sum(len(canvas.clean) for canvas in self.canvases)


def make_row(
    prompt: Ids, answers: Sequence[tuple[int, Ids]], pad_id: int, rng: np.random.Generator, full_canvas: float
) -> Row:
    """Choose the canvases of one chat, each behind the whole chat before it or also behind the answer's beginning.

    Args:
        prompt: Tokens of the rendered chat up to its last answer.
        answers: Where each answer begins, and its tokens with the end; the last one begins behind the prompt.
        pad_id: What fills a canvas behind the answer.
        rng: Source of the choice.
        full_canvas: Share of canvases with the full 256 places, whatever the answer's length.
    """
    last, encoded = answers[-1][1], rng.random() < ANSWERS_ENCODED
    canvases = []
    needed = len(prompt)
    for start, answer in answers:
        given, canvas = _canvas(answer, pad_id, rng, full_canvas)
        needed = max(needed, start + given)
        canvases.append(Canvas(start + given, canvas))
    known = np.concatenate([prompt, last])
    return Row(known if encoded else known[:needed], tuple(canvases))


def _canvas(answer: Ids, pad_id: int, rng: np.random.Generator, full_canvas: float) -> tuple[int, Ids]:
    """How much of the answer is given, and the canvas behind that."""
    given = 0
    if len(answer) > 2 * SHORTEST_REST and rng.random() < CONTINUED:
        given = int(rng.integers(1, len(answer) - SHORTEST_REST))
    blocks = -(-(len(answer) - given) // BLOCK)
    given += BLOCK * int(rng.integers(blocks))
    rest = answer[given : given + BLOCK]
    size = BLOCK if blocks > 1 or rng.random() < full_canvas else _canvas_size(len(rest), rng)
    return given, np.concatenate([rest, np.full(size - len(rest), pad_id, dtype=np.int64)])


def _canvas_size(needed: int, rng: np.random.Generator) -> int:
    fitting = [(size, share) for size, share in zip(CANVAS_SIZES, CANVAS_SHARES, strict=True) if size >= needed]
    if not fitting:
        return BLOCK
    sizes, shares = zip(*fitting, strict=True)
    return int(rng.choice(sizes, p=np.array(shares) / sum(shares)))


def corrupt(clean: Ids, pad_id: int, vocab_size: int, rng: np.random.Generator) -> Ids:
    """Replace tokens of [C] by uniformly random ones, where `_noised` says.

    The kinds of noise are those of inference: pure noise (the first denoising step, the hardest), any level in between
    (in half of these the padding behind the answer is cleaner than the text, as it settles first), a clean canvas with
    spans of noise (a rewritten span, a blank), and noise in which some words are held.
    """
    noise = rng.integers(0, vocab_size, size=clean.shape)
    return np.where(_noised(clean, pad_id, rng), noise, clean)


def _noised(clean: Ids, pad_id: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    kind = rng.random()
    length = max(1, int((clean != pad_id).sum()))
    if kind < 0.1:  # spans in a clean canvas; now and then they reach beyond the answer's end
        mask = np.zeros(clean.shape, dtype=np.bool_)
        for _ in range(int(rng.integers(1, _MOST_SPANS + 1))):
            start = int(rng.integers(0, length))
            mask[start : start + int(rng.integers(1, _LONGEST_SPAN + 1))] = True
        return mask
    if kind < 0.18:  # held words in pure noise
        mask = np.ones(clean.shape, dtype=np.bool_)
        mask[rng.integers(0, length, size=int(rng.integers(1, _MOST_HELD + 1)))] = False
        return mask
    level = 1.0 if kind < 0.6 else rng.uniform(0.5, 1.0) if kind < 0.86 else rng.uniform(0.0, 1.0)
    levels = np.full(clean.shape, level)
    if level < 1.0 and rng.random() < 0.5:
        levels[clean == pad_id] = level * rng.random()
    mask = rng.random(clean.shape) < levels
    return mask


def batch_of(rows: Iterator[Row], config: ModelConfig, rng: np.random.Generator, tokens: int) -> Batch:
    """The next chats that together have about `tokens` tokens (at most, unless one chat has more)."""
    chosen: list[Row] = []
    total = 0
    for row in rows:
        total += row.tokens
        if chosen and total > tokens:
            break
        chosen.append(row)
    return stack(chosen, config, rng)


def stack(rows: Sequence[Row], config: ModelConfig, rng: np.random.Generator) -> Batch:
    """A batch of these chats, with noise and targets drawn."""
    pad_id = config.pad_id
    starts = np.cumsum([0, *(len(row.known) for row in rows)])
    known = _padded([row.known for row in rows], pad_id)
    inside = np.concatenate([_places(0, len(row.known))[:-1] + start for row, start in zip(rows, starts, strict=False)])
    causal = inside[rng.random(len(inside)) < CAUSAL_SHARE]
    canvases = [(canvas, int(start)) for row, start in zip(rows, starts, strict=False) for canvas in row.canvases]
    clean = [canvas.clean for canvas, _ in canvases]
    noisy = [corrupt(each, pad_id, config.vocab_size, rng) for each in clean]
    targets, weights = _targets(np.concatenate(clean), np.concatenate(noisy), pad_id, rng)
    return Batch(
        known=known,
        known_places=_padded([_places(0, len(row.known)) for row in rows], 0),
        known_groups=list(_known_groups(rows, starts, config.sliding_window)),
        causal=torch.from_numpy(causal if len(causal) else inside[:1]),
        clean=_padded(clean, pad_id),
        noisy=_padded(noisy, pad_id),
        canvas_places=_padded([_places(canvas.context_length, len(canvas.clean)) for canvas, _ in canvases], 0),
        canvas_groups=list(_canvas_groups(canvases, config.sliding_window)),
        targets=torch.from_numpy(targets),
        weights=torch.from_numpy(weights),
    )


def _targets(clean: Ids, noisy: Ids, pad_id: int, rng: np.random.Generator) -> tuple[Ids, NDArray[np.float32]]:
    """Every noised place of text, a share of the clean ones, the first padding and a share of the rest."""
    padding = clean == pad_id
    behind = np.convolve(~padding, np.ones(_PADDING_NEAR + 1), mode="full")[: len(clean)] > 0
    draw = rng.random(len(clean))
    text = ~padding & ((noisy != clean) | (draw < CLEAN_SHARE))
    targets = np.nonzero(text | (padding & (behind | (draw < PADDING_SHARE))))[0]
    return targets, np.where(padding[targets], PAD_WEIGHT, 1.0).astype(np.float32)


def _places(start: int, count: int) -> Ids:
    return np.arange(start, start + count, dtype=np.int64)


def _padded(parts: Iterable[Ids], fill: int) -> torch.Tensor:
    """One after the other, up to a multiple of `ROUNDED`."""
    flat = np.concatenate(list(parts))
    return torch.from_numpy(np.concatenate([flat, np.full(-len(flat) % ROUNDED, fill, dtype=np.int64)]))


def _known_groups(rows: Sequence[Row], starts: Ids, window: int) -> Iterator[Group]:
    order = sorted(((len(row.known), int(start)) for row, start in zip(rows, starts, strict=False)), reverse=True)
    for members in _alike([(size, 0, start) for size, start in order]):
        sizes = np.array([size for size, _, _ in members])
        at = np.array([start for _, _, start in members])
        place = np.arange(sizes[0])
        queries = at[:, None] + np.minimum(place[None], sizes[:, None] - 1)
        real = np.nonzero((place[None] < sizes[:, None]).ravel())[0]
        yield Group(torch.from_numpy(queries), torch.from_numpy(real), None, _causal_biases(len(place), window))


def _canvas_groups(canvases: Sequence[tuple[Canvas, int]], window: int) -> Iterator[Group]:
    begins = np.cumsum([0, *(len(canvas.clean) for canvas, _ in canvases)])
    order = [(len(canvas.clean), canvas.context_length, number) for number, (canvas, _) in enumerate(canvases)]
    for members in _alike(sorted(order, reverse=True)):
        size = members[0][0]
        numbers = [number for _, _, number in members]
        contexts = np.array([context for _, context, _ in members])
        chats = np.array([canvases[number][1] for number in numbers])
        queries = begins[numbers][:, None] + np.arange(size)[None]
        place = np.arange(contexts[0])
        past = chats[:, None] + np.minimum(place[None], contexts[:, None] - 1)
        yield Group(
            torch.from_numpy(queries),
            torch.arange(queries.size),
            torch.from_numpy(past),
            _canvas_biases(torch.from_numpy(contexts), size, window),
        )


def _causal_biases(count: int, window: int) -> dict[str, torch.Tensor]:
    """Of rows of `count` known tokens, [1, 1, T, T]; what stands behind a short row is not seen by its queries."""
    place = torch.arange(count)
    causal = place[None, :] <= place[:, None]
    near = place[None, :] > place[:, None] - window
    full = bias(causal[None])
    return {"full_attention": full, "sliding_attention": full if count <= window else bias((causal & near)[None])}


def _canvas_biases(contexts: torch.Tensor, size: int, window: int) -> dict[str, torch.Tensor]:
    """Of canvases of `size` places behind contexts [B], [B, 1, 1, P + T]: every place sees the same."""
    longest = int(contexts.max())
    place = torch.arange(longest)
    before = place[None, :] < contexts[:, None]
    near = place[None, :] > contexts[:, None] - window
    own = torch.ones(len(contexts), size, dtype=torch.bool)
    full = bias(torch.cat([before, own], dim=1)[:, None])
    if longest < window:
        return {"full_attention": full, "sliding_attention": full}
    return {"full_attention": full, "sliding_attention": bias(torch.cat([before & near, own], dim=1)[:, None])}


def _alike(rows: Iterable[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """Runs of (size of known rows or canvases, context, ...) in falling order whose rectangle is not mostly padding."""
    members: list[tuple[int, int, int]] = []
    for row in rows:
        first = members[0] if members else row
        known = first[1] == 0  # of known rows the size itself differs, of canvases the context
        near = row[0] > 0.7 * first[0] - 8 if known else row[0] == first[0] and row[1] > 0.6 * first[1] - 32
        if members and not near:
            yield members
            members = []
        members.append(row)
    yield members
