"""How much of an answer is read, and how long: one limit for each purpose, which holds while the answer comes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """What an answer may cost.

    Attributes:
        most_bytes: Of a body, after decoding.
        seconds: From the question to the last byte: names looked up, redirects and all.
        cut: Whether a longer body is read up to the limit and no further; otherwise it is refused.
    """

    most_bytes: int
    seconds: float
    cut: bool = False


# A file of a repository takes about 200 bytes; the largest repositories of models have 10,000 files.
FILE_LIST = Limit(8_000_000, 60.0)
CONFIG = Limit(1_000_000, 40.0)
LICENCE = Limit(200_000, 40.0, cut=True)  # GPL 3 has 35 kB; what is longer is read on its page
RELEASE = Limit(256 * 1024, 30.0)
SERVER_MODELS = Limit(1_000_000, 30.0)  # of a server that is measured
SERVER_ANSWER = Limit(16_000_000, 1_800.0)  # 1,024 tokens, some hundred bytes each; slow machines take many minutes
