"""Run iiotctl as a user's shell does."""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

from iiotctl.cli._help import walk
from iiotctl.cli.app import command_tree

OURS = re.compile(
    r"(error\[[a-z0-9-]+\]: .+|  (where|cause): .*| {9}.*|hint: .+|warning: .+|next: .+|\d+ problems|interrupted|terminated|)"
)
"""What a line on stderr may look like when a command fails."""


_SET_AT_START = ("PYTHON", "LD_", "LC_", "LANG")
"""Variables that only a fresh interpreter looks at."""


class _Warm:
    """A process that forks for each command line (`warm`): a start costs a second of a loaded machine."""

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

    def run(self, words: list[str], cwd: Path | None, stdin: str, env: dict[str, str]) -> tuple[int, str, str]:
        """(return code, stdout, stderr) of a command line."""
        pipes = [os.pipe(), os.pipe(), os.pipe()]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        request = {"argv": words, "cwd": str(cwd or Path.cwd()), "env": env}
        socket.send_fds(self._line, [json.dumps(request).encode()], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        child = int(self._line.recv(64))
        with ThreadPoolExecutor(3) as pool:
            out, err = (pool.submit(_read, pipe[0]) for pipe in pipes[1:])
            pool.submit(_write, pipes[0][1], stdin)
            self._line.settimeout(60)
            try:
                code = int(self._line.recv(64))
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, 60) from None
            return code, out.result(), err.result()


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as stream:  # with universal newlines, as subprocess's text mode
        return stream.read()


def _write(descriptor: int, words: str) -> None:
    with suppress(BrokenPipeError), open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(words)


@cache
def _warm() -> _Warm:
    return _Warm()


def iiotctl(
    *words: str | Path, cwd: Path | None = None, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """One command line in a process of its own."""
    texts = list(map(str, words))
    environment = {**os.environ, **env}
    if sys.platform == "linux" and not any(name.startswith(_SET_AT_START) for name in env):
        code, out, err = _warm().run(texts, cwd, stdin, environment)
        return subprocess.CompletedProcess(texts, code, out, err)
    return subprocess.run(
        [sys.executable, "-m", "iiotctl", *texts],
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def commands() -> list[tuple[str, ...]]:
    """The words of every visible command, groups included, the root left out."""
    return [path for path, _ in walk(command_tree()) if path]


def leaves() -> list[tuple[str, ...]]:
    """The words of every command that does something."""
    return [path for path, command in walk(command_tree()) if path and not getattr(command, "commands", None)]


def assert_our_form(stderr: str, slug: str | None = None) -> None:
    """stderr holds one error in our form, of `slug` if given, and nothing of a library."""
    lines = stderr.splitlines()
    strange = [line for line in lines if not OURS.fullmatch(line)]
    assert not strange, stderr
    errors = [line for line in lines if line.startswith("error[")]
    assert len(errors) >= 1, stderr
    if slug is not None:
        assert errors[0].startswith(f"error[{slug}]: "), stderr
