"""The library of our kernels, built once a session by whatever compiler there is."""

from __future__ import annotations

import pytest

from inference.native.build import build_library


@pytest.fixture(scope="session", autouse=True)
def _library() -> None:
    """`ziglang` is a development dependency: there is always a compiler."""
    build_library()


@pytest.fixture(autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """Tiny tensors: more threads only wait for each other."""
