"""What a request asks of each canvas of its answer: a form, held places, a start; block after block."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.backends.base import Backend, Ids
from inference.calls import CallTokens
from inference.denoising.denoise import CanvasStep
from inference.denoising.formed import FormedCanvas, FormTask, shortest_end
from inference.denoising.plan import FREE, CanvasPlan, first_step_of, noised
from inference.denoising.sampler import Draws
from inference.forms.compiling import CompiledForm
from inference.forms.errors import FormError, FormRoomError
from inference.forms.vocabulary import Vocabulary, vocabulary
from inference.model_config import SamplerDefaults
from inference.params import CanvasStart, GenerationRequest
from inference.text.tokenizer import TextTokenizer

_COLDEST_FORM = 0.12  # a temperature; logits lie within 30 of 0 on both sides, and e to the power of -745 is nothing
_FEWER = "Allow more tokens, or ask for a shorter form."


def vocabulary_of(tokenizer: TextTokenizer, size: int, calls: CallTokens | None = None) -> Vocabulary:
    """What forms need to know of a model's `size` tokens."""
    texts = [tokenizer.token_bytes(each) for each in range(size)]
    return vocabulary(texts, tokenizer.eos_ids, tokenizer.pad_id, () if calls is None else calls.in_order)


@dataclass(frozen=True, slots=True)
class Room:
    """How long an answer may be.

    Attributes:
        places: Of one canvas.
        blocks: At most.
        tokens: At most, the end not counted.
        steps: Denoising steps of the schedule.
        pad_id: What follows the end.
    """

    places: int
    blocks: int
    tokens: int
    steps: int
    pad_id: int


def warm_enough(settings: SamplerDefaults) -> SamplerDefaults:
    """The same values, no colder than a form can be kept at: below, what it forces may have no probability at all."""
    if settings.t_min >= _COLDEST_FORM:
        return settings
    return dataclasses.replace(settings, t_min=_COLDEST_FORM, t_max=max(settings.t_max, 1.25 * _COLDEST_FORM))


class AskedCanvases:
    """One answer's canvases, in their order.

    Attributes:
        has_form: Whether the answer keeps a form; then every text that is committed is a beginning of one, and the
            whole of it has the form.
    """

    def __init__(self, backend: Backend, request: GenerationRequest, form: CompiledForm | None, room: Room) -> None:
        """Prepare the first canvas.

        Raises:
            FormError: The answer's beginning does not have the form, held places do not fit, or there is too little
                room for the shortest text that has it.
        """
        self.has_form = form is not None
        self._backend, self._request, self._form, self._room = backend, request, form, room
        self._spent, self._state = 0, 0
        self._canvas: FormedCanvas | None = None
        self._check_places()
        if form is not None:
            self._state = form.bytes.run(b"" if request.form_is_new else request.answer_start.encode())
            if self._state < 0:
                raise FormError("The beginning of the answer does not have the form.", "Begin it in another way.")
            least, most = form.least_from(self._state), min(room.tokens, room.blocks * room.places - 1)
            if least > most:
                raise FormRoomError(f"This form needs at least {least} tokens, and the answer may have {most}.", _FEWER)

    def _check_places(self) -> None:
        request, places = self._request, self._room.places
        if any(held.place >= places for held in request.held):
            raise FormError(f"A held place lies beyond the canvas, which has {places} places.", "Hold another place.")
        if request.start is not None and len(request.start.token_ids) != places:
            raise FormError(
                f"The start has {len(request.start.token_ids)} tokens, and a canvas {places} places.",
                "Give one token for each place.",
            )
        size = self._backend.config.vocab_size
        given = [held.token for held in request.held] + list(request.start.token_ids if request.start else ())
        if any(not 0 <= token < size for token in given):
            raise FormError(f"A given token is none of this model's {size}.", "Give ids of its vocabulary.")

    def plan(self, draws: Draws) -> CanvasPlan:
        """What the next canvas has to keep to."""
        fixed, start, first_step = np.full(self._room.places, FREE, dtype=np.int64), None, 1
        state = None
        if self._spent == 0:
            for held in self._request.held:
                fixed[held.place] = held.token
            if self._request.start is not None:
                given = self._request.start
                start = noised(np.array(given.token_ids, dtype=np.int64), given.level, draws, given.kept)
                first_step = first_step_of(given.level, self._room.steps)
                state = self._told(given)
        if self._form is None:
            return CanvasPlan(fixed if (fixed != FREE).any() else None, start, first_step, state=state)
        left = self._room.tokens - self._spent
        fixed[left + 1 :] = self._room.pad_id  # behind the last place that may hold the end
        self._canvas = FormedCanvas(self._backend, self._task(), draws, fixed)
        return CanvasPlan(fixed, start, first_step, self._canvas, state)

    def _told(self, given: CanvasStart) -> Any:
        """The state in which the kept places of a start are certain; None where none is."""
        places = np.flatnonzero(given.kept)
        if not len(places):
            return None
        ids, number = np.unique(np.array(given.token_ids, dtype=np.int64)[places], return_inverse=True)
        shares = np.zeros((len(places), len(ids)), np.float32)
        shares[np.arange(len(places)), number] = 1.0
        return self._backend.conditioned(None, self._room.places, places, ids, shares)

    def committed(self) -> None:
        """The newest canvas is committed as it was proposed."""
        self._spent += self._room.places
        if self._canvas is not None:
            self._state, self._canvas = int(self._canvas.states[-1]), None

    def closing(self, last: CanvasStep | None) -> list[Ids]:
        """Canvases that bring a stopped answer to an end that has the form.

        1. The newest step's likeliest canvas that ends here.
        2. Where the form needs more than this canvas: its likeliest canvas, and the shortest way to the end, which the
           model has no part in; only that where no step was done in this block.

        None where nothing was written at all, and where there is no form: then what is committed is the answer.
        """
        if self._form is None or (last is None and self._spent == 0):
            return []
        task, canvases, state = self._task(), list[Ids](), self._state
        if last is not None and self._canvas is not None:
            # 1.
            ended = self._canvas.ended_here()
            if ended is not None:
                return [ended]
            # 2.
            canvases, state = [last.argmax], int(self._canvas.states[-1])
        rest = shortest_end(task, state)
        for first in range(0, len(rest), self._room.places):
            canvas = np.full(self._room.places, self._room.pad_id, dtype=np.int64)
            part = rest[first : first + self._room.places]
            canvas[: len(part)] = part
            canvases.append(canvas)
        return canvases

    @property
    def complete(self) -> bool:
        """Whether the form has come to its end."""
        return self._form is not None and self._state == self._form.tokens.ended

    def _task(self) -> FormTask:
        assert self._form is not None
        room = self._room
        after = min(room.tokens + 1, room.blocks * room.places) - self._spent - room.places
        return FormTask(self._form.tokens, self._form.live, self._state, max(0, after))
