"""A process that has imported iiotctl already and forks for each command line: the same run, without the start-up.

Started by `shell`. Over the socket on descriptor 3 comes a line of JSON (arguments, working directory,
environment) with three descriptors (stdin, stdout, stderr); back go the child's process id and, when it has
ended, its return code as `subprocess` tells it.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import random
import signal
import socket
import sys
import time
from typing import Any

SOCKET = 3
PRELOADED = (
    "numpy",
    "duckdb",
    "typer.main",
    "iiotctl.cli.app",
    "iiotctl.ops.site",
    "iiotctl.ops.query",
    "rich.console",
)
"""What most commands import. Not polars: its threads would not survive the fork."""


def become(request: dict[str, Any], descriptors: list[int]) -> int:
    """In the child: be the process that was asked for; returns its exit code."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    random.seed()
    os.chdir(request["cwd"])
    sys.argv = ["iiotctl", *request["argv"]]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), encoding="utf-8", errors="surrogateescape")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w")), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
    from iiotctl.cli.app import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def finish(code: int) -> None:
    """End as the interpreter does: threads that are no daemons first, then what waits in the buffers."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120  # as the interpreter does when the reader has gone
    os._exit(code)


def serve() -> None:
    """Answer requests until the socket closes."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    with socket.socket(fileno=SOCKET) as line:
        while True:
            data, descriptors, _, _ = socket.recv_fds(line, 1 << 20, 3)
            if not data:
                os._exit(0)  # quietly: DuckDB complains of what is left when an interpreter ends without a fork
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = become(json.loads(data), descriptors)
                except BaseException:
                    import traceback

                    traceback.print_exc()
                finish(code)
            for descriptor in descriptors:
                os.close(descriptor)
            line.sendall(f"{child}\n".encode())
            _, status = os.waitpid(child, 0)
            line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    serve()
