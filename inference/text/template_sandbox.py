"""The Jinja environment in which a checkpoint's chat template runs.

A template is code that came with a download: it can build text and nothing else. No file, no import, no Python
internals, no change of what it is given, and no single expression that fills the memory.
The names and filters it offers are those of transformers `utils/chat_template_utils.py`.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

import jinja2
import jinja2.exceptions
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox
import jinja2.utils

# Longest text or list, and largest whole number, that a `*` or `**` in a template may make.
_LARGEST = 10_000_000
# Jinja's own helpers that no chat template needs; `lipsum` is the classic way out of weaker sandboxes.
_UNNEEDED_GLOBALS = ("lipsum", "cycler", "joiner")


class TemplateEnvironment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Sandbox in which arithmetic cannot make huge values, either."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse products and powers beyond `_LARGEST`; everything else as in Python."""
        if operator == "*":
            for sequence, count in ((left, right), (right, left)):
                if isinstance(sequence, str | list | tuple) and isinstance(count, int):
                    _require_small(len(sequence) * count)
        elif isinstance(left, int) and isinstance(right, int):
            _require_small(left.bit_length() * right)
        return super().call_binop(context, operator, left, right)


class _GenerationTag(jinja2.ext.Extension):
    """`{% generation %}...{% endgeneration %}` marks answers for training; here it is just its content."""

    tags = {"generation"}  # noqa: RUF012 (jinja2 declares it so)

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        """The statements between the two tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Namespace(jinja2.utils.Namespace):
    """Jinja's namespace without names that mean something to Python."""

    # No named `self`: a template may have an attribute of that name.
    def __init__(*args: Any, **kwargs: Any) -> None:
        own, *rest = args
        values = dict(*rest, **kwargs)
        for name in values:
            _require_plain(name)
        jinja2.utils.Namespace.__init__(own, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _require_plain(name)
        super().__setitem__(name, value)


def make_environment() -> TemplateEnvironment:
    """A fresh environment with what transformers' templates may use."""
    environment = TemplateEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, jinja2.ext.loopcontrols]
    )
    for name in _UNNEEDED_GLOBALS:
        del environment.globals[name]
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    environment.globals["namespace"] = _Namespace
    environment.globals["dict"] = _make_dict
    return environment


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes HTML, which would change the prompt.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(str(message))


def _strftime_now(format: str) -> str:
    return datetime.datetime.now().strftime(format)


def _make_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)


def _require_plain(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace must not hold {name!r}")


def _require_small(size: int) -> None:
    if size > _LARGEST:
        raise jinja2.exceptions.SecurityError("an expression makes a value that is too large")
