"""Calibrations and their examples as files, which the user names and may have written."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.errors import KnownError
from inference.events import Calibration
from inference.operations.requests import YES_NO, KnownAnswer
from trt_engines.files import named_target, parse_json, read_json, read_regular, write_whole

MOST_EXAMPLES = 10_000
_LARGEST = 64 << 20


def read_examples(file: Path) -> tuple[KnownAnswer, ...]:
    """Known answers, one JSON object a line: `question` and `answer`, and `text` and `labels` unless "" and yes or no.

    Raises:
        KnownError: The file cannot be read, or a line is something else; names the line.
    """
    try:
        lines = read_regular(file, _LARGEST).decode("utf-8").splitlines()
    except (OSError, ValueError) as exc:
        raise _unreadable(file, exc) from exc
    found = [_example(line, f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if len(found) > MOST_EXAMPLES:
        raise KnownError(f"{file} has {len(found)} examples; {MOST_EXAMPLES} are the most.", "Give fewer.")
    return tuple(found)


def _example(line: str, place: str) -> KnownAnswer:
    try:
        fields = parse_json(line)
    except ValueError as exc:
        raise KnownError(f"{place}: this is no JSON.", "Write one object a line.") from exc
    labels = fields.get("labels", list(YES_NO)) if isinstance(fields, dict) else None
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise KnownError(f"{place}: this is no object with labels that are texts.", "See docs/steering.md.")
    texts = [fields.get("text", ""), fields.get("question"), fields.get("answer")]
    if not all(isinstance(each, str) for each in texts):
        raise KnownError(f"{place}: question and answer must be texts.", "See docs/steering.md.")
    try:
        return KnownAnswer(texts[0], texts[1], tuple(labels), texts[2])
    except ValueError as exc:
        raise KnownError(f"{place}: {exc}.", "Write it as one of them.") from exc


def read_calibration(file: Path) -> Calibration:
    """What `write_calibration` wrote.

    Raises:
        KnownError: The file cannot be read, or holds something else.
    """
    try:
        fields = read_json(file)
        return _calibration(fields)
    except OSError as exc:
        raise _unreadable(file, exc) from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise KnownError(f"{file} holds no calibration.", "Make one with the command calibrate.") from exc


def _calibration(fields: Mapping[str, Any]) -> Calibration:
    numbers = (float(fields[name]) for name in ("right", "error", "error_before"))
    return Calibration(float(fields["temperature"]), str(fields["model"]), int(fields["examples"]), *numbers)


def write_calibration(file: Path, known: Calibration) -> None:
    """Write a calibration as JSON.

    Raises:
        KnownError: It cannot be written.
    """
    try:
        write_whole(named_target(file), json.dumps(dataclasses.asdict(known), indent=1) + "\n")
    except OSError as exc:
        raise _unwritable(file, exc) from exc


def check_writable(file: Path) -> None:
    """Refuse a file that `write_calibration` could not write; nothing of it is changed.

    Raises:
        KnownError: It cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=named_target(file).parent):
            pass
    except OSError as exc:
        raise _unwritable(file, exc) from exc


def _unwritable(file: Path, exc: OSError) -> KnownError:
    return KnownError(f"{file} cannot be written: {exc.strerror or exc}.", "Name another file.")


def _unreadable(file: Path, exc: Exception) -> KnownError:
    reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
    return KnownError(f"{file} cannot be read: {reason}.", "Check its name and rights.")
