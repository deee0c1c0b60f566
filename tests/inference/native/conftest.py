"""The library of our kernels: the program's own, or one built by whatever compiler there is and put beside it.

So the tests of everything else run as the program does here, with kernels or without, whatever the order of the tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inference.native import library
from inference.native.build import BUILT, build_library, library_name


@pytest.fixture(scope="package", autouse=True)
def _library() -> Iterator[None]:
    """`ziglang` is a development dependency: there is always a compiler."""
    there = BUILT / library_name()
    file = there if there.exists() else build_library(BUILT / "tests")
    library.load.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "library_file", lambda: file)
        yield
    library.load.cache_clear()


@pytest.fixture(autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """Tiny tensors: more threads only wait for each other."""
