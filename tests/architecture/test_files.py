"""A file has one subject, says so first, and stays short enough to read."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.code import ROOT, modules

LONGEST = 400


def test_files_stay_short() -> None:
    long = {module.name: len(module.text.splitlines()) for module in modules()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_tests_and_tools_stay_short() -> None:
    folders = [ROOT / name for name in ("tests", "tools", "bench")]
    paths = [path for folder in folders for path in folder.rglob("*.py") if "node_modules" not in path.parts]
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [module.name for module in modules() if not ast.get_docstring(module.tree)] == []


def test_no_drawer_for_everything() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    assert [module.name for module in modules() if Path(module.name).name in drawers] == []
