"""`python -m inference.training`: tokenizer, train (stop and go on), evaluate, publish."""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from inference.params import SamplerParams
from inference.training.card import write_card
from inference.training.corpus import load_intents
from inference.training.evaluate import by_kind, evaluate, held_out_losses, report, write_json
from inference.training.publish import TOKENIZER_FILES, publish
from inference.training.train import TrainingPlan, TrainingRun
from inference.training.vocabulary import save_tokenizer, train_tokenizer

STARTER = Path(__file__).resolve().parents[2] / "resources" / "starter"


def main(arguments: Sequence[str] | None = None) -> int:
    """TrainingRun one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    return int(options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference.training", description=__doc__)
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="train the starter model, or go on where the run stopped")
    train.add_argument("--run", type=Path, default=Path("runs/starter"), help="folder of the run")
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--steps", type=int, default=TrainingPlan().steps, help="steps of the whole run")
    train.add_argument("--until", type=int, default=None, help="stop after this step and go on another time")
    train.add_argument(
        "--from", dest="start", type=Path, default=None, help="begin a new run with the weights of this checkpoint"
    )
    train.set_defaults(command=_train)
    publish_ = commands.add_parser("publish", help="write the run's averaged weights as a checkpoint folder")
    publish_.add_argument("--run", type=Path, default=Path("runs/starter"))
    publish_.add_argument("--model", type=Path, default=STARTER)
    publish_.set_defaults(command=_publish)
    test = commands.add_parser("evaluate", help="ask questions whose wording is not in the training data")
    test.add_argument("--model", type=Path, default=STARTER)
    test.add_argument("--seed", type=int, default=1)
    test.add_argument("--per-kind", type=int, default=None, help="at most so many questions of each kind")
    test.add_argument("--json", type=Path, default=None, help="also write the report here")
    test.add_argument("--card", action="store_true", help="write the model card from the report and the run")
    test.add_argument("--run", type=Path, default=Path("runs/starter"), help="the run that the card describes")
    test.add_argument("--show", action="store_true", help="print every wrong answer")
    for name, kind in (("steps", int), ("t-max", float), ("t-min", float), ("entropy-bound", float)):
        test.add_argument(f"--{name}", type=kind, default=None)
    test.add_argument("--confidence", type=float, default=None)
    test.set_defaults(command=_evaluate)
    for command in (train, publish_, test):
        command.add_argument("--threads", type=int, default=2)
    return parser


def _train(options: argparse.Namespace) -> int:
    options.run.mkdir(parents=True, exist_ok=True)
    if options.start is not None and not (options.run / "tokenizer.json").exists():
        for name in TOKENIZER_FILES:  # weights mean nothing without the tokenizer they were trained with
            shutil.copyfile(options.start / name, options.run / name)
    if not (options.run / "tokenizer.json").exists():
        save_tokenizer(train_tokenizer(load_intents(decline=False)), options.run)
    run = TrainingRun(options.run, replace(TrainingPlan(), seed=options.seed, steps=options.steps))
    if options.start is not None and run.step == 0:
        run.begin_with(options.start)
    run.train(options.until or options.steps)
    return 0


def _publish(options: argparse.Namespace) -> int:
    run = TrainingRun(options.run, TrainingPlan())
    publish(run.averaged_model(), options.run, options.model)
    print(f"step {run.step} written to {options.model}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    sampler = SamplerParams(
        max_denoising_steps=options.steps,
        t_max=options.t_max,
        t_min=options.t_min,
        entropy_bound=options.entropy_bound,
        confidence_threshold=options.confidence,
    )
    answers = evaluate(options.model, options.per_kind, options.seed, sampler)
    result = report(answers, held_out_losses(options.model, options.seed))
    if options.show:
        for answer in answers:
            if not answer.correct:
                print(f"{answer.kind:10} {answer.wording!r} -> {answer.answer!r} {answer.steps}")
    for kind, group in by_kind(answers).items():
        share = group.correct / group.asked
        print(
            f"{kind:10} {group.correct:4} of {group.asked:4} right ({share:6.1%}), {group.ended} ended, "
            f"{group.settled} settled, {group.steps_per_block:.1f} steps a block"
        )
    print(f"all        {result['correct']:4} of {result['questions']:4} right ({result['share_correct']:.1%})")
    print(f"losses     {result['losses']}")
    if options.json:
        write_json(options.json, result)
    if options.card:
        run = TrainingRun(options.run, TrainingPlan())
        size = sum(parameter.numel() for parameter in run.model.parameters())
        plan = replace(run.plan, steps=run.step)  # the run's own length, not the default
        write_card(options.model, result, plan, run.step, run.seconds / 3600, size)
    return 0
