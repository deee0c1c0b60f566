"""Sentences: each stands in the `texts` or `words` of its subject, and each is said somewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREES = {
    path: ast.parse(path.read_text("utf-8"))
    for folder in ("app", "tests", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
SENTENCES = [path for path in TREES if path.name in ("texts.py", "words.py") and path.is_relative_to(ROOT / "app")]


def module_of(path: Path) -> str:
    """The module in a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def public_names(tree: ast.Module) -> Iterator[str]:
    """What others may say."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))


def said_in(tree: ast.Module) -> Iterator[str]:
    """Names of the sentences that a module takes from others, with their modules."""
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                aliases[alias.asname or alias.name] = full
                yield full
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield f"{aliases[node.value.id]}.{node.attr}"


def test_every_sentence_is_said() -> None:
    said = {name for tree in TREES.values() for name in said_in(tree)}
    names = {f"{module_of(path)}.{name}" for path in SENTENCES for name in public_names(TREES[path])}
    assert len(names) > 300
    unsaid = sorted(names - said)
    assert not unsaid


def test_no_module_claims_to_hold_every_sentence() -> None:
    heads = {module_of(path): ast.get_docstring(TREES[path]) or "" for path in SENTENCES}
    assert not [name for name, head in heads.items() if "very sentence" in head or "ll sentences" in head]
