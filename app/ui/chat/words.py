"""Sentences that only the window says (those of errors, settings and help are in `app.base.texts`)."""

from __future__ import annotations

from app.base import texts
from app.chats.messages import Message
from inference.events import Finished

PLACEHOLDER = "Write a message"
PLACEHOLDER_BUSY = "Write the next message; it can be sent when this answer is finished"
EXAMPLES: tuple[str, ...] = (
    "What are you, and what can you do?",
    "Why do words melt again?",
    "Tell me a tiny story about a hedgehog.",
    "How do I rename a chat?",
)
WAITING_FOR_MODEL = "Waiting for the model \u2026"
READING = "Reading the chat \u2026"
WRITING = "Writing \u2026"
NOT_LOADED = "No model is loaded"
STOPPING = "Stopping \u2026"
STOPPED_NOTE = "Stopped. What was finished is kept."
EMPTY_ANSWER = "The model finished without an answer. Try again, perhaps with a whole sentence."
BUSY_ELSEWHERE = "An answer is being written in another chat. Stop it, or wait until it is finished."
BUSY_HERE = "The answer is still being written. Stop it first, or wait until it is finished."
CLOSING_NOTE = "Dewpoint was closed while this answer was written."
DROPPED_TURNS = "The chat is longer than the model's memory: the oldest messages were left out."
SHOW_EARLIER = "Show earlier messages"
JUMP_TO_LATEST = "Go to the newest message"
REMOVED_MODEL = "The model folder of last time is gone, so Dewpoint started with the starter model."


def deleted(title: str) -> str:
    """In the undo bar."""
    return f"\u201c{title}\u201d was deleted."


def writing_status(block: int, step: int, max_steps: int) -> str:
    """While a block is denoised; `block` counts from 0."""
    return f"block {block + 1} \u00b7 step {step} of {max_steps}"


def loading_state(fraction: float) -> str:
    """In the header, while the model is loaded."""
    return f"Loading {round(fraction * 100)} %"


NO_CARD = " (no graphics card in use)"


def ready_state(device: str, why: str = "") -> str:
    """In the header, when the model can be asked."""
    return f"Ready \u00b7 {device}{NO_CARD if why else ''}"


def finished_status(finished: Finished) -> str:
    """The status line of an answer that has just ended."""
    steps, limit = finished.steps_per_block, finished.max_steps
    text = _status(steps, limit, finished.wall_seconds, finished.decode_tokens_per_second, finished.reason)
    return f"stopped by you \u00b7 {text}" if finished.reason == "cancelled" and steps else text


def stored_status(message: Message) -> str:
    """The status line of an answer from the history; "" if it is not known how it was made."""
    made = message.generation
    if made is None or made.max_steps is None or made.wall_seconds is None:
        return ""
    speed = made.decode_tokens_per_second or 0.0
    return _status(made.steps_per_block, made.max_steps, made.wall_seconds, speed, made.reason or "")


def _status(steps: tuple[int, ...], limit: int, seconds: float, speed: float, reason: str) -> str:
    if steps and steps[-1] >= limit and reason != "cancelled":
        return unsettled_status(steps, limit, seconds, speed)
    return texts.status_line(steps, limit, seconds, speed)


def unsettled_status(steps: tuple[int, ...], max_steps: int, seconds: float, tokens_per_second: float) -> str:
    """The status line of an answer whose last block hit the limit."""
    each = " + ".join(str(number) for number in steps)
    speed = f"{tokens_per_second:.0f}" if tokens_per_second >= 10 else f"{tokens_per_second:.1f}"
    return f"stopped at {each} of {max_steps} steps before settling \u00b7 {seconds:.1f} s \u00b7 {speed} tokens/s"


def sibling_label(number: int, count: int) -> str:
    """Which of several answers is shown; `number` counts from 0."""
    return f"{number + 1} of {count}"


# -- engines ---------------------------------------------------------------------------------------------------------

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
CANCEL = "Cancel"


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


def disk_line(count: int, size: str) -> str:
    """Below the card: all engines of this computer."""
    return f"All engines on this disk: {count} {'set' if count == 1 else 'sets'}, {size}"


def free_label(size: str) -> str:
    """The button that removes what can never be used again."""
    return f"Free {size} \u2026"


def delete_question(model: str, precision: str) -> str:
    """Before engines are deleted."""
    return f"Delete the engines of {model} in {precision.upper()}?"


def delete_detail(size: str, duration: str) -> str:
    """What that means."""
    return f"{size} come free. They can be built again, which takes about {duration}."


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
