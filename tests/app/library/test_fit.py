"""What is said of a model before it is downloaded: a table of machines, and which model is recommended on each."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from app.base.paths import starter_model_folder
from app.library import texts
from app.library.catalogue import CatalogueEntry, shipped_entries
from app.library.fit import advice_for, fit_of, fit_of_config
from app.library.values import Computer, Fit, Processor
from inference.config import model_config_from_folder
from inference.engines.planning import model_shape
from tests.helpers.fake_engines import detected
from trt_engines.planning.hardware import GIB
from trt_engines.planning.processor import ProcessorSpeed
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


SPEED = ProcessorSpeed("avx512", 2, 700e9, 800e9)


def on_processor(ram: int, disk: int = 500, speed: ProcessorSpeed | None = SPEED) -> dict[CatalogueEntry, Fit]:
    around = dataclasses.replace(machine("", ram, disk), processor=Processor(True, speed))
    return {entry: fit_of(PUBLISHED, entry.layout, None, around, entry.bytes) for entry in ENTRIES.values()}


def test_large_models_run_on_a_processor_that_was_measured() -> None:
    found = on_processor(32)
    fit = found[ENTRIES["nvidia-nvfp4"]]
    assert fit.verdict == "processor"
    assert fit.text == (
        "Runs on the processor, about 4.6 tokens/s, a block in about 55 seconds; it takes 17.3 GB of memory and, "
        "packed once, 16.1 GB on the disk."
    )
    assert (fit.hint, round(fit.tokens_per_second, 1)) == (texts.SLOW_HINT, 4.6)
    assert advice_for(found, machine("", 32)).id == "catalogue:nvidia-nvfp4"
    slow = on_processor(32, speed=ProcessorSpeed("avx2", 1, 70e9, 80e9))[ENTRIES["nvidia-nvfp4"]]
    assert "a block in about 9 minutes" in slow.text
    fast = on_processor(32, speed=ProcessorSpeed("avx512", 15, 7e12, 8e12))[ENTRIES["nvidia-nvfp4"]]
    assert ("46 tokens/s" in fast.text, fast.hint) == (True, "")


def test_before_it_is_measured_no_speed_is_said() -> None:
    fit = on_processor(32, speed=None)[ENTRIES["nvidia-nvfp4"]]
    assert (fit.verdict, fit.tokens_per_second) == ("processor", 0.0)
    assert "the models page measures how fast" in fit.text
    assert "17.3 GB of memory" in fit.text


def test_too_little_memory_or_disk_says_how_much_is_needed() -> None:
    for found, sentence in (
        (on_processor(16), "On the processor it needs 17.3 GB of memory, and 2 GB for everything else"),
        (on_processor(32, 20), "packed, once, into 16.1 GB on the disk; 1.1 GB are free. Free some space."),
    ):
        fit = found[ENTRIES["nvidia-nvfp4"]]
        assert fit.verdict == "no"
        assert fit.text.startswith("It needs an NVIDIA card. No NVIDIA driver answers")
        assert sentence in fit.hint
        around = dataclasses.replace(machine("", 16), processor=Processor(True, SPEED))
        assert advice_for(found, around).text == texts.NOTHING_WITHOUT_MEMORY


def test_a_card_comes_before_the_processor_and_the_processor_before_nothing() -> None:
    around = dataclasses.replace(machine(ram=32), processor=Processor(True, SPEED))
    assert fit_of(PUBLISHED, "modelopt-nvfp4", detected("RTX 4070"), around, 0).verdict == "streamed"
    assert fit_of(PUBLISHED, "modelopt-nvfp4", detected("RTX 2080 Ti"), around, 0).verdict == "processor"


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
