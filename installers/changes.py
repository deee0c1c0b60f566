"""What CHANGELOG.md says of one version, as plain sentences."""

from __future__ import annotations

import datetime
import re

MOST_CHANGES = 30
LONGEST_CHANGE = 500
SHORTEST_CUT = 100  # a first sentence shorter than this says too little to stand for the whole entry
ITEM = re.compile(r"\s*[-*+]\s+(.*)")
FENCE = re.compile(r"\s*(```|~~~)[^`]*$")
# Code, and characters with a backslash before them, stay as they are; the rest of the marks is taken away.
LITERAL = re.compile(r"(`+)(.+?)\1(?!`)|\\([^\w\s])")
LINK = re.compile(r"!?\[([^\[\]]*)\](\((?:[^()\s]|\([^()\s]*\))*(\s+\"[^\"]*\")?\)|\[[^\[\]]*\])")
AUTOLINK = re.compile(r"<(https?://[^<>\s]+)>")
STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])(.+?)(?<=[^\s*_])\1(?![\w*])")
KEPT = re.compile("\0([0-9]+)\0")
SENTENCE_END = re.compile(r"(?<!\.)[.!?](?=\s+[\"“(]?[A-Z0-9])")


class ChangesError(Exception):
    """The changelog does not say what changed in this version; the text says why."""


def changes_of(changelog: str, version: str) -> tuple[list[str], str | None]:
    """The changes of a version as plain text, and the date in its heading ("2026-12-01") if there is one.

    Raises:
        ChangesError: There is no section of this version, or it lists nothing.
    """
    heading = re.compile(rf"## \[?v?{re.escape(version)}\]?(\s.*|\(.*)?")
    lines = changelog.splitlines()
    start = next((number for number, line in enumerate(lines) if heading.fullmatch(line)), None)
    if start is None:
        raise ChangesError(f'CHANGELOG.md has no section for {version}: it needs a heading "## {version}".')
    section = lines[start + 1 :]
    end = next((number for number, line in enumerate(section) if line.startswith("## ")), len(section))
    found = [cut(text) for item in items(section[:end]) if (text := plain(item))]
    if not found:
        raise ChangesError(f"CHANGELOG.md lists no change below its heading for {version}.")
    return found[:MOST_CHANGES], date_in(lines[start])


def date_in(heading: str) -> str | None:
    """The first real date in a heading."""
    for text in re.findall(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", heading):
        try:
            return datetime.date.fromisoformat(text).isoformat()
        except ValueError:
            continue
    return None


def items(lines: list[str]) -> list[str]:
    """The list items of some Markdown, wrapped lines joined; text outside lists and blocks of code is left out."""
    found: list[str] = []
    inside = fenced = blank = False
    for line in lines:
        if FENCE.match(line):
            fenced = not fenced
        elif fenced:
            continue
        elif not line.strip():
            blank = True
        elif item := ITEM.fullmatch(line):
            found.append(item[1])
            inside, blank = True, False
        elif line.startswith("#") or (blank and not line[0].isspace()):
            inside = blank = False
        elif inside:
            found[-1] += f" {line.strip()}"
            blank = False
    return found


def plain(markdown: str) -> str:
    """A line of Markdown without its marks."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[3] or match[2].strip())
        return f"\0{len(kept) - 1}\0"

    text = LITERAL.sub(keep, markdown.replace("\0", ""))
    text = AUTOLINK.sub(r"\1", LINK.sub(r"\1", text))
    text = EMPHASIS.sub(r"\2", STRONG.sub(r"\2", text))
    return " ".join(KEPT.sub(lambda match: kept[int(match[1])], text).split())


def cut(text: str) -> str:
    """At most `LONGEST_CHANGE` characters: whole sentences, or else whole words and an ellipsis."""
    if len(text) <= LONGEST_CHANGE:
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    if fitting := [end for end in ends if SHORTEST_CUT <= end <= LONGEST_CHANGE]:
        return text[: fitting[-1]]
    start = text[:LONGEST_CHANGE]  # the ellipsis takes the place of at least one character
    words = start.rpartition(" ")[0] or start[:-1]
    return words.rstrip(" ,;:") + "…"
