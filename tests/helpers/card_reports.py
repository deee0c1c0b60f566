"""What a trial of a card found, as the real one would say it."""

from __future__ import annotations

from trt_engines.tensorrt.card_report import STEPS, CardReport, TrialStep

TRIED = tuple(
    TrialStep(name, name != "streaming: manager", "None for this engine." if "manager" in name else "right", 0.1,
              "ERROR: words of TensorRT" if "manager" in name else "")
    for name in STEPS
)  # fmt: skip
REPORT = CardReport(
    "2026-11-29", "Linux 6.1", "RTX 4070", 89, 12 << 30, "581.15", 13000, "tensorrt_rtx", "1.7.1", "deferred", TRIED
)
