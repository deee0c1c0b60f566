"""Answers that are made to stop the window: every kind of Markdown, and kinds in each other, each from a number."""

from __future__ import annotations

import random
from collections.abc import Callable

WORDS = [
    "a", "word", "\u03a9", "\u05d0\u05d1", "\u0627\u0644\u0639", "\u6f22\u5b57", "very" * 20, "x" * 200, "**b**", "*i*",
    "`c`", "~~s~~", "[l](http://x)", "http://a.b", "$x^2$", "<br>", "&amp;", "\\*", "e\u0301" * 5,
    "\U0001f468\u200d\U0001f469", "\u200b",
]  # fmt: skip
LANGUAGES = [
    "py", "cpp", "js", "json", "html", "css", "rust", "perl", "bash", "sql", "haskell", "tex", "md", "yaml", "php",
    "ruby", "lua", "go", "java", "xml", "diff", "c", "ts", "kotlin", "swift", "scheme", "matlab", "r", "vim", "ini",
]  # fmt: skip
LINES = [
    '"a\\"b" /* x */ \'c\' R"(x)"', "''''''\"\"\"", "f(x, [1, {2: 3}], **kw)  # c", "<a href='x'>&amp;</a><!-- c -->",
    "$a{b}[0] =~ s/x/y/g;", "(" * 12, "a+b*c-d/e%f^g&h|i", "0x1f 1e10 .5 1.", "@decorator",
    "if x: return lambda y: {**y}", "'" * 50, '"' * 51, "a " * 100, "#" * 30, "{" * 20, "\t\tx = 1;", "<!--", "/*",
    "*/", "\\" * 30, "a='b\\'c\\\\' \"d\\\"\"", "f'{x!r:>{w}}' rb'\\x00' u'\\N{DASH}'",
]  # fmt: skip
FORMULAS = [
    "x_{%d}", "\\frac{a_{%d}}{b}", "\\sqrt{x+%d}", "\\sum_{i=0}^{%d} i", "\\int_0^%d x\\,dx", "\\hat{x}_%d",
    "\\begin{matrix}a&b\\\\c&%d\\end{matrix}", "\\left(\\frac{1}{%d}\\right)", "\\overbrace{a+%d}^{n}",
    "\\begin{cases}a&b\\\\c&%d\\end{cases}",
]  # fmt: skip
LINKS = [
    "[a](http://x) ", "http://a.b/c ", '[**a**](http://x "t") ', "<http://a> ", "![a](http://x) ", "[a](y) ",
    "[`c`](http://x)",
]  # fmt: skip


def _words(chance: random.Random, count: int) -> str:
    pool = chance.sample(WORDS, chance.randint(1, 5))
    return " ".join(chance.choice(pool) for _ in range(count))


def _table(chance: random.Random) -> str:
    columns, rows = chance.choice([(2, 60), (12, 22), (3, 120), (40, 6), (1, 240), (6, 40), (20, 12)])
    length = chance.choice([1, 1, 3, 20])

    def row(cells: list[str]) -> str:
        return "|" + "|".join(cells) + "|"

    lines = [row([_words(chance, 1) for _ in range(columns)]), row([chance.choice(["-", ":-:", "-:"])] * columns)]
    return "\n".join([*lines, *(row([_words(chance, length) for _ in range(columns)]) for _ in range(rows))])


def _lists(chance: random.Random) -> str:
    lines, depth, way = [], 0, chance.choice(["deep", "wander", "stairs", "flat"])
    most = chance.choice([3, 8, 30, 120])
    marks = chance.choice([["- "], ["1. "], ["- ", "1. "], ["- [ ] "], ["* ", "+ "], ["- - - "], ["10000. "]])
    for at in range(chance.choice([50, 250, 500])):
        wandered = max(0, min(most, depth + chance.randint(-2, 1)))
        depth = {"deep": min(at, most), "wander": wandered, "stairs": at % most, "flat": 0}[way]
        lines.append(" " * 3 * depth + chance.choice(marks) + _words(chance, chance.choice([1, 1, 5, 30])))
        lines.extend([""] if chance.random() < 0.05 else [])
    return "\n".join(lines)


