"""Tests of trt_engines."""
