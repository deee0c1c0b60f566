"""The table as a picture: a bar for each line, with its spread; SVG, which every browser and forum shows."""

from __future__ import annotations

from html import escape

from app.machine.bench import texts
from app.machine.bench.report import computer_line
from app.machine.bench.values import BenchReport, BenchRow, Figure

WIDTH = 860
_LEFT, _RIGHT, _TOP, _LINE = 230, 110, 84, 26
_COLOURS = ("#2f6fde", "#1f9d76", "#c2571a", "#8a4fc7", "#b23a62", "#5b6472")
_MOST_TEXT = 110  # characters of the head


def svg(report: BenchReport) -> str:
    """A picture; light, so that it can be read on any page."""
    rows = [(row, row.wall_rate) for row in report.rows if row.wall_rate is not None]
    sides = list(dict.fromkeys(row.side for row, _ in rows))
    most = max((figure.high for _, figure in rows), default=1.0) or 1.0
    height = _TOP + _LINE * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="system-ui, sans-serif" role="img">',
        f"<title>{_text(f'{texts.PLOT_TITLE}: {report.model}')}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="24" y="34" font-size="18" font-weight="600" fill="#1c2430">'
        f"{_text(f'{texts.PLOT_TITLE}: {report.model}')}</text>",
        f'<text x="24" y="56" font-size="12" fill="#5b6472">{_text(computer_line(report.computer))}</text>',
    ]
    for number, (row, figure) in enumerate(rows):
        colour = _COLOURS[sides.index(row.side) % len(_COLOURS)]
        parts += _bar(_TOP + number * _LINE, row, figure, most, colour)
    parts.append(f'<text x="{_LEFT}" y="{height - 14}" font-size="11" fill="#5b6472">{_text(texts.PLOT_HINT)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _bar(top: float, row: BenchRow, figure: Figure, most: float, colour: str) -> list[str]:
    room = WIDTH - _LEFT - _RIGHT
    middle, low, high = (room * value / most for value in (figure.median, figure.low, figure.high))
    centre = top + 9
    name = f"{row.side}, {row.preset}, {row.length}"
    label = f"{figure.median:,.1f}" if figure.median < 100 else f"{figure.median:,.0f}"
    line = 'stroke="#1c2430" stroke-width="1.5"'
    return [
        f'<text x="{_LEFT - 10}" y="{centre + 4}" font-size="13" text-anchor="end" fill="#1c2430">{_text(name)}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{max(1.0, middle):.1f}" height="18" rx="3" fill="{colour}"/>',
        f'<path d="M{_LEFT + low:.1f} {centre}H{_LEFT + high:.1f}M{_LEFT + low:.1f} {centre - 4}v8'
        f'M{_LEFT + high:.1f} {centre - 4}v8" {line}/>',
        f'<text x="{_LEFT + high + 10:.1f}" y="{centre + 4}" font-size="13" fill="#1c2430">{label}</text>',
    ]


def _text(text: str) -> str:
    """Text that a picture can hold, whatever a model or a server calls itself."""
    whole = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return escape(whole if len(whole) <= _MOST_TEXT else f"{whole[:_MOST_TEXT]}\u2026")
