"""All engine sets on this disk: in which state each is, and which of them can never be used on this machine again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from app.engines import texts
from inference.errors import InferenceError
from inference.look.client import Looks
from trt_engines.errors import EngineError
from trt_engines.planning.hardware import GIB
from trt_engines.planning.probe import DetectedGpu

if TYPE_CHECKING:
    from trt_engines.building.identity import Identity
    from trt_engines.building.state import StateName
    from trt_engines.building.store import EngineManifest, EngineSet, EngineStore


@dataclass(frozen=True, slots=True)
class Here:
    """What this machine is now; None where it cannot be told, which is no reason against any engine.

    Attributes:
        cards: Its cards.
        flavour: The installed TensorRT.
        version: Its version.
    """

    cards: tuple[DetectedGpu, ...] | None
    flavour: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class ListedSet:
    """One engine set.

    Attributes:
        folder: Where it lies.
        model: Name of the model; "" if the manifest cannot be read.
        precision: Of its weights.
        card: That it was built for.
        size: Bytes.
        built: When, ISO 8601; "" while no part is finished.
        model_folder: Where its checkpoint lay.
        state: In one word, as `SetState.name`.
        reasons: Why it is not ready.
        useless: Whether it can never be used on this machine as it is now.
        others: Names of what lies in its folder and is not ours; it stays when the set is removed.
    """

    folder: Path
    model: str
    precision: str
    card: str
    size: int
    built: str
    model_folder: str
    state: StateName
    reasons: tuple[str, ...]
    useless: bool
    others: tuple[str, ...] = ()


def listed_sets(store: EngineStore, here: Here, looks: Looks) -> tuple[ListedSet, ...]:
    """Every set, the newest first."""
    expected: dict[str, str] = {}
    manifests = {each.folder: each.manifest for each in store.sets()}
    looks.wake(Path(each.model_folder) for each in manifests.values() if each is not None)
    found = [_listed(store, each, here, expected, looks) for each in store.sets()]
    usable = [each for each in found if not each.useless]
    marked = [_mark_superseded(each, usable, manifests) for each in found]
    return tuple(sorted(marked, key=lambda each: (each.built, each.folder.name), reverse=True))


def bytes_of(folder: Path) -> int:
    """What comes free when a set is removed; 0 if there is none."""
    from trt_engines.building.store import own_files

    try:
        return sum(file.stat().st_size for file in own_files(folder))
    except OSError:
        return 0


def remove_set(store: EngineStore, folder: Path) -> int:
    """Remove a set unless it is being built; returns the bytes that came free.

    Raises:
        EngineError: It is being built, or a file cannot be deleted.
    """
    from trt_engines.building.names import LOCK

    size = bytes_of(folder)
    try:
        with FileLock(folder / LOCK, timeout=0):
            pass
    except Timeout as exc:
        raise EngineError(texts.BEING_BUILT, texts.BEING_BUILT_HINT) from exc
    except OSError:
        pass  # a folder that cannot be written: `remove` says so
    store.remove(folder)
    return size


def _listed(store: EngineStore, found: EngineSet, here: Here, expected: dict[str, str], looks: Looks) -> ListedSet:
    from trt_engines.building.store import other_names

    manifest, size, others = found.manifest, bytes_of(found.folder), other_names(found.folder)
    if manifest is None:
        return ListedSet(found.folder, "", "", "", size, "", "", "damaged", (texts.NO_MANIFEST,), True, others)
    identity = manifest.identity
    name: StateName = "stale"
    reasons = _foreign(identity, here) + _other_model(manifest, expected, looks)
    if not reasons:
        name, reasons = _own_state(store, found, manifest, here)
    useless = name in ("stale", "damaged")
    return ListedSet(
        found.folder, manifest.model, identity.precision, identity.gpu, size, manifest.built, manifest.model_folder,
        name, reasons, useless, others,
    )  # fmt: skip


def _own_state(
    store: EngineStore, found: EngineSet, manifest: EngineManifest, here: Here
) -> tuple[StateName, tuple[str, ...]]:
    """The state of a set that belongs here; without a card, the driver of its last test counts."""
    from trt_engines.building.state import read_certificate, state_of

    certificate = read_certificate(found)
    driver = here.cards[0].driver if here.cards else certificate.driver if certificate is not None else ""
    state = state_of(store, manifest.identity, driver)
    return state.name, state.reasons


def _foreign(identity: Identity, here: Here) -> tuple[str, ...]:
    """What of this machine differs from what the set was built for; of several cards, the nearest counts."""
    from trt_engines.building.identity import ENGINE_VERSION, this_system

    mine = dataclasses.replace(
        identity,
        version=ENGINE_VERSION,
        system=this_system(),
        flavour=identity.flavour if here.flavour is None else here.flavour,
        flavour_version=identity.flavour_version if here.version is None else here.version,
    )
    cards = [card.gpu for card in here.cards] if here.cards is not None else []
    candidates = [
        dataclasses.replace(mine, gpu=gpu.name, sm=gpu.sm, vram=round(gpu.memory / GIB)) for gpu in cards
    ] or [mine]
    return min((each.differences(identity) for each in candidates), key=len)


def _other_model(manifest: EngineManifest, expected: dict[str, str], looks: Looks) -> tuple[str, ...]:
    """Whether the checkpoint was changed since; one that is not there may come back."""
    from inference.look.questions import IdentifyWeights

    folder = manifest.model_folder
    if folder not in expected:
        try:
            expected[folder] = looks.ask(IdentifyWeights(Path(folder)))
        except (EngineError, InferenceError):
            expected[folder] = ""
    weights = expected[folder]
    return () if weights in ("", manifest.identity.weights) else (texts.other_files("model files"),)


def _mark_superseded(
    listed: ListedSet, usable: Sequence[ListedSet], manifests: dict[Path, EngineManifest | None]
) -> ListedSet:
    """A set is useless, too, if a newer complete one of the same model, precision and card lies beside it."""
    mine = manifests.get(listed.folder)
    if mine is None or listed.useless or not listed.built:
        return listed
    for other in usable:
        theirs = manifests.get(other.folder)
        if theirs is None or not theirs.complete or other.built <= listed.built or other.folder == listed.folder:
            continue
        if _subject(theirs) == _subject(mine):
            reason = texts.superseded(other.built)
            return dataclasses.replace(listed, reasons=(*listed.reasons, reason), useless=True)
    return listed


def _subject(manifest: EngineManifest) -> tuple[str, str, str, int]:
    identity = manifest.identity
    return manifest.model_folder, identity.precision, identity.gpu, identity.vram