def _quotes(chance: random.Random) -> str:
    lines, most, stairs = [], chance.choice([2, 5, 20, 100]), chance.random() < 0.5
    inner = chance.choice(["", "- ", "1. ", "# ", "| a |", "> - ", "```"])
    for at in range(chance.choice([50, 250])):
        depth = at % most + 1 if stairs else chance.randint(1, most)
        lines.append(chance.choice(["> ", ">"]) * depth + inner + _words(chance, chance.choice([1, 8])))
        lines.extend(["> " * (depth // 2)] if chance.random() < 0.1 else [])
        lines.extend([""] if chance.random() < 0.05 else [])
    return "\n".join(lines)


def _code(chance: random.Random) -> str:
    pool = chance.sample(LINES, chance.randint(1, 4))
    lines = [chance.choice(pool) for _ in range(chance.choice([5, 60, 900, 1500]))]
    return "\n".join(["```" + chance.choice(LANGUAGES), *lines, "```"])


def _hard(chance: random.Random, at: int) -> str:
    """A formula that takes long to set."""
    match chance.randint(0, 6):
        case 0:
            row = "&".join(["a"] * chance.choice([4, 10, 16]))
            return "\\begin{matrix}" + "\\\\".join([row] * chance.choice([4, 12])) + f"{at}\\end{{matrix}}"
        case 1:
            return "\\sqrt{" * 8 + f"x_{at}" + "}" * 8
        case 2:
            return "+".join(f"x_{{{at + each}}}^{{{each}}}" for each in range(chance.choice([10, 50])))
        case 3:
            return "\\frac{" * 6 + str(at) + "}{b}" * 6
        case 4:
            return "\\left(" * 7 + str(at) + "\\right)" * 7
        case 5:
            row = "&".join(chance.choice(FORMULAS) % at for _ in range(5))
            return "\\begin{pmatrix}" + "\\\\".join([row] * 5) + "\\end{pmatrix}"
    return "\\begin{align}" + "\\\\".join(f"a&={chance.choice(FORMULAS) % at}" for _ in range(12)) + "\\end{align}"


def _formulas(chance: random.Random) -> str:
    count = chance.choice([10, 60, 300])
    easy = [chance.choice(FORMULAS) % at for at in range(count)]
    match chance.randint(0, 4):
        case 0:
            return "\n\n".join(f"$${each}$$" for each in easy)
        case 1:
            return " and ".join(f"${each}$" for each in easy)
        case 2:
            return "\n\n".join(f"$${_hard(chance, at)}$$" for at in range(count))
        case 3:
            return "\n".join(f"- ${_hard(chance, at)}$ x" for at in range(min(count, 60)))
    return "|a|b|\n|-|-|\n" + "\n".join(f"|${each}$|${each}+1$|" for each in easy)


def _links(chance: random.Random) -> str:
    line = chance.choice(LINKS) * chance.choice([5, 50, 140])
    return "\n\n".join([line] * chance.choice([2, 15, 60]))


def _footnotes(chance: random.Random) -> str:
    count = range(chance.choice([20, 200]))
    notes = "\n".join(f"[^{at}]: {_words(chance, 3)}" for at in count)
    return "".join(f"a[^{at}] " for at in count) + "\n\n" + notes


def _headings(chance: random.Random) -> str:
    ends = ["", "\n", "\n\nx", "\n---"]
    return "\n".join(
        "#" * chance.randint(1, 6) + " " + _words(chance, chance.choice([1, 5, 30])) + chance.choice(ends)
        for _ in range(chance.choice([20, 120, 250]))
    )


def _paragraphs(chance: random.Random) -> str:
    return "\n\n".join(_words(chance, chance.choice([3, 60, 250])) for _ in range(chance.choice([3, 40, 120])))


def _lines(chance: random.Random) -> str:
    return "\n".join(_words(chance, chance.choice([1, 5, 15])) for _ in range(chance.choice([50, 240, 1000])))


KINDS: dict[str, Callable[[random.Random], str]] = {
    "table": _table, "lists": _lists, "quotes": _quotes, "code": _code, "formulas": _formulas, "links": _links,
    "footnotes": _footnotes, "headings": _headings, "paragraphs": _paragraphs, "lines": _lines,
}  # fmt: skip


def _inside(chance: random.Random, text: str) -> str:
    match chance.randint(0, 3):
        case 0:
            return "- x\n\n" + "\n".join("  " + line for line in text.split("\n"))
        case 1:
            return "\n".join("> " + line for line in text.split("\n"))
        case 2:
            return "1. " + text.replace("\n", "\n   ")
    return text


def made_answer(number: int) -> tuple[str, str]:
    """What kind it is, and the answer; of each five two are several kinds, one of them in lists and quotes."""
    chance = random.Random(number)
    names = list(KINDS)
    if number % 5 < 2:
        parts = [KINDS[chance.choice(names)](chance) for _ in range(chance.randint(3, 8))]
        return "several", chance.choice(["\n\n", "\n"]).join(parts)
    name = chance.choice(names)
    text = KINDS[name](chance)
    if number % 5 == 2:
        return f"{name} inside", _inside(chance, _inside(chance, text))
    return name, text
