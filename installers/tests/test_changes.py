"""The changelog's entries as programs show them: plain text, not too long, not too many."""

from __future__ import annotations

import pytest

from installers import changes

CHANGELOG = """# Changelog

- Not an entry of a version.

## Unreleased

- Later.

## 0.2.0 - 2026-12-01

A sentence about all of it.

### Added

- An entry that is
  wrapped **twice**, with `code` and
  a [link](https://example.org/a_(b) "title").
* Another mark.

  Its second paragraph.

A paragraph between lists.

- Outer:
  - inner, one of its own

```
- not an entry
```

### Fixed
- Directly below its heading.

[0.2.0]: https://example.org

## 0.1.0

- Earlier.
"""


def test_the_entries_of_one_version_are_found() -> None:
    assert changes.changes_of(CHANGELOG, "0.2.0") == (
        [
            "An entry that is wrapped twice, with code and a link.",
            "Another mark. Its second paragraph.",
            "Outer:",
            "inner, one of its own",
            "Directly below its heading.",
        ],
        "2026-12-01",
    )
    assert changes.changes_of(CHANGELOG, "0.1.0") == (["Earlier."], None)


@pytest.mark.parametrize("heading", ["## 0.2.0", "## [0.2.0] - 2026-02-30", "## v0.2.0 (soon)", "## 0.2.0\t"])
def test_headings_of_other_forms_are_found(heading: str) -> None:
    assert changes.changes_of(f"{heading}\r\n- One.\r\n", "0.2.0") == (["One."], None)


@pytest.mark.parametrize("heading", ["## 0.2.01", "## 0.2.0.1", "## 10.2.0", "## 0.2.0-rc1", "### 0.2.0", "## 0x2x0"])
def test_other_headings_are_no_section_of_it(heading: str) -> None:
    with pytest.raises(changes.ChangesError, match=r'no section for 0\.2\.0: it needs a heading "## 0\.2\.0"'):
        changes.changes_of(f"{heading}\n\n- One.\n", "0.2.0")


@pytest.mark.parametrize("section", ["", "Text alone.\n", "### Added\n", "- \n", "```\n- code\n```\n"])
def test_a_section_without_entries_is_refused(section: str) -> None:
    with pytest.raises(changes.ChangesError, match=r"lists no change below its heading for 0\.2\.0"):
        changes.changes_of(f"## 0.2.0\n\n{section}\n## 0.1.0\n\n- Earlier.\n", "0.2.0")


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("`a ** b` and ``c ` d``", "a ** b and c ` d"), ("**bold** and __bold__", "bold and bold"),
        ("*thin*, _thin_, ***both***", "thin, thin, both"), ("[`code`](u) and [text][ref]", "code and text"),
        ("![picture](u.png)<https://example.org/x_y>", "picturehttps://example.org/x_y"),
        ("`[not](a link)` snake_case_name 2 * 3 * 4", "[not](a link) snake_case_name 2 * 3 * 4"),
        (r"\*stars\* and C:\folder", r"*stars* and C:\folder"), ("[x] a\tb  c", "[x] a b c"), ("ä – 日本", "ä – 日本"),
    ],
)  # fmt: skip
def test_marks_are_taken_away(markdown: str, text: str) -> None:
    assert changes.plain(markdown) == text


def test_long_entries_are_cut_at_the_end_of_a_sentence() -> None:
    first = f"{'word ' * 60}end."
    assert changes.cut(f"{first} {'More ' * 60}.") == first
    assert changes.cut(f"{first} A second one! {'More ' * 60}.") == f"{first} A second one!"
    assert changes.cut("x" * 500) == "x" * 500


@pytest.mark.parametrize(
    "text",
    [
        "word " * 120, "x" * 501, "Yes. " + "Word, " * 100,
        f"{'word ' * 30} Models ... (Ctrl+M) {'word ' * 100}",
        f"{'word ' * 99}ended. Another sentence follows here.",
    ],
)  # fmt: skip
def test_one_long_sentence_gets_an_ellipsis(text: str) -> None:
    short = changes.cut(text)
    assert 480 < len(short) <= 500
    assert short.endswith("…")
    assert not short.endswith((" …", ",…"))
    assert text.startswith(short[:-1])


def test_thirty_entries_are_enough() -> None:
    found, _ = changes.changes_of("## 0.2.0\n" + "".join(f"- {number}\n" for number in range(50)), "0.2.0")
    assert found == [str(number) for number in range(30)]
