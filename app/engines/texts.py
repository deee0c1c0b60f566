"""What is said of engines, in the window and on the command line, so that both say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.base.units import duration, gibibytes, moment, size, token_rate

if TYPE_CHECKING:
    from trt_engines.planning.planner import Plan


# -- names -----------------------------------------------------------------------------------------------------------

FLAVOURS = {"tensorrt_rtx": "TensorRT for RTX", "tensorrt": "TensorRT"}
PRECISIONS = {
    "bf16": "BF16 (16 bits, as the model was made)",
    "fp16": "FP16 (16 bits)",
    "fp8": "FP8 (8 bits)",
    "nvfp4": "NVFP4 (4 bits)",
    "int4": "INT4 (4 bits)",
}
STATES = {
    "absent": "not built",
    "stale": "out of date",
    "partial": "unfinished",
    "damaged": "damaged",
    "untested": "not tested",
    "failed": "self-test failed",
    "ready": "ready",
}
_PARTS = {
    "embed": "input",
    "head": "output",
    "logits": "chosen words",
    "beliefs": "likelihoods",
    "mixed": "mixtures of words",
}


def flavour_name(name: str, version: str) -> str:
    """ "TensorRT for RTX 1.7.1"."""
    return f"{FLAVOURS.get(name, name)} {version}"


def precision_name(name: str) -> str:
    """A precision for people."""
    return PRECISIONS.get(name, name.upper())


def part_name(part: str, cuts: Sequence[tuple[int, int]]) -> str:
    """A part of an engine set for people: "layers 6 to 10"."""
    for first, last in cuts:
        if part == f"stack{first:02}":
            return f"layers {first + 1} to {last}" if last > first + 1 else f"layer {last}"
    return _PARTS.get(part, part)


# -- why there is nothing to build or to test ------------------------------------------------------------------------

NO_MODEL_FILES = "This model has no files, so there is nothing to build engines from."
NO_MODEL_FILES_HINT = "Open a model folder in the menu Model."
CANNOT_BUILD_HINT = "Data-center cards need the classic TensorRT: pip install tensorrt."
SET_NOT_READABLE_HINT = "Check the data folder and its disk."
NOT_BUILT = "There are no finished engines for this model here."
NOT_BUILT_HINT = "Build them first."
BEING_BUILT = "These engines are being built at this moment."
BEING_BUILT_HINT = "Stop the build first."


def cannot_compute(card: str, precision: str) -> str:
    """The card is too old for a precision."""
    return f"{card} cannot compute with {precision.upper()} weights."


def cannot_build(flavour: str, card: str, sm: int) -> str:
    """The installed TensorRT does not know the card."""
    return f"{flavour} cannot build engines for {card} (compute capability {sm / 10:.1f})."


def unknown_card(name: str, known: Sequence[str]) -> tuple[str, str]:
    """No card of that name is in the table or in this computer."""
    return f"There is no card {name!r} in the table.", f"Known are: {', '.join(known)}."


def unknown_precision(name: str, possible: Sequence[str]) -> tuple[str, str]:
    """The precision that was asked for does not run."""
    return f"The model does not run in {name!r} on this card.", f"It runs in: {', '.join(possible)}."


def set_not_readable(reason: str) -> str:
    """A system error while engines were looked at."""
    return f"The engines cannot be read or written ({reason})."


# -- planning --------------------------------------------------------------------------------------------------------

PLAN_MARK = "* is what would be built: of the fast ones the most exact."
_ALL_ON_CARD = "all on the card"


def speed(tokens_per_second: float, step_seconds: float) -> str:
    """What the planner expects."""
    step = step_seconds * 1000
    return f"about {token_rate(tokens_per_second)} ({step:,.{0 if step >= 10 else 1}f} ms a step)"


def placement(resident: int, segments: int) -> str:
    """Where the weights lie while the model runs."""
    if resident >= segments:
        return _ALL_ON_CARD
    return f"{resident} of {segments} segments on the card, the others streamed in at every step"


def context_outside(most: int, context: int) -> str:
    """A context that the model does not have."""
    return f"The context must be within 1 and {most:,} tokens, not {context:,}."


def longest_context(tokens: int) -> str:
    """How far the memory of the card reaches."""
    return f"The longest context that would run: {tokens:,} tokens."


def plan_head(model: str, card: str, sm: int, card_free: int, free: int, context: int) -> str:
    """What the plans are about."""
    return (
        f"{model} on {card} (SM {sm // 10}.{sm % 10}, {gibibytes(card_free)} free; machine "
        f"{gibibytes(free)} free), context {context:,} tokens"
    )


def plan_line(plan: Plan) -> str:
    """All that is known of one way to run a model."""
    where = f"{plan.resident} of {plan.segments} segments on the card" if plan.streamed else _ALL_ON_CARD
    return (
        f"{plan.precision.name:6} {where}, {gibibytes(plan.gpu_bytes)} there and {gibibytes(plan.pinned_bytes)} "
        f"streamed: {plan.step_seconds * 1000:,.0f} ms a step (waits for {plan.limit}), "
        f"{token_rate(plan.tokens_per_second)}; disk {gibibytes(plan.disk_bytes)}, build "
        f"{max(1, round(plan.build_seconds / 60))} min"
    )


def refused_line(reason: str, hint: str) -> str:
    """A way that does not run."""
    return f"does not run: {reason} {hint}".strip()


# -- building --------------------------------------------------------------------------------------------------------

NO_LOG = "There is no log yet."


def segment_line(number: int, count: int, name: str) -> str:
    """Which part is in the making."""
    return f"Segment {number} of {count} ({name})"


def build_head(model: str, precision: str, card: str, context: int) -> str:
    """What is built."""
    return f"{model} in {precision.upper()} for {card}, context {context:,} tokens"


def build_line(number: int, count: int, name: str, phase: str) -> str:
    """Which part is in the making, and what TensorRT is doing with it."""
    return f"{segment_line(number, count, name)} \u00b7 {phase}"


def progress_line(fraction: float, seconds_left: float | None) -> str:
    """How far the whole is."""
    left = f", about {duration(seconds_left)} left" if seconds_left is not None and fraction < 1 else ""
    return f"{int(fraction * 100)} %{left}"


def kept(done: int, count: int) -> str:
    """After a build was stopped."""
    if done == 0:
        return "Stopped. No segment was finished yet."
    return f"Stopped. {done} of {count} segments are finished and kept; the next build goes on from there."


def built(model: str, precision: str, seconds: float) -> str:
    """After a build."""
    return f"The engines of {model} in {precision.upper()} are built ({duration(seconds)})."


# -- testing ---------------------------------------------------------------------------------------------------------

PASSED = "The self-test passed: the engines compute what they should."
STOPPED_TEST = "The self-test was stopped. Until it passes, these engines are not used."
TESTED_ELSEWHERE = "They cannot be tested here, because this card is not in this computer."


def check_line(name: str, error: float, tolerance: float, passed: bool) -> str:
    """One part of the self-test."""
    return f"{name}: error {error:.3g}, allowed {tolerance:.3g}, {'passed' if passed else 'FAILED'}"


TOO_LARGE = "numbers of this model are larger than this precision can hold on this card"


def test_failed(name: str, error: float, tolerance: float, overflow: bool) -> str:
    """A part computes something else than the reference."""
    why = f" The {TOO_LARGE}." if overflow else ""
    return (
        f"The self-test failed: {name} is off by {error:.3g}, and {tolerance:.3g} is allowed.{why} "
        "These engines are not used; build them again, or choose another precision."
    )


# -- sets on this disk -----------------------------------------------------------------------------------------------

NO_SETS = "There are no engines on this disk."
NO_MANIFEST = "its list of parts is missing or damaged"
NOTHING_TO_PRUNE = "Nothing to remove: all engines on this disk can still be used."
REMOVE_QUESTION = "Remove them? [y/N] "
NOT_ASKED = "Nothing was removed; add --yes to remove them."


def superseded(built_at: str) -> str:
    """A newer complete set does the same."""
    return f"a newer one was built on {moment(built_at)}"


def other_files(what: str) -> str:
    """The model was changed since."""
    return f"built from other {what}"


def prune_summary(count: int, freed: int) -> str:
    """What can be removed."""
    return f"{count} engine {'set' if count == 1 else 'sets'}, {size(freed)}, can be removed:"


def pruned(count: int, freed: int) -> str:
    """What was removed."""
    return f"{count} engine {'set was' if count == 1 else 'sets were'} removed; {size(freed)} came free."
