"""Names of the server never lead out of the folder, and can be held by the disk they go to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transfers import names
from app.transfers.errors import TransferError
from app.transfers.names import beside, extended, final_path, local_paths, safe_parts, windows_name
from app.transfers.values import Digest, RemoteFile
from tests.app.transfers.support import assert_all_right, remote_files, run
from tests.helpers.hub_behaviour import make_repo
from tests.helpers.hub_server import Hub

UNSAFE = [
    "",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "/etc/passwd",
    "//host/share",
    "a//b",
    "a/",
    "./a",
    "C:/x",
    "c:x",
    "C:\\x",
    "\\x",
    "\\\\host\\share\\x",
    "..\\x",
    "a\\..\\..\\x",
    "a\0b",
    "\ud800",
]
FOREIGN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=40)


def remote(path: str) -> RemoteFile:
    return RemoteFile(path, "http://127.0.0.1/x", 1, Digest("sha256", "0" * 64))


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("path", UNSAFE)
def test_unsafe_names_are_refused_in_one_sentence(path: str, windows: bool) -> None:
    with pytest.raises(TransferError) as caught:
        safe_parts(path, windows)
    assert caught.value.kind == "unsafe"
    assert caught.value.user_text.endswith("is not allowed: it could write outside the folder.")
    assert caught.value.hint


@pytest.mark.parametrize("path", ["a" * 256, "\u00e9" * 128, "/".join(["folder"] * 200)])
def test_names_that_no_drive_holds_are_refused(path: str) -> None:
    with pytest.raises(TransferError, match="longer than any drive can hold") as caught:
        safe_parts(path, windows=False)
    assert caught.value.kind == "unsafe"
    assert len(caught.value.user_text) < 200


def test_an_unsafe_name_stops_everything_before_anything_is_written(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(1, [("good.bin", 10), ("../bad.bin", 10)]))
    with pytest.raises(TransferError, match="not allowed"):
        run(remote_files(hub, repo), folder)
    assert not folder.exists()
    assert hub.behaviour.seen == []


@given(FOREIGN)
def test_safe_parts_stay_inside(name: str) -> None:
    for path in (name, f"folder/{name}", f"{name}/x"):
        try:
            parts = safe_parts(path, windows=False)
        except TransferError:
            continue
        target = os.path.normpath(os.path.join("/base", *parts))
        assert target.startswith("/base/")
        assert all("/" not in part and part not in ("", ".", "..") for part in parts)


@given(FOREIGN)
def test_windows_names_can_be_held_by_windows(name: str) -> None:
    held = windows_name(name)
    assert held
    assert not set(held) & set('<>:"/\\|?*')
    assert all(ord(char) >= 32 for char in held)
    assert held[-1] not in ". "
    assert held.split(".")[0].rstrip(" ").lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9", "com²"}


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("model.safetensors", "model.safetensors"),
        ("a:b?.txt", "a%3Ab%3F.txt"),
        ("con", "%63on"),
        ("NUL.txt", "%4EUL.txt"),
        ("lpt1.tar.gz", "%6Cpt1.tar.gz"),
        ("console", "console"),
        ("end. .", "end%2E%20%2E"),
        ("日本語.txt", "日本語.txt"),
        ("tab\there", "tab%09here"),
    ],
)
def test_windows_names(name: str, held: str) -> None:
    assert windows_name(name) == held


def test_long_windows_paths() -> None:
    assert extended("C:\\models\\x") == "\\\\?\\C:\\models\\x"
    assert extended("\\\\server\\share\\x") == "\\\\?\\UNC\\server\\share\\x"
    assert extended("\\\\?\\C:\\x") == "\\\\?\\C:\\x"


@pytest.mark.parametrize(
    ("paths", "windows"),
    [
        (["a", "a"], False),
        (["a", "a/b"], False),
        (["a/b/c", "a/b"], False),
        (["a", "a.part"], False),
        (["a.part.journal", "a"], False),
        (["A.txt", "a.txt"], True),
        (["ab:c", "ab%3Ac"], True),
    ],
)
def test_names_that_would_overwrite_each_other(paths: list[str], windows: bool) -> None:
    with pytest.raises(TransferError, match="would overwrite each other here") as caught:
        local_paths([remote(path) for path in paths], Path("/base"), windows)
    assert caught.value.kind == "unsafe"


def test_names_that_only_look_like_it() -> None:
    local_paths([remote(path) for path in ("A.txt", "a.txt", "a/b", "b.part", "ab")], Path("/base"), False)


def test_the_lock_is_no_file_of_the_server() -> None:
    with pytest.raises(TransferError, match="the download itself needs"):
        local_paths([remote(names.LOCK_NAME)], Path("/base"))


@pytest.mark.parametrize("length", [10, 240, 249, 255])
def test_helper_files_have_names_that_fit(length: int) -> None:
    final = Path("/base") / ("ü" * (length // 2) + "x" * (length % 2))
    helpers = {beside(final, suffix) for suffix in (names.PART_SUFFIX, names.JOURNAL_SUFFIX)}
    assert len(helpers) == 2
    assert all(len(os.fsencode(path.name)) <= 255 for path in helpers)
    other = final.with_name(final.name[:-1] + "y")
    assert beside(other, names.PART_SUFFIX) not in helpers


def test_odd_names_are_fetched(hub: Hub, folder: Path) -> None:
    deep = "/".join(f"a-rather-long-folder-name-number-{number}" for number in range(8)) + "/model.bin"
    paths = ["Ünïcode ✓/日本語 模型.bin", deep, "x" * 255, "a b#c?d%41&e.json", ".hidden", "quote'\"$(x).txt"]
    repo = hub.add(make_repo(2, [(path, 1000 + len(path)) for path in paths]))
    events = run(remote_files(hub, repo), folder)
    assert_all_right(repo, folder, events)
    assert final_path(folder, paths[0]).is_file()
