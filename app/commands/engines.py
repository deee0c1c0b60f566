"""`python -m app engines COMMAND`: the engines that run models on the graphics card, without a window."""

from __future__ import annotations

from collections.abc import Sequence

from app.commands.engines_build import add_build
from app.commands.engines_list import add_list, add_prune
from app.commands.engines_plan import add_plan
from app.commands.engines_verify import add_verify
from trt_engines.arguments import TextParser


def main(arguments: Sequence[str]) -> int:
    """Run `engines` with its own arguments; returns the exit status.

    Raises:
        AppError, EngineError, InferenceError: What went wrong, in one sentence.
    """
    parser = TextParser(prog="dewpoint engines", description="TensorRT engines.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_list, add_plan, add_build, add_verify, add_prune):
        add(commands)
    options = parser.parse_args(arguments)
    return int(options.command(options))
