"""`python -m app models COMMAND`: models on this disk and on the Hub, without a window."""

from __future__ import annotations

from collections.abc import Sequence

from app.commands.models_care import add_import, add_move, add_remove, add_token, add_verify
from app.commands.models_download import add_download
from app.commands.models_list import add_list, add_network, add_plan, add_show
from trt_engines.arguments import TextParser


def main(arguments: Sequence[str]) -> int:
    """Run `models` with its own arguments; returns the exit status.

    Raises:
        AppError, EngineError, InferenceError: What went wrong, in one sentence.
    """
    parser = TextParser(prog="dewpoint models", description="Models: find, fit, fetch, trust.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    adders = (
        add_list, add_show, add_plan, add_download, add_verify, add_import, add_remove, add_move, add_token,
        add_network,
    )  # fmt: skip
    for add in adders:
        add(commands)
    options = parser.parse_args(arguments)
    return int(options.command(options))
