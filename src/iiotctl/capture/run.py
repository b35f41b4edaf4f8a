"""A session in its event loop, with the signals of the system: stop, reload, stop at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iiotctl.capture.notify import ServiceManager
from iiotctl.capture.session import Session
from iiotctl.capture.wishes import Wishes

if TYPE_CHECKING:
    from iiotctl.capture.summary import Summary, TagFigures
    from iiotctl.site.load import LoadedSite
    from iiotctl.site.settings import Settings

_NICE = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a capture ended.

    Attributes:
        summary: its figures.
        signal: number of the signal that ended it, 0 = none.
        tags: how complete each tag is, the least complete first.
    """

    summary: Summary
    signal: int = 0
    tags: Sequence[TagFigures] = ()


def lower_priority() -> None:
    """Give way to other programs of this machine (it may show the HMI); a system that refuses is left alone."""
    if os.name == "nt":  # pragma: no cover - not run on Windows
        import ctypes

        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), 0x4000)  # BELOW_NORMAL_PRIORITY_CLASS
        return
    with suppress(OSError):
        os.nice(_NICE)


def run(
    loaded: LoadedSite,
    settings: Settings,
    wishes: Wishes,
    *,
    duration_s: float | None = None,
    at_once: Callable[[int], None] | None = None,
) -> Outcome:
    """Capture until the duration is over, a signal comes, or every source has ended.

    Args:
        loaded: the site.
        settings: store, commit interval, reserve.
        wishes: the rest.
        duration_s: seconds; None = until stopped.
        at_once: called with the signal's number when a second one comes: the user will not wait for the seal.

    Raises:
        IiotctlError: site, store or a source's plugin are not fit to start, or the store broke.
    """
    return asyncio.run(_run(loaded, settings, wishes, duration_s, at_once))


async def _run(
    loaded: LoadedSite,
    settings: Settings,
    wishes: Wishes,
    duration_s: float | None,
    at_once: Callable[[int], None] | None,
) -> Outcome:
    manager = ServiceManager(os.environ, wishes.monotonic)

    def tick(session: Session) -> None:
        manager.tick(session)
        wishes.on_tick(session)

    session = Session(loaded, settings, replace(wishes, on_tick=tick))
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            if at_once is not None:
                at_once(number)
            raise KeyboardInterrupt
        manager.stopping()
        session.stop("signal")

    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        manager.reloading()
        task: asyncio.Task[object] = asyncio.create_task(session.reload())
        task.add_done_callback(lambda _: manager.reloaded())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    with _signals(stop, reload):
        await session.open()
        summary = await session.run(duration_s=duration_s)
    return Outcome(summary, received[0] if received else 0, session.tags)


@contextmanager
def _signals(stop: Callable[[int], None], reload: Callable[[], None]) -> Iterator[None]:
    """Handle signals while the block runs; in a thread other than the main one there is nothing to handle."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            loop.add_signal_handler(number, stop, int(number))
        loop.add_signal_handler(signal.SIGHUP, reload)
        numbers.append(signal.SIGHUP)
    except NotImplementedError:  # pragma: no cover - Windows
        numbers.append(signal.SIGBREAK)  # type: ignore[attr-defined]
        for number in numbers:
            signal.signal(number, lambda got, _: loop.call_soon_threadsafe(stop, got))
    try:
        yield
    finally:
        for number in numbers:
            with suppress(NotImplementedError, ValueError):
                loop.remove_signal_handler(number)
            if number in before:
                signal.signal(number, before[number])
