"""Checks that imports point one way, that the pure packages are pure, and that only the risk check holds the seal.

Run as `python scripts/check_architecture.py [ROOT]`: one line for each violation, and 1 as exit code if there are any.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

PACKAGE = "trading"

# What each pure package may import of ours. Every other package may import all of these, and none of these any other.
PURE_PACKAGES: Mapping[str, frozenset[str]] = {
    "domain": frozenset(),
    "decision": frozenset({"domain"}),
    "safety": frozenset({"domain"}),
    "engine": frozenset({"domain", "decision", "safety"}),
}
# What they may import of others.
PURE_LIBRARIES: Mapping[str, frozenset[str]] = {
    "domain": frozenset({"msgspec"}),
    "decision": frozenset({"msgspec", "numpy", "talib"}),
    "safety": frozenset({"msgspec"}),
    "engine": frozenset({"msgspec"}),
}
# The part of the standard library that knows no clock, chance, network, disk, thread or log. A list of what is allowed
# cannot be outgrown by a module that nobody thought to forbid.
# fmt: off
PURE_MODULES = frozenset({
    "__future__", "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "operator",
    "re", "statistics", "string", "textwrap", "types", "typing", "zlib",
})
# fmt: on
# Builtins that reach outside, run text as code, or answer differently in another process (`hash` of a text, `id`).
IMPURE_CALLS = frozenset(
    {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint", "globals", "hash", "id"}
)
# Ways to the clock, chance and disk through modules that are otherwise pure.
IMPURE_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "datetime": frozenset({"now", "utcnow", "today"}),
    "date": frozenset({"today"}),
    "numpy": frozenset({"random", "load", "save", "savez", "loadtxt", "savetxt", "genfromtxt", "fromfile", "memmap"}),
}
SEAL_NAMES = frozenset({"_SEAL", "_Seal"})
SEAL_HOLDERS = frozenset({"trading/domain/orders.py", "trading/safety/approval.py"})
# (from, to): the first may not reach the second, through any chain of imports.
NEVER_REACHES = (("trading.web", "trading.manager"),)


@dataclass(frozen=True, order=True)
class Violation:
    """One line of source that breaks a rule."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


class Import(NamedTuple):
    """One imported name: `from a import b` is `a.b`, as b may be a module."""

    target: str
    line: int


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its path from the root, and its syntax tree."""

    name: str
    path: str
    tree: ast.Module
    is_package: bool

    @property
    def part(self) -> str:
        """The package below `trading` that the module is in; empty for a module directly in it."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 2 or (len(parts) == 2 and self.is_package) else ""

    def imports(self) -> Iterator[Import]:
        """All imports, wherever they stand in the file, with relative ones made absolute."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)

    def original_names(self) -> dict[str, str]:
        """For each name that an import gave to something (`import numpy as np`), what that is called at home."""
        return {
            alias.asname: alias.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            if alias.asname is not None
        }

    def _absolute(self, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - node.level + (1 if self.is_package else 0)]
        return ".".join([*kept, node.module] if node.module else kept)


def read_modules(root: Path) -> list[Module]:
    """Every module of the package under `root`, sorted by path."""
    modules = []
    for file in sorted((root / PACKAGE).rglob("*.py")):
        relative = file.relative_to(root)
        parts = relative.with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(Module(name, relative.as_posix(), ast.parse(file.read_text("utf-8")), is_package))
    return modules


def violations(root: Path) -> list[Violation]:
    """Everything under `root`/trading that breaks a rule, sorted."""
    modules = read_modules(root)
    found: set[Violation] = set()
    for module in modules:
        if module.part in PURE_PACKAGES:
            found.update(_import_violations(module))
            found.update(_call_violations(module))
        if module.path not in SEAL_HOLDERS:
            found.update(_seal_violations(module))
    for start, goal in NEVER_REACHES:
        found.update(_reach_violations(modules, start, goal))
    return sorted(found)


def _import_violations(module: Module) -> Iterator[Violation]:
    for target, line in module.imports():
        top, _, rest = target.partition(".")
        if top == PACKAGE:
            part = rest.partition(".")[0]
            if part != module.part and part not in PURE_PACKAGES[module.part]:
                yield Violation(module.path, line, f"{module.part} may not import {target}")
        elif top not in PURE_MODULES and top not in PURE_LIBRARIES[module.part]:
            yield Violation(module.path, line, f"{module.part} is pure and may not import {top}")
        else:
            for owner, name in pairwise(target.split(".")):
                if name in IMPURE_ATTRIBUTES.get(owner, ()):
                    yield Violation(module.path, line, f"{module.part} is pure and may not import {target}")


def _call_violations(module: Module) -> Iterator[Violation]:
    names = module.original_names()
    in_hash_methods = {
        inner
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__hash__"
        for inner in ast.walk(node)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            # A __hash__ is for sets and dictionaries of this process, so there the builtin is right.
            if not (node.func.id == "hash" and node in in_hash_methods):
                yield Violation(module.path, node.lineno, f"{module.part} is pure and may not call {node.func.id}()")
        elif isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            owner = names.get(owner, owner)
            if node.attr in IMPURE_ATTRIBUTES.get(owner, ()):
                what = f"{module.part} is pure and may not use {owner}.{node.attr}"
                yield Violation(module.path, node.lineno, what)


def _seal_violations(module: Module) -> Iterator[Violation]:
    what = "only the risk check (trading/safety/approval.py) may use the seal of Approved"
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.Constant(value=str(name)):
                if name in SEAL_NAMES:
                    yield Violation(module.path, node.lineno, what)


def _reach_violations(modules: list[Module], start: str, goal: str) -> Iterator[Violation]:
    by_name = {module.name: module for module in modules}
    for origin in (name for name in by_name if _is_in(name, start)):
        queue = [origin]
        seen = {origin}
        while queue:
            module = by_name[queue.pop()]
            for target, line in module.imports():
                if _is_in(target, goal):
                    what = f"{start} may not import {goal}"
                    via = "" if module.name == origin else f" (it is imported by {origin})"
                    yield Violation(module.path, line, what + via)
                for name in _loaded_by(target):
                    if name in by_name and name not in seen:
                        seen.add(name)
                        queue.append(name)


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _loaded_by(target: str) -> Iterator[str]:
    """The modules that importing `target` runs: itself and every package above it."""
    parts = target.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length])


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = violations(root)
    for violation in found:
        print(violation)
    if not found:
        print("import direction, purity and the seal: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
