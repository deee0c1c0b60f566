"""Patterns of an adapter: the same modules as PEFT's rule, in a time that no pattern can stretch, or a sentence."""

from __future__ import annotations

import random
import re
import warnings
from pathlib import Path

import pytest

from inference.checkpoint.adapters import merge_adapter
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, small_config, write_model
from trt_engines.errors import WeightsError
from trt_engines.weights import name_patterns
from trt_engines.weights.name_patterns import NamePatterns

# As PEFT's initialisers (EVA, AdaLoRA) write them, as its documentation shows them, and as people type them.
WRITTEN = (
    "q_proj",
    "self_attn.q_proj",
    "model.decoder.layers.0.self_attn.q_proj",
    "^model.decoder.layers.0.self_attn.k_proj",
    r".*\.q_proj",
    r"layers\.(1|2|3)\..*_proj",
    r"model\.decoder\.layers\.\d+\.mlp\.(gate|up)_proj",
    "q_proj|k_proj",
    "layers.[0-9]+.self_attn.[qk]_proj",
    r"(?:.*\.)?experts\.gate_up_proj",
    r"layers\.1[0-9]\.",
    r".*\.(?:[02468])\.mlp.*",
    r"^(?:.*)layers\.[^0]\..*$",
    "",
    "model.decoder",
    r"\w+_proj",
    r"layers\.\d{1,2}\.self_attn\.o_proj",
)
MODULES = (
    "q_proj", "model.decoder.layers.0.self_attn.q_proj", "model.decoder.layers.1.self_attn.k_proj",
    "model.decoder.layers.12.mlp.gate_proj", "model.decoder.layers.2.mlp.down_proj", "model.decoder", "xq_proj",
    "model.decoder.layers.1.experts.gate_up_proj", "model-decoder", "x.self_attn.q_proj.base", "a.", "",
    "model.encoder.language_model.layers.10.self_attn.o_proj", "self_attnxq_proj", "model.decoder.layers.12.",
)  # fmt: skip
ATOMS = (
    "a", "b", ".", r"\.", "q_proj", "[ab]", "[^a]", r"\d", r"\W", "(a|b)", "(?:b.)", "1", "[0-9]+", ".*", "^", "$",
    "(a|)", "(a*)*", "[a-]", "[]a]", r"[\d_]", "a{2}", "(ab){1,2}", "b{,2}", "a??", "a+?", "{", "(", ")", "]",
)  # fmt: skip
NAMES = (
    "a",
    "b",
    "ab",
    "a.b",
    "x.1.q_proj",
    "aa",
    "abab",
    "x.ab",
    "x.abab.a",
    "",
    "a.",
    "-",
    "]",
    "a\n",
    "x\n.a",
    "_1",
)


def peft_fits(key: str, name: str) -> bool:
    """The rule of peft 0.21, `get_pattern_key`."""
    return re.match(rf"(.*\.)?({key})$", name) is not None


def ours_fits(key: str, name: str) -> bool:
    return NamePatterns({key: 1.0}, "rank_pattern").find(name, 0.0) == 1.0


@pytest.mark.parametrize("key", WRITTEN)
def test_patterns_that_are_written_fit_as_in_peft(key: str) -> None:
    assert [name for name in MODULES if ours_fits(key, name)] == [name for name in MODULES if peft_fits(key, name)]


def test_random_patterns_fit_as_in_peft_or_are_refused() -> None:
    rng, compared, refused = random.Random(12), 0, 0
    for _ in range(2000):
        key = "".join(rng.choice(ATOMS) for _ in range(rng.randint(1, 4))) + rng.choice(("", "", "|a", "|q_proj"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                re.compile(rf"(.*\.)?({key})$")
            except re.error:
                with pytest.raises(WeightsError):
                    ours_fits(key, "a")
                continue
        try:
            assert [ours_fits(key, name) for name in NAMES] == [peft_fits(key, name) for name in NAMES], key
            compared += 1
        except WeightsError:
            refused += 1
    assert compared > 1000
    assert refused < 400, "brackets of which one is missing, and single braces"


def test_the_first_pattern_that_fits_decides() -> None:
    patterns = NamePatterns({"layers.0.mlp": 4, r".*\.mlp": 8, "mlp": 16}, "alpha_pattern")
    assert [patterns.find(name, 1) for name in ("x.layers.0.mlp", "x.mlp", "mlp", "mlp.x")] == [4, 8, 16, 1]


@pytest.mark.parametrize("key", ["(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*a){20}b", "((a*)*)*b", "((a?){30}){9}b"])
def test_patterns_that_double_the_work_of_an_engine_are_quick(key: str) -> None:
    """Each character is looked at once for each state; an engine that goes back would take 2**60 steps."""
    patterns = NamePatterns({key: 1.0}, "rank_pattern")
    assert patterns.find("a" * 60, 0.0) == 0.0
    assert patterns._steps < 60 * name_patterns._MOST_STATES


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (r"(a)\1", r"which holds \1"),
        ("(?=a)a", "looks ahead"),
        ("(?<!b)a", "looks ahead, looks back"),
        ("(?i)a", "sets something"),
        ("(?P<x>a)", "sets something"),
        ("a" * 1001 + "+", "longer than 1000"),
        ("((((a{99}){99}){99}){99})", "repeats too much"),
        ("((x{0}){1000}){1000}", "repeats too much"),
        ("a{99999999999999999999}", "repeats a repetition|repeats nothing"),
        ("(" * 400 + ")" * 400, "nested too deeply"),
        ("a**", "repeats a repetition"),
        ("[z-a]", "brackets"),
        ("a)(b", "brackets"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_the_key(key: str, said: str) -> None:
    with pytest.raises(WeightsError) as caught:
        NamePatterns({key: 1.0}, "rank_pattern")
    assert re.search(said.replace("\\", r"\\"), caught.value.user_text), caught.value.user_text
    assert f"rank_pattern holds the pattern {key[:80]!r}" in caught.value.user_text
    assert caught.value.hint


def test_keys_and_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"rank_pattern has 20,001 entries; 20,000 are read"):
        NamePatterns({f"layer{number}": 1.0 for number in range(20_001)}, "rank_pattern")
    monkeypatch.setattr(name_patterns, "_MOST_STEPS", 1000)
    patterns = NamePatterns({f"x{number}": 1.0 for number in range(400)}, "alpha_pattern")
    patterns.find("a", 1.0)
    patterns.find("b", 1.0)
    with pytest.raises(WeightsError, match="alpha_pattern would take minutes"):
        patterns.find("c", 1.0)


@pytest.mark.parametrize("field", ["rank_pattern", "alpha_pattern"])
def test_a_merge_with_a_pattern_that_never_ends_ends(tmp_path: Path, field: str) -> None:
    """The interpreter's lock was held for ever: neither a window nor a Ctrl+C got through."""
    base = write_model(tmp_path / "base", random_tensors(small_config()))
    adapter = write_adapter(tmp_path / "a", factors(QUERY, 64, 64), **{field: {"([a-z_0-9.]+)+Z": 7}})
    report = list(merge_adapter(base, adapter, tmp_path / "out"))[-1].report
    assert report is not None
    assert report.tensors == 1
