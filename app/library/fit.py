"""What this machine would do with a model, before it is downloaded: the planner's verdict in words."""

from __future__ import annotations

from app.library import texts
from app.library.catalogue import CatalogueEntry
from app.library.values import Advice, Computer, Fit
from inference.backends.memory import BYTES_PER_WEIGHT
from inference.engines.planning import DEFAULT_CONTEXT, RAM_SHARE, for_engines, model_shape
from inference.model_config import ModelConfig
from trt_engines.planning.planner import Plan, Refusal, best_of, plans
from trt_engines.planning.probe import DetectedGpu
from trt_engines.planning.processor import LARGE_MODEL, ProcessorPlan, processor_plan
from trt_engines.planning.shape import ModelShape

# What a checkpoint is worth taking for; a precision finer than the stored one gives no better answers.
SENSIBLE = {
    "modelopt-nvfp4": ("nvfp4", "int4"),
    "compressed-nvfp4": ("nvfp4", "int4"),
    "compressed-fp8": ("fp8", "int4"),
}
SAME_SIZE = 5e9  # bytes of a download that make no difference
LARGE = 8e9  # bytes of weights that a processor reads at every step; from there on it is slow
SLOW = 12.0  # tokens a second: slower than people read


def fit_of(shape: ModelShape, layout: str, card: DetectedGpu | None, machine: Computer, missing: int) -> Fit:
    """The verdict on one model.

    Args:
        shape: Its numbers.
        layout: How its weights are stored ("plain", "modelopt-nvfp4", ...).
        card: The graphics card, None if there is none.
        machine: The machine around it.
        missing: Bytes that still have to be downloaded, which take their room before engines do.
    """
    on_processor = processor_fit(shape, machine, missing)
    if card is None:
        hint = (
            f"{on_processor.text} {on_processor.hint}".strip() if machine.processor.kernels else texts.NEEDS_CARD_HINT
        )
        return on_processor if on_processor.runs else Fit("no", texts.needs_card(machine.why_no_card), hint)
    gpu, around = for_engines(card, machine.ram, max(0, machine.free_disk - missing))
    allowed = SENSIBLE.get(layout)
    found = plans(shape, gpu, around, min(DEFAULT_CONTEXT, shape.max_context))
    sensible = [plan for plan in found if isinstance(plan, Plan) and (not allowed or plan.precision.name in allowed)]
    if sensible:
        return _of_plan(best_of(sensible), card.gpu.name)
    refusal = next((one for one in reversed(found) if isinstance(one, Refusal)), None)
    if on_processor.runs:
        return on_processor
    if refusal is None:
        return Fit("no", texts.too_old(card.gpu.name, card.gpu.sm, layout), texts.TOO_OLD_HINT)
    return Fit("no", refusal.reason, refusal.hint)


def fit_of_config(
    config: ModelConfig | None, layout: str, card: DetectedGpu | None, machine: Computer, missing: int
) -> Fit:
    """The verdict on a model whose configuration may not be known."""
    if config is None:
        return Fit("unknown", texts.FIT_UNKNOWN)
    return fit_of(model_shape(config), layout, card, machine, missing)


def processor_fit(shape: ModelShape, machine: Computer, missing: int = 0) -> Fit:
    """Whether the processor could hold it, and how fast a large one would be."""
    if shape.parameters >= LARGE_MODEL and machine.processor.kernels:
        found = processor_plan(shape, machine.ram, machine.free_disk - missing, machine.processor.speed)
        if not isinstance(found, ProcessorPlan):
            return Fit("no", found.reason, found.hint)
        rate = found.tokens_per_second
        text = texts.runs_on_processor(rate, found.block_seconds, found.memory, found.disk)
        return Fit("processor", text, texts.SLOW_HINT if 0 < rate < SLOW else "", tokens_per_second=rate)
    needed = shape.parameters * BYTES_PER_WEIGHT
    if needed < RAM_SHARE * machine.ram:
        return Fit("processor", texts.fits_processor(needed), texts.SLOW_PROCESSOR_HINT if needed > LARGE else "")
    return Fit("no", texts.too_large_for_processor(needed, machine.ram))


def advice_for(fits: dict[CatalogueEntry, Fit], machine: Computer) -> Advice:
    """Which model of the list suits this machine, and why.

    The one whose stored form is the engines' own, so that nothing is downloaded that is thrown away when engines are
    built; among equals the smaller download.
    """
    running = {entry: fit for entry, fit in fits.items() if fit.runs}
    if not running:
        if machine.why_no_card:
            return Advice("", texts.NOTHING_WITHOUT_MEMORY if machine.processor.kernels else texts.NOTHING_WITHOUT_CARD)
        smallest = min(fits, key=lambda entry: entry.bytes, default=None)
        return Advice("", texts.nothing_runs(fits[smallest].text if smallest is not None else ""))
    resident = {entry: fit for entry, fit in running.items() if fit.verdict == "resident"} or running
    fastest = max(fit.tokens_per_second for fit in resident.values())
    quick = {entry: fit for entry, fit in resident.items() if fit.tokens_per_second >= 0.6 * fastest}
    exact = _exactness(quick)
    equal = [one for one in quick if _rank(quick[one]) == exact]
    entry = min(equal, key=lambda one: round(one.bytes / SAME_SIZE))  # the first of the list among about equal ones
    return Advice(f"catalogue:{entry.id}", texts.advice(entry.title, quick[entry].text, entry.bytes))


def _of_plan(plan: Plan, card: str) -> Fit:
    share = plan.resident / plan.segments
    text = texts.fits_card(card, plan.precision.name, plan.streamed, share, plan.tokens_per_second)
    return Fit(
        "streamed" if plan.streamed else "resident",
        text,
        texts.SLOW_HINT if plan.tokens_per_second < SLOW else "",
        plan.precision.name,
        plan.tokens_per_second,
        plan.disk_bytes,
        plan.build_seconds,
        plan.pinned_bytes,
    )


_ORDER = ("bf16", "fp16", "fp8", "nvfp4", "int4", "")


def _rank(fit: Fit) -> int:
    return _ORDER.index(fit.precision) if fit.precision in _ORDER else len(_ORDER)


def _exactness(fits: dict[CatalogueEntry, Fit]) -> int:
    return min(_rank(fit) for fit in fits.values())
