"""Where the graph templates of a configuration lie: shipped with the program, or made on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from inference.engines.making import OWN, making_folder
from inference.errors import GraphError
from inference.graphs.exporting import HINT, can_export
from inference.graphs.manifest import known_errors
from inference.graphs.shipped import configuration_fingerprint, shipped_folder
from inference.model_config import ModelConfig
from trt_engines.graphs.names import MANIFEST
from trt_engines.graphs.templates import TemplateError, Templates
from trt_engines.held import HeldFolder, mark_at


def templates_for(config: ModelConfig, cache: Path) -> Templates:
    """The templates of a configuration, made and kept in `cache` if none are shipped.

    Raises:
        GraphError: There are none and PyTorch, which makes them, is not installed; or they are damaged.
    """
    fingerprint = configuration_fingerprint(config)
    with known_errors(GraphError):
        if (shipped_folder(config) / MANIFEST).exists():
            return Templates.load(shipped_folder(config), fingerprint)
        own = cache / fingerprint
        try:
            found = Templates.load(own, fingerprint)
            found.check()
            return found
        except TemplateError:  # none yet, of another version, or damaged
            _make(config, own)
        return Templates.load(own, fingerprint)


def _make(config: ModelConfig, folder: Path) -> None:
    if not can_export():
        raise GraphError(
            "This model has another shape than the ones that Dewpoint has graphs for, and making them needs PyTorch.",
            HINT,
        )
    from inference.model.export_templates import export_templates  # torch: only when graphs must be made

    try:
        with making_folder(folder.parent) as scratch:
            export_templates(config, scratch)
            _bring(scratch, folder)
    except OSError as exc:
        raise GraphError(f"{folder} cannot be written: {exc.strerror or exc}.", "Move it away.") from exc


def _bring(scratch: Path, folder: Path) -> None:
    """Give new templates their name; old ones that lie there go, and what is not ours stays.

    The manifest goes first and comes last, so that a kill leaves templates that are made again.
    """
    if mark_at(folder) is None:
        scratch.rename(folder)
        return
    with HeldFolder(folder) as held:  # refuses a file or a link, which is the user's
        for name in sorted(filter(OWN.fullmatch, held.names()), key=_manifest_last, reverse=True):
            held.unlink((name,))
    for name in sorted(os.listdir(scratch), key=_manifest_last):
        os.replace(scratch / name, folder / name)


def _manifest_last(name: str) -> bool:
    return name == MANIFEST
