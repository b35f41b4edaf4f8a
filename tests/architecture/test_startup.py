"""Help, version and completion load nothing heavy; counted, not timed."""

from __future__ import annotations

import subprocess
import sys

import pytest

MOST_MODULES = 350
HEAVY = ("numpy", "polars", "duckdb", "pymodbus", "asyncua", "cryptography", "rich", "asyncio", "sqlite3")
CODE = """
import contextlib, io, sys
from iiotctl.cli import app
with contextlib.redirect_stdout(io.StringIO()):
    code = app.run(sys.argv[1:])
print(code, len(sys.modules), ",".join(sorted({name.split(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("words", [[], ["--help"], ["--version"], ["completion", "bash"], ["explain", "bug"]], ids=str)
def test_light(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=True)
    code, count, names = done.stdout.split()
    assert code == "0"
    assert int(count) <= MOST_MODULES
    assert sorted(set(HEAVY) & set(names.split(","))) == []
