"""Weights on their way from a checkpoint to an engine: mapped, checked, quantised. numpy only, never torch or onnx."""
