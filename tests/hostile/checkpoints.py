"""Model folders of strangers: numbers, texts and lists beyond all bounds, damaged weights, links, pipes, odd names."""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.hostile.world import World

DEEP = "[" * 100_000
# As they stand in a file: JSON's own grammar has no bounds.
VALUES = (
    "-1",
    "0",
    "1",
    "-0",
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "1" + "0" * 400,
    "9" * 5_000,
    "1.5",
    "1e308",
    "true",
    "false",
    "null",
    '""',
    '"x"',
    '"\\ud800"',
    '"\\u0000"',
    "[]",
    "{}",
    "[[]]",
    '["x"]',
    "[null]",
    "[1, -1]",
    "[1e999]",
    "1000000000",
    "2147483648",
    "9223372036854775808",
    "18446744073709551616",
    "-9223372036854775809",
    '"1e9"',
    '"__import__"',
    "0.0",
    "1e-320",
    "3",
    "65536",
    '"<img src=\\"/dev/zero\\">"',
    '"\\u202etxt.exe"',
    '"../../outside/secret.txt"',
    '"/dev/zero"',
    '"\\u001b[31m"',
    '{"a": {"a": {"a": 1}}}',
    '[{"a": 1}]',
    '"(a+)+$"',
    '"' + "a" * 200_000 + '"',
)
HUGE = (
    "[" + "0," * 3_000_000 + "0]",
    '"' + "a" * 20_000_000 + '"',
    DEEP + "]" * 100_000,
    '{"a":' * 50_000 + "1" + "}" * 50_000,
)
FILES = (
    "config.json",
    "config.json",
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "dewpoint.json",
)


def make_config(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """A model one or two of whose numbers, or a whole small file, are hostile; one in sixteen is chosen, too."""
    model = world.model(folder / "model", whole=seed % 16 == 0)
    name = FILES[seed % len(FILES)]
    if name == "generation_config.json":
        (model / name).write_text(json.dumps(_generation()))
    if seed % 6 == 5 or not (model / name).is_file():
        (model / name).write_bytes(raw_file(chance, (model / name).read_bytes() if (model / name).is_file() else b"{}"))
    else:
        (model / name).write_text(
            spoiled(chance, json.loads((model / name).read_text()), chance.randint(1, 2)), errors="surrogatepass"
        )
    return {"do": "folder", "folder": str(model), "choose": seed % 16 == 0}


def spoiled(chance: random.Random, content: dict[str, Any], count: int) -> str:
    """The file's text with some values replaced by hostile ones."""
    marks = {}
    for number in range(count):
        at = chance.choice(list(_places(content)))
        inner: Any = content
        for key in at[:-1]:
            inner = inner[key]
        mark = f"@hostile{number}@"
        marks[mark] = chance.choice(HUGE) if chance.random() < 0.04 else chance.choice(VALUES)
        inner[at[-1]] = mark
    text = json.dumps(content)
    for mark, value in marks.items():
        text = text.replace(f'"{mark}"', value)
    return text


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:4]) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*at, key)
        yield from _places(inner, (*at, key))


def _generation() -> dict[str, Any]:
    from tests.helpers.published import published_generation_config

    return published_generation_config()


def raw_file(chance: random.Random, good: bytes) -> bytes:
    """A small file that is not even what it says to be."""
    return chance.choice(
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"1",
            b'"x"',
            b"\xff\xfe",
            b"\xef\xbb\xbf" + good,
            good[: len(good) // 2],
            good * 2,
            DEEP.encode(),
            b'{"a":' * 100_000,
            good.decode("utf-8", "replace").encode("utf-16"),
            bytes(range(256)),
            b"\x00" * 1_000_000,
            good + b"\x00",
            b"{" + b'"a":1,' * 2_000_000 + b'"a":1}',
            b" " * 30_000_000 + good,
            good.replace(b":", b"::"),
            chance.randbytes(50_000),
            b"9" * 50_000_000,
            good.replace(b"{", b'{"model_type": "x",', 1),
            good.replace(b'"', b"'"),
            b"<html><img src=/dev/zero></html>",
            b"-" * 100_000,
        ]
    )


