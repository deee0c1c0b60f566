"""`python -m inference.training`: train (stop and go on), measure, evaluate, publish."""

from __future__ import annotations

import argparse
import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from inference.params import SamplerParams
from inference.training.card import write_card
from inference.training.corpus import load_intents
from inference.training.evaluate import by_kind, by_set, evaluate, held_out_losses, losses_of, report, write_json
from inference.training.publish import TOKENIZER_FILES, publish
from inference.training.speed import measure
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
    train.add_argument(
        "--steps", type=int, default=TrainingPlan().steps, help="steps of the whole run; may change from start to start"
    )
    train.add_argument("--until", type=int, default=None, help="stop after this step and go on another time")
    train.add_argument(
        "--from", dest="start", type=Path, default=None, help="begin a new run with the weights of this checkpoint"
    )
    train.set_defaults(command=_train)
    publish_ = commands.add_parser("publish", help="write the run's averaged weights as a checkpoint folder")
    publish_.add_argument("--run", type=Path, default=Path("runs/starter"))
    publish_.add_argument("--model", type=Path, default=STARTER)
    publish_.set_defaults(command=_publish)
    speed = commands.add_parser("speed", help="how fast training is here, in processor time; keeps nothing")
    speed.add_argument(
        "--run", type=Path, default=Path("runs/starter"), help="whose tokenizer; made where it is missing"
    )
    speed.add_argument("--steps", type=int, default=6)
    speed.add_argument("--eager", action="store_true", help="without compiled layers")
    speed.set_defaults(command=_speed)
    losses = commands.add_parser("losses", help="cross-entropy of a run's averaged weights on unseen chats")
    losses.add_argument("--run", type=Path, default=Path("runs/starter"))
    losses.add_argument("--chats", type=int, default=200)
    losses.set_defaults(command=_losses)
    test = commands.add_parser("evaluate", help="ask chats whose wording is not in the training data")
    test.add_argument("--model", type=Path, default=STARTER)
    test.add_argument("--of-run", action="store_true", help="ask the run's averaged weights as they are now, instead")
    test.add_argument("--seed", type=int, default=1)
    test.add_argument("--per-kind", type=int, default=None, help="at most so many questions of each kind")
    test.add_argument("--json", type=Path, default=None, help="also write the report here")
    test.add_argument("--card", action="store_true", help="write the model card from the report and the run")
    test.add_argument("--run", type=Path, default=Path("runs/starter"), help="the run of the card or of --of-run")
    test.add_argument("--show", action="store_true", help="print every wrong answer")
    for name, kind in (("steps", int), ("t-max", float), ("t-min", float), ("entropy-bound", float)):
        test.add_argument(f"--{name}", type=kind, default=None)
    test.add_argument("--confidence", type=float, default=None)
    test.set_defaults(command=_evaluate)
    for command in (train, publish_, speed, losses, test):
        command.add_argument("--threads", type=int, default=2)
    return parser


def _train(options: argparse.Namespace) -> int:
    if options.start is not None and not (options.run / "tokenizer.json").exists():
        options.run.mkdir(parents=True, exist_ok=True)
        for name in TOKENIZER_FILES:  # weights mean nothing without the tokenizer they were trained with
            shutil.copyfile(options.start / name, options.run / name)
    _need_tokenizer(options.run)
    run = TrainingRun(options.run, replace(TrainingPlan(), seed=options.seed, steps=options.steps))
    if options.start is not None and run.step == 0:
        run.begin_with(options.start)
    run.train(options.until or options.steps)
    return 0


def _need_tokenizer(folder: Path) -> None:
    if not (folder / "tokenizer.json").exists():
        save_tokenizer(train_tokenizer(load_intents()), folder)


def _speed(options: argparse.Namespace) -> int:
    _need_tokenizer(options.run)
    found = measure(options.run, options.steps, not options.eager)
    print(
        f"{found.tokens:.0f} tokens and {found.answers:.1f} answers a second of processor time, "
        f"{found.seconds_a_step:.2f} s a step ({options.threads} threads)"
    )
    return 0


def _publish(options: argparse.Namespace) -> int:
    run = TrainingRun(options.run, TrainingPlan())
    number = publish(run.averaged_model(), options.run, options.model)
    print(f"step {run.step} written to {options.model}; its graphs have the number {number} (inference/graphs/made.py)")
    return 0


def _losses(options: argparse.Namespace) -> int:
    run = TrainingRun(options.run, TrainingPlan())
    found = losses_of(run.averaged_model(), run.tokenizer, 1, options.chats)
    print(f"step {run.step}, {run.seconds / 3600:.2f} hours: {found}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    sampler = SamplerParams(
        max_denoising_steps=options.steps,
        t_max=options.t_max,
        t_min=options.t_min,
        entropy_bound=options.entropy_bound,
        confidence_threshold=options.confidence,
    )
    with tempfile.TemporaryDirectory() as made:
        folder = options.model
        if options.of_run:
            folder = Path(made)
            publish(TrainingRun(options.run, TrainingPlan()).averaged_model(), options.run, folder)
        answers = evaluate(folder, options.per_kind, options.seed, sampler)
        result = report(answers, held_out_losses(folder, options.seed))
    if options.show:
        for answer in answers:
            if not answer.correct:
                print(f"{answer.kind:10} {answer.turns!r} -> {answer.answer!r} {answer.steps}")
    for kind, group in {**by_kind(answers), **by_set(answers)}.items():
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
        write_card(options.model, result, run)
    return 0
