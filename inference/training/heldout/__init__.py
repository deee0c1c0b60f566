"""Questions that training never sees, and what they expect. Only `evaluate` reads them; a test proves it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SETS = ("wordings", "skills", "strangers")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One held-out chat.

    Attributes:
        set: "wordings" of written questions, "skills", or "strangers".
        expected: What the last answer must be (see `judging`).
        turns: The user's turns; the model's own answers stand between them.
    """

    set: str
    expected: str
    turns: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What the tables count it under."""
        word = self.expected.partition(" ")[0]
        return _KINDS.get(word, word.partition(".")[0])


# Judges that are not named after their kind; what is expected exactly or by its words belongs to the small skills.
_KINDS = {
    "short_story": "story",
    "long_story": "long",
    "decline": "refusal",
    "exact": "skill",
    "holds": "skill",
    "call": "tool",
}


def held_out(folder: Path = FOLDER) -> tuple[HeldOut, ...]:
    """All held-out chats, in the order of the files.

    Raises:
        ValueError: A line has no tab.
    """
    found = []
    for name in SETS:
        for number, line in enumerate((folder / f"{name}.txt").read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            expected, *turns = line.split("\t")
            if not turns or not all(turn.strip() for turn in turns):
                raise ValueError(f"{name}.txt:{number}: expected a judgement, a tab and turns, found {line!r}")
            found.append(HeldOut(name, expected, tuple(turns)))
    return tuple(found)
