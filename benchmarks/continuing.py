"""How well the starter model goes on: with an answer that is cut off, and with a chat that fills the context.

Held-out questions of one turn are answered whole and then, each time with an emptied KV cache and the same seed, from a
quarter, a half and three quarters of the answer's tokens on; answers that are wrong when whole are left out. A place
counts if start and continuation together are the whole answer again, white space aside; "to one that is right" takes
any answer that the question accepts.

With `--turns N`, a chat that fills the context goes on for so many turns instead, once with as few turns left out as
must be and once as the program does it, in hops: how much of each prompt is still in the KV cache, and how long the
rest takes.

    python benchmarks/continuing.py [--per-kind 20]
    python benchmarks/continuing.py --turns 30 [--backend onnx]
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.base.paths import starter_model_folder  # noqa: E402
from inference import session as session_module  # noqa: E402
from inference.events import Finished, PromptEncoded  # noqa: E402
from inference.opening import open_session  # noqa: E402
from inference.params import ChatTurn, GenerationRequest  # noqa: E402
from inference.session import DEFAULT_BLOCKS, Session  # noqa: E402
from inference.text.context import fit_turns  # noqa: E402
from inference.training.corpus import load_intents, sample_chats  # noqa: E402
from inference.training.evaluate import chosen_questions  # noqa: E402
from inference.training.heldout import HeldOut  # noqa: E402
from inference.training.judging import is_right  # noqa: E402

PLACES = (0.25, 0.5, 0.75)
LEAST_TOKENS = 8  # a shorter answer has no middle
FEWEST = 10**9  # so many hops that each leaves out one exchange


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
    parser.add_argument("--turns", type=int, default=0, help="instead: turns of a chat that fills the context")
    parser.add_argument("--backend", default="auto", help="what answers")
    options = parser.parse_args()
    found: list[Continued] = []
    with open_session(starter_model_folder(), options.backend) as session:
        if options.turns:
            for name, fit in (("one exchange a turn", functools.partial(fit_turns, hops=FEWEST)), ("hops", fit_turns)):
                with mock.patch.object(session_module, "fit_turns", fit):
                    print(shown_turns(name, list(long_chat(session, options.turns))), flush=True)
            return 0
        alone = [question for question in chosen_questions(options.per_kind, 0) if len(question.turns) == 1]
        for seed, question in enumerate(alone):
            found += continued(session, question, seed)
    for kind in dict.fromkeys(one.kind for one in found):
        print(shown(kind, [one for one in found if one.kind == kind]))
    for place in PLACES:
        print(shown(f"from {place:.0%} on", [one for one in found if one.place == place]))
    print(shown("all", found))
    return 0


def continued(session: Session, question: HeldOut, seed: int) -> list[Continued]:
    """What comes of each place of one answer; nothing if the whole answer is wrong or too short."""
    whole = answered(session, question.turns[0], seed)
    ids = session.tokenizer.encode_parts([whole])
    if len(ids) < LEAST_TOKENS or not is_right(question.expected, whole):
        return []
    found = []
    for place in PLACES:
        start = session.tokenizer.decode(ids[: int(len(ids) * place)])
        text = start + answered(session, question.turns[0], seed, start)
        found.append(Continued(question.kind, place, text.split() == whole.split(), is_right(question.expected, text)))
    return found


def answered(session: Session, question: str, seed: int, start: str = "") -> str:
    """One answer in a fresh chat; with `start`, what follows it."""
    session.reset()
    request = GenerationRequest((ChatTurn("user", question),), seed=seed, answer_start=start)
    return next(event.answer for event in session.generate(request) if isinstance(event, Finished))


def long_chat(session: Session, turns: int) -> Iterator[PromptEncoded]:
    """Turns of a chat that fills the context from the first of them on."""
    session.reset()
    questions = ((made.turns[-1][1], made.answer) for made in sample_chats(load_intents(), 0) if made.kind == "help")
    longest = session.config.max_context - DEFAULT_BLOCKS * session.config.canvas_length
    chat: list[ChatTurn] = []
    tokens = 0
    while tokens < longest:
        question, answer = next(questions)
        tokens += len(session.tokenizer.encode_parts([question + answer]))
        chat += [ChatTurn("user", question), ChatTurn("assistant", answer)]
    for seed in range(turns):
        chat.append(ChatTurn("user", next(questions)[0]))
        for event in session.generate(GenerationRequest(tuple(chat), seed=seed)):
            if isinstance(event, PromptEncoded):
                yield event
            elif isinstance(event, Finished):
                chat.append(ChatTurn("assistant", event.answer))


def shown_turns(name: str, found: list[PromptEncoded]) -> str:
    """One line; the first turn, which nothing is there to be used again for, is left out."""
    rest = found[1:]
    reused, times = [one.reused_tokens for one in rest], [1000 * one.seconds for one in rest]
    whole = sum(one.prompt_tokens for one in rest)
    return (
        f"{name:20} of {whole // len(rest)} tokens a prompt {sum(reused) / whole:.1%} used again (median"
        f" {statistics.median(reused):.0f}, least {min(reused)} tokens); the rest took {statistics.mean(times):.0f} ms"
        f" a turn (median {statistics.median(times):.0f}, most {max(times):.0f})"
    )


def shown(name: str, found: list[Continued]) -> str:
    """One line."""
    same, right = sum(one.same for one in found), sum(one.right for one in found)
    share = same / max(1, len(found))
    return (
        f"{name:12} {same:3} of {len(found):3} places to the same answer ({share:.0%}), {right:3} to one that is right"
    )


if __name__ == "__main__":
    raise SystemExit(main())
