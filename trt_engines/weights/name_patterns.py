"""Patterns of module names that an adapter brings (`rank_pattern`, `alpha_pattern` of PEFT), matched in linear time.

They are regular expressions in PEFT, and Python's engine may backtrack for ever on one, with the interpreter's lock
held. Here each becomes a set of states that goes once over the name (Thompson's construction), so that no pattern is
slow. What PEFT and people write is understood: plain names, characters, ".", classes, groups, "|", repetitions, "^" and
"$". What else an engine may know (references back, looks ahead and behind, flags) is refused. A package for this would
be a compiled one (RE2) for what two hundred lines do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from trt_engines.errors import WeightsError

_MOST_KEYS, _LONGEST_KEY, _MOST_STATES, _MOST_TIMES = 20_000, 1000, 4000, 1000
# Steps over characters that all matching of one adapter may take; a large one with plain names takes a hundredth.
_MOST_STEPS = 50_000_000
_DEEPEST = 50
_TIMES = re.compile(r"([*+?])|\{(?=\d|,\d)(\d{1,4})?(,?)(\d{1,4})?\}")
_BRACKETS = "whose brackets do not fit"
_PLAIN = re.compile(r"[\w.\-]+")
_HINT = "Merge it with PEFT (merge_and_unload) where it was trained, and open the result."

Test = Callable[[str], bool]
_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda char: char.isalnum() or char == "_",
    "s": str.isspace,
}


class _RefusedError(Exception):
    """What a pattern holds that is not understood."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a pattern.

    Attributes:
        test: What one character must be; of parts without others.
        place: "^" or "$", of a part that takes no character.
        ways: Sequences of which one must fit.
        times: How often, at least and at the most (None: any number).
    """

    test: Test | None = None
    place: str = ""
    ways: tuple[tuple[_Part, ...], ...] = ()
    times: tuple[int, int | None] = (1, 1)


@dataclass(slots=True)
class _State:
    """One state; without a test it is passed through, if its place is right.

    Attributes:
        test: What the next character must be.
        place: "^", "$", or "" for anywhere.
        after: Where to go on.
    """

    test: Test | None = None
    place: str = ""
    after: list[int] = field(default_factory=list)


class NamePatterns:
    """Numbers for modules by patterns of their names: `re.match(rf"(.*\\.)?({key})$", name)`, the first key that fits.

    Source of the rule: peft 0.21, utils/other.py, `get_pattern_key`.
    """

    def __init__(self, values: Mapping[str, float], name: str) -> None:
        """Read all patterns.

        Args:
            values: Pattern to number, in the order that decides.
            name: Of the field, for messages.

        Raises:
            WeightsError: There are too many, or one is not understood.
        """
        if len(values) > _MOST_KEYS:
            raise WeightsError(f"The adapter's {name} has {len(values):,} entries; {_MOST_KEYS:,} are read.", _HINT)
        self._name = name
        self._values = [(key, value, self._read(key)) for key, value in values.items()]
        self._steps = 0
        self._known: dict[str, float | None] = {}

    def find(self, module: str, usual: float) -> float:
        """The number of a module; `usual` if no pattern fits its name.

        Raises:
            WeightsError: Names and patterns are so many that it would take minutes.
        """
        if module not in self._known:
            fitting = (value for key, value, states in self._values if self._fits(key, states, module))
            self._known[module] = next(fitting, None)
        found = self._known[module]
        return usual if found is None else found

    def _read(self, key: str) -> tuple[_State, ...]:
        """The states of a pattern; none for a plain name."""
        if _PLAIN.fullmatch(key):
            return ()
        try:
            return _Builder().states(_Parser(key).whole())
        except _RefusedError as exc:
            raise WeightsError(f"The adapter's {self._name} holds the pattern {key[:80]!r}, {exc}.", _HINT) from exc

    def _fits(self, key: str, states: tuple[_State, ...], module: str) -> bool:
        self._steps += 1 + len(module) * min(1, len(states))
        if self._steps > _MOST_STEPS:
            text = f"The adapter's {self._name} would take minutes to apply; it stopped at the pattern {key[:80]!r}."
            raise WeightsError(text, _HINT)
        if not states:
            return _plain_fits(key, module)
        fits, steps = _run(states, module)
        self._steps += steps
        return fits


def _plain_fits(key: str, name: str) -> bool:
    """A plain name fits the end of another at a dot; its own dots, in a pattern, stand for any character."""
    for whole in (name, name.removesuffix("\n")):
        before, end = whole[: len(whole) - len(key)], whole[len(whole) - len(key) :]
        if len(whole) < len(key) or (before and before[-1] != ".") or "\n" in before:
            continue
        if end == key or all(mine in (char, ".") and char != "\n" for mine, char in zip(key, end, strict=True)):
            return True
    return False


def _run(states: tuple[_State, ...], name: str) -> tuple[bool, int]:
    """Whether the pattern fits the end of a name at a dot, and the steps that it took."""
    last = len(name) - name.endswith("\n")
    now: set[int] = set()
    steps, open_start = 0, True
    for position in range(len(name) + 1):
        if open_start and (position == 0 or name[position - 1] == "."):
            now.add(0)
        now = _passed(states, now, position, (last, len(name)))
        steps += len(now)
        if position >= last and len(states) - 1 in now:
            return True, steps
        if position < len(name):
            char = name[position]
            open_start = open_start and char != "\n"
            now = {after for number in now for after in _taken(states[number], char)}
    return False, steps


def _taken(state: _State, char: str) -> list[int]:
    return state.after if state.test is not None and state.test(char) else []


def _passed(states: tuple[_State, ...], begin: set[int], position: int, ends: tuple[int, int]) -> set[int]:
    """`begin`, and every state that is reached from it without a character."""
    found, waiting = set(begin), list(begin)
    while waiting:
        state = states[waiting.pop()]
        if state.test is not None or (state.place == "^" and position) or (state.place == "$" and position not in ends):
            continue
        for after in state.after:
            if after not in found:
                found.add(after)
                waiting.append(after)
    return found


class _Builder:
    """Makes states of parts. What is made is a first and a last state; the last one has no way on yet."""

    def __init__(self) -> None:
        self._states: list[_State] = []

    def states(self, part: _Part) -> tuple[_State, ...]:
        """All states: the first is the start, the last the end.

        Raises:
            _RefusedError: They are too many.
        """
        start = self._new()
        first, last = self._made(part)
        self._join(start, first)
        self._join(last, self._new())
        return tuple(self._states)

    def _new(self, test: Test | None = None, place: str = "") -> int:
        if len(self._states) >= _MOST_STATES:
            raise _RefusedError("which repeats too much")
        self._states.append(_State(test, place))
        return len(self._states) - 1

    def _join(self, before: int, after: int) -> None:
        self._states[before].after.append(after)

    def _made(self, part: _Part) -> tuple[int, int]:
        least, most = part.times
        if (least, most) == (1, 1):
            return self._once(part)
        start = end = self._new()
        skipped = []
        for number in range(least if most is None else most):
            if number >= least:  # the rest may be left out
                skipped.append(end)
            first, last = self._once(part)
            self._join(end, first)
            end = self._new()
            self._join(last, end)
        if most is None:
            first, last = self._once(part)
            self._join(end, first)
            self._join(last, end)
        close = self._new()
        for each in (*skipped, end):
            self._join(each, close)
        return start, close

    def _once(self, part: _Part) -> tuple[int, int]:
        first = self._new(part.test, part.place)
        last = self._new()
        if not part.ways:
            self._join(first, last)
        for way in part.ways:
            end = first
            for each in way:
                begin, close = self._made(each)
                self._join(end, begin)
                end = close
            self._join(end, last)
        return first, last


class _Parser:
    """Reads one pattern."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._at = 0
        self._depth = 0

    def whole(self) -> _Part:
        """The pattern as a part.

        Raises:
            _RefusedError: Something is not understood, or it is too long.
        """
        if len(self._key) > _LONGEST_KEY:
            raise _RefusedError(f"which is longer than {_LONGEST_KEY} characters")
        part = self._either()
        if self._at < len(self._key):
            raise _RefusedError(_BRACKETS)
        return part

    def _peek(self) -> str:
        return self._key[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise _RefusedError("which ends in the middle")
        self._at += 1
        return char

    def _either(self) -> _Part:
        """One sequence, or several with "|" between them."""
        ways: list[tuple[_Part, ...]] = []
        while True:
            way: list[_Part] = []
            while self._peek() not in ("", "|", ")"):
                way.append(replace(self._one(), times=self._times()))
            ways.append(tuple(way))
            if self._peek() != "|":
                return _Part(ways=tuple(ways))
            self._at += 1

    def _times(self) -> tuple[int, int | None]:
        found = _TIMES.match(self._key, self._at)
        if found is None:
            return 1, 1
        self._at = found.end()
        if self._peek() == "?":  # to take as little as possible changes nothing for a whole name
            self._at += 1
        if self._peek() in ("*", "+", "?", "{"):
            raise _RefusedError("which repeats a repetition")
        if found[1]:
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
        least = int(found[2] or 0)
        most = (int(found[4]) if found[4] else None) if found[3] else least
        if max(least, most or 0) > _MOST_TIMES or (most is not None and most < least):
            raise _RefusedError("which repeats too much")
        return least, most

    def _one(self) -> _Part:
        char = self._next()
        if char == "(":
            return self._group()
        if char in "*+?{":
            raise _RefusedError("which repeats nothing")
        if char in "^$":
            return _Part(place=char)
        if char == ".":
            return _Part(lambda each: each != "\n")
        if char == "[":
            return _Part(self._set())
        return _Part(self._escape() if char == "\\" else _is(char))

    def _group(self) -> _Part:
        if self._peek() == "?":
            if not self._key.startswith("?:", self._at):
                raise _RefusedError("which looks ahead, looks back, or sets something")
            self._at += 2
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _RefusedError("which is nested too deeply")
        part = self._either()
        if self._next() != ")":
            raise _RefusedError(_BRACKETS)
        self._depth -= 1
        return part

    def _escape(self) -> Test:
        char = self._next()
        if char.lower() in _CLASSES:
            test = _CLASSES[char.lower()]
            return test if char.islower() else lambda each: not test(each)
        if char.isalnum():
            raise _RefusedError(f"which holds \\{char}")
        return _is(char)

    def _set(self) -> Test:
        """What stands in square brackets; the "[" is read."""
        turned = self._peek() == "^"
        self._at += turned
        tests = [self._member()]
        while self._peek() != "]":
            tests.append(self._member())
        self._at += 1
        return lambda each: any(test(each) for test in tests) != turned

    def _member(self) -> Test:
        first = self._next()
        if first == "\\" and self._peek().isalnum():
            return self._escape()
        first = self._next() if first == "\\" else first
        if self._peek() != "-" or self._key[self._at + 1 : self._at + 2] in ("]", ""):
            return _is(first)
        self._at += 1
        last = self._next()
        last = self._next() if last == "\\" and not self._peek().isalnum() else last
        if last == "\\" or last < first:
            raise _RefusedError(_BRACKETS)
        return lambda each: first <= each <= last


def _is(char: str) -> Test:
    return lambda each: each == char
