"""Which exported graphs are ours: those that ship with the program, and those that were made on this computer.

A graph is run as it is, and whoever writes into a model's folder can write a manifest beside it that fits. So a folder
is not asked: what was made here is remembered in the data folder, by the hash of its manifest, which holds those of the
graphs. (They cannot lie in the data folder themselves: ONNX Runtime wants graphs beside the weights that they point
into.) A copy of the folder on the same computer counts, one that comes from elsewhere is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import platformdirs

from inference.graphs.manifest import GraphManifest
from trt_engines.files import read_json, write_whole

# Graphs of the models in `resources`; whoever publishes a new starter enters the number that `publish` prints.
_SHIPPED = frozenset({"25b1e37a204756af767c911225ae61a2529aaf31058fc3175f61ca06d389da88"})
_HOME, _APP, _FILE = "DEWPOINT_HOME", "Dewpoint", "made.json"
_MOST = 1000  # sets that are remembered, the newest


def made_folder(engines: Path | None = None) -> Path:
    """Where it is remembered: the data folder's `graphs`, which also holds templates that were made.

    Args:
        engines: Folder of all engine sets, which lies in the data folder; None: the data folder of this user.
    """
    if engines is not None:
        return engines.parent / "graphs"
    home = os.environ.get(_HOME) or platformdirs.user_data_path(_APP, appauthor=False, roaming=False)
    return Path(home).expanduser() / "graphs"


def remember(manifest: GraphManifest, made: Path | None = None) -> None:
    """Note that these graphs were made here; where that cannot be written, they are made again next time.

    Args:
        manifest: Of the graphs.
        made: See `made_folder`; None: that of this user.
    """
    folder = made or made_folder()
    known = [each for each in _known(folder) if each != digest(manifest)]
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / _FILE, json.dumps([*known, digest(manifest)][-_MOST:], indent=1) + "\n")


def is_ours(manifest: GraphManifest, made: Path | None = None) -> bool:
    """Whether graphs with this manifest ship with the program or were made on this computer."""
    return digest(manifest) in _SHIPPED or digest(manifest) in _known(made or made_folder())


def digest(manifest: GraphManifest) -> str:
    """Hash of what it says, not of its bytes: a checkout may have other line ends."""
    return hashlib.sha256(json.dumps(asdict(manifest), sort_keys=True).encode()).hexdigest()


def _known(folder: Path) -> list[str]:
    try:
        known = read_json(folder / _FILE)
    except (OSError, ValueError):
        return []
    return [each for each in known if isinstance(each, str)] if isinstance(known, list) else []
