"""Run the `console` blocks of a page: to compare what it shows with what happens, or to record it anew.

    python -m tools.transcripts README.md docs/tutorials/first-capture.md     writes the outputs anew

Lines that start with `$ ` are commands, `> ` continues them, the rest is output; `...` stands for any number
of lines. A page's blocks run in order, in one shell and one empty folder. A comment before a block changes it:

    <!-- run: background -->   start it, wait for the lines shown, leave it running until the page ends
    <!-- run: loose -->        lines depend on the moment: only the first must come, and no error
    <!-- run: no (reason) -->  show only

The page's ports 5020 and 4840 are replaced by free ones while it runs, so that pages can run side by side.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PORTS: Final = ("5020", "4840")
PATIENCE_S: Final = 90.0
_END: Final = "@@end@@"


@dataclass
class Step:
    """A command with the output that the page shows (and, after running, what came)."""

    command: str
    shown: list[str]
    mode: str
    came: list[str] = field(default_factory=list)


def parse(text: str) -> Iterator[tuple[int, int, list[Step]]]:
    """The console blocks of a page: first and last line of each block's inside, and its steps."""
    mode, start, inside = "yes", -1, False
    lines = text.splitlines()
    for number, line in enumerate(lines):
        marker = re.fullmatch(r"<!-- run: (\w+).*-->", line.strip())
        if marker:
            mode = marker[1]
        elif line.strip() == "```console":
            start, inside = number + 1, True
        elif line.strip() == "```" and inside:
            yield start, number, list(_steps(lines[start:number], mode))
            mode, inside = "yes", False


def _steps(lines: list[str], mode: str) -> Iterator[Step]:
    step: Step | None = None
    for line in lines:
        if line.startswith("$ "):
            if step:
                yield step
            step = Step(line[2:], [], mode)
        elif line.startswith("> ") and step and not step.shown:
            step.command += "\n" + line[2:]
        elif step:
            step.shown.append(line)
    if step:
        yield step


def run(text: str) -> list[tuple[int, int, list[Step]]]:
    """Run a page; every step that is not skipped gets what came."""
    found = list(parse(text))
    free = _free_ports(len(PORTS))
    with tempfile.TemporaryDirectory() as folder:
        session = _Session(Path(folder), dict(zip(PORTS, free, strict=True)))
        try:
            for _, _, steps in found:
                for step in steps:
                    if step.mode == "background":
                        step.came = session.background(step.command, len(_trimmed(step.shown)))
                    elif step.mode != "no":
                        step.came = session.call(step.command)
        finally:
            session.close()
    return found


def _free_ports(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class _Session:
    """One shell in one folder, and what was started beside it."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        home = folder / ".home"
        home.mkdir()
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("IIOTCTL_", "XDG_", "PYTEST", "COV_"))}
        self.env = clean | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "TZ": "UTC",
            "NO_COLOR": "1",
            "COLUMNS": "80",
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }
        self.started: list[subprocess.Popen[str]] = []
        bash = shutil.which("bash") or "bash"
        # what the page's reader does at a prompt: no job messages, no profile
        self.shell = subprocess.Popen(
            [bash, "--norc", "--noprofile"],
            cwd=folder,
            env=self.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def call(self, command: str) -> list[str]:
        """Run a command in the shell and return its lines."""
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.write(f"{self._outgoing(command)} </dev/null\necho; pwd > .where; echo {_END}\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line.rstrip("\n") == _END:
                break
            lines.append(line.rstrip("\n"))
        return _trimmed(self._incoming(lines))

    def background(self, command: str, count: int) -> list[str]:
        """Start a command beside the shell and return its first `count` lines."""
        log = self.folder / f".background-{len(self.started)}"
        with log.open("w") as stream:
            process = subprocess.Popen(
                ["bash", "--norc", "-c", f"exec {self._outgoing(command)}"],
                cwd=self._where(),
                env=self.env,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and process.poll() is None:
            if len(log.read_text().splitlines()) >= max(count, 1):
                break
            time.sleep(0.1)
        time.sleep(0.5 if count else 5)  # lines written together are read together; or a first recording
        return _trimmed(self._incoming(log.read_text().splitlines()))

    def _where(self) -> Path:
        place = self.folder / ".where"
        return Path(place.read_text().strip()) if place.exists() else self.folder

    def _outgoing(self, text: str) -> str:
        for shown, real in self.ports.items():
            text = re.sub(rf"(?<=[: =]){shown}\b", real, text)
        modbus, opcua = self.ports.values()
        return text.replace("iiotctl simulate", f"iiotctl simulate --modbus-port {modbus} --opcua-port {opcua}")

    def _incoming(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines).replace(str(self.folder.resolve()), "/home/you").replace(str(self.folder), "/home/you")
        for shown, real in self.ports.items():
            text = text.replace(real, shown)
        return [line.rstrip() for line in text.splitlines()]

    def close(self) -> None:
        """Stop everything that was started."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        assert self.shell.stdin
        self.shell.stdin.close()
        self.shell.wait(20)
        if self.shell.stdout:
            self.shell.stdout.close()


def _trimmed(lines: list[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def alike(line: str) -> str:
    """A line without what differs from run to run: figures, units of size and time, widths."""
    text = re.sub(r"\b\d{4}-\d\d-\d\d[T ]?[\d:.]*(Z|\+00:00)?", "<time>", line)
    text = re.sub(r"\b(?=\d*[a-f])[0-9a-f]{8,}\b|\b\d{8}T\d{6}[\w-]*", "<id>", text)
    text = re.sub(r"(?<![.\w])[0-9a-f]{4}\b(?!\.)", "#", text)  # a register as it came
    text = re.sub(r"[-+]?\d[\d.,:]*(e[-+]?\d+)?", "#", text)
    text = re.sub(r"#\s*(B|kB|MB|GB|us|µs|ms|s|min)\b", "#", text)
    text = re.sub(r"[─━]+|-{2,}", "--", text)
    return re.sub(r"\s+", " ", text).strip()


def difference(step: Step) -> str | None:
    """What differs between page and run, or None; `...` in the page stands for any lines."""
    shown = [alike(line) for line in _trimmed(step.shown)]
    came = [alike(line) for line in step.came]
    if step.mode == "loose":
        if came[:1] == shown[:1] and not any(line.startswith("error[") for line in came):
            return None
        return _both(step)
    pattern = "\n".join(".*" if line == "..." else re.escape(line) for line in shown)
    pattern = pattern.replace("\n.*\n", r"\n(?:.*\n)*?").replace("\n.*", r"(?:\n.*)*")
    if step.mode == "background":
        pattern += r"(?:\n.*)*"
    if re.fullmatch(pattern, "\n".join(came)):
        return None
    return _both(step)


def _both(step: Step) -> str:
    return f"$ {step.command}\n-- page:\n" + "\n".join(step.shown) + "\n-- run:\n" + "\n".join(step.came)


def record(path: Path) -> None:
    """Run a page and write what came into it; outputs with `...` and of skipped steps stay."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for start, end, steps in reversed(run(text)):
        fresh: list[str] = []
        for step in steps:
            fresh.append("$ " + step.command.replace("\n", "\n> "))
            keep = step.mode == "no" or "..." in step.shown
            came = step.came[: len(_trimmed(step.shown)) or None] if step.mode == "background" else step.came
            fresh += step.shown if keep else came
        lines[start:end] = fresh
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        record(Path(name))
        print(f"recorded {name}")
