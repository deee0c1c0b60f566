"""Formulas: LaTeX is set by ziamath as a drawing of outlines, an SVG that stands on the baseline of the text around it.

What ziamath cannot set, does not know or would take long for is None. Its work doubles with every row inside a row, so
the work is counted on the tree before it is begun.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

MAX_SOURCE = 1_200
MAX_WORK = 1_500  # of rows inside rows, in nodes: at most some fifty milliseconds
MAX_EDGE = 3_000.0  # pixels at a size of 16
# They define, load, address or move, or make room as large as they like.
_REFUSED = re.compile(
    r"\\(?:[gex]?def|let|newcommand|renewcommand|providecommand|newenvironment|require|input|include\w*|href|url|html\w*"
    r"|rule|[hv]space|[hvm]skip|m?kern|raise\w*|lower|phantom|cssId|class|style|size|fontsize|ref|eqref)"
    r"(?![A-Za-z])"
)
_TAG = re.compile(r"\\tag\{([^{}\\]{0,20})\}")
_NUMBERED = re.compile(r"\\(begin|end)\{align\}")  # ziamath would number the lines of all answers through
_LABEL = re.compile(r"\\label\{[^{}\\]{0,60}\}")
_ROWS = {"math", "mrow", "mtd", "mstyle", "mfenced", "mphantom", "mpadded", "mtr"}


def formula_svg(source: str, display: bool, size: float, color: str) -> str | None:
    """A formula as an SVG whose baseline is at 0; None if that cannot be done, or not in time.

    Args:
        source: LaTeX, without the marks around it.
        display: Whether it stands on lines of its own.
        size: Of its letters, in pixels.
        color: As SVG names it.
    """
    found = laid_out(source, display, size)
    return None if found is None else svg_of(found, color)


def laid_out(source: str, display: bool, size: float, most_work: float = MAX_WORK) -> Any:
    """The longer part of `formula_svg`, its outlines (ziamath's `Math`); None as there, and beyond `most_work`."""
    source = _TAG.sub(r"\\qquad (\1)", _LABEL.sub("", source)).strip()
    source = _NUMBERED.sub(r"\\\1{align*}", source)
    if not source or len(source) > MAX_SOURCE or _REFUSED.search(source) or not _is_flat(source):
        return None
    try:
        return _math(source, display, size, most_work)
    except Exception:  # ziamath and latex2mathml raise all kinds of errors for what they do not know
        return None


def svg_of(found: Any, color: str) -> str | None:
    """The other part of it, which takes a fifth of the time."""
    try:
        svg = str(found.svg())
    except Exception:  # as above
        return None
    svg = svg.replace('fill="black"', f'fill="{color}"').replace('stroke="black"', f'stroke="{color}"')
    return svg.replace("<svg ", f'<svg fill="{color}" ', 1)


def _is_flat(source: str) -> bool:
    """Whether braces and fences are few enough deep for the converter, which goes down by calls."""
    depth = 0
    for mark in re.findall(r"\\left|\\right|\\begin|\\end|[{}]", source.replace("\\{", "").replace("\\}", "")):
        depth += 1 if mark in ("{", "\\left", "\\begin") else -1
        if depth > 16:
            return False
    return source.count("^") + source.count("_") <= 200


def _math(source: str, display: bool, size: float, most_work: float) -> Any:
    # Imported here: a chat without formulas needs none of it, and the window is there sooner.
    from ziamath.config import config
    from ziamath.tex import tex2mml
    from ziamath.zmath import Math

    tree = ElementTree.fromstring(_without_space(tex2mml(source, inline=not display)))
    text = "".join(tree.itertext())
    if "\\" in text or _work(tree, 1.0) > most_work or not _has_glyphs(text):
        return None
    config.svg2 = False  # Qt does not draw what is defined once and used again
    found = Math(tree, size=size)
    width, height = found.getsize()
    if not 0 < width < MAX_EDGE * size / 16 or not 0 < height < MAX_EDGE * size / 16:
        return None
    return found


def _without_space(mathml: str) -> str:
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", mathml)


def _work(element: ElementTree.Element, weight: float) -> float:
    inner = weight * 2 if element.tag in _ROWS else weight
    return weight + sum(_work(child, inner) for child in element)


@lru_cache(maxsize=1)
def _glyphs() -> Any:
    from ziamath.zmath import loadedfonts

    return loadedfonts["default"]


def _has_glyphs(text: str) -> bool:
    """Whether the font knows all characters; it would draw boxes."""
    return all(char.isspace() or _glyphs().glyphindex(char) > 0 for char in set(text))
