"""Imports run one way; each heavy library has one door; core code neither prints nor exits."""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.code import modules

DOORS = {
    "pymodbus": ("sources/modbus/transport.py", "simulator/*"),
    "serial": ("sources/modbus/serialport.py",),
    "asyncua": ("sources/opcua/*", "simulator/*"),
    "duckdb": ("history/*",),
    "tflite_runtime": ("models/runtime.py",),
    "ai_edge_litert": ("models/runtime.py",),
    "tflite": ("models/*",),
    "typer": ("cli/*",),
    "rich": ("cli/*", "reports/terminal.py", "reports/plots/in_terminal.py"),
    "plotext": ("reports/plots/in_terminal.py",),
    "matplotlib": ("reports/plots/in_picture.py",),
    "openpyxl": ("site/*", "reports/*", "imports/sheet.py"),
    "xlsxwriter": ("reports/as_xlsx.py",),
    "pyarrow": (),
    "pandas": (),
    "click": (),
    "requests": (),
    "httpx": (),
}


def test_layers(project: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=project, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", DOORS)
def test_one_door(library: str) -> None:
    strangers = [
        f"{module.name}:{line}"
        for module in modules()
        for name, line in module.imports()
        if name.split(".")[0] == library and not any(fnmatch(module.name, door) for door in DOORS[library])
    ]
    assert not strangers, f"only {DOORS[library] or 'nobody'} may import {library}"


def test_core_never_prints_nor_exits() -> None:
    forbidden = {"print", "exit", "quit", "sys.exit", "os._exit", "breakpoint", "input"}
    found = [
        f"{module.name}:{node.lineno} {ast.unparse(node.func)}"
        for module in modules()
        if not module.name.startswith("cli/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in forbidden
    ]
    assert not found


def test_command_modules_are_light() -> None:
    """Top-level imports of cli/*.py: standard library, typer, errors, events, and siblings that obey the same."""
    own = ("iiotctl.errors", "iiotctl.events", "iiotctl.cli", "iiotctl.__version__")
    heavy = [
        f"{module.name}:{line} {name}"
        for module in modules()
        if module.name.startswith("cli/")
        for name, line in module.imports(only_top=True)
        if name.split(".")[0] not in {*sys.stdlib_module_names, "typer"}
        and name != "iiotctl"
        and not name.startswith(own)
    ]
    assert not heavy, "import inside the command's function"