def make_tokenizer(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """A model whose tokenizer is hostile; one in ten is chosen, too."""
    model = world.model(folder / "model", whole=seed % 10 == 0)
    file = model / "tokenizer.json"
    good = file.read_bytes()
    content = json.loads(good)
    match seed % 5:
        case 0:
            file.write_bytes(raw_file(chance, good))
        case 1:
            file.write_text(spoiled(chance, content, 1), errors="surrogatepass")
        case 2:
            pattern = chance.choice(
                [
                    "(a+)+$",
                    "(a|a)*b",
                    "(?=(a+))a*b",
                    "(x*)*y",
                    "(" * 5_000,
                    "[" * 100,
                    "(?:a{1,999}){1,999}",
                    "\\p{L" + "x" * 999,
                    "(.*)*(.*)*=",
                    "a{99999999}",
                ]
            )
            content["pre_tokenizer"] = {
                "type": "Split",
                "pattern": {"Regex": pattern},
                "behavior": chance.choice(["Isolated", "x"]),
                "invert": False,
            }
            if seed % 2:
                content["normalizer"] = {"type": "Replace", "pattern": {"Regex": pattern}, "content": "a" * 100_000}
            file.write_text(json.dumps(content))
        case 3:
            tokens = [
                {
                    "id": number,
                    "content": chance.choice(["", "a", "<|turn>", "\n" * 9, "x" * 9_999, "\ud800", "e"]),
                    "special": number % 2 == 0,
                }
                for number in range(chance.choice([1, 5_000]))
            ]
            content["added_tokens"] = tokens + (content.get("added_tokens") or [] if seed % 2 else [])
            file.write_text(json.dumps(content))
        case _:
            model_part = content.get("model") or {}
            change = chance.choice(["vocab", "merges", "type", "ids"])
            if change == "vocab":
                model_part["vocab"] = {f"w{number}": number for number in range(300_000)}
            elif change == "merges":
                model_part["merges"] = [["a", "b"]] * 100_000
            elif change == "type":
                model_part["type"] = chance.choice(["WordPiece", "Unigram", "Nothing", None, 1])
            else:
                model_part["vocab"] = {f"w{number}": chance.choice([-1, 2**31, 2**63, number]) for number in range(99)}
            content["model"] = model_part
            file.write_text(json.dumps(content))
    return {"do": "folder", "folder": str(model), "choose": seed % 10 == 0}


def make_weights(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """A model whose weights' header or index is hostile; one in fourteen is chosen, too."""
    model = world.model(folder / "model")
    file = model / "model.safetensors"
    if seed % 3 == 2:
        _index(chance, model, world)
    else:
        file.write_bytes(_safetensors(chance, file.read_bytes()))
    return {"do": "folder", "folder": str(model), "choose": seed % 14 == 0}


def _safetensors(chance: random.Random, good: bytes) -> bytes:
    (length,) = struct.unpack("<Q", good[:8])
    header, rest = json.loads(good[8 : 8 + length]), good[8 + length :]
    names = [name for name in header if name != "__metadata__"]
    name = chance.choice(names)
    entry = header[name]
    match chance.randrange(9):
        case 0:
            return (
                struct.pack("<Q", chance.choice([0, 1, 2**63, 2**64 - 1, 10**12, len(good), length - 1, length + 1]))
                + good[8:]
            )
        case 1:
            entry["shape"] = chance.choice(
                [[-1, 2], [2**62, 2**62], [0], [], [1e999], "x", None, [[1]], [10**400], [1] * 5_000, [True], [1.5]]
            )
        case 2:
            entry["data_offsets"] = chance.choice(
                [[-1, 5], [5, 1], [0, 2**70], [0], "x", None, [0, 10**400], [1e3, 2e3], [[0], [1]], [0, 1, 2]]
            )
        case 3:
            entry["dtype"] = chance.choice(["F4", "", None, 1, "x" * 100_000, "BF16\u202e", ["F32"], "F64", "BOOL"])
        case 4:
            header[
                chance.choice(
                    ["../x", "a" * 100_000, "\ud800", "", "<img src=/dev/zero>", "x\n\x1b[31m", "__metadata__"]
                )
            ] = header.pop(name)
        case 5:
            header["__metadata__"] = chance.choice([[], "x", {"a": 1}, {"a": "x" * 5_000_000}, None, {"\ud800": "x"}])
        case 6:
            header |= {
                f"x{number}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for number in range(200_000)
            }
        case 7:
            return chance.choice(
                [
                    b"",
                    b"\x00" * 7,
                    b"PK\x03\x04" + good,
                    good[:100],
                    b"\x80\x02",
                    chance.randbytes(2_000),
                    good[:-1],
                    good + b"x",
                ]
            )
        case _:
            text = chance.choice(
                [DEEP.encode(), b'{"a":' * 100_000, b"\xff" * 100, b"{" * 20_000_000, b"null", b"[]", b"9" * 5_000]
            )
            return struct.pack("<Q", len(text)) + text + rest
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def _index(chance: random.Random, model: Path, world: World) -> None:
    weights = (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
    names = ["model.decoder.layers.0.self_attn.q_proj.weight", "x"]
    place = chance.choice(
        [
            weights.name,
            "../model/" + weights.name,
            str(world.outside / "secret.txt"),
            str(world.outside / "pipe"),
            "/dev/zero",
            "",
            ".",
            "..",
            "a" * 5_000,
            "\x00",
            "\ud800",
            "CON",
            "nul.safetensors",
            "a/b.safetensors",
            1,
            None,
            [],
            "\u202etxt",
            "missing.safetensors",
        ]
    )
    content: Any = {
        "metadata": {"total_size": chance.choice([0, -1, 10**400, "x"])},
        "weight_map": dict.fromkeys(names, place),
    }
    if chance.random() < 0.3:
        content = chance.choice(
            [[], None, {"weight_map": []}, {"weight_map": {"a": "b"} | {str(n): f"f{n}" for n in range(100_000)}}, {}]
        )
    (model / "model.safetensors.index.json").write_text(json.dumps(content))


def make_files(chance: random.Random, seed: int, folder: Path, world: World) -> dict[str, Any]:
    """A model some of whose files are no files, or lead elsewhere; some are added first and spoiled later."""
    model = world.model(folder / "model", whole=seed % 15 == 0)
    name = chance.choice(
        [
            "config.json",
            "tokenizer.json",
            "model.safetensors",
            "chat_template.jinja",
            "tokenizer_config.json",
            "generation_config.json",
            "special_tokens_map.json",
            "model.safetensors.index.json",
            "dewpoint-graphs.json",
            "LICENSE",
            "dewpoint.json",
            "adapter_config.json",
        ]
    )
    order: dict[str, Any] = {"do": "folder", "folder": str(model), "choose": seed % 15 == 0}
    place = model / name
    if seed % 4 == 3 and seed % 10 != 1:
        place = folder / "spoilt"
        order["spoil"] = [str(model / name), str(place)]
    else:
        place.unlink(missing_ok=True)
    _put(chance, seed % 12, place, model, world)
    if seed % 10 == 1:
        order["folder"] = _odd_folder(chance, folder, model)
    return order


def _put(chance: random.Random, kind: int, place: Path, model: Path, world: World) -> None:
    """What is no file like others, at `place`."""
    match kind:
        case 0 if hasattr(os, "mkfifo"):
            os.mkfifo(place)
        case 1:
            place.symlink_to("/dev/zero")
        case 2:
            place.symlink_to("/proc/self/mem")  # a regular file, whose every reading is EIO
        case 3:
            place.symlink_to(world.linked / "secret.txt")
        case 4:
            place.symlink_to(place)  # ELOOP
        case 5:
            place.mkdir()
            (place / "x").write_text("x")
        case 6:
            with place.open("wb") as file:
                file.truncate(chance.choice([1 << 36, 1 << 40]))
        case 7:
            place.symlink_to(
                chance.choice(["/dev/tty", "/dev/random", "/dev/full", "/proc/kmsg", "/proc/self/fd/0", "/dev/stdin"])
            )
        case 8:
            place.symlink_to("a" * 255 + ("/" + "b" * 255) * 3)
        case 9:
            for number in range(3_000):
                (model / f"file-{number}.safetensors").touch()
            place.write_text("{}")
        case 10:
            (model / ("\udcff" + "x" * 100)).touch()
            (model / "<img src='x'>\n\x1b[31m.safetensors").touch()
            (model / "loop").symlink_to(model, target_is_directory=True)
            place.write_bytes(b"\xff")
        case _:
            place.write_text("{}")
            place.chmod(0)


def _odd_folder(chance: random.Random, folder: Path, model: Path) -> str:
    name = chance.choice(
        ["x\u202ey", "<b>x</b>", "a" * 250, " ", "x\n\ny", "%s%n", "x\x1b[31m", "\u0301" * 60, "-rf", "x?y#z"]
    )
    if chance.random() < 0.3:
        (folder / name).symlink_to(model, target_is_directory=True)
        return str(folder / name)
    return str(model.rename(folder / name)) if chance.random() < 0.8 else str(folder / ("a" * 300) / ("b" * 4_000))
