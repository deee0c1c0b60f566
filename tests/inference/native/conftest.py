"""The library of our kernels, built once by whatever compiler there is, beside the one that the program would use.

So the tests of everything else run as in a fresh clone, where there is none, whatever the order of the tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inference.native import library
from inference.native.build import BUILT, build_library


@pytest.fixture(scope="package", autouse=True)
def _library() -> Iterator[None]:
    """`ziglang` is a development dependency: there is always a compiler."""
    file = build_library(BUILT / "tests")
    library.load.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "library_file", lambda: file)
        yield
    library.load.cache_clear()


@pytest.fixture(autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """Tiny tensors: more threads only wait for each other."""
