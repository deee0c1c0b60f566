"""What the trial of a card found decides how segments are built that may have to leave it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.helpers.card_reports import REPORT
from tests.trt_engines.building.support import STARTER, request_for
from trt_engines.building import builder
from trt_engines.building.builder import BuildError, BuildRequest, build_engines
from trt_engines.building.child import PartJob
from trt_engines.building.store import EngineStore, Part
from trt_engines.tensorrt.card_report import write_report


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[PartJob]:
    """The jobs that are begun; none is done."""
    jobs: list[PartJob] = []

    def begun(job: PartJob, *_: object) -> Part:
        jobs.append(job)
        raise BuildError("enough")
        yield

    monkeypatch.setattr(builder, "_build_one", begun)
    return jobs


def streams_itself(root: Path, request: BuildRequest, built: list[PartJob]) -> bool:
    """Whether segments would be built so that they can stream themselves."""
    with pytest.raises(BuildError, match="enough"):
        list(build_engines(EngineStore(root), request))
    return built.pop().streaming


@pytest.mark.parametrize(
    ("way", "itself"), [("manager", False), ("deferred", False), ("budget", True), ("plain", True), ("", True)]
)
def test_a_way_that_needs_no_such_engines_is_built_for(
    tmp_path: Path, built: list[PartJob], way: str, itself: bool
) -> None:
    request = request_for(STARTER, tmp_path / "cache")
    identity = dataclasses.replace(request.identity, streaming=True)
    streamed = dataclasses.replace(request, identity=identity)
    found = dataclasses.replace(REPORT, card=identity.gpu, version=identity.flavour_version, way=way)
    if way:
        write_report(tmp_path / "engines", found)
    assert streams_itself(tmp_path / "engines", streamed, built) == itself
    assert not streams_itself(tmp_path / "engines", request, built), "all of it stays on the card"
    for other in (dataclasses.replace(found, card="RTX 9999"), dataclasses.replace(found, version="0.1")):
        write_report(tmp_path / "engines", other)
        assert streams_itself(tmp_path / "engines", streamed, built), "that trial says nothing of this card"
