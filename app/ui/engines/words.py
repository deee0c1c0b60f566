"""Labels and sentences of the engine card (what commands say, too: `app.engines.texts`)."""

from __future__ import annotations

ENGINES = "Engines"
LOOKING = "Looking at the graphics card \u2026"
ENGINE_HEADLINES = {
    "absent": "Not built yet",
    "stale": "Out of date",
    "partial": "Unfinished",
    "damaged": "Damaged",
    "untested": "Not tested yet",
    "failed": "The self-test failed",
    "ready": "Ready",
}
ENGINE_HINTS = {
    "absent": "Engines let the model run on the graphics card.",
    "stale": "Build them again to use the graphics card.",
    "partial": "The next build goes on from there.",
    "damaged": "Repair builds the damaged segments again.",
    "untested": "Engines are used only after their self-test.",
    "failed": "These engines are not used. Build them again, or choose another precision.",
    "ready": "The engines have passed their self-test on this card.",
}
BUILD_LABELS = {"absent": "Build", "partial": "Go on building", "damaged": "Repair"}
REBUILD = "Rebuild"
NOT_ON_THIS_CARD = "This model does not run on this card"
DOES_NOT_RUN = "Does not run"
SHOW_LOG = "Show log"
ENGINES_STOPPING = "Stopping; what is finished is kept \u2026"
ENGINES_BUILT = "Engines are built."
ENGINES_TESTED = "The engines are built and have passed their self-test."
ENGINES_FAILED = "The engines failed their self-test and are not used. See Engines in the menu Model."
ENGINES_STOPPED = "The build was stopped. What is finished is kept."
ENGINES_TEST_STOPPED = "The self-test was stopped."
NOT_TESTED = "not run yet"


def engine_subject(model: str, card: str) -> str:
    """What the card is about."""
    return f"{model} on {card}" if card else model


def off_by(part: str, error: float, tolerance: float) -> str:
    """Why a self-test failed."""
    return f"{part} off by {error:.3g}, where {tolerance:.3g} is allowed"


def reasons_line(reasons: tuple[str, ...]) -> str:
    """Why engines are not ready, as a sentence."""
    text = "; ".join(reasons)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def other_work(model: str, precision: str) -> str:
    """The engines of another model, or in another precision, are in the making."""
    return f"{model} \u00b7 {precision.upper()}"


def engines_link(testing: bool, fraction: float) -> str:
    """In the header, while engines are built or tested."""
    return "Testing engines \u2026" if testing else f"Building engines \u00b7 {int(fraction * 100)} %"


def testing_line(done: int, count: int) -> str:
    """While the self-test runs."""
    return f"Self-test: {done} of {count} segments compared with the processor"


def card_fact(name: str, memory: str, sm: int, here: bool) -> str:
    """The graphics card."""
    facts = [name, memory, f"compute capability {sm / 10:.1f}"]
    return " \u00b7 ".join(facts if here else [*facts, "not in this computer"])


def disk_fact(needed: str, free: str, there: bool) -> str:
    """What engines take of the disk."""
    return f"{needed} \u00b7 {free} free" if there else f"about {needed} (estimate) \u00b7 {free} free"


def built_fact(when: str, seconds: str) -> str:
    """When engines were built."""
    return f"{when} \u00b7 took {seconds}"


def build_estimate(duration: str) -> str:
    """How long a build would take."""
    return f"not yet; takes about {duration} (estimate)"


def test_fact(passed: bool, when: str, driver: str, count: int, worst: float, allowed: float) -> str:
    """The result of the self-test."""
    return (
        f"{'passed' if passed else 'failed'} on {when} with driver {driver} \u00b7 "
        f"{count} {'segment' if count == 1 else 'segments'}, largest error {worst:.3g}, allowed {allowed:.3g}"
    )


def oracle_fact(passed: bool, mean: float, expected: float) -> str:
    """The whole model beside the numbers that Google's gave elsewhere."""
    judgement = "as expected" if passed else "more than expected: please report it"
    return f" \u00b7 logits of the original: {mean:.2g} away, {expected:.2g} expected at most ({judgement})"


def disk_line(count: int, size: str) -> str:
    """Below the card: all engines of this computer."""
    return f"All engines on this disk: {count} {'set' if count == 1 else 'sets'}, {size}"


def free_label(size: str) -> str:
    """The button that removes what can never be used again."""
    return f"Free {size} \u2026"


def delete_question(model: str, precision: str) -> str:
    """Before engines are deleted."""
    return f"Delete the engines of {model} in {precision.upper()}?"


def delete_detail(size: str, duration: str, stays: str) -> str:
    """What that means, with a sentence on what is left in the folder, if anything is."""
    return f"{size} come free. They can be built again, which takes about {duration}. {stays}".rstrip()


def rebuild_question(model: str, precision: str) -> str:
    """Before engines that are there are built anew."""
    return f"Build the engines of {model} in {precision.upper()} again?"


def rebuild_detail(duration: str) -> str:
    """What that means."""
    return f"Those that are there are removed first. The build takes about {duration}."


def prune_question(count: int, size: str) -> str:
    """Before what is useless is removed."""
    return f"Remove {count} engine {'set' if count == 1 else 'sets'} and free {size}?"


def prune_row(model: str, precision: str, card: str, size: str, reasons: tuple[str, ...]) -> str:
    """One set that would go."""
    what = " \u00b7 ".join(word for word in (model, precision.upper(), card, size) if word)
    return f"{what}: {'; '.join(reasons)}" if reasons else what


def engines_removed(size: str) -> str:
    """After engines were removed."""
    return f"Removed; {size} came free."


def log_title(part: str) -> str:
    """Title of the log."""
    return f"Log of {part}" if part else "Log"
