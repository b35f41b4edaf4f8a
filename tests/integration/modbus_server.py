"""Runs `peers/modbus_server.c` (libmodbus): built once per source text, started on a free port per test.

The spy: `stop` fails the test when the server saw any function code but 1 to 4.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.peers import require, require_tool

SOURCE = Path(__file__).parent / "peers" / "modbus_server.c"
READING = {"1", "2", "3", "4"}
_INSTALL = "apt-get install gcc pkg-config libmodbus-dev"


def build(source: Path = SOURCE) -> Path:
    """The program of a C file; compiled when this source text has not been compiled yet."""
    compiler = require_tool("gcc", _INSTALL)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"iiotctl-peers-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    program = folder / f"{source.stem}-{digest}"
    if not program.exists():
        fresh = program.with_suffix(f".{os.getpid()}")
        built = subprocess.run(
            [compiler, "-O2", "-o", fresh, source, "-I/usr/include/modbus", "-lmodbus"], capture_output=True, text=True
        )
        require("modbus.h" not in built.stderr, "libmodbus", _INSTALL)
        assert built.returncode == 0, built.stderr
        fresh.replace(program)  # two workers may build at once; the last one wins, both are right
    return program


class ModbusServer:
    """A server process.

    Args:
        options: command-line options without dashes, see the C file (units=20, limit=1, most=64, unknown="gateway").
    """

    def __init__(self, **options: object) -> None:
        self.port = 0
        self.reading = READING
        """Function codes that may be asked; a test of the identification adds 43."""
        self._arguments = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [build(), *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._line().split()[1])
        return self

    def __exit__(self, *failed: object) -> None:
        if self._process is None:
            return
        seen = set(self.stats()["functions"])
        self.kill()
        assert seen <= self.reading, f"the server was asked for function codes {sorted(seen - self.reading)}"

    def kill(self) -> None:
        """End the process at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process = None

    def tell(self, command: str) -> None:
        """Send a command, e.g. `dead 5`; see the C file."""
        self._send(command)
        assert self._line() == "ok\n"

    def stats(self) -> dict[str, Any]:
        """What the server has seen: accepts, refused, requests, functions {code: n}, units {unit: n}."""
        self._send("stats")
        found: dict[str, Any] = json.loads(self._line())
        return found

    def _send(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline()
