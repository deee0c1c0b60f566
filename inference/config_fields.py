"""Checked access to the fields of a parsed JSON object, with errors that name file, field, found and expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.errors import ModelFolderError

_MISSING = object()


def config_error(file: Path, field: str, found: Any, expected: str) -> ModelFolderError:
    """The error for a field whose value cannot be used."""
    shown = "nothing" if found is _MISSING else repr(found)
    return ModelFolderError(
        f"{file.name} of {file.parent} cannot be used: {field} is {shown}, expected {expected}.",
        "This is not a complete DiffusionGemma checkpoint, or a newer kind than this version knows.",
    )


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in `file`.

    Raises:
        ModelFolderError: It is missing, cannot be read, is no valid JSON or no object.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        hint = "Choose a folder in Hugging Face layout (config.json, tokenizer.json, *.safetensors)."
        raise ModelFolderError(f"{file.parent} holds no {file.name}.", hint) from exc
    except OSError as exc:
        raise ModelFolderError(f"{file} cannot be read: {exc.strerror}.", "Check the rights of the file.") from exc
    except (UnicodeDecodeError, json.JSONDecodeError) as exc:
        raise ModelFolderError(f"{file} is damaged: it is not valid JSON.", "Download this file again.") from exc
    if not isinstance(value, dict):
        raise ModelFolderError(f"{file} is damaged: it holds no JSON object.", "Download this file again.")
    return value


class Fields:
    """The fields of one JSON object.

    Attributes:
        file: The file they come from.
        prefix: Path of the object inside the file ("text_config."), for messages.
    """

    def __init__(self, values: dict[str, Any], file: Path, prefix: str = "") -> None:
        self._values = values
        self.file = file
        self.prefix = prefix

    def raw(self, name: str, default: Any = None) -> Any:
        """The value as it stands, or `default`."""
        return self._values.get(name, default)

    def names(self) -> list[str]:
        """Names of all fields."""
        return list(self._values)

    def section(self, name: str, default: dict[str, Any] | None = None) -> Fields:
        """The object under `name`; null and missing count as `default`."""
        value = self._values.get(name)
        if value is None and default is not None:
            value = default
        if not isinstance(value, dict):
            found = _MISSING if name not in self._values else value
            raise config_error(self.file, self.prefix + name, found, "a JSON object")
        return Fields(value, self.file, f"{self.prefix}{name}.")

    def expect(self, name: str, wanted: Any, default: Any = _MISSING) -> None:
        """Raise unless the value is `wanted`."""
        found = self._values.get(name, default)
        if found != wanted:
            raise config_error(self.file, self.prefix + name, found, repr(wanted))

    def whole(self, name: str, *, least: int, most: int | None = None, default: int | None = None) -> int:
        """A whole number in least..most; null and missing count as `default`."""
        value = self._values.get(name, _MISSING)
        if value is _MISSING or value is None:
            value = _MISSING if default is None else default
        allowed = f"a whole number of {least} or more" if most is None else f"a whole number from {least} to {most}"
        if type(value) is not int or value < least or (most is not None and value > most):
            raise config_error(self.file, self.prefix + name, value, allowed)
        return value

    def number(self, name: str, *, above: float, default: float | None = None) -> float:
        """A number above `above`; null and missing count as `default`."""
        value = self._values.get(name, _MISSING)
        if value is _MISSING or value is None:
            value = _MISSING if default is None else default
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > above:
            raise config_error(self.file, self.prefix + name, value, f"a number above {above:g}")
        return float(value)
