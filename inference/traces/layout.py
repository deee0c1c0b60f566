"""What a body holds, in which order: for the writer (`record`) and the reader (`trace`).

1. places, steps, most steps, temperature of the last step in thousandths, block, unfinished bytes before it
2. tokens that occur: ids (ascending, as differences), kinds (0 no text, 1 the end, else bytes of text + 2), all texts
3. held places as bits; the canvas before the first step, as indexes into the tokens
4. for all steps: their numbers (as differences); bits of places that changed and the indexes that came; bits of places
   where the model would have put something else, and what; entropies less those of the step before, place
   after place, since each place's go their own way; accepted places as bits, those that differ from the step before
5. the committed canvas, as one more change
6. candidates of each place in the last step: how many, indexes, eighths of a nat below certainty

Indexes are two planes, of their lower and of their higher bytes. Bits go from the highest of each byte on.
"""

from __future__ import annotations

from math import expm1, log1p

MOST_PLACES = 4096
MOST_STEPS = 4096
MOST_TOKENS = 1 << 16
MOST_ID = 1 << 31
MOST_TEXT = 1024  # bytes of one token
MOST_CANDIDATES = 8
NO_TEXT, ENDS, TEXT = 0, 1, 2
CARRY = 3  # bytes of an unfinished character at most

# Entropies are told apart by about 0.03 of themselves and 0.0006 nats at least; 16 nats are a vocabulary of 9 million.
_FINE, _MOST_NATS = 50.0, 16.0
ENTROPY_SCALE = 255.0 / log1p(_FINE * _MOST_NATS)
NATS = tuple(expm1(code / ENTROPY_SCALE) / _FINE for code in range(256))
LOG_PROBABILITY_SCALE = 8.0  # an eighth of a nat
FINE = _FINE
