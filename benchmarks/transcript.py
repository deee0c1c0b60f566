"""What the starter model says to two hundred messages as strangers write them, as a page to be read and judged by eye.

    python benchmarks/transcript.py [--model DIR] [--out FILE.md]   # every chat of benchmarks/transcript.txt
    python benchmarks/transcript.py --first [--model DIR]           # fifty first questions, five seeds each

A chat goes through the program's own session with its own sampler, the model's answers between the user's messages.
With `--first`, each question's different answers are counted, and those marked in which a sentence stands that neither
the written corpus nor a skill of the model has: only these can be broken, and they are to be read.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.base.paths import starter_model_folder  # noqa: E402
from inference.events import Finished  # noqa: E402
from inference.opening import open_session  # noqa: E402
from inference.params import ChatTurn, GenerationRequest  # noqa: E402
from inference.session import Session  # noqa: E402
from inference.training.corpus import load_intents, sample_chats  # noqa: E402

CHATS = Path(__file__).with_name("transcript.txt")
FIRST = 50
SEEDS = 5
KNOWN_CHATS = 60_000  # training chats whose sentences count as known
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def main() -> int:
    """Ask, write, print the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=starter_model_folder())
    parser.add_argument("--out", type=Path, default=Path("transcript.md"))
    parser.add_argument("--first", action="store_true", help="fifty first questions, five seeds each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chats = written_chats(CHATS)
    with open_session(options.model) as session:
        if options.first:
            first_questions(session, chats)
        else:
            options.out.write_text(transcript(session, chats, options.seed), encoding="utf-8")
            print(f"{sum(map(len, chats))} messages in {len(chats)} chats: {options.out}")
    return 0


def written_chats(file: Path) -> list[list[str]]:
    """Chats of the file; a blank line parts them, `#` begins a comment."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [block.splitlines() for block in re.split(r"\n{2,}", "\n".join(lines).strip())]


def answers(session: Session, messages: Sequence[str], seed: int) -> Iterator[Finished]:
    """How each message of one chat is answered."""
    session.reset()
    turns: list[ChatTurn] = []
    for number, text in enumerate(messages):
        turns.append(ChatTurn("user", text))
        request = GenerationRequest(turns=tuple(turns), seed=seed + number)
        finished = next(event for event in session.generate(request) if isinstance(event, Finished))
        turns.append(ChatTurn("assistant", finished.answer))
        yield finished


def transcript(session: Session, chats: Sequence[Sequence[str]], seed: int) -> str:
    """All of them as Markdown, with steps."""
    lines = []
    for number, messages in enumerate(chats, start=1):
        lines.append(f"\n### {number}\n")
        for text, finished in zip(messages, answers(session, messages, seed + 100 * number), strict=True):
            steps = ", ".join(map(str, finished.steps_per_block))
            lines.append(f"> {text}\n\n{finished.answer}  \n*({steps} steps)*\n")
    return "\n".join(lines).lstrip()


def first_questions(session: Session, chats: Sequence[Sequence[str]]) -> None:
    """Print each question's different answers; those with an unknown sentence are marked."""
    known = known_sentences()
    unknown = 0
    for messages in chats[:FIRST]:
        found = Counter(next(answers(session, messages, seed)).answer for seed in range(SEEDS))
        print(messages[0])
        for answer, times in found.most_common():
            new = [each for each in _SENTENCE.split(answer.strip()) if each not in known]
            unknown += times * bool(new)
            print(f"  {times} x {'TO READ ' if new else ''}{answer!r}")
    print(f"{unknown} of {FIRST * SEEDS} answers hold a sentence to be read")


def known_sentences() -> set[str]:
    """Sentences of the written answers, and of very many training chats."""
    intents = load_intents()
    found = {each for intent in intents for answer in intent.answers for each in _SENTENCE.split(answer)}
    for chat in islice(sample_chats(intents, 1), KNOWN_CHATS):
        found.update(_SENTENCE.split(chat.answer))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
