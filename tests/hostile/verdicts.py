"""What must hold of every hostile case."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

STALL_MS = 200
START_STALL_MS = 600  # of a start: making and showing the window itself takes half of it on a busy machine
START_SECONDS = 2.0  # of processor, until the window takes input
MEMORY_MB = 400
LONGEST_SENTENCE = 1500
# What the code of a template says of itself is its own matter.
_TEMPLATES = ("The model's chat template cannot write this chat: ", "The model's chat template has an error")
# Words that Python says and no person.
_INSIDE = re.compile(
    r"Traceback|NoneType|object has no attribute|object is not (iterable|subscriptable)|<class '|"
    r"unsupported operand|unhashable|not supported between|invalid literal for|<[\w.]+ object at 0x"
)
# Files of a stranger's folder that our own bookkeeping may read in the window's process: sizes and hashes, not meaning.
_NOT_PARSED = ("dewpoint-model.json",)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was wrong with a case.

    Attributes:
        name: Of the case.
        troubles: One sentence each; none if all was well.
        reply: What the window said of it.
    """

    name: str
    troubles: list[str]
    reply: dict[str, Any] = field(default_factory=dict)

    @property
    def spoils(self) -> bool:
        """Whether the window may not be what it was before."""
        return any(trouble.startswith(("never came", "memory", "the driver")) for trouble in self.troubles)

    @property
    def only_late(self) -> bool:
        """Whether nothing but time was wrong, which may have been the machine's fault."""
        return bool(self.troubles) and all(trouble.startswith(("stall", "never came")) for trouble in self.troubles)


def judge(
    name: str,
    order: dict[str, Any],
    reply: dict[str, Any],
    breaches: list[dict[str, Any]],
    before: dict[str, str],
    after: dict[str, str],
) -> Verdict:
    """Look at a reply, at what the watchers saw, and at the case's own files before and after."""
    found: list[str] = []
    if reply["trouble"]:
        found.append(reply["trouble"])
    if reply["stall"] > (START_STALL_MS if "start" in reply["notes"] else STALL_MS):
        found.append(f"stall of {reply['stall']} ms in {' < '.join(reply['where']) or 'code that held the lock'}")
    if reply["notes"].get("start", 0.0) > START_SECONDS:
        found.append(f"stall: a start took {reply['notes']['start']:.1f} s")
    if reply["peak"] > MEMORY_MB:
        found.append(f"memory: {reply['peak']} MB")
    found += [f"said to be a bug of ours: {text}" for text in reply["bugs"]]
    found += [f"logged as an error: {text}" for text in reply["errors"] if not reply["bugs"]]
    found += [f"Qt: {text}" for text in reply["qt"]]
    found += _sentences(order, reply)
    ours = order.get("spoil") or ()
    others = [each for each in breaches if not _is_read(each) and each["what"].partition(" ")[2] not in ours]
    found += [f"{each['kind']}: {each['what']} ({_who(each)})" for each in others]
    found += _readings(order, breaches)
    found += _changes(order, before, after)
    if not reply["notes"].get("stored", True):
        found.append("the answer is not stored as it was sent")
    if order["do"] == "start" and not reply["notes"].get("refused") and not reply["notes"].get("goes_on"):
        found.append("a message could not be sent after the start, and nothing said so" if not reply["said"] else "")
    return Verdict(name, [text for text in dict.fromkeys(found) if text], reply)


def _sentences(order: dict[str, Any], reply: dict[str, Any]) -> list[str]:
    found = []
    for text in reply["said"]:
        inside = _INSIDE.search(text) and not text.startswith(_TEMPLATES)
        if not text.strip() or len(text) > LONGEST_SENTENCE or inside:
            found.append(f"no sentence: {text[:300]!r}")
    news = reply["news"]
    refused = any(name in ("problem", "refused") for name in news)
    if refused and not reply["said"] and not reply["bugs"]:
        found.append("refused without a word")
    return found


def _who(breach: dict[str, Any]) -> str:
    return f"{'the window' if breach['window'] else 'a child'}, thread {breach['thread']}"


def _is_read(breach: dict[str, Any]) -> bool:
    return breach["kind"] in ("opened", "opened in the main thread")


def _readings(order: dict[str, Any], breaches: list[dict[str, Any]]) -> list[str]:
    """A stranger's files are read in the look and model processes; the window may hash what it merges."""
    here = [each for each in breaches if _is_read(each) and each["window"] and not order.get("file")]
    place = str(order.get("folder", "/"))
    in_main = {each["what"] for each in here if each["kind"] == "opened in the main thread"}
    others = {each["what"] for each in here if each["kind"] == "opened" and not each["what"].endswith(_NOT_PARSED)}
    found = [f"read in the window's main thread: {', '.join(sorted(in_main))}"] if in_main else []
    if "folder" not in order or order.get("merge"):
        others = set()
    others = {path for path in others if path.startswith(place)}
    return found + ([f"read in the window's process: {', '.join(sorted(others))}"] if others else [])


def _without(paths: Iterable[str], files: dict[str, str]) -> dict[str, str]:
    """All but what the case itself exchanges in the middle."""
    return {
        path: what
        for path, what in files.items()
        if not any(path == each or path.startswith(each + "/") for each in paths)
    }


def _changes(order: dict[str, Any], before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The folders of strangers and of the user are as they were; a data folder is the program's own."""
    if order["do"] == "start":
        return []
    before, after = (_without(order.get("spoil", ()), files) for files in (before, after))
    gone = [path for path in before if path not in after]
    new = [path for path in after if path not in before]
    other = [path for path in before if path in after and before[path] != after[path]]
    found = [f"deleted: {path}" for path in gone[:5]] + [f"written: {path}" for path in new[:5]]
    return found + [f"changed: {path}" for path in other[:5]]
