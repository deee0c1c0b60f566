"""Chat templates of strangers: values that fill the memory, loops that never end, ways out of the sandbox, odd sources.

Most of them end at once when they are refused; those that only a limit of time ends are a few.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tests.hostile.world import World

LARGE = ("1200000000", "99999999999", "10**9", "2**62", "1e18|int", "-(10**10)", "10**400", "'9'*18|int", "400000000")
# Constants that are folded when the template is compiled, and the same with a name, which is left for the run.
FILTERS = (
    "{v}|center({n})",
    "{v}.ljust({n})",
    "{v}.rjust({n})",
    "{v}.zfill({n})",
    "{v}.center({n})",
    "'%{m}d' % 1",
    "'{{:>{m}}}'.format(1)",
    "{v}|format({n})",
    "'%*d'|format({n}, 1)",
    "{v}|indent({n})",
    "('\\n' * 999)|indent({n})",
    "{v}.expandtabs({n})",
    "('\\t' * 9999).expandtabs({n})",
    "[1]|tojson(indent={n})",
    "[1]|batch({n}, 'x')|list",
    "[1]|slice({n})|list",
    "{v}|replace('', 'x' * 9000)|replace('', 'y' * 9000)",
    "{v}.replace('', 'x' * 9999999)",
    "('x' * 99999)|wordwrap(1)",
    "('a,' * 999999)|list|length",
    "range({n})|list|length",
    "range({n})|sum",
    "{v} * {n}",
    "[0] * {n}",
    "({v},) * {n}",
    "{v}|list * {n}",
    "2 ** {n}",
    "10 ** 9 ** 9",
    "(9 ** 99999)|string|length",
    "({v} ~ {v}) * {n}",
    "([{v}] * 9999)|join('x' * 99999)",
    "{v}|urlize({n})",
    "('http://a.b ' * 99999)|urlize",
    "('<a' * 99999)|striptags",
    "('&' * 999999)|escape|escape|escape",
    "{{'a': {v} * 9999999}}|xmlattr",
    "[[[{v}]]]|pprint",
    "strftime_now('%{m}d')",
    "strftime_now('%Y' * 9999999)",
    "{v}|truncate({n}, true, 'x' * 9999999)",
    "{v}|filesizeformat",
    "{v}|int({n})|string",
    "1e308 * {n}",
    "({n})|float|string|length",
    "{v}|dictsort",
    "{v}.join(['a'] * 9999999)|length",
    "'{{0.__class__}}'.format({v})",
    "'{{0[0]}}'.format({v})|center({n})",
    "{v}.encode('utf-16')|string|center({n})",
    "{v}.translate({{97: 'x' * 9999999}})",
    "{v}|sort|map('center', {n})|list",
    "[{v}]|map('center', {n})|join",
    "dict(a={v}|center({n}))|string",
    "namespace(a={v}.ljust({n})).a|length",
    "{v}|round({n})",
    "1.5|round({n})",
    "{v}|random|center({n})",
    "'x'|wordcount * {n}",
    "1 // 0",
    "1 % 0",
    "({v}|list)|groupby({n})",
    "{v}[{n}:]",
    "{v}|first * {n}",
)
ESCAPES = (
    "''.__class__.__mro__[1].__subclasses__()",
    "self.__init__.__globals__",
    "cycler.__init__.__globals__.os.popen('id')",
    "messages.append(1)",
    "messages.__class__",
    "raise_exception.__globals__",
    "namespace.__init__.__globals__",
    "dict.mro()",
    "(messages|attr('__class__'))",
    "''|attr('format')",
    "strftime_now.__globals__['datetime']",
    "range.__self__",
    "messages[0].update(role='x')",
    "messages.pop()",
    "{}.setdefault",
    "(1).__add__(1)",
    "lipsum(9)",
    "joiner('x')()",
    "self._TemplateReference__context",
    "raise_exception('x' * 9999999)",
    "raise_exception(messages)",
    "undefined.a.b",
    "messages.clear()",
    "''.join.__self__",
    "loop.index",
    "caller()",
    "varargs",
    "super()",
    "namespace(__class__=1)",
    "messages[10**30]",
    "messages[0]['content'][::-1]",
    "messages|map(attribute='__class__')|list",
    "[].sort.__call__()",
)
SOURCES = (
    "{% include '{secret}' %}",
    "{% import '{secret}' as x %}",
    "{% extends '{secret}' %}",
    "{% from '{secret}' import a %}",
    "{% if %}",
    "{{",
    "{%",
    "{#",
    "{{ 'a }}",
    "{% endfor %}",
    "{% for %}{% endfor %}",
    "{% raw %}",
    "{% macro %}",
    "{{ 1 + }}",
    "{% set %}",
    "{{ '\\x' }}",
    "{{ '\\N{x}' }}",
    "{{ '\\ud800' }}",
    "\ufeff{{ 1 }}",
    "\x00",
    "{% unknown %}",
    "{{ a|unknown }}",
    "{% call %}{% endcall %}",
    "{{ 1 is unknown }}",
    "{% block a %}{% block a %}{% endblock %}{% endblock %}",
    "{% continue %}",
    "{% break %}",
    "{% generation %}",
    "{% trans %}x{% endtrans %}",
    "{% do 1 %}",
    "{% debug %}",
    "{{ 9" + "9" * 5_000 + " }}",
    "{{ 1e" + "9" * 500 + " }}",
    "{% set a = 1, %}{{ a }}",
    "{% autoescape %}",
    "{% with %}",
    "{% filter center(10**9) %}x{% endfilter %}",
    "{% set x %}{% for i in range(10**7) %}aaaaaaaaaa{% endfor %}{% endset %}",
)
ENDLESS = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{% set n = namespace(a='x') %}{% for i in range(99) %}{% set n.a = n.a ~ n.a %}{% endfor %}",
    "{% set n = namespace(a=['x']) %}{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}",
    "{% set n = namespace(a=2) %}{% for i in range(99) %}{% set n.a = n.a * n.a %}{% endfor %}{{ n.a }}",
    "{% set n = namespace(a='x') %}{% for i in range(99) %}{% set n.a = n.a|replace('x', 'xx') %}{% endfor %}",
    "{% set n = namespace(a='x') %}{% for i in range(99) %}{% set n.a = [n.a, n.a]|join %}{% endfor %}",
    "{% macro a(n) %}{{ a(n) }}{% endmacro %}{{ a(1) }}",
    "{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(60) }}",
    "{% for a in range(99999) %}{% for b in range(999) %}{% set c = [a, b]|sort|list|tojson %}{% endfor %}{% endfor %}",
    "{{ range(99999)|map('string')|map('center', 9999)|join|length }}",
    "{% for a in [[]] recursive %}{{ loop([[]]) }}{% endfor %}",
)  # fmt: skip


def make(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """A whole model with the template of a seed; one in eight is chosen and asked, too."""
    model = world.model(folder / "model", whole=seed % 8 == 0)
    source, raw = source_of(chance, seed, world)
    if raw is not None:
        (model / "chat_template.jinja").write_bytes(raw)
    elif seed % 5 == 0:
        (model / "chat_template.jinja").unlink()
        config = json.loads((model / "tokenizer_config.json").read_text())
        config["chat_template"] = chance.choice(
            [source, [{"name": "default", "template": source}], [{"name": source, "template": 1}]]
        )
        (model / "tokenizer_config.json").write_text(json.dumps(config))
    else:
        (model / "chat_template.jinja").write_text(source, encoding="utf-8", errors="surrogatepass")
    return {"do": "folder", "folder": str(model), "choose": seed % 8 == 0}


def source_of(chance: random.Random, seed: int, world: World) -> tuple[str, bytes | None]:
    """The text of a template, or its bytes where they are no text."""
    if seed % 20 == 7:
        return _with_messages(ENDLESS[(seed // 20) % len(ENDLESS)]), None
    match seed % 4:
        case 0 | 1:
            return _with_messages("{{ " + _filter(chance, seed) + " }}"), None
        case 2:
            at = ESCAPES[(seed // 4) % len(ESCAPES)]
            wrapped = chance.choice(
                [
                    "{{{{ {} }}}}",
                    "{{% set x = {} %}}",
                    "{{% if {} %}}x{{% endif %}}",
                    "{{% for a in {} %}}{{{{ a }}}}{{% endfor %}}",
                ]
            )
            return _with_messages(wrapped.format(at)), None
    if seed % 3 == 0:
        return "", _bytes(chance)
    if seed % 3 == 1:
        return _deep(chance), None
    place = chance.choice([world.outside / "secret.txt", world.outside / "pipe", "../../../outside/secret.txt"])
    return _with_messages(SOURCES[(seed // 4) % len(SOURCES)].replace("{secret}", str(place))), None


def _with_messages(source: str) -> str:
    return "{% for m in messages %}{{ m['content'] }}{% endfor %}" + source


def _filter(chance: random.Random, seed: int) -> str:
    one = FILTERS[(seed // 2) % len(FILTERS)]
    value = chance.choice(["'a'", "'ab' * 999", "messages[0]['content']", "('x' ~ bos_token)", "'\\t\\n'"])
    n = chance.choice(LARGE)
    expression = one.format(v=value, n=n, m=chance.choice(["1200000000", "0999999999", "99999999999999999999"]))
    return chance.choice(["{}", "({})|length", "'x' if false else {}", "[{}, {}]|length", "({})[:5]"]).replace(
        "{}", expression
    )


def _deep(chance: random.Random) -> str:
    n = chance.choice([200, 2_000, 50_000])
    return chance.choice(
        [
            "{{ " + "(" * n + "1" + ")" * n + " }}",
            "{% if 1 %}" * n + "x" + "{% endif %}" * n,
            "{{ " + "[" * n + "]" * n + " }}",
            "{{ " + "not " * n + "1 }}",
            "{{ " + "-" * n + "1 }}",
            "{{ 1" + " + 1" * n + " }}",
            "{{ a" + ".a" * n + " }}",
            "{{ a" + "|upper" * n + " }}",
            "{% for a in b %}" * n,
            "{{ 'a' " + "~ 'a' " * n + "}}",
            "{{ a" + "[0]" * n + " }}",
            "{{ 1 if 1 else " * n + "1" + " }}" * n,
            "{% set a = 1 %}" * n,
            "{{ {" + "1:{" * n + "}" * n + "} }}",
            "{#" * n,
            "{{ 1 }}" * n,
            "{% macro a() %}" * n,
            "{% elif 1 %}" * n,
            "{% if 1 %}" + "{% elif 1 %}x" * n + "{% endif %}",
            "{{ '" + "\\" * n + "' }}",
        ]
    )


def _bytes(chance: random.Random) -> bytes:
    return chance.choice(
        [
            b"\xff\xfe",
            b"\x80",
            b"\x00" * 100_000,
            "{{ messages }}".encode("utf-16"),
            b"",
            b" \n ",
            chance.randbytes(5_000),
            b"a" * 30_000_000,
            b"{{ 1 }}" * 400_000,
            b"\n" * 5_000_000,
            b"{" * 2_000_000,
            b"{{ '" + b"a" * 20_000_000 + b"' }}",
        ]
    )
