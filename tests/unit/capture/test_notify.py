"""What the service manager is told, and when the watchdog is left hungry."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iiotctl.capture.notify import Pulse, ServiceManager
from iiotctl.samples import GapReason


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def recorder(**rest: object) -> Any:
    state = {"commits": 0, "waiting": 0, "blocked": None, "commit_s": 1.0} | rest
    figures = SimpleNamespace(commits=state.pop("commits"))
    return SimpleNamespace(figures=figures, **state)


def test_it_beats_while_commits_are_done() -> None:
    clock = Clock()
    pulse = Pulse(clock, 30)
    for commits in range(5):
        clock.now += 29
        assert pulse.beats(recorder(commits=commits, waiting=10))


def test_it_stops_when_samples_wait_and_nothing_is_committed_and_beats_again() -> None:
    clock = Clock()
    pulse = Pulse(clock, 30)
    assert pulse.beats(recorder(commits=7, waiting=10))
    clock.now = 30.0
    assert pulse.beats(recorder(commits=7, waiting=10))
    clock.now = 30.1
    assert not pulse.beats(recorder(commits=7, waiting=10, blocked=GapReason.OVERFLOW))
    assert pulse.beats(recorder(commits=8, waiting=10))


@pytest.mark.parametrize(
    "rest", [{"waiting": 0}, {"blocked": GapReason.DISK_FULL}, {"blocked": GapReason.DISK_RESERVE}, {"commit_s": 60.0}]
)
def test_silence_that_a_new_start_would_not_end_is_no_fault(rest: dict[str, object]) -> None:
    clock = Clock()
    pulse = Pulse(clock, 30)
    assert pulse.beats(recorder(waiting=10))
    clock.now = 100.0
    assert pulse.beats(recorder(**{"waiting": 10} | rest))


class Listening:
    """A socket as systemd's."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    def words(self) -> list[str]:
        """Of the oldest message; [] = none."""
        try:
            return self.socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return []


def session() -> Any:
    summary = SimpleNamespace(stored=12, sources=(), gap_count=0, blocked=None)
    return SimpleNamespace(summary=lambda: summary, recorder=recorder())


def environment(path: str, **rest: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": path} | rest


@pytest.mark.parametrize("abstract", [False, True])
def test_the_protocol(tmp_path: Path, abstract: bool) -> None:
    name = f"iiotctl-{os.getpid()}" if abstract else str(tmp_path / "n")
    manager_end = Listening("\0" + name if abstract else name)
    with manager_end.socket:
        manager = ServiceManager(environment("@" + name if abstract else name, WATCHDOG_USEC="2000000"), Clock())
        manager.tick(session())
        assert manager_end.words() == ["STATUS=12 samples durable, 0 sources, 0 gaps", "READY=1", "WATCHDOG=1"]
        manager.tick(session())
        assert manager_end.words()[1:] == ["WATCHDOG=1"]
        manager.reloading()
        words = manager_end.words()
        assert words[0] == "RELOADING=1"
        assert words[1].startswith("MONOTONIC_USEC=")
        manager.reloaded()
        assert manager_end.words() == ["READY=1"]
        manager.stopping()
        assert manager_end.words() == ["STOPPING=1"]


def test_a_watchdog_of_another_process_is_not_fed(tmp_path: Path) -> None:
    end = Listening(str(tmp_path / "n"))
    with end.socket:
        environ = environment(str(tmp_path / "n"), WATCHDOG_USEC="2000000", WATCHDOG_PID=str(os.getpid() + 1))
        ServiceManager(environ, Clock()).tick(session())
        assert "WATCHDOG=1" not in end.words()


@pytest.mark.parametrize("path", ["", "/nowhere/at/all", "vsock:1:2"])
def test_where_nobody_listens_nothing_happens(path: str) -> None:
    manager = ServiceManager(environment(path), Clock())
    manager.tick(session())
    manager.stopping()


def test_one_of_a_kind_is_singular(tmp_path: Path) -> None:
    manager_end = Listening(str(tmp_path / "n"))
    summary = SimpleNamespace(stored=1, sources=(SimpleNamespace(gap_since=None),), gap_count=1, blocked=None)
    with manager_end.socket:
        manager = ServiceManager(environment(str(tmp_path / "n")), Clock())
        manager.tick(SimpleNamespace(summary=lambda: summary, recorder=recorder()))  # type: ignore[arg-type]
        assert manager_end.words()[0] == "STATUS=1 sample durable, 1 source, 1 gap"
