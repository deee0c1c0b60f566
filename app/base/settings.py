"""The settings: each is declared once, with its default, its type, what is allowed, and the words for the dialog.

`Settings` is frozen; a change is `dataclasses.replace`. `app.base.settings_file` keeps it as JSON: written whole to a
temporary name, synced and renamed; a damaged file is set aside; keys of other versions are kept. `DECLARATIONS` lists
the declarations, from which the settings dialog is made.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from inference.params import SamplerParams

Value = bool | int | str
_META = "declaration"
TABS = {"look": "Look", "writing": "Writing", "model": "Model", "network": "Network", "data": "Data"}  # of the dialog
WATCH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Choice:
    """One allowed value and its label."""

    value: Value
    label: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one setting is.

    Attributes:
        name: Name of the field and key in the file.
        default: Value of a new installation.
        kind: bool, int or str.
        title: Label in the dialog; "" for what the program remembers by itself and the dialog leaves out.
        description: One or two sentences for the dialog and the README.
        choices: The allowed values, or () if any value of the kind is allowed.
        least: Least number allowed, for int.
        most: Greatest number allowed, for int.
        tab: Of the dialog, of `TABS`.
        unit: Behind a number, with its space.
        one: The same behind 1, if it differs.
        nothing: What is said instead of 0.
        step: Of the arrows beside a number.
    """

    name: str
    default: Value
    kind: type[Value]
    title: str = ""
    description: str = ""
    choices: tuple[Choice, ...] = ()
    least: int | None = None
    most: int | None = None
    tab: str = "writing"
    unit: str = ""
    one: str = ""
    nothing: str = ""
    step: int = 1

    @property
    def in_dialog(self) -> bool:
        """Whether the settings dialog shows it."""
        return bool(self.title)

    def say(self, value: Value) -> str:
        """A value as the dialog shows it."""
        if self.choices:
            return next((choice.label for choice in self.choices if choice.value == value), str(value))
        if self.kind is bool:
            return "on" if value else "off"
        if value == 0 and self.nothing:
            return self.nothing
        return f"{value}{self.one if value == 1 and self.one else self.unit}"

    def say_allowed(self) -> str:
        """All allowed values, for the table of docs/using.md."""
        if self.choices:
            return ", ".join(choice.label for choice in self.choices)
        if self.kind is bool:
            return "on, off"
        if self.least is None or self.most is None:
            return "any"
        if self.nothing:
            return f"{self.nothing}, or up to {self.most:,}{self.unit}"
        return f"{self.least:,} to {self.most:,}{self.unit}"

    def allows(self, value: object) -> bool:
        """Whether `value` may be stored."""
        if type(value) is not self.kind:  # a bool is an int for isinstance
            return False
        if self.choices and value not in [choice.value for choice in self.choices]:
            return False
        if isinstance(value, int) and self.least is not None and value < self.least:
            return False
        return not (isinstance(value, int) and self.most is not None and value > self.most)


def _setting(default: Value, **declared: Any) -> Any:
    return field(default=default, metadata={_META: {"default": default, "kind": type(default), **declared}})


