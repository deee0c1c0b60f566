"""ONNX Runtime, told before it is loaded that it reports nothing to anybody.

From version 1.32 on its builds send what process runs them on which machine to its maker, and keep a number of the
machine and a queue of reports in the user's cache folder. Nothing of that may happen here: whoever needs ONNX Runtime
takes it from this module (`tests/test_architecture.py`).
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read by its library when that is loaded, and by child processes

import onnxruntime as ort

ort.disable_telemetry_events()  # the older way, on Windows

__all__ = ["ort"]
