"""How exported pages look: styles for a screen in light and dark and for paper, and the colours of code."""

from __future__ import annotations

import html

_MOST_COLOURED, _LONGEST_LINE = 30_000, 1_000  # characters: some lexers take a time that grows with the square

SCREEN_STYLE = """\
:root { color-scheme: light dark; --page: #ffffff; --text: #1b1e23; --muted: #5f6773; --line: #d9dde3; --box: #f3f5f8;
  --link: #0b5cad; --keyword: #8250df; --string: #0a6b3d; --number: #0550ae; --comment: #68717d; --name: #953800; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --text: #e4e7eb; --muted: #9aa3ae; --line: #333a43;
  --box: #1e2329; --link: #7ab7f5; --keyword: #c9a5ff; --string: #7ee2a8; --number: #79c0ff; --comment: #8b949e;
  --name: #ffb77a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); line-height: 1.6;
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
article, footer { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem; }
article + article { border-top: 1px solid var(--line); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
.about, footer, .note { color: var(--muted); font-size: .85rem; font-weight: 400; }
section { margin: 1.75rem 0; } .who { margin: 0 0 .25rem; }
.user .body, .system .body, .tool .body { background: var(--box); border-radius: .6rem; padding: .1rem 1rem; }
.body { overflow-wrap: anywhere; } .plain { white-space: pre-wrap; } .note { font-style: italic; }
.thinking { color: var(--muted); border-left: 3px solid var(--line); padding-left: 1rem; margin: .5rem 0; }
pre { background: var(--box); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem;
  overflow-x: auto; line-height: 1.45; overflow-wrap: normal; margin-top: .25rem; }
code { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace; font-size: .9em; }
:not(pre) > code { background: var(--box); border-radius: .25rem; padding: .1em .3em; }
.language { color: var(--muted); font-size: .8rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .35rem .75rem; text-align: start; } th { background: var(--box); }
blockquote { border-inline-start: 3px solid var(--line); margin-inline: 0; padding-inline-start: 1rem;
  color: var(--muted); }
a { color: var(--link); } hr { border: 0; border-top: 1px solid var(--line); } .formula { overflow-x: auto; }
.k { color: var(--keyword); } .s { color: var(--string); } .m { color: var(--number); } .n { color: var(--name); }
.c { color: var(--comment); font-style: italic; }
@media print { section { break-inside: auto; } h1, .who { break-after: avoid; } pre { white-space: pre-wrap; } }"""

# What Qt's text documents understand of CSS.
PRINT_STYLE = """\
body { color: #1b1e23; } h1 { font-size: 17pt; } h2 { font-size: 13pt; } h3 { font-size: 11.5pt; }
.about, .note { color: #5f6773; font-size: 8.5pt; } .who { margin-top: 14px; margin-bottom: 2px; }
.user, .system, .tool { background-color: #f3f5f8; } .plain { white-space: pre-wrap; margin: 4px 0 4px 0; }
.thinking { color: #5f6773; font-size: 9pt; } p { line-height: 135%; }
pre { background-color: #f3f5f8; white-space: pre-wrap; } code { font-family: "DejaVu Sans Mono"; font-size: 9pt; }
th { background-color: #f3f5f8; } th, td { padding: 3px 8px 3px 8px; } a { color: #0b5cad; }"""

# Names of Pygments' token types, the special before the general, and the class of their colour.
_CLASSES = (
    ("Token.Comment", "c"),
    ("Token.Keyword", "k"),
    ("Token.Operator.Word", "k"),
    ("Token.Literal.String", "s"),
    ("Token.Literal.Number", "m"),
    ("Token.Name.Function", "n"),
    ("Token.Name.Class", "n"),
    ("Token.Name.Decorator", "n"),
    ("Token.Name.Tag", "k"),
)


def coloured_code(code: str, language: str) -> str:
    """Code as HTML, with colours where its language is known and its size is usual."""
    if not language or len(code) > _MOST_COLOURED or any(len(line) > _LONGEST_LINE for line in code.split("\n")):
        return html.escape(code)
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return html.escape(code)
    parts = []
    for kind, text in lexer.get_tokens(code):
        name = str(kind)
        found = next((css for begin, css in _CLASSES if name.startswith(begin)), "")
        parts.append(f'<span class="{found}">{html.escape(text)}</span>' if found else html.escape(text))
    return "".join(parts)