def _choices(**labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(value, label) for value, label in labels.items())


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; every value is checked when it is made."""

    appearance: str = _setting(
        "system",
        tab="look",
        title="Appearance",
        description="Colours of the window.",
        choices=_choices(system="Follow the system", light="Light", dark="Dark"),
    )
    text_scale: int = _setting(
        100,
        tab="look",
        unit=" %",
        step=10,
        title="Text size",
        description="Size of all text, in percent of the system's.",
        least=100,
        most=200,
    )
    drafts: str = _setting(
        "full",
        tab="look",
        title="Show drafts",
        description="While an answer is made: Full shows every word of the draft, Calm only words that stay, where "
        "they stay, Off nothing before a block is finished.",
        choices=_choices(full="Full", calm="Calm", off="Off"),
    )
    pace: str = _setting(
        "watch",
        tab="look",
        title="Pace",
        description="Watchable gives every step at least a tenth of a second, so that you can see text condense; "
        "Full speed shows an answer as soon as it is there.",
        choices=_choices(watch="Watchable", full="Full speed"),
    )
    reduce_motion: bool = _setting(
        False, tab="look", title="Reduce motion", description="No fades; a draft changes at most twice a second."
    )
    preset: str = _setting(
        "balanced",
        tab="writing",
        title="Preset",
        description="Fast takes at most a third of the model's steps, Balanced the model's own values; "
        "with Careful the model must be five times as sure before a block ends. The starter model answers about "
        "equally well with each.",
        choices=_choices(fast="Fast", balanced="Balanced", careful="Careful"),
    )
    answer_tokens: int = _setting(
        0,
        tab="writing",
        unit=" tokens",
        one=" token",
        nothing="Four blocks",
        step=256,
        title="Answer length",
        description="The most tokens that an answer may take (a token is about three quarters of a word). What is cut "
        "off there goes on with Continue. Four blocks are 1,024 tokens with most models.",
        least=0,
        most=65_536,
    )
    recordings_mb: int = _setting(
        200,
        title="Recordings",
        tab="data",
        unit=" MB",
        nothing="None",
        step=50,
        description="How answers were written is kept, to be replayed: so many MB at most (an answer takes 2 to 20 KB "
        "or more). The oldest recordings go first, the answers stay; 0 keeps none.",
        least=0,
        most=100_000,
    )
    seed_mode: str = _setting(
        "new",
        tab="writing",
        title="Seed",
        description="The start of all randomness. With a fixed number a question that is tried again gets the "
        "same answer; after other questions a few words may differ.",
        choices=_choices(new="New for every answer", fixed="Fixed number"),
    )
    seed: int = _setting(
        1,
        tab="writing",
        title="Fixed seed",
        description="The number that is used if the seed is fixed.",
        least=0,
        most=2**31 - 1,
    )
    card: str = _setting(
        "",
        tab="model",
        title="Graphics card",
        description="The NVIDIA card that models run on, where there are several: counted as nvidia-smi does. A change "
        "counts from the next start.",
        choices=(Choice("", "Automatic"), *(Choice(str(number), f"Card {number}") for number in range(4))),
    )
    quiet: str = _setting(
        "off",
        title="Quiet mode",
        tab="model",
        description="Pauses between denoising steps, so that card or processor compute half or a quarter of the time: "
        "less power, heat and noise, and answers take about two or four times as long.",
        choices=_choices(off="Off", half="Half of the time", quarter="A quarter of the time"),
    )
    offline: bool = _setting(
        False,
        tab="network",
        title="Stay offline",
        description="Dewpoint opens no connection at all, whatever you click; a download that runs is paused.",
    )
    speed_limit: int = _setting(
        0,
        tab="network",
        unit=" MB/s",
        nothing="No limit",
        title="Download limit",
        description="The most that downloads take of your line, in MB/s; 0 for no limit.",
        least=0,
        most=10_000,
    )
    update_check: str = _setting(
        "click",
        tab="network",
        title="Look for a newer version",
        description="Weekly asks once in seven days whether there is a newer Dewpoint, and says so; "
        "nothing is downloaded or installed by itself.",
        choices=_choices(click="Only when I click", weekly="Weekly"),
    )
    server_on: bool = _setting(False)
    server_port: int = _setting(8321, least=1024, most=65_535)
    server_everywhere: bool = _setting(False)  # beyond this computer
    server_key: str = _setting("")
    show_chat_list: bool = _setting(True)
    show_map: bool = _setting(False)
    show_settled: bool = _setting(False)
    sidebar_width: int = _setting(250, least=100, most=10_000)  # of the chat list, in device-independent pixels
    first_advice: bool = _setting(True)
    window_geometry: str = _setting("")
    model_folder: str = _setting("")
    server_asked: str = _setting("")  # address of the server whose model answered last
    server_model: str = _setting("")
    last_chat: str = _setting("")
    updates_asked: str = _setting("")  # when, in ISO format
    update_told: str = _setting("")  # the version that was last told of unasked

    def __post_init__(self) -> None:
        for declaration in declarations():
            value = getattr(self, declaration.name)
            if not declaration.allows(value):
                raise ValueError(f"{declaration.name} must be {_allowed(declaration)}, not {value!r}")

    @property
    def rest(self) -> float:
        """How many times as long as a step took nothing is computed after it."""
        return {"half": 1.0, "quarter": 3.0}.get(self.quiet, 0.0)

    @property
    def step_seconds(self) -> float:
        """Least time from one draft to the next."""
        return WATCH_SECONDS if self.pace == "watch" else 0.0

    @property
    def recorded_bytes(self) -> int:
        """The most that recordings may take; 0 for none."""
        return self.recordings_mb * 1_000_000

    @property
    def fixed_seed(self) -> int | None:
        """The seed to use for every answer, or None for a new one each time."""
        return self.seed if self.seed_mode == "fixed" else None


def declarations() -> tuple[Declaration, ...]:
    """All settings in the order in which the dialog shows them."""
    return tuple(Declaration(name=entry.name, **entry.metadata[_META]) for entry in dataclasses.fields(Settings))


DECLARATIONS: tuple[Declaration, ...] = declarations()


def _allowed(declaration: Declaration) -> str:
    if declaration.choices:
        return "one of " + ", ".join(repr(choice.value) for choice in declaration.choices)
    if declaration.least is not None:
        return f"a whole number from {declaration.least} to {declaration.most}"
    return f"a {declaration.kind.__name__}"


def preset_params(preset: str) -> SamplerParams:
    """Sampler parameters of a preset, in terms of the model's own values, which only the model process knows.

    Fast: at most a third of the steps. Balanced: the model's own values. Careful: a block ends at a fifth of the mean
        entropy. Up to where Balanced ends its steps are the same, so it cannot go astray there; half the entropy bound,
        which it was before, gave other answers and no better ones (`benchmarks/presets.py`).
    """
    match preset:
        case "fast":
            return SamplerParams(steps_divisor=3)
        case "balanced":
            return SamplerParams()
        case "careful":
            return SamplerParams(confidence_divisor=5)
        case _:
            raise ValueError(f"preset must be fast, balanced or careful, not {preset!r}")
