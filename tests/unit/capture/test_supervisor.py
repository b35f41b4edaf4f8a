"""A keeper outlives whatever its source, or the making of it, raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from iiotctl.capture.supervisor import Keeper
from iiotctl.errors import SourceError
from iiotctl.events import Event
from iiotctl.sources.base import SourceStatus


class _Recorder:
    def __init__(self) -> None:
        self.figures = SimpleNamespace(by_source={})
        self.failures: list[str] = []

    def now(self) -> int:
        return 0

    def failed(self, _source: str, _tags: object, reason: object, *_: object, **__: object) -> None:
        self.failures.append(str(reason))


class _Source:
    def __init__(self, error: Exception | None) -> None:
        self.status = SourceStatus("one", "fake")
        self._error = error

    async def run(self, _: object) -> None:
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        return


def _keep(*makers: Callable[[], Any]) -> tuple[list[Event], _Recorder, Keeper]:
    events: list[Event] = []
    recorder, left = _Recorder(), list(makers)

    async def work() -> Keeper:
        async def sleep(_: float) -> None:
            return

        keeper = Keeper(
            "one",
            SimpleNamespace(),  # type: ignore[arg-type]
            [],
            create=lambda *_: left.pop(0)(),
            recorder=recorder,  # type: ignore[arg-type]
            on_event=events.append,
            sleep=sleep,
        )
        await keeper._keep()
        return keeper

    return events, recorder, asyncio.run(work())


def _refuse() -> _Source:
    raise SourceError("file-gone", "the file `x.csv` cannot be read", cause="no such file")


def test_a_source_that_cannot_be_made_again_is_tried_once_more() -> None:
    events, recorder, keeper = _keep(lambda: _Source(ZeroDivisionError("a bug")), _refuse, lambda: _Source(None))
    assert [event.slug for event in events] == ["source-fault", "file-gone"]
    assert keeper.is_over
    assert len(recorder.failures) == 2


def test_an_error_of_ours_is_no_fault_in_iiotctl() -> None:
    error = SourceError("file-gone", "the file `x.csv` cannot be read", where="x.csv", cause="no such file")
    events, _, _ = _keep(lambda: _Source(error), lambda: _Source(None))
    assert [event.text for event in events] == [
        "stopped and starts again: the file `x.csv` cannot be read: no such file"
    ]
