"""Run iiotctl as a user's shell does."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from iiotctl.cli._help import walk
from iiotctl.cli.app import command_tree
from tests.cli.processes import start

OURS = re.compile(
    r"(error\[[a-z0-9-]+\]: .+|  (where|cause): .*| {9}.*|hint: .+|warning: .+|next: .+|\d+ problems|interrupted|terminated|)"
)
"""What a line on stderr may look like when a command fails."""


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as stream:  # with universal newlines, as subprocess's text mode
        return stream.read()


def _write(descriptor: int, words: str) -> None:
    with suppress(BrokenPipeError), open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(words)


def iiotctl(
    *words: str | Path, cwd: Path | None = None, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """One command line in a process of its own."""
    pipes = [os.pipe(), os.pipe(), os.pipe()]
    theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
    process = start(*words, cwd=cwd, stdin=theirs[0], stdout=theirs[1], stderr=theirs[2], **env)
    for descriptor in theirs:
        os.close(descriptor)
    with ThreadPoolExecutor(3) as pool:
        out, err = (pool.submit(_read, pipe[0]) for pipe in pipes[1:])
        pool.submit(_write, pipes[0][1], stdin)
        try:
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(list(map(str, words)), code, out.result(), err.result())


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
