"""Answers that a model, or whoever made it, may send: Markdown at its worst, odd letters, endless lines.

Each shape is a function of (chance, n, world), where n says how large. A third of the cases is a mixture.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pygments.lexers import get_all_lexers

from tests.hostile.world import World

Shape = Callable[[random.Random, int, World], str]
SIZES = (200, 2_000, 20_000, 60_000)
LARGE = (400_000, 2_000_000)
ODD = (
    "\u202e",
    "\u2066",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\x00",
    "\x07",
    "\x1b[31m",
    "\x85",
    "\r",
    "\v",
    "\f",
    "\ud800",
    "\udfff",
    "\ufffe",
    "\U0010ffff",
    "\u0301" * 40,
    "\u0e33",
    "\u1160",
    "\ufdfd",
    "\U0001f469\u200d" * 8,
    "\u00ad",
    "\ue000",
    "\u3164",
    "\u0600",
    "\U000e0001",
)
MARKS = (
    "*",
    "**",
    "_",
    "__",
    "~~",
    "`",
    "```",
    "~~~",
    "#",
    "###### ",
    ">",
    "> ",
    "- ",
    "+ ",
    "1. ",
    "9999999999. ",
    "[",
    "]",
    "(",
    ")",
    "![",
    "](",
    "](<",
    "[^1]",
    "[^1]: ",
    "[x] ",
    "|",
    "|---",
    "\n",
    "\n\n",
    "    ",
    "\t",
    "$",
    "$$",
    "\\",
    "\\(",
    "\\[",
    "<",
    ">",
    "<br>",
    "<!--",
    "-->",
    "<![CDATA[",
    "<?",
    "&",
    "&amp;",
    "&#0;",
    "&#x10ffff;",
    "http://",
    "www.",
    "@",
    "---",
    "===",
    "***",
    "\\\n",
    "  \n",
    "x",
    "a b",
    "{",
    "}",
    "\\frac",
    "\\begin{matrix}",
    "\\end{matrix}",
    "^",
    ":",
    '"',
)


def text_of(chance: random.Random, seed: int, world: World) -> str:
    """The text of a seed."""
    names = sorted(SHAPES)
    n = chance.choice(SIZES)
    if seed % 3 == 2:
        parts = [SHAPES[chance.choice(names)](chance, chance.choice(SIZES[:3]), world) for _ in range(3)]
        return chance.choice(["", "\n", "\n\n", "> ", "- "]).join(parts)
    if seed % 25 == 0:
        n = chance.choice(LARGE)
    return SHAPES[names[(seed - seed // 3) % len(names)]](chance, n, world)


def make(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """One answer."""
    (folder / "text").write_bytes(text_of(chance, seed, world).encode("utf-8", "surrogatepass"))
    return {"do": "answer", "file": str(folder / "text")}


def _run(mark: str, n: int) -> str:
    return mark * (n // max(1, len(mark)))


def _heading(chance: random.Random, n: int, world: World) -> str:
    blank = chance.choice([" ", "\t", " \t", "# ", " #"])
    return chance.choice(["#", "##", "> #", "- ###"]) + " a" + _run(blank, n) + chance.choice(["x", "#", "\\#", ""])


def _table(chance: random.Random, n: int, world: World) -> str:
    columns = chance.choice([2, 30, 300])
    rows = max(1, n // (columns * 6))
    cell = chance.choice(["|", "| a ", "| \\| ", "| `|` ", "| **a ", "| $x$ ", "|<br>"])
    return cell * columns + "|\n" + "|---" * columns + "|\n" + (cell * columns + "|\n") * rows


def _one_row(chance: random.Random, n: int, world: World) -> str:
    return "|a|b|\n|---|---|\n|" + _run(chance.choice(["|", "a", "\\|", "`", "*a "]), n) + "|\n"


def _emphasis(chance: random.Random, n: int, world: World) -> str:
    one = chance.choice(["*a ", "**a ", "_a ", "*a_ ", "**a* ", "~~a ", "*_", "a*", "***a** ", "_a__ "])
    return _run(one, n) + chance.choice(["", "*" * 50, "_b_"])


def _brackets(chance: random.Random, n: int, world: World) -> str:
    one = chance.choice(["[", "![", "[a](", "[a](<b", "[]", "[a][", "](", "[[", "[^a", "![[]()", "[a]: ", "[`"])
    return _run(one, n) + chance.choice(["", "]" * 100, ")" * 100, "](x)"])


def _ticks(chance: random.Random, n: int, world: World) -> str:
    if chance.random() < 0.5:
        return " ".join("`" * length for length in range(1, int((2 * n) ** 0.5)))
    return _run(chance.choice(["`a", "``a`", "` `` ", "\\`"]), n)


def _nested(chance: random.Random, n: int, world: World) -> str:
    mark = chance.choice(["> ", ">", "- ", "1. ", "* + ", "> - "])
    if chance.random() < 0.5:
        return _run(mark, n) + "a"
    depth = min(n // 10, 400)
    return "\n".join(chance.choice(["  ", "   "]) * level + mark + "a" for level in range(depth))


def _html(chance: random.Random, n: int, world: World) -> str:
    place = chance.choice(
        [world.outside / "picture.png", world.outside / "pipe", world.outside / "secret.txt", "/dev/zero"]
    )
    address = chance.choice(["{}", "file://{}", "file://server.invalid/share{}", "http://192.0.2.1{}", "//192.0.2.1{}"])
    address = address.format(place)
    one = chance.choice(
        [
            '<img src="{}">',
            '<a href="{}">x</a>',
            "![x]({})",
            '<body background="{}">',
            "[x]({})",
            "<{}>",
            "[x]: {}\n[x]",
            '<table background="{}"><tr><td>',
            "<style>@import url({});</style>",
            '<div style="background:url({})">',
            '<html><img src="{}"></html>',
            '![x](<{}> "{}")',
            '<object data="{}">',
            '`<img src="{}">`',
            "$\\href{{{}}}{{x}}$",
        ]
    )
    one = one.replace("{}", address)
    return one + _run(f"\n\n{one}", min(n, 4_000))


def _tags(chance: random.Random, n: int, world: World) -> str:
    return _run(
        chance.choice(["<a ", "<!--", "<b>", "</b>", "<a b='", "<?", "<![CDATA[", "<!A ", "<br>", "&lt;", "&#65;"]), n
    )


def _formula(chance: random.Random, n: int, world: World) -> str:
    depth = min(n // 12, 3_000)
    inner = chance.choice(
        [
            "\\frac{" * depth + "x" + "}{y}" * depth,
            "\\sqrt{" * depth + "x" + "}" * depth,
            "{" * depth + "x" + "}" * depth,
            "x_{" * depth + "1" + "}" * depth,
            "\\left(" * depth + "x" + "\\right)" * depth,
            _run("x+", n),
            _run("\\alpha ", n),
            "\\begin{matrix}" + _run("1 & 2 \\\\ ", n) + "\\end{matrix}",
            "\\begin{matrix}" * depth,
            _run("\\frac{a}{b}", n),
            "\\text{" + _run("a", n) + "}",
            "\\rule{99999999em}{99999999em}",
            "\\hspace{1e400em}x",
            "\\sum" * depth,
            "\\color{" + _run("r", n) + "}x",
            _run("^", n),
            "\\\\" * depth,
            "\\def\\a{\\a\\a}\\a",
            "x" + "'" * depth,
        ]
    )
    return chance.choice(["${}$", "$${}$$", "\\({}\\)", "\\[{}\\]", "```math\n{}\n```"]).replace("{}", inner)


def _dollars(chance: random.Random, n: int, world: World) -> str:
    return _run(chance.choice(["$", "$a ", "$$ ", "\\$", "$1 ", "a$", "\\(", "\\[ ", "$`", "$x$"]), n)


def _code(chance: random.Random, n: int, world: World) -> str:
    language = chance.choice([alias for _, aliases, _, _ in _LEXERS for alias in aliases[:1]])
    body = chance.choice(
        [
            _run("a", n),
            _run("((", n),
            _run('"', n),
            _run("/*", n),
            _run("x = 1\n", n),
            _run("<a>", n),
            _run("\\", n),
            _run("'''", n),
            _run("{%", n),
            _run("#!", n),
            _run("\t", n),
            _run("\n", n),
            _run("@a.", n),
            _run("a" * 300 + "\n", n),
            _run("/**/ ", n) + "/*",
            "<" + _run("!", n),
            _run("$(", n),
            _run("1e", n),
            _run("a:b;", n),
            _run(" ", n) + "x",
        ]
    )
    return f"{chance.choice(['```', '~~~', '````'])}{language}\n{body}" + chance.choice(["", "\n```", "\n~~~\n"])


def _languages(chance: random.Random, n: int, world: World) -> str:
    names = chance.sample(_LEXERS, 12)
    return "\n\n".join(f"```{aliases[0]}\nx = 1 /* a */ <b> 'c'\n```" for _, aliases, _, _ in names)


def _long_line(chance: random.Random, n: int, world: World) -> str:
    one = chance.choice(
        [
            "a",
            "a ",
            "\u6f22",
            "e\u0301",
            "\U0001f469\u200d\U0001f467",
            "\u0627\u0644 ",
            "\u00a0",
            "-",
            "\u202e\u05d0",
            "W\u200b",
        ]
    )
    return _run(one, max(n, 60_000))


def _odd(chance: random.Random, n: int, world: World) -> str:
    return "".join(chance.choice(ODD) + chance.choice(["a", " ", "\n", "**", "`"]) for _ in range(n // 4))


def _marks_on_one(chance: random.Random, n: int, world: World) -> str:
    return "a" + _run(chance.choice(["\u0301", "\u0489", "\u20dd", "\u200d", "\ufe0f", "\u0e34", "\u1dff"]), n)


def _blank(chance: random.Random, n: int, world: World) -> str:
    return _run(chance.choice(["\n", " ", "\t", "\r\n", "\r", "\u2028", "\n \n", "\u00a0\n", "\v", "\f"]), n) + "x"


def _definitions(chance: random.Random, n: int, world: World) -> str:
    count = n // 12
    if chance.random() < 0.5:
        return "".join(f"[a{number}]: /u\n" for number in range(count)) + "".join(
            f"[a{number}] " for number in range(count)
        )
    return "".join(f"[^{number}] " for number in range(count)) + "".join(f"\n[^{number}]: x" for number in range(count))


def _addresses(chance: random.Random, n: int, world: World) -> str:
    one = chance.choice(
        ["http://a.b ", "www.", "a@b.c ", "http://", "mailto:a ", "http://[", "www.a" + "." * 50, "<http://a ", "a.b@"]
    )
    return _run(one, n)


def _underlined(chance: random.Random, n: int, world: World) -> str:
    return _run("a\n", n) + chance.choice(["=", "-", "= =", "- - "]) * chance.choice([1, 1000])


def _fuzz(chance: random.Random, n: int, world: World) -> str:
    return "".join(chance.choice(MARKS) for _ in range(min(n, 8_000)))


def _plain(chance: random.Random, n: int, world: World) -> str:
    words = ("dew", "settles", "at", "night", "\n\n", "**and**", "`melts`", "# again\n", "- once\n", "\u2014")
    return " ".join(chance.choice(words) for _ in range(n // 6))


def _empty(chance: random.Random, n: int, world: World) -> str:
    return chance.choice(
        ["", " ", "\n", "\u200b", "#", "```", "|", "$$", "[^1]", "---", "<", "\x00", ">", "- [ ]", "\ufeff"]
    )


_LEXERS = [lexer for lexer in sorted(get_all_lexers()) if lexer[1]]
SHAPES: dict[str, Shape] = {
    name.removeprefix("_"): shape
    for name, shape in list(globals().items())
    if name.startswith("_") and getattr(shape, "__module__", "") == __name__ and name not in ("_run", "_LEXERS")
}
