"""From a model's folder to a session that can be asked."""

from __future__ import annotations

import os
from pathlib import Path

from inference.backends.base import CancelFlag, Progress, stop_loading
from inference.backends.registry import is_fake, open_backend
from inference.checkpoint.folder import checked_model
from inference.checkpoint.name import model_name
from inference.denoising.short_canvas import short_canvas
from inference.engines import ENGINES_VARIABLE
from inference.forms.kept import KeptForms
from inference.graphs.made import made_folder
from inference.model_config import ModelConfig
from inference.session import Session
from inference.text.chat_template import ChatTemplate, tried_template
from inference.text.tokenizer import TextTokenizer, tokenizer_from_folder

# Share of the whole that tokenizer and template take; the weights are the rest.
_TEXT_SHARE = 0.05


def open_session(
    path: Path | str | None,
    backend: str = "auto",
    progress: Progress | None = None,
    engines: Path | None = None,
    cancel: CancelFlag | None = None,
) -> Session:
    """Load a model.

    1. Read what is quick to read and often wrong: configuration, names and shapes of the weights, tokenizer, template.
    2. Load the weights.

    Args:
        path: Folder in Hugging Face layout; only "fake" backends need none.
        backend: "auto", "onnx", "native", "torch", "fake" or "fake:MODE".
        progress: Called with a short phrase for the user and a fraction in 0..1 that never falls.
        engines: Folder of all TensorRT engine sets; without one, "tensorrt" cannot be used.
        cancel: Ends the loading at its next report, or soon after it is set where that may be many seconds away.

    Raises:
        LoadStoppedError: `cancel` was set.
        KnownError: The folder, the backend's name or the machine is to blame.
    """
    report = _never_falling(progress, cancel)
    # 1.
    report("Reading the tokenizer", 0.0)
    folder = None if path is None or is_fake(backend) else Path(path)
    config, tokenizer, template, name = _text_parts(folder, path)
    report("Loading the weights", _TEXT_SHARE)
    # 2.

    def weights(stage: str, fraction: float) -> None:
        report(stage, _TEXT_SHARE + (1 - _TEXT_SHARE) * fraction)

    loaded = open_backend(folder, backend, weights, engines, config, cancel)
    try:
        report("Ready", 1.0)
    except BaseException:
        loaded.close()
        raise
    # Where places cost time each: on our own kernels.
    short = short_canvas(folder, loaded.config.canvas_length) if folder is not None and loaded.name == "native" else 0
    forms = None if folder is None else KeptForms(made_folder(engines).parent / "forms")
    return Session(loaded, tokenizer, template, name, short, forms)


def open_model(
    path: Path | str | None,
    backend: str = "auto",
    progress: Progress | None = None,
    engines: Path | None = None,
    cancel: CancelFlag | None = None,
) -> Session:
    """What `open_session` does, for command lines and programs of others: engines may be named by DEWPOINT_ENGINES.

    Raises:
        LoadStoppedError: `cancel` was set.
        KnownError: The folder, the backend's name or the machine is to blame.
    """
    named = os.environ.get(ENGINES_VARIABLE)
    return open_session(path, backend, progress, engines or (Path(named) if named else None), cancel)


def _text_parts(
    folder: Path | None, path: Path | str | None
) -> tuple[ModelConfig | None, TextTokenizer, ChatTemplate, str]:
    if folder is None:
        from inference.backends import fake_model

        name = fake_model.NAME if path is None else model_name(Path(path))
        return None, fake_model.fake_tokenizer(), fake_model.fake_template(), name
    config = checked_model(folder).config
    return config, tokenizer_from_folder(folder, config), tried_template(folder), model_name(folder)


def _never_falling(progress: Progress | None, cancel: CancelFlag | None) -> Progress:
    highest = 0.0

    def report(stage: str, fraction: float) -> None:
        nonlocal highest
        stop_loading(cancel)
        highest = max(highest, min(1.0, fraction))
        if progress is not None:
            progress(stage, highest)

    return report
