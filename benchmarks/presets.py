"""What presets do to a model: right answers and steps over the starter's held-out questions, a line for each preset.

Every preset answers the same questions with the same seeds, so what differs between two lines is theirs: the last
columns count the questions that only this preset, or only Balanced, gets right, and the chance that a coin would do as
much (sign test). `--others` also tries values that no preset has.

    python benchmarks/presets.py [--per-kind 60] [--seeds 1] [--others] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.base.paths import starter_model_folder  # noqa: E402
from app.base.settings import preset_params  # noqa: E402
from inference.config import model_config_from_folder  # noqa: E402
from inference.model_config import SamplerDefaults  # noqa: E402
from inference.params import SamplerParams  # noqa: E402
from inference.training.evaluate import evaluate  # noqa: E402


@dataclass(frozen=True, slots=True)
class Measured:
    """One line."""

    name: str
    asked: int
    right: int
    steps: float
    only_this: int
    only_balanced: int
    chance: float


def main() -> int:
    """Measure, print, return 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-kind", type=int, default=60, help="most questions of a kind")
    parser.add_argument("--seeds", type=int, default=1, help="how often each question is asked")
    parser.add_argument("--others", action="store_true", help="also values that no preset has")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    own = model_config_from_folder(starter_model_folder()).sampler
    tried = {name: preset_params(name) for name in ("balanced", "fast", "careful")}
    lines: list[Measured] = []
    base: list[bool] = []
    for name, params in (tried | (others(own) if options.others else {})).items():
        right, steps = answers(options.per_kind, options.seeds, params)
        base = base or right
        lines.append(measured(name, right, base, steps))
        print(shown(lines[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")
    return 0


def others(own: SamplerDefaults) -> dict[str, SamplerParams]:
    """Each field that could make an answer better at the price of steps, by itself."""
    return {
        "half the entropy bound": SamplerParams(entropy_bound=own.entropy_bound / 2),
        "a quarter of the entropy bound": SamplerParams(entropy_bound=own.entropy_bound / 4),
        "stable for two more steps": SamplerParams(stability_threshold=own.stability_threshold + 2),
        "a fifth of the confidence threshold": SamplerParams(confidence_threshold=own.confidence_threshold / 5),
        "colder by half": SamplerParams(t_max=own.t_max / 2, t_min=own.t_min / 2),
        "hotter by half": SamplerParams(t_max=own.t_max * 1.5, t_min=own.t_min * 1.5),
    }


def answers(per_kind: int, seeds: int, params: SamplerParams) -> tuple[list[bool], float]:
    """Whether each answer is right, and the mean steps of a block."""
    found = [one for seed in range(seeds) for one in evaluate(starter_model_folder(), per_kind, seed, params)]
    steps = [count for one in found for count in one.steps]
    return [one.correct for one in found], sum(steps) / max(1, len(steps))


def measured(name: str, right: list[bool], base: list[bool], steps: float) -> Measured:
    """Compare with Balanced, question by question."""
    only_this = sum(mine and not theirs for mine, theirs in zip(right, base, strict=True))
    only_base = sum(theirs and not mine for mine, theirs in zip(right, base, strict=True))
    return Measured(name, len(right), sum(right), steps, only_this, only_base, sign_test(only_this, only_base))


def sign_test(wins: int, losses: int) -> float:
    """Two-sided chance of a split at least as uneven, if both were equally good."""
    total, few = wins + losses, min(wins, losses)
    tail = sum(math.comb(total, count) for count in range(few + 1)) / 2**total
    return min(1.0, 2 * tail)


def shown(line: Measured) -> str:
    """One line of the table."""
    return (
        f"{line.name:36} {line.right:5} of {line.asked} right ({line.right / line.asked:.1%}), {line.steps:5.2f} steps"
        f" a block; only this {line.only_this}, only Balanced {line.only_balanced}, chance {line.chance:.2f}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
