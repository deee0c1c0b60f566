"""At the start of the program: where the GPU add-on lies; and a removal is finished. Light: every start does it."""

from __future__ import annotations

from pathlib import Path

from trt_engines.tensorrt.addon import GOING, name_addon


def start_addon(folder: Path) -> None:
    """Let this process and all that it starts find the add-on, now or when it will be installed."""
    if (folder / GOING).exists():
        from app.gpu.folders import finish_removal

        finish_removal(folder)
    name_addon(folder)
