"""The kernels for AVX-VNNI where the processor has AVX-512 VNNI alone: their machine code, one instruction re-encoded.

AVX-VNNI brings `vpdpbusd` and `vpdpwssd` in an encoding of its own ({vex}); everything else that those kernels use is
AVX2. So the compiler's assembly is kept as it is but for that prefix, and put where the library has the kernels of 256
bits.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from inference.native import library
from inference.native.build import Compiler, build_library
from inference.native.library import usable_isas
from inference.native.matrices import interleaved, pack, stacked_rows, straight
from tests.inference.native.raw import attend, multiply
from tests.inference.native.test_kernels import raw_matrix

PLACE = "vnni256"
# Compiles what was asked for; the kernels of PLACE become those of AVX-VNNI, by way of assembly.
WRAPPER = """
import pathlib, subprocess, sys
asked = sys.argv[1:]
if "-DDP_ISA=3" in asked:
    out = asked[asked.index("-o") + 1]
    own = [each for each in asked if not each.startswith("-mavx512") and each not in ("-c", "-o", out, "-DDP_ISA=3")]
    subprocess.run(["gcc", *own, "-mavxvnni", "-DDP_ISA=2", "-S", "-o", out + ".s"], check=True)
    text = pathlib.Path(out + ".s").read_text()
    assert "{vex} vpdpbusd" in text and "{vex} vpdpwssd" in text and "zmm" not in text
    pathlib.Path(out + ".s").write_text(text.replace("{vex} vpdp", "vpdp"))
    asked = ["-c", out + ".s", "-o", out]
sys.exit(subprocess.run(["gcc", *asked]).returncode)
"""


@pytest.fixture(scope="module")
def translated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A library whose kernels of PLACE are the translated ones."""
    if PLACE not in usable_isas():  # of the library that is there: another takes a minute to compile
        pytest.skip(f"This processor has no {PLACE}.")
    folder = tmp_path_factory.mktemp("avxvnni")
    (folder / "compiler.py").write_text(WRAPPER)
    compiler = Compiler((sys.executable, "-S", str(folder / "compiler.py")), own_system_only=True)
    file = build_library(folder / "out", None, compiler)
    library.load.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "library_file", lambda: file)
        yield
    library.load.cache_clear()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or shutil.which("gcc") is None, reason="This needs gcc on Linux.")
@pytest.mark.usefixtures("translated")
def test_the_code_for_avxvnni_gives_the_bits_of_plain_c() -> None:
    rng = np.random.default_rng(1)
    for bits, k, n, group in ((8, 512, 96, 512), (8, 160, 64, 64), (4, 704, 96, 32), (4, 320, 64, 64)):
        matrix, values = raw_matrix(bits, k, n, group, 3)
        for rows in (1, 2, 7, 33):
            numbers = rng.integers(-127, 128, (rows, k))
            numbers[:, 0] = 127  # so that a row's scale is 1
            made, quantised = multiply(PLACE, matrix, numbers)
            np.testing.assert_array_equal(quantised, numbers)
            np.testing.assert_array_equal(made, numbers @ values)
    weights = rng.standard_normal((80, 96)).astype(np.float32)
    for kind in ("float32", "int8", "int4"):
        for gated in (False, True):
            order = interleaved(40) if gated else straight(80)
            matrix = pack(kind, 96, order, stacked_rows([weights]), "w")  # type: ignore[arg-type]
            rows = rng.standard_normal((9, 96)).astype(np.float32)
            (made, codes), (truth, own) = (multiply(isa, matrix, rows, gated=gated) for isa in (PLACE, "plain"))
            np.testing.assert_array_equal(codes, own)
            np.testing.assert_allclose(made, truth, atol=2e-5, rtol=2e-5)
    q = rng.standard_normal((9, 4, 16)).astype(np.float32)
    keys, values = rng.standard_normal((2, 309, 2, 16)).astype(np.float32)
    for short in (False, True):
        made, truth = (
            attend(isa, q, keys, values, start=300, canvas=True, window=50, short=short) for isa in (PLACE, "plain")
        )
        np.testing.assert_allclose(made, truth, atol=2e-4 if short else 2e-5, rtol=2e-5)
