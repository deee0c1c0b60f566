"""What the builder says is read from its log; what the classic TensorRT measures is kept from one build to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trt_engines.building.compile import _logger, keep_timings, use_timings
from trt_engines.tensorrt.flavour import Flavour, installed_flavour


class Cache:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def serialize(self) -> bytes:
        return self.data + b", measured"


class Config:
    """The part of a builder's configuration that knows timing caches."""

    def __init__(self) -> None:
        self.cache: Cache | None = None

    def create_timing_cache(self, data: bytes) -> Cache | None:
        return None if data.startswith(b"damaged") else Cache(data)

    def set_timing_cache(self, cache: Cache | None, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.cache = cache
        return cache is not None and not cache.data.startswith(b"of another card")

    def get_timing_cache(self) -> Any:
        return self.cache


@pytest.mark.parametrize(
    ("stored", "kept"),
    [(None, b", measured"), (b"known", b"known, measured"), (b"damaged", b", measured"),
     (b"of another card", b", measured")],
)  # fmt: skip
def test_timings(stored: bytes | None, kept: bytes, tmp_path: Path) -> None:
    file, config = tmp_path / "timing.cache", Config()
    if stored is not None:
        file.write_bytes(stored)
    use_timings(config, file)
    keep_timings(config, file)
    assert file.read_bytes() == kept


def test_a_full_disk_costs_only_time(tmp_path: Path) -> None:
    config = Config()
    use_timings(config, tmp_path / "timing.cache")
    keep_timings(config, tmp_path / "no such folder" / "timing.cache")


def test_only_the_classic_tensorrt_measures() -> None:
    assert Flavour("tensorrt", "11.4", None).times_kernels
    assert not Flavour("tensorrt_rtx", "1.7.1", None).times_kernels


def test_the_figures_of_a_part_are_read_from_the_log() -> None:
    """Each profile has a context of its own, and is said, as is what activations need: there the largest counts."""
    trt: Any = installed_flavour().module
    logger = _logger(trt, lambda line: None)
    for message in (
        "Total Device Persistent Memory: 4096 bytes", "Total Activation Memory: 24 bytes",
        "Total Device Persistent Memory: 512 bytes", "Total Host Persistent Memory: 80 bytes",
        "Total Activation Memory: 5 bytes", "Total Weights Memory: 16640 bytes",
    ):  # fmt: skip
        logger.log(trt.ILogger.INFO, message)
    assert (logger.context_bytes, logger.scratch_bytes, logger.weight_bytes) == (4608, 24, 16640)
