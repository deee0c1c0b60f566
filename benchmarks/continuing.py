"""From how many places the starter model goes on to the same answer, if its answer is cut off there.

Held-out questions are answered whole and then, each time with an emptied KV cache and the same seed, from a quarter, a
half and three quarters of the answer's tokens on; answers that are wrong when whole are left out. A place counts if
start and continuation together are the whole answer again, white space aside; "to one that is right" takes any answer
that the question accepts.

    python benchmarks/continuing.py [--per-kind 20]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.base.paths import starter_model_folder  # noqa: E402
from inference.events import Finished  # noqa: E402
from inference.opening import open_session  # noqa: E402
from inference.params import ChatTurn, GenerationRequest  # noqa: E402
from inference.session import Session  # noqa: E402
from inference.training.corpus import HeldOutQuestion, is_correct  # noqa: E402
from inference.training.evaluate import chosen_questions  # noqa: E402

PLACES = (0.25, 0.5, 0.75)
LEAST_TOKENS = 8  # a shorter answer has no middle


@dataclass(frozen=True, slots=True)
class Continued:
    """One place of one answer, and what came of it."""

    kind: str
    place: float
    same: bool
    right: bool


def main() -> int:
    """Measure, print, return 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-kind", type=int, default=20, help="most questions of a kind")
    options = parser.parse_args()
    found: list[Continued] = []
    with open_session(starter_model_folder()) as session:
        for seed, question in enumerate(chosen_questions(options.per_kind, 0)):
            found += continued(session, question, seed)
    for kind in dict.fromkeys(one.kind for one in found):
        print(shown(kind, [one for one in found if one.kind == kind]))
    for place in PLACES:
        print(shown(f"from {place:.0%} on", [one for one in found if one.place == place]))
    print(shown("all", found))
    return 0


def continued(session: Session, question: HeldOutQuestion, seed: int) -> list[Continued]:
    """What comes of each place of one answer; nothing if the whole answer is wrong or too short."""
    whole = answered(session, question.wording, seed)
    ids = session.tokenizer.encode_parts([whole])
    if len(ids) < LEAST_TOKENS or not is_correct(question, whole):
        return []
    found = []
    for place in PLACES:
        start = session.tokenizer.decode(ids[: int(len(ids) * place)])
        text = start + answered(session, question.wording, seed, start)
        found.append(Continued(question.kind, place, text.split() == whole.split(), is_correct(question, text)))
    return found


def answered(session: Session, question: str, seed: int, start: str = "") -> str:
    """One answer in a fresh chat; with `start`, what follows it."""
    session.reset()
    request = GenerationRequest((ChatTurn("user", question),), seed=seed, answer_start=start)
    return next(event.answer for event in session.generate(request) if isinstance(event, Finished))


def shown(name: str, found: list[Continued]) -> str:
    """One line."""
    same, right = sum(one.same for one in found), sum(one.right for one in found)
    share = same / max(1, len(found))
    return (
        f"{name:12} {same:3} of {len(found):3} places to the same answer ({share:.0%}), {right:3} to one that is right"
    )


if __name__ == "__main__":
    raise SystemExit(main())
