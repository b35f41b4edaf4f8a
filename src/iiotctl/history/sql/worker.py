"""DuckDB in a thread of its own, so that signals reach the caller at once and the query is told to stop.

In the main thread a signal would surface as DuckDB's `RuntimeError`, whatever the handler raised.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import Final, Self, TypeVar

T = TypeVar("T")

_PATIENCE_S: Final = 0.1


class Worker:
    """One thread. A context manager."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="query")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def run(self, work: Callable[[], T], interrupt: Callable[[], None]) -> T:
        """Do `work` and return its result; when the wait is interrupted, call `interrupt` until it has ended."""
        future = self._pool.submit(work)
        try:
            # not one long wait: a signal that the system hands to one of DuckDB's threads would not end it
            while not wait([future], _PATIENCE_S).done:
                pass
            return future.result()
        except BaseException:
            # DuckDB forgets an interrupt that comes before the query has begun
            while not future.done():
                interrupt()
                wait([future], _PATIENCE_S)
            raise
