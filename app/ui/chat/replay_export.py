"""A replay as a file: an animation (GIF, WebP), a page that needs nothing else (HTML), or a picture of one step (PNG).

Frames are painted by a canvas of their own, so that a file looks as the window does. Pillow encodes them.
"""

from __future__ import annotations

import html
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QRegion
from PySide6.QtWidgets import QWidget

from app.ui.chat import words
from app.ui.chat.canvas import CanvasView
from app.ui.chat.canvas_words import Level, levels_of
from app.ui.chat.replay import Replay
from app.ui.widgets.theme import Theme
from trt_engines.files import named_target, write_whole

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

WIDTH, MARGIN = 760, 24
MOST_FRAMES = 160  # of an animation; of more, some are left out
MOST_HEIGHT = 1600
STEP_MS, NOISE_MS, END_MS = 160, 600, 2500
FEW_MS, SLOWEST_MS = 3000, 450  # answers of few steps take longer for each, so that they can be followed


def save_replay(replay: Replay, theme: Theme, path: Path, kind: str, frame: int) -> None:
    """Write a replay to a file.

    Args:
        replay: What is written.
        theme: Colours and sizes.
        path: Where to; a file that is there is replaced when the new one is whole.
        kind: "gif", "webp", "html", or "png" of `frame` alone.
        frame: See `kind`.

    Raises:
        OSError: It cannot be written.
    """
    data = io.BytesIO()
    if kind == "html":
        data.write(page_of(replay, theme).encode())
    elif kind == "png":
        _pictures(replay, theme, [frame])[0].save(data, "PNG")
    else:
        chosen = _chosen(len(replay))
        first, *others = _pictures(replay, theme, chosen)
        step = max(STEP_MS, min(SLOWEST_MS, FEW_MS // len(chosen)))
        times = [NOISE_MS if replay.is_noise(each) else step for each in chosen]
        times[-1] = END_MS
        first.save(data, kind.upper(), save_all=True, append_images=others, duration=times, loop=0, quality=80)
    write_whole(named_target(path), data.getvalue())


def _chosen(count: int) -> list[int]:
    stride = -(-count // MOST_FRAMES)
    return sorted({*range(0, count, stride), count - 1})


def _pictures(replay: Replay, theme: Theme, frames: list[int]) -> list[Picture]:
    """Frames as pictures of one size."""
    from PIL import Image  # takes 30 ms, and few ever need it

    canvas = CanvasView(theme, reduce_motion=False)
    canvas.resize(WIDTH, 10)
    images: list[QImage] = []
    for frame in frames:
        canvas.set_start(replay.start(frame))
        canvas.set_still(replay.draft(frame))
        images.append(_painted(canvas, theme))
    canvas.clear()
    canvas.deleteLater()
    height = min(MOST_HEIGHT, max(image.height() for image in images))
    pictures = []
    for image in images:
        size = (image.width(), image.height())
        data = bytes(image.constBits())
        picture = Image.frombytes("RGB", size, data, "raw", "BGRX", image.bytesPerLine())
        whole = Image.new("RGB", (image.width(), height), theme.color("window").name())
        whole.paste(picture, (0, 0))
        pictures.append(whole)
    return pictures


def _painted(widget: QWidget, theme: Theme) -> QImage:
    image = QImage(widget.width() + 2 * MARGIN, widget.height() + 2 * MARGIN, QImage.Format.Format_RGB32)
    image.fill(theme.color("window"))
    widget.render(image, QPoint(MARGIN, MARGIN), QRegion(), QWidget.RenderFlag.DrawChildren)
    return image


_CLASSES = {Level.NOISE: "n", Level.LOOSE: "l", Level.FIRM: "f", Level.SETTLED: "s"}


def page_of(replay: Replay, theme: Theme) -> str:
    """A page with the text of every step, a slider and a button; it loads nothing and asks nobody."""
    frames = []
    for frame in range(len(replay)):
        draft = replay.draft(frame)
        levels = levels_of(draft.pieces, draft.entropy)
        shown = [[piece, _CLASSES[level]] for piece, level in zip(draft.pieces, levels, strict=True) if piece]
        frames.append({"label": replay.label(frame), "start": replay.start(frame), "words": shown})
    data = json.dumps(frames, ensure_ascii=True).replace("<", "\\u003c")
    tokens = theme.tokens
    values = {
        "title": html.escape(words.REPLAY_FILE), "data": data, "text": tokens.text, "ground": tokens.window,
        "accent": tokens.accent, "muted": tokens.muted, "play": html.escape(words.REPLAY_PLAY),
        "slider": html.escape(words.REPLAY_SLIDER),
    }  # fmt: skip
    page = _PAGE
    for name, value in values.items():
        page = page.replace(f"@{name}@", value)
    return page


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>@title@</title>
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body { background: @ground@; color: @text@; font: 17px/1.6 system-ui, sans-serif }
body { max-width: 48em; margin: 3em auto; padding: 0 1em }
#text { white-space: pre-wrap; overflow-wrap: anywhere; min-height: 12em }
.n { opacity: .34; font-style: italic } .l { opacity: .55; font-style: italic } .f { opacity: .82 }
#bar { display: flex; gap: 1em; align-items: center; color: @muted@ } input { flex: 1; accent-color: @accent@ }
</style></head><body><div id="text"></div>
<p id="bar"><button id="play">@play@</button>
<input id="at" type="range" min="0" aria-label="@slider@"><span id="label"></span></p>
<script>
const frames = @data@, at = document.getElementById("at"), text = document.getElementById("text");
let timer = 0;
function show() {
  const frame = frames[at.value];
  text.replaceChildren(frame.start, ...frame.words.map(([piece, kind]) => {
    const word = document.createElement("bdi"); word.className = kind; word.textContent = piece; return word;
  }));
  document.getElementById("label").textContent = frame.label;
}
function step() { if (+at.value < frames.length - 1) { at.value++; show(); timer = setTimeout(step, 200); } }
at.max = frames.length - 1; at.value = frames.length - 1; at.oninput = () => { clearTimeout(timer); show(); };
document.getElementById("play").onclick = () => {
  clearTimeout(timer); at.value = 0; show(); timer = setTimeout(step, 600);
};
show();
</script></body></html>
"""
