"""Where the graph templates of a configuration lie: shipped with the program, or made on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from inference.errors import GraphError
from inference.graphs.exporting import HINT, can_export
from inference.graphs.manifest import known_errors
from inference.graphs.shipped import configuration_fingerprint, shipped_folder
from inference.model_config import ModelConfig
from trt_engines.graphs.templates import MANIFEST, TemplateError, Templates
from trt_engines.held import remove_below


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
            return Templates.load(own, fingerprint)
        except TemplateError:  # none yet, or of another version
            _make(config, own)
        return Templates.load(own, fingerprint)


def _make(config: ModelConfig, folder: Path) -> None:
    if not can_export():
        raise GraphError(
            "This model has another shape than the ones that Dewpoint has graphs for, and making them needs PyTorch.",
            HINT,
        )
    from inference.model.export_templates import export_templates  # torch: only when graphs must be made

    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
    try:
        export_templates(config, scratch)
        scratch.rename(folder)  # refused where something lies: it may be the user's
    except OSError as exc:
        raise GraphError(f"{folder} cannot be written: {exc.strerror or exc}.", "Move that folder away.") from exc
    finally:
        remove_below(scratch)
