"""Small checkpoints and adapters, each changed in one place as carelessness, damage or malice would: seeded."""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIGITS = "@digits@"  # stands for a number that JSON can write and Python does not read
# Values that a field should not have; the texts stand for what `json` would not write.
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    97,
    10**9,
    2**31,
    2**32 - 1,
    2**63,
    2**64,
    10**18,
    10**400,
    0.0,
    -0.0,
    0.5,
    -1.5,
    1e-300,
    1e300,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "0",
    "\x00",
    "\ud800",
    "../..",
    "/",
    "x" * 100_000,
    "(a+)+b",
    "<bos>",
    [],
    [[]],
    [None],
    [0],
    [-1],
    [1, 2, 3],
    ["a"],
    ["\ud800"],
    [2**63] * 3,
    [0] * 1000,
    {},
    {"": {}},
    {"a": 1},
    {"content": "\ud800"},
    {"content": "x" * 5000},
    {"content": 3},
    [{"a": []}],
    DIGITS,
)
RAW = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"3",
    b'"x"',
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b"\x00" * 100,
    b"[" * 100_000,
    b'{"a":' * 5000,
    b'{"a":1,"a":2}',
    b"9" * 5000,
    b"NaN",
    b"{}" + b" " * 100,
)
TEMPLATES = (
    "",
    " ",
    "{{",
    "{% for a in b %}" * 30 + "{% endfor %}" * 30,
    "{{ " + "9" * 5000 + " }}",
    "{{ messages }}",
    "{{ x.y.z }}",
    "{{ 'a' | center(1200000000) }}",
    "{{ 1e400 }}",
    "{% set x = 1e400 %}{{ messages[0].content }}{{ x }}",
    "\x00",
    "a" * 300_000,
    "{{ messages[0].content * 100000 }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ messages[0].content }}\ufffd",
    "{% for m in messages %}{{ m.content }}<eos><bos>{% endfor %}",
    "{{ messages[0].content | nonsense }}",
    "{{ 1 / 0 }}",
    "{{ messages[0].content }}{{ 10 ** 5000 }}",
    "{{ messages[0].content | tojson }}" + "{{ '\ud800' }}" * 2,
    "{% generation %}",
    "{{ messages[0]['content'].format_map(messages) }}{0}",
    "{{ messages[0].content }}{{ strftime_now('%') }}",
)
SMALL_FILES = (
    "config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.json", "model.safetensors.index.json", "dewpoint.json", "dewpoint-graphs.json",
)  # fmt: skip
Change = Callable[[Path, random.Random], str]


def dumped(value: Any) -> bytes:
    """JSON with what stands for long numbers written out."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace(json.dumps(DIGITS), "9" * 5000).encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, a few of each long list or dictionary."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key in list(value)[:40]:
            found += places(value[key], (*path, key))
    elif isinstance(value, list):
        for number in range(min(3, len(value))):
            found += places(value[number], (*path, number))
    return found


def changed(value: Any, rng: random.Random) -> tuple[Any, str]:
    """A copy with one place changed, and what was changed."""
    value = json.loads(json.dumps(value))
    path = rng.choice(places(value) or [()])
    if not path:
        return rng.choice(VALUES), "the whole"
    inside = value
    for step in path[:-1]:
        inside = inside[step]
    new = rng.choice(VALUES)
    kind = rng.random()
    if kind < 0.15 and isinstance(inside, dict):
        del inside[path[-1]]
        return value, f"no {path}"
    if kind < 0.25 and isinstance(inside, dict):
        inside[rng.choice(("", "x", "\ud800", "9" * 5000, "0", "-1"))] = inside[path[-1]]
        return value, f"twice {path}"
    inside[path[-1]] = new
    return value, f"{path} is {str(new)[:40]!r}"


def change_json(folder: Path, rng: random.Random, names: tuple[str, ...] = SMALL_FILES) -> str:
    """One field of one of the small files, which is written if it was not there."""
    name = rng.choice(names)
    file = folder / name
    value = (
        json.loads(file.read_text()) if file.is_file() else {"<x>": 3, "bos_token": "<bos>", "weight_map": {"a": "b"}}
    )
    value, what = changed(value, rng)
    file.write_bytes(dumped(value))
    return f"{name}: {what}"


def change_bytes(folder: Path, rng: random.Random) -> str:
    """The bytes of one file: cut, flipped, or something else."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    file = rng.choice(files)
    data = bytearray(file.read_bytes())
    kind = rng.choice(("raw", "cut", "flip", "grow"))
    if kind == "raw" or not data:
        data = bytearray(rng.choice(RAW))
    elif kind == "cut":
        del data[rng.randrange(len(data)) :]
    elif kind == "grow":
        data += rng.randbytes(20)
    else:
        for _ in range(3):
            data[rng.randrange(min(len(data), 4000))] = rng.randrange(256)
    file.write_bytes(data)
    return f"{file.name}: {kind} {bytes(data[:20])!r}"


