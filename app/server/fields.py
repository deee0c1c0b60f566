"""A request's fields, taken out one by one: what nobody takes is refused by its name, never silently ignored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from app.base.files import parse_json
from app.server import texts
from app.server.errors import bad

MOST_ITEMS = 10_000  # of one list
_MISSING = object()


class BodyFields:
    """One JSON object of a request.

    Attributes:
        path: Where it stands: "" at the top, "messages[0]" below.
    """

    def __init__(self, data: Any, path: str = "") -> None:
        """Take over an object.

        Raises:
            ApiError: It is none.
        """
        if not isinstance(data, Mapping):
            raise bad(texts.must_be(path or texts.BODY, "an object"), path)
        self.path = path
        self._data, self._taken = data, set[str]()

    def at(self, name: str) -> str:
        """The full name of a field."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self._data.get(name) is not None

    def any(self, name: str) -> Any:
        """A field, whatever it is; None if it is missing."""
        self._taken.add(name)
        return self._data.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; required without a default."""
        value = self._value(name, default)
        if not isinstance(value, str):
            self._refuse(name, "a text")
        return sound(value, self.at(name))

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            self._refuse(name, "true or false")
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number within bounds; None if it is missing."""
        value = self.any(name)
        if value is None:
            return None
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
            self._refuse(name, "a whole number")
        if not least <= value <= most:
            self._refuse(name, f"within {least} and {most}")
        return int(value)

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number within bounds; None if it is missing."""
        value = self.any(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(name, "a number")
        if not least <= value <= most:
            self._refuse(name, f"within {least:g} and {most:g}")
        return float(value)

    def one_of(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of a few words."""
        value = self._value(name, default)
        if value not in allowed:
            self._refuse(name, "one of " + ", ".join(allowed))
        return str(value)

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A text or a list of some; () if it is missing."""
        value = self.any(name)
        if value is None:
            return ()
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or len(listed) > most or not all(isinstance(each, str) for each in listed):
            self._refuse(name, f"a text, or a list of at most {most} texts")
        return tuple(sound(each, self.at(name)) for each in listed)

    def objects(self, name: str) -> list[BodyFields]:
        """A list of objects; [] if it is missing."""
        value = self.any(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MOST_ITEMS:
            self._refuse(name, "a list of objects")
        return [BodyFields(each, f"{self.at(name)}[{index}]") for index, each in enumerate(value)]

    def object(self, name: str) -> BodyFields | None:
        """An object; None if it is missing."""
        value = self.any(name)
        return None if value is None else BodyFields(value, self.at(name))

    def schema(self, name: str) -> str:
        """A JSON schema, as JSON; it must be an object, or true."""
        value = self.any(name)
        if value is not True and not isinstance(value, Mapping):
            self._refuse(name, "a JSON schema")
        return json.dumps(value)

    def only(self, name: str, *neutral: Any) -> None:
        """A field that can only say what is so anyway.

        Raises:
            ApiError: It asks for something else.
        """
        value = self.any(name)
        if value is not None and not any(type(value) is type(each) and value == each for each in neutral):
            if isinstance(value, int | float) and not isinstance(value, bool) and value in neutral:
                return
            raise bad(texts.unsupported_value(self.at(name), value), self.at(name), "unsupported_parameter")

    def note(self, *names: str) -> None:
        """Fields that change no answer: whose they are, what a client calls itself."""
        self._taken.update(names)

    def finish(self) -> None:
        """Refuse whatever was not taken.

        Raises:
            ApiError: Something was not.
        """
        for name, value in self._data.items():
            if name not in self._taken and value is not None:
                at = sound(self.at(str(name)[:100]), self.path)
                raise bad(texts.unsupported(at), at, "unsupported_parameter")

    def _value(self, name: str, default: Any) -> Any:
        value = self.any(name)
        if value is None:
            if default is None:
                raise bad(texts.missing(self.at(name)), self.at(name), "missing_required_parameter")
            return default
        return value

    def _refuse(self, name: str, wanted: str) -> NoReturn:
        raise bad(texts.must_be(self.at(name), wanted), self.at(name))


def sound(text: str, path: str) -> str:
    """The text, which must be one that can be written.

    Raises:
        ApiError: It holds half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad(texts.half_character(path.encode("utf-8", "replace").decode()), path) from None
    return text


def parsed(body: bytes) -> BodyFields:
    """The fields of a request's body.

    Raises:
        ApiError: It is no JSON object.
    """
    try:
        data = parse_json(body)
    except ValueError as exc:
        said = str(exc).splitlines()[0][:200]
        raise bad(texts.no_json(said.encode("utf-8", "replace").decode()), code="invalid_json") from exc
    return BodyFields(data)
