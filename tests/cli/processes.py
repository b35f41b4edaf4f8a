"""Processes of iiotctl without its start-up, which costs a second of a busy machine: forks of `warm`."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

_SET_AT_START = ("PYTHON", "LD_", "LC_", "LANG")
"""Variables that only a fresh interpreter looks at."""


class Process:
    """As much of `subprocess.Popen` as tests need.

    Attributes:
        args: words after `iiotctl`.
        pid: of the process.
        returncode: None until `poll` or `wait` saw its end.
        stderr: what it says, if that was asked for.
    """

    def __init__(self, args: Sequence[str], told: int, stderr: IO[str] | None = None) -> None:
        self.args = list(args)
        self.stderr = stderr
        self.returncode: int | None = None
        self._told = os.fdopen(told)
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Its return code if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its return code once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not within `timeout` seconds.
        """
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """As `os.kill`, but never to another process that got its number."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it the hard way."""
        self.send_signal(signal.SIGKILL)


class _Warm:
    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        script = f"import os; os.dup2({theirs.fileno()}, 3); import tests.cli.warm as w; w.serve()"
        words = [sys.executable, "-c", script]
        self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], cwd=Path(__file__).parents[2])
        theirs.close()
        atexit.register(self._end)

    def _end(self) -> None:
        self._line.close()
        self._process.wait(10)

    def fork(self, words: Sequence[str], cwd: Path, env: dict[str, str], streams: Sequence[int]) -> int:
        """The descriptor that tells of the process."""
        told, theirs = os.pipe()
        request = {"argv": list(words), "cwd": str(cwd), "env": env}
        socket.send_fds(self._line, [json.dumps(request).encode()], [*streams, theirs])
        os.close(theirs)
        return told


@cache
def _warm() -> _Warm:
    return _Warm()


def start(
    *words: object, cwd: Path | None = None, stdin: int | None = None, stdout: int, stderr: int, **env: str
) -> Process | subprocess.Popen[str]:
    """One command line in a process of its own.

    Args:
        words: after `iiotctl`.
        cwd: where it runs, if not here.
        stdin: descriptor that it reads, if any; it stays open on our side, as the next two do.
        stdout: descriptor that it writes, or `subprocess.DEVNULL`.
        stderr: the same, or `subprocess.PIPE`.
        env: what differs from our own environment.
    """
    texts, environment = list(map(str, words)), {**os.environ, **env}
    is_plain = not any(name.startswith(_SET_AT_START) for name in env) and "LD_PRELOAD" not in environment
    if sys.platform != "linux" or not is_plain:
        line = [sys.executable, "-m", "iiotctl", *texts]
        given = subprocess.DEVNULL if stdin is None else stdin
        return subprocess.Popen(line, stdin=given, stdout=stdout, stderr=stderr, text=True, cwd=cwd, env=environment)
    with open(os.devnull, "r+b", buffering=0) as nothing:
        ours, theirs = os.pipe() if stderr == subprocess.PIPE else (None, stderr)
        streams = [nothing.fileno() if one in {None, subprocess.DEVNULL} else one for one in (stdin, stdout, theirs)]
        told = _warm().fork(texts, cwd or Path.cwd(), environment, streams)
    if ours is None:
        return Process(texts, told)
    os.close(theirs)
    return Process(texts, told, open(ours, encoding="utf-8"))
