"""The source tree as data for the rules of this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "iiotctl"


@dataclass(frozen=True)
class Module:
    """A file of the package: its path below the package, its text and its syntax tree."""

    name: str
    text: str
    tree: ast.Module

    def imports(self, *, only_top: bool = False) -> Iterator[tuple[str, int]]:
        """Absolute names of imported modules with their lines; `only_top` leaves out functions and type checking."""
        nodes = _top_level(self.tree) if only_top else ast.walk(self.tree)
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module, node.lineno
                for alias in node.names:
                    yield f"{node.module}.{alias.name}", node.lineno


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        if isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from node.body
            yield from node.orelse
        else:
            yield node


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(path.relative_to(PACKAGE).as_posix(), text, ast.parse(text, str(path))))
    return tuple(found)
