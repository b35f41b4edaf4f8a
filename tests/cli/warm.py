"""A process that has imported iiotctl already and forks for each command line: the same run, without the start-up.

Started by `processes`. Over the socket on descriptor 3 comes a line of JSON (arguments, working directory,
environment) with four descriptors: stdin, stdout, stderr, and where to tell the process id and, when it has
ended, its return code as `subprocess` tells it.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import random
import socket
import sys
import time
from contextlib import suppress
from typing import Any

SOCKET = 3
PRELOADED = (
    "numpy",
    "duckdb",
    "polars",
    "rich.console",
    "iiotctl.cli.app",
    "iiotctl.ops.capture",
    "iiotctl.ops.gaps",
    "iiotctl.ops.last",
    "iiotctl.ops.query",
    "iiotctl.ops.read",
    "iiotctl.ops.simulate",
    "iiotctl.ops.site",
    "iiotctl.ops.tags",
    "iiotctl.simulator.plant",
    "iiotctl.sources.modbus.source",
    "iiotctl.sources.opcua.source",
)
"""What most commands import. Nothing works here before the fork: thread pools begin with the first work."""


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


def keep(request: dict[str, Any], descriptors: list[int]) -> None:
    """In a process between: fork, and tell how it ended; never returns."""
    *streams, told = descriptors
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = become(request, streams)
        except BaseException:
            import traceback

            traceback.print_exc()
        finish(code)
    for descriptor in (SOCKET, *streams):
        os.close(descriptor)
    with suppress(BrokenPipeError):
        os.write(told, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def serve() -> None:
    """Answer requests until the socket closes."""
    for name in PRELOADED:
        importlib.import_module(name)
    from iiotctl.cli.app import command_tree

    command_tree()  # each child uses it once, as if it had built it
    gc.freeze()
    with socket.socket(fileno=SOCKET) as line:
        while True:
            data, descriptors, _, _ = socket.recv_fds(line, 1 << 20, 4)
            if not data:
                os._exit(0)  # quietly: DuckDB complains of what is left when an interpreter ends without a fork
            if os.fork() == 0:
                keep(json.loads(data), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
