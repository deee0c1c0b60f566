"""Whether an engine set can be used as it is, and if not, why not: pure reading, nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trt_engines.building.identity import Identity
from trt_engines.building.names import CERTIFICATE
from trt_engines.building.store import EngineManifest, EngineSet, EngineStore, same_size, write_json
from trt_engines.files import read_json

StateName = Literal["absent", "stale", "partial", "damaged", "untested", "failed", "ready"]


@dataclass(frozen=True, slots=True)
class Check:
    """One part of an engine set, compared with ONNX Runtime on the processor.

    Attributes:
        part: Name of the part.
        error: Relative RMS difference of its outputs.
        tolerance: Largest difference that is accepted.
        overflow: Whether it gave numbers that are not finite where the processor's are: FP16 ends at 65,504.
    """

    part: str
    error: float
    tolerance: float
    overflow: bool = False

    @property
    def passed(self) -> bool:
        """Whether it is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


@dataclass(frozen=True, slots=True)
class Oracle:
    """Logits of the whole model, compared with those that the original gave elsewhere; nothing depends on it.

    Attributes:
        mean: Mean difference of a logit.
        largest: Largest difference.
        tolerance: Mean difference that is expected at most.
        same: Whether the same token is the likeliest of those compared, in every position.
    """

    mean: float
    largest: float
    tolerance: float
    same: bool

    @property
    def passed(self) -> bool:
        """Whether it is what is expected; NaN is not."""
        return self.same and self.mean <= self.tolerance


@dataclass(frozen=True, slots=True)
class Certificate:
    """Result of a self-test.

    Attributes:
        key: Of the engine set.
        built: When the set was built.
        driver: With which it was tested.
        tested: When, ISO 8601.
        checks: One for each part, in the order of the model; they end at the first failure.
        oracle: The comparison with the original's numbers; None where there is none, or it could not be made.
    """

    key: str
    built: str
    driver: str
    tested: str
    checks: tuple[Check, ...]
    oracle: Oracle | None = None

    @property
    def passed(self) -> bool:
        """Whether every part passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True)
class SetState:
    """What can be said of the engines for a model on this card.

    Attributes:
        name: "ready" is the only one with which they are used.
        reasons: Why it is not "ready", each in words.
        manifest: Of this set, or of the set that is stale.
        certificate: Of the last self-test.
    """

    name: StateName
    reasons: tuple[str, ...] = ()
    manifest: EngineManifest | None = None
    certificate: Certificate | None = None


def read_certificate(found: EngineSet) -> Certificate | None:
    """The certificate of a set, None if it has none that can be read."""
    try:
        raw: dict[str, Any] = read_json(found.folder / CERTIFICATE)
        checks = tuple(Check(**check) for check in raw.pop("checks"))
        oracle = raw.pop("oracle", None)
        return Certificate(checks=checks, oracle=Oracle(**oracle) if oracle else None, **raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_certificate(found: EngineSet, certificate: Certificate) -> None:
    """Keep the result of a self-test beside the engines.

    Raises:
        EngineStoreError: The folder cannot be written.
    """
    write_json(found.folder / CERTIFICATE, certificate)


def state_of(store: EngineStore, identity: Identity, driver: str) -> SetState:
    """The state of the engines that a model needs on this card with this driver."""
    found = store.find(identity)
    manifest = found.manifest
    if manifest is None or manifest.identity != identity:
        return _without_set(store, identity)
    missing = [name for name in manifest.names if name not in manifest.parts]
    if missing:
        done = len(manifest.names) - len(missing)
        return SetState("partial", (f"{done} of {len(manifest.names)} segments are built",), manifest)
    wrong = [part.file for part in manifest.parts.values() if not same_size(found.folder, part)]
    if wrong:
        return SetState("damaged", (f"{wrong[0]} is missing or incomplete",), manifest)
    return _tested(found, manifest, driver)


def _without_set(store: EngineStore, identity: Identity) -> SetState:
    """No set of this identity: is there one of the same model that was built for something else?"""
    others = [each.manifest for each in store.sets() if each.manifest is not None]

    def meant(each: Identity) -> tuple[object, ...]:
        return each.weights, each.precision, each.limits.context

    same = [each for each in others if meant(each.identity) == meant(identity) and each.complete]
    if not same:
        return SetState("absent", ("they are not built yet",))
    nearest = min(same, key=lambda each: len(identity.differences(each.identity)))
    return SetState("stale", identity.differences(nearest.identity), nearest)


def _tested(found: EngineSet, manifest: EngineManifest, driver: str) -> SetState:
    certificate = read_certificate(found)
    if certificate is None or (certificate.key, certificate.built) != (manifest.identity.key, manifest.built):
        return SetState("untested", ("the self-test has not run yet",), manifest)
    if certificate.driver != driver:
        reason = f"the driver changed from {certificate.driver} to {driver}"
        return SetState("untested", (reason,), manifest, certificate)
    if not certificate.passed:
        bad = next((check for check in certificate.checks if not check.passed), None)
        reason = "nothing was tested"
        if bad is not None:
            reason = f"{bad.part} is off by {bad.error:.3g}, {bad.tolerance:.3g} is allowed"
            reason += "; its numbers are too large for this precision" if bad.overflow else ""
        return SetState("failed", (reason,), manifest, certificate)
    return SetState("ready", (), manifest, certificate)
