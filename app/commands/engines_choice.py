"""Which engines a command is about: the arguments that `build` and `verify` share, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from app.base.errors import AppError, KnownAppError
from app.base.paths import AppPaths, starter_model_folder
from app.commands.arguments import MOST_TOKENS, folder, whole
from app.engines import texts
from app.engines.service import EngineService
from app.engines.values import EngineOffer, EngineStatus
from app.library.services import LibraryServices

COMPLETE = ("untested", "failed", "ready")


def new_service() -> EngineService:
    """The service on the data folder."""
    return LibraryServices.open(AppPaths.resolve()).engines


def add_choice_arguments(parser: argparse.ArgumentParser) -> None:
    """--model, --gpu, --precision, --context and --json."""
    parser.add_argument("--model", metavar="DIR", type=folder, help="model folder; the starter model if left out")
    parser.add_argument(
        "--gpu", metavar="NAME", help='a card by name, "RTX 4070"; the one of this computer if left out'
    )
    parser.add_argument(
        "--precision", metavar="NAME", choices=tuple(texts.PRECISIONS), help=f"one of {', '.join(texts.PRECISIONS)}"
    )
    parser.add_argument(
        "--context", metavar="TOKENS", type=whole("--context", 1, MOST_TOKENS), help="known tokens to have room for"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def chosen(
    options: argparse.Namespace, service: EngineService, pick: Callable[[EngineStatus], EngineOffer | None]
) -> tuple[EngineStatus, EngineOffer]:
    """What the arguments mean; `pick` chooses where no precision was named.

    Raises:
        AppError: The model does not run on the card, or not in that precision.
    """
    status = service.status(options.model or starter_model_folder(), gpu=options.gpu, context=options.context)
    if status.problem is not None:
        kind = KnownAppError if status.problem.kind == "known" else AppError
        raise kind(status.problem.text, status.problem.hint)
    if options.precision is None:
        offer = pick(status)
    else:
        offer = status.offer(options.precision)
        if offer is None:
            raise _not_possible(status, options.precision)
    if offer is None:
        raise KnownAppError(texts.NOT_BUILT, texts.NOT_BUILT_HINT)
    return status, offer


def recommended(status: EngineStatus) -> EngineOffer | None:
    """The offer to build."""
    return status.recommended


def finished(status: EngineStatus) -> EngineOffer | None:
    """The recommended offer if its engines are there, else the first whose engines are."""
    there = [offer for offer in status.offers if offer.state.name in COMPLETE]
    return next((offer for offer in there if offer.recommended), there[0] if there else None)


def _not_possible(status: EngineStatus, precision: str) -> KnownAppError:
    refused = next((each for each in status.refused if each.precision == precision), None)
    if refused is not None:
        return KnownAppError(refused.reason, refused.hint)
    return KnownAppError(*texts.unknown_precision(precision, [offer.precision for offer in status.offers]))
