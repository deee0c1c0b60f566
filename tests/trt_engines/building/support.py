"""Requests for small models on cards that are not there: TensorRT for RTX builds for them all the same."""

from __future__ import annotations

from pathlib import Path

from inference.config import model_config_from_folder
from inference.engines.choice import cuts, engine_limits
from inference.engines.planning import model_shape
from inference.engines.templates import templates_for
from inference.graphs.shipped import configuration_fingerprint
from inference.model_config import ModelConfig
from trt_engines.building.builder import BuildRequest
from trt_engines.building.child import PartJob
from trt_engines.building.identity import ENGINE_VERSION, Identity, this_system, weights_identity
from trt_engines.planning.precision import PRECISIONS
from trt_engines.tensorrt.flavour import installed_flavour
from trt_engines.weights.index import index_checkpoint

STARTER = Path(__file__).resolve().parents[3] / "resources" / "starter"


def config_of(folder: Path) -> ModelConfig:
    """The configuration of a checkpoint."""
    return model_config_from_folder(folder)


def request_for(folder: Path, cache: Path, sm: int = 86, precision: str = "int4", length: int = 2) -> BuildRequest:
    """What to build of a checkpoint for a card of this compute capability."""
    config, flavour = config_of(folder), installed_flavour()
    templates = templates_for(config, cache)
    form = next(each for each in PRECISIONS if each.name == precision)
    identity = Identity(
        ENGINE_VERSION, weights_identity(index_checkpoint(folder)), templates.digest, precision,
        cuts(len(config.layers), length), engine_limits(config, 512), flavour.name, flavour.version, "Test card", sm,
        8, this_system(),
    )  # fmt: skip
    return BuildRequest(
        identity, "Test model", folder, templates.folder, configuration_fingerprint(config), form.compute, form.form,
        model_shape(config),
    )  # fmt: skip


def first_segment(request: BuildRequest) -> PartJob:
    """The job of a request's first segment."""
    return next(job for job in request.jobs(Path("unused")) if job.cut is not None)
