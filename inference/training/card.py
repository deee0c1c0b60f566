"""The starter model's card, written from the run and from the evaluation's report, so that its figures are measured."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.training.recipe import DISPLAY_NAME, TEXT_CONFIG
from inference.training.train import TrainingPlan

TEMPLATE = Path(__file__).with_name("card.md")
KIND_NAMES = {
    "smalltalk": "greetings, thanks, goodbyes, small talk",
    "about": "what it is, what this program is",
    "help": "how to do each thing in this program",
    "diffusion": "how diffusion writing works",
    "refusal": "everything else, declined",
    "story": "tiny stories about an animal or thing that the user names",
    "joke": "jokes",
    "count": "counting",
    "sum": "plus, minus, times with small numbers",
    "capital": "capitals of well-known countries",
    "fact": "everyday facts (colours, days, months, opposites, word meanings)",
    "long": "long answers of several blocks (tour, long story, diffusion in detail)",
}


def write_card(folder: Path, report: dict[str, Any], plan: TrainingPlan, step: int, hours: float, size: int) -> None:
    """Write `README.md` into the checkpoint folder.

    Args:
        folder: The checkpoint.
        report: What `evaluate.report` gave.
        plan: The run's plan.
        step: Steps the run has done.
        hours: Hours of training.
        size: Parameters of the text model.
    """
    rows = [_row(KIND_NAMES.get(kind, kind), result) for kind, result in report["kinds"].items()]
    losses = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report["losses"].items())
    text = TEMPLATE.read_text(encoding="utf-8").format(
        name=DISPLAY_NAME,
        size=f"{size / 1e6:.2f}",
        layers=TEXT_CONFIG["num_hidden_layers"],
        hidden=TEXT_CONFIG["hidden_size"],
        experts=TEXT_CONFIG["num_experts"],
        vocabulary=TEXT_CONFIG["vocab_size"],
        step=step,
        hours=f"{hours:.1f}",
        plan=", ".join(f"{key} {value}" for key, value in asdict(plan).items()),
        rows="\n".join(rows),
        right=f"{report['share_correct']:.1%}",
        ended=f"{report['share_ended']:.1%}",
        asked=report["questions"],
        losses=losses,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _row(name: str, result: dict[str, Any]) -> str:
    share = result["correct"] / result["asked"]
    return f"| {name} | {result['asked']} | {share:.0%} | {result['steps_per_block']:.1f} |"