def change_kind(folder: Path, rng: random.Random) -> str:
    """A file becomes a folder, a pipe, a link that leads nowhere or to a device, or nothing."""
    file = rng.choice(sorted(file for file in folder.iterdir() if file.is_file()))
    kind = rng.choice(("folder", "pipe", "nowhere", "circle", "device", "nothing"))
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "nowhere":
        file.symlink_to(folder / "nowhere")
    elif kind == "circle":
        file.symlink_to(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    return f"{file.name} is {kind}"


def change_header(folder: Path, rng: random.Random, name: str = "model.safetensors") -> str:
    """One field of a safetensors header."""
    file = folder / name
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    key = rng.choice(list(header))
    own, what = changed({key: header[key]}, rng)
    if not isinstance(own, dict):
        own = {key: own}
    header.pop(key)
    text = dumped(header | own)
    said = rng.choice((len(text),) * 8 + (0, 2**63, len(text) - 1, len(data)))
    file.write_bytes(struct.pack("<Q", said) + text + data[8 + length :])
    return f"header: {what}, {said} bytes"


def change_template(folder: Path, rng: random.Random) -> str:
    """Another template."""
    source = rng.choice(TEMPLATES)
    (folder / "chat_template.jinja").write_bytes(source.encode("utf-8", "surrogatepass"))
    return f"template: {source[:60]!r}"


def change_tokenizer(folder: Path, rng: random.Random) -> str:
    """Rules around the vocabulary, ids and tokens that the library takes as they are."""
    file = folder / "tokenizer.json"
    value = json.loads(file.read_text())
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    split = {"type": "Split", "behavior": "Isolated", "invert": False}
    rules: list[tuple[str, Any]] = [
        ("normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": "e"}),
        ("normalizer", {"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 100_000}),
        ("normalizer", {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "e" * 1000}] * 9}),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "/////wAAAAA="}),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        ("pre_tokenizer", split | {"pattern": {"Regex": "(("}}),
        ("pre_tokenizer", split | {"pattern": {"Regex": "(e+e+)+" * 3000}}),
        ("pre_tokenizer", {"type": "FixedLength", "length": 0}),
        ("post_processor", {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}}),
        ("padding", {"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": 0, "pad_id": 0,
                     "pad_type_id": 0, "pad_token": "<pad>"}),
        ("truncation", {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 5}),
        ("added_tokens", [token | {"id": 2**32 - 1, "content": "<huge>"}]),
        ("added_tokens", [token | {"id": 0, "content": "x" * 5000}]),
        ("added_tokens", [token | {"id": 0, "content": "", "normalized": True}]),
        ("model", value["model"] | {"vocab": value["model"]["vocab"] | {"dewpoint": 2**32 - 1}}),
        ("model", value["model"] | {"continuing_subword_prefix": "#" * 20}),
        ("model", {"type": "Unigram", "unk_id": None, "vocab": []}),
        ("model", {"type": "Unigram", "unk_id": 0, "vocab": [["a", float("nan")]]}),
        ("model", {"type": "WordLevel", "unk_token": "x", "vocab": {}}),
        ("model", {"type": "WordLevel", "unk_token": "x", "vocab": {"x": 2047}}),
    ]  # fmt: skip
    name, rule = rng.choice(rules)
    value[name] = rule
    file.write_bytes(dumped(value))
    return f"tokenizer: {name} {str(rule)[:60]}"


CHANGES: tuple[Change, ...] = (
    change_json, change_json, change_json, change_json, change_bytes, change_kind, change_header, change_header,
    change_template, change_tokenizer,
)  # fmt: skip


def change_adapter(folder: Path, rng: random.Random) -> str:
    """One thing of an adapter: a field, the header, the bytes or the kind of a file."""
    kind = rng.random()
    if kind < 0.45:
        return change_json(folder, rng, ("adapter_config.json",))
    if kind < 0.75:
        return change_header(folder, rng, "adapter_model.safetensors")
    return (change_bytes if kind < 0.9 else change_kind)(folder, rng)
