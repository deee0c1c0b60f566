"""What is said of a model before it is downloaded: a table of machines, and which model is recommended on each."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.base.paths import starter_model_folder
from app.library import texts
from app.library.catalogue import CatalogueEntry, shipped_entries
from app.library.fit import advice_for, fit_of, fit_of_config
from app.library.values import Computer, Fit
from inference.config import model_config_from_folder
from inference.engines.planning import model_shape
from tests.helpers.fake_engines import detected
from trt_engines.planning.hardware import GIB
from trt_engines.planning.shape import PUBLISHED

ENTRIES = {entry.id: entry for entry in shipped_entries()}


def machine(card: str = "RTX 4070", ram: int = 32, disk: int = 500) -> Computer:
    """A computer; sizes in GiB and GB."""
    why = "" if card else "No NVIDIA driver answers on this computer."
    return Computer(card, 0, why, ram * GIB, disk * 10**9, Path("models"), Path("engines"), 0.0)


def fits(card: str, ram: int = 32, disk: int = 500) -> dict[CatalogueEntry, Fit]:
    """The verdict on every model of the list."""
    gpu = detected(card) if card else None
    around = machine(card, ram, disk)
    return {entry: fit_of(PUBLISHED, entry.layout, gpu, around, entry.bytes) for entry in ENTRIES.values()}


@pytest.mark.parametrize(
    ("card", "ram", "disk", "verdict", "precision", "recommended"),
    [
        ("RTX 3060", 32, 500, "streamed", "int4", "nvidia-nvfp4"),
        ("RTX 4060", 32, 500, "streamed", "int4", "nvidia-nvfp4"),
        ("RTX 4070", 32, 500, "streamed", "int4", "nvidia-nvfp4"),
        ("RTX 4090", 64, 500, "resident", "int4", "nvidia-nvfp4"),
        ("RTX 3090", 64, 500, "resident", "int4", "nvidia-nvfp4"),
        ("RTX 5090", 64, 500, "resident", "nvfp4", "redhat-fp8"),
        ("RTX 5060", 32, 500, "streamed", "nvfp4", "nvidia-nvfp4"),
        ("RTX PRO 6000 Blackwell", 128, 500, "resident", "nvfp4", "redhat-fp8"),
        ("RTX 4070", 8, 500, "no", "", ""),
        ("RTX 4070", 32, 30, "no", "", ""),
        ("", 32, 500, "no", "", ""),
    ],
)
def test_the_smallest_download_on_many_machines(
    card: str, ram: int, disk: int, verdict: str, precision: str, recommended: str
) -> None:
    found = fits(card, ram, disk)
    fit = found[ENTRIES["nvidia-nvfp4"]]
    assert (fit.verdict, fit.precision) == (verdict, precision)
    assert advice_for(found, machine(card, ram, disk)).id == (f"catalogue:{recommended}" if recommended else "")
    assert fit.text.endswith((".", "card"))
    if verdict == "no":
        assert fit.hint
        assert (fit.engine_bytes, fit.tokens_per_second) == (0, 0.0)
    else:
        assert card in fit.text
        assert fit.engine_bytes > 10e9
        assert fit.tokens_per_second > 1
        assert ("streamed" in fit.text) == (verdict == "streamed")


def test_no_precision_finer_than_what_is_stored() -> None:
    """From 4-bit weights nobody makes BF16 engines: four times the size and not one better answer."""
    found = fits("RTX PRO 6000 Blackwell", 128)
    by_id = {entry.id: fit.precision for entry, fit in found.items()}
    assert by_id["redhat-fp8"] in ("fp8", "int4")
    assert by_id["nvidia-nvfp4"] == by_id["redhat-nvfp4"] == "nvfp4"


def test_cards_that_cannot_compute_with_few_bits_need_the_original() -> None:
    found = fits("RTX 2080 Ti", 96)
    four_bits, original = found[ENTRIES["nvidia-nvfp4"]], found[ENTRIES["google-bf16"]]
    assert four_bits.verdict == "no"
    assert (original.verdict, original.precision) == ("streamed", "fp16")
    assert "Google" in four_bits.hint


def test_what_is_missing_takes_its_room_first() -> None:
    entry = ENTRIES["google-bf16"]
    assert fit_of(PUBLISHED, "plain", detected("RTX 4090"), machine("RTX 4090", 64, 60), 0).runs
    refused = fit_of(PUBLISHED, "plain", detected("RTX 4090"), machine("RTX 4090", 64, 60), entry.bytes)
    assert refused.verdict == "no"
    assert "on the disk" in refused.text


def test_small_models_run_on_the_processor() -> None:
    shape = model_shape(model_config_from_folder(starter_model_folder()))
    fit = fit_of(shape, "plain", None, machine(""), 0)
    assert (fit.verdict, fit.text) == ("processor", "Runs on the processor, in 25 MB of memory.")


def test_what_is_not_known_is_not_guessed() -> None:
    assert fit_of_config(None, "plain", detected(), machine(), 0).verdict == "unknown"


def test_the_advice_says_why() -> None:
    found = fits("RTX 4070")
    text = advice_for(found, machine()).text
    assert "NVFP4 by NVIDIA suits this computer" in text
    assert "RTX 4070 in INT4" in text
    assert "18.9 GB" in text
    nothing = advice_for(fits(""), machine(""))
    assert nothing.text == texts.NOTHING_WITHOUT_CARD
