"""Words to the service manager (systemd's notify protocol): ready, alive, stopping. Nothing where there is none.

The watchdog is fed only while samples reach the disk: a capture whose disk hangs looks alive to the system,
and must be ended and started anew.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from iiotctl.samples import GapReason
from iiotctl.site.units import format_count

if TYPE_CHECKING:
    from iiotctl.capture.recorder import Recorder
    from iiotctl.capture.session import Session

_COMMITS: Final = 3
_WITHOUT_ROOM: Final = (GapReason.DISK_RESERVE, GapReason.DISK_FULL)


class Pulse:
    """Whether samples reach the disk.

    Args:
        monotonic: seconds that never step back.
        patience_s: samples may wait for so long.
    """

    def __init__(self, monotonic: Callable[[], float], patience_s: float) -> None:
        self._monotonic = monotonic
        self._patience_s = patience_s
        self._commits = -1
        self._at = 0.0

    def beats(self, recorder: Recorder) -> bool:
        """True unless samples have waited for too long; a disk without room is alive, a new start would not help it."""
        done = recorder.figures.commits
        if done != self._commits or not recorder.waiting or recorder.blocked in _WITHOUT_ROOM:
            self._commits, self._at = done, self._monotonic()
        return self._monotonic() - self._at <= max(self._patience_s, _COMMITS * recorder.commit_s)


class ServiceManager:
    """The other end of `NOTIFY_SOCKET`.

    Args:
        environ: environment variables, with `NOTIFY_SOCKET` and `WATCHDOG_USEC` where there is one.
        monotonic: seconds that never step back.
    """

    def __init__(self, environ: Mapping[str, str], monotonic: Callable[[], float]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._is_ready = False
        self._pulse: Pulse | None = None
        microseconds = environ.get("WATCHDOG_USEC", "")
        # the variables are inherited: they are meant for the process that they name
        if microseconds.isdecimal() and int(environ.get("WATCHDOG_PID") or os.getpid()) == os.getpid():
            self._pulse = Pulse(monotonic, int(microseconds) / 2e6)

    def tick(self, session: Session) -> None:
        """Another second has passed: say how it goes."""
        if not self._address:
            return
        words = [f"STATUS={_status(session)}"]
        if not self._is_ready:
            self._is_ready = True
            words.append("READY=1")
        if self._pulse is not None and self._pulse.beats(session.recorder):
            words.append("WATCHDOG=1")
        self._tell(*words)

    def reloading(self) -> None:
        """The site file is read again; `reloaded` follows."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """The site file was read again, or refused."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """The end has begun; sealing may take its time."""
        self._tell("STOPPING=1")

    def _tell(self, *words: str) -> None:
        if not self._address:
            return
        with suppress(OSError, AttributeError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(words).encode(), self._address)


def _status(session: Session) -> str:
    """One line for `systemctl status`."""
    summary = session.summary()
    silent = [source.name for source in summary.sources if source.gap_since is not None]
    text = f"{format_count(summary.stored, 'sample')} durable, {format_count(len(summary.sources), 'source')}, {format_count(summary.gap_count, 'gap')}"
    text += f", no data from {', '.join(silent[:3])}{' …' if len(silent) > 3 else ''}" if silent else ""  # noqa: PLR2004
    return text + (f", NOTHING IS STORED: {summary.blocked}" if summary.blocked is not None else "")
