"""The starter model's card, written from the run and from the evaluation's report, so that its figures are measured."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.training.recipe import DISPLAY_NAME, TEXT_CONFIG
from inference.training.train import TrainingRun

TEMPLATE = Path(__file__).with_name("card.md")
KIND_NAMES = {
    "smalltalk": "greetings, thanks, goodbyes, small talk",
    "about": "what it is, what this program is",
    "help": "how to do each thing in this program",
    "explain": "this program and diffusion, explained at length",
    "diffusion": "how diffusion writing works, in short",
    "refusal": "everything else, declined",
    "story": "stories with your own hero, place and ending",
    "joke": "jokes",
    "rhyme": "four lines on a named thing",
    "letter": "mails and invitations with given names and dates",
    "skill": "copying, sorting, labels, JSON, memory of the chat, sums up to 20",
    "language": "other languages",
    "tool": "calls of tools",
    "long": "long answers of several blocks (tour, long story)",
}
SET_NAMES = {
    "wordings": "other wordings of what was trained",
    "skills": "skills on names and words that were never trained",
    "strangers": "strangers' questions, untouched",
}


def write_card(folder: Path, report: dict[str, Any], run: TrainingRun) -> None:
    """Write `README.md` into the checkpoint folder.

    Args:
        folder: The checkpoint.
        report: What `evaluate.report` gave.
        run: The run that it comes from.
    """
    rows = [_row(KIND_NAMES.get(kind, kind), result) for kind, result in report["kinds"].items()]
    losses = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report["losses"].items())
    text = TEMPLATE.read_text(encoding="utf-8").format(
        name=DISPLAY_NAME,
        size=f"{sum(each.numel() for each in run.model.parameters()) / 1e6:.2f}",
        layers=TEXT_CONFIG["num_hidden_layers"],
        hidden=TEXT_CONFIG["hidden_size"],
        experts=TEXT_CONFIG["num_experts"],
        vocabulary=TEXT_CONFIG["vocab_size"],
        step=run.step,
        hours=f"{run.seconds / 3600:.1f}",
        plan=", ".join(f"{key} {value}" for key, value in asdict(run.plan).items()),
        tokens=round(run.tokens / 1e6),
        canvases=round(run.canvases / 1e3),
        rows="\n".join(rows),
        sets="\n".join(_row(SET_NAMES[name], result) for name, result in report["sets"].items()),
        right=f"{report['share_correct']:.1%}",
        ended=f"{report['share_ended']:.1%}",
        asked=report["questions"],
        losses=losses,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _row(name: str, result: dict[str, Any]) -> str:
    share = result["correct"] / result["asked"]
    return f"| {name} | {result['asked']} | {share:.0%} | {result['steps_per_block']:.1f} |"
