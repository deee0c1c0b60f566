"""The Jinja environment in which a checkpoint's chat template runs.

A template is code that came with a download: it can build text and nothing else. No file, no import, no Python
internals, no change of what it is given, no value that fills the memory and no loop without an end, neither while it
runs nor while it is compiled: Jinja would compute constant expressions there, so that is left out.
The names and filters it offers are those of transformers `utils/chat_template_utils.py`.
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jinja2
import jinja2.compiler
import jinja2.exceptions
import jinja2.ext
import jinja2.filters
import jinja2.nodes
import jinja2.parser
import jinja2.runtime
import jinja2.sandbox
import jinja2.utils

from inference.text.template_limits import TOO_LARGE, Budget, TemplateLimitError
from inference.text.template_values import (
    FILTER_SIZES,
    UNNEEDED_FILTERS,
    check_indent,
    method_size,
    percent_size,
    spec_size,
)

# Jinja's own helpers that no chat template needs; `lipsum` is the classic way out of weaker sandboxes.
_UNNEEDED_GLOBALS = ("lipsum", "cycler", "joiner")
_LONGEST_DATE = 1000
# What Jinja hands to every call inside of a loop or block, and takes away again before a function sees it.
_JINJAS_OWN = ("_loop_vars", "_block_vars")


class _Code(jinja2.compiler.CodeGenerator):
    """The code that a template becomes: what it makes is counted, and nothing is computed before it runs."""

    def _output_child_to_const(self, node: jinja2.nodes.Expr, frame: Any, finalize: Any) -> str:
        if not isinstance(node, jinja2.nodes.TemplateData | jinja2.nodes.Const):
            raise jinja2.nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def visit_For(self, node: jinja2.nodes.For, frame: Any) -> None:  # noqa: N802 (Jinja names it)
        """Each turn is counted."""
        turns = jinja2.nodes.EnvironmentAttribute("turns")
        node.iter = jinja2.nodes.Call(turns, [node.iter], [], None, None, lineno=node.lineno)
        super().visit_For(node, frame)

    def visit_Tuple(self, node: jinja2.nodes.Tuple, frame: Any) -> None:  # noqa: N802 (Jinja names it)
        """Values, unless it names what is assigned to."""
        if node.ctx == "load":
            self._counted("made", lambda: super(_Code, self).visit_Tuple(node, frame))
        else:
            super().visit_Tuple(node, frame)

    def visit_List(self, node: jinja2.nodes.List, frame: Any) -> None:  # noqa: N802 (Jinja names it)
        """A new list."""
        self._counted("made", lambda: super(_Code, self).visit_List(node, frame))

    def visit_Dict(self, node: jinja2.nodes.Dict, frame: Any) -> None:  # noqa: N802 (Jinja names it)
        """A new dictionary."""
        self._counted("made", lambda: super(_Code, self).visit_Dict(node, frame))

    def visit_Getitem(self, node: jinja2.nodes.Getitem, frame: Any) -> None:  # noqa: N802 (Jinja names it)
        """A slice is a copy."""
        if isinstance(node.arg, jinja2.nodes.Slice):
            self._counted("made", lambda: super(_Code, self).visit_Getitem(node, frame))
        else:
            super().visit_Getitem(node, frame)

    def visit_Compare(self, node: jinja2.nodes.Compare, frame: Any) -> None:  # noqa: N802 (Jinja names it)
        """Two texts are compared to their ends."""
        self._counted("made", lambda: super(_Code, self).visit_Compare(node, frame))

    def visit_Concat(self, node: jinja2.nodes.Concat, frame: Any) -> None:  # noqa: N802 (Jinja names it)
        """`~` of some values."""
        self.write("environment.joined((")
        for each in node.nodes:
            self.visit(each, frame)
            self.write(", ")
        self.write("))")

    def _counted(self, name: str, write: Callable[[], None]) -> None:
        self.write(f"environment.{name}(")
        write()
        self.write(")")


class TemplateEnvironment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Sandbox in which everything that is made is counted.

    Attributes:
        budget: What the run that is going on may still take.
    """

    intercepted_binops = frozenset(["+", "*", "**", "%"])
    code_generator_class = _Code

    def __init__(self) -> None:
        self.budget = Budget()
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            finalize=self.text,
            extensions=[_GenerationTag, jinja2.ext.loopcontrols],
        )
        for name in _UNNEEDED_GLOBALS:
            del self.globals[name]
        for name in UNNEEDED_FILTERS:
            del self.filters[name]
        self.filters |= {"join": _join, "tojson": _tojson}
        for name, used in list(self.filters.items()):
            self.filters[name] = self._bounded(used, FILTER_SIZES.get(name))
        for name, test in list(self.tests.items()):
            self.tests[name] = self._bounded(test, None)
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        self.globals |= {"namespace": _Namespace, "dict": _make_dict}

    def begin(self, characters: int, given: Sequence[Any]) -> None:
        """Start to count for one run, over a chat of so many characters, in `given` lists and dictionaries."""
        self.budget = Budget(characters, given)

    def made(self, value: Any) -> Any:
        """Count a value."""
        self.budget.turn()
        return self.budget.made(value)

    def turns(self, values: Iterable[Any]) -> Iterator[Any]:
        """Count the turns of a loop."""
        for each in values:
            self.budget.turn()
            yield each

    def text(self, value: Any) -> str:
        """What `{{ value }}` writes."""
        return value if type(value) is str else self.budget.made(str(value))

    def joined(self, values: Iterable[Any]) -> str:
        """What `~` makes."""
        return self.budget.made(self.concat(self.text(value) for value in values))

    def concat(self, pieces: Iterable[str], between: str = "") -> str:
        """All pieces together, as far as they are not too long."""
        parts, total = [], 0
        for piece in pieces:
            parts.append(piece)
            total += len(piece) + len(between)
            self.budget.check(total)
        return between.join(parts)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would be too large; everything else as in Python."""
        self.budget.turn()
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            self.budget.check(len(left) + len(right))
        elif operator == "*":
            self.budget.check(_product_size(left, right))
        elif operator == "**" and isinstance(left, int) and isinstance(right, int):
            self.budget.check(left.bit_length() * right)
        elif operator == "%" and isinstance(left, str):
            self.budget.check(percent_size(left, right))
        return self.budget.made(super().call_binop(context, operator, left, right))

    def call(self, context: Any, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro, a function or a method, if it is one that templates need."""
        self.budget.turn()
        owner = getattr(called, "__self__", None)
        if isinstance(called, jinja2.runtime.LoopContext):  # a loop inside itself
            args = tuple(self.turns(each) for each in args[:1]) + args[1:]
        elif isinstance(owner, str) and called.__name__ == "join" and len(args) == 1:
            return self.budget.made(self.concat((_text(each) for each in args[0]), owner))
        elif owner is not None and owner is not self and not isinstance(owner, jinja2.runtime.LoopContext):
            named = {name: each for name, each in kwargs.items() if name not in _JINJAS_OWN}
            self.budget.check(method_size(owner, called.__name__, args, named))
        return self.budget.made(super().call(context, called, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` with its attributes and widths watched; None for anything else."""
        if super().wrap_str_format(value) is None:
            return None
        source, mapped = str(value.__self__), value.__name__ == "format_map"

        def wrapped(*args: Any, **kwargs: Any) -> str:
            formatter = _Formatter(self)
            return formatter.vformat(source, () if mapped else args, args[0] if mapped else kwargs)

        return wrapped

    def _bounded(self, function: Any, size: Callable[..., int] | None) -> Callable[..., Any]:
        """A filter or test that counts; `size` says how much it would make of its arguments."""
        hidden = 1 if hasattr(function, "jinja_pass_arg") else 0

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.budget.turn()
            if size is not None:
                self.budget.check(size(*args[hidden:], **kwargs))
            return self.budget.made(function(*args, **kwargs))

        return counted


class _Formatter(jinja2.sandbox.SandboxedFormatter):
    """`str.format` whose fields are counted."""

    def __init__(self, environment: TemplateEnvironment) -> None:
        super().__init__(environment)
        self._budget = environment.budget
        self._total = 0

    def format_field(self, value: Any, format_spec: str) -> str:
        """One field."""
        self._budget.turn()
        self._budget.check(spec_size(format_spec))
        field: str = super().format_field(value, format_spec)
        self._total += len(field)
        self._budget.check(self._total)
        return field


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

    def __repr__(self) -> str:
        """Nothing of what it holds: that may be itself."""
        return "<Namespace>"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"join needs texts, not {type(value).__name__}")
    return value


def _product_size(left: Any, right: Any) -> int:
    for sequence, count in ((left, right), (right, left)):
        if isinstance(sequence, str | list | tuple) and isinstance(count, int):
            return len(sequence) * count
    return 0


@jinja2.pass_environment
def _join(environment: TemplateEnvironment, value: Iterable[Any], d: Any = "", attribute: Any = None) -> str:
    if attribute is not None:
        value = map(jinja2.filters.make_attrgetter(environment, attribute), value)
    return environment.concat((environment.text(each) for each in value), environment.text(d))


@jinja2.pass_environment
def _tojson(
    environment: TemplateEnvironment,
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes HTML, which would change the prompt.
    check_indent(indent)
    encoder = json.JSONEncoder(ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    return environment.concat(encoder.iterencode(value))


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(str(message))


def _strftime_now(format: str) -> str:
    if len(format) > _LONGEST_DATE:
        raise TemplateLimitError(TOO_LARGE)
    return datetime.datetime.now().strftime(format)


def _make_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)


def _require_plain(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace must not hold {name!r}")
