"""What a server recorded: raw values of many nodes by HistoryRead (OPC 10000-11 §6.5.3, ReadRawModifiedDetails).

A server under control load comes first: few nodes and values a request, one request at a time, and after each a rest as
long as the server took to answer. Continuation points are followed to the end and released when we stop before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import ua

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.samples import SampleBatch
from iiotctl.sources.opcua.convert import Rule, time_or_null, to_batch
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.resolve import Item
from iiotctl.sources.opcua.session import Session, batches

VALUES_PER_NODE: Final = 1000
NODES_PER_REQUEST: Final = 10
_SLOWEST_S: Final = 60.0
"""History comes from a disk or another machine: an answer may take longer than one about current values."""
_SHORTEST_REST_S: Final = 0.01
_LONGEST_REST_S: Final = 2.0
_MAX_NODES: Final = ua.NodeId(ua.Int32(12165))
_HAS_HISTORY: Final = ua.NodeId(ua.Int32(11193))
"""HistoryServerCapabilities.AccessHistoryDataCapability (OPC 10000-11 §5.4.2)."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CODE: Final = 0xFFFF0000
_NO_BOUND: Final = quality.CODES["BadBoundNotFound"]
_NO_BOUNDS: Final = frozenset({quality.CODES["BadBoundNotSupported"], quality.CODES["BadInvalidArgument"]})
_NOTHING: Final = frozenset({quality.CODES["BadNoData"], quality.CODES["GoodNoData"]})
UNSUPPORTED: Final = frozenset(
    quality.CODES[name]
    for name in ("BadHistoryOperationUnsupported", "BadServiceUnsupported", "BadNotSupported", "BadNotImplemented")
)


@dataclass(slots=True)
class Recorded:
    """What the server told of one tag in an interval; times in µs UTC, values in the order of time.

    Attributes:
        step: values further apart than this leave a hole between them, µs.
        values: samples handed over.
        first, last: times of the first and last value that was not Bad, those beyond the interval included.
        holes: where nothing of use was recorded: after a Bad value, and between values too far apart.
        status: 0, or the Bad status with which the server refused.
    """

    step: int
    values: int = 0
    first: int | None = None
    last: int | None = None
    holes: list[tuple[int, int]] = field(default_factory=list)
    status: int = 0
    _bad_since: int | None = None

    def seen(self, at: int, *, bad: bool) -> None:
        """Note a value."""
        if bad:
            if self._bad_since is None:
                self._bad_since = at
            return
        if self._bad_since is not None:
            self.holes.append((self._bad_since, at - 1))
            self._bad_since = None
        elif self.last is not None and at - self.last > self.step:
            self.holes.append((self.last + 1, at - 1))
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)

    def ended(self, end: int) -> None:
        """No more values; a Bad one that stood last holds to the end."""
        if self._bad_since is not None and self._bad_since <= end:
            self.holes.append((self._bad_since, end))


@dataclass(frozen=True, slots=True)
class Interval:
    """What is asked for, both ends included; µs UTC. `slack`: this much around it is read as evidence, not stored."""

    start: int
    end: int
    slack: int = 0


class HistoryReader:
    """Reads history over an open session.

    Args:
        session: open.
        deliver: takes samples as they come.
        step: of a tag, µs; see `Recorded`.
    """

    def __init__(self, session: Session, deliver: Callable[[SampleBatch], None], step: Callable[[Item], int]) -> None:
        self._session, self._deliver, self._step = session, deliver, step
        self._nodes = NODES_PER_REQUEST
        self.requests = 0
        self.has_history = False
        """The server says that it keeps history."""

    async def prepare(self) -> None:
        """Ask the server whether it keeps history, and how many nodes it takes in a request."""
        answers = await self._session.read([_MAX_NODES, _HAS_HISTORY])
        most, keeps = (None if answer.Value is None else answer.Value.Value for answer in answers)
        if isinstance(most, int) and most > 0:
            self._nodes = min(self._nodes, most)
        self.has_history = keeps is True

    async def read(self, items: Sequence[Item], span: Interval) -> dict[int, Recorded]:
        """Raw values of all items in an interval, by tag code.

        Raises:
            SourceError: the connection broke, or the server takes no HistoryRead at all (`opcua-no-history`).
        """
        found: dict[int, Recorded] = {}
        for batch in batches(list(items), self._nodes):
            found |= await self._read(batch, span)
        return found

    async def _read(self, items: Sequence[Item], span: Interval, *, bounds: bool = True) -> dict[int, Recorded]:
        details = ua.ReadRawModifiedDetails(
            IsReadModified=False,
            StartTime=_moment(span.start - span.slack),
            EndTime=_moment(span.end + span.slack + 1),
            NumValuesPerNode=ua.UInt32(VALUES_PER_NODE),
            ReturnBounds=bounds,
        )
        found = {item.captured.code: Recorded(self._step(item)) for item in items}
        waiting: list[tuple[Item, bytes | None]] = [(item, None) for item in items]
        unbound: list[Item] = []
        try:
            while waiting:
                results = await self._request(details, waiting)
                going: list[tuple[Item, bytes | None]] = []
                for (item, before), result in zip(waiting, results, strict=True):
                    status = int(result.StatusCode.value) & _CODE
                    if bounds and before is None and status in _NO_BOUNDS:
                        unbound.append(item)
                        continue
                    more = self._take(item, result, status, span, found[item.captured.code])
                    if more is not None and more == before and not _values(result):
                        found[item.captured.code].status = quality.CODES["BadContinuationPointInvalid"]
                    elif more is not None:
                        going.append((item, more))
                waiting = going
        except BaseException:
            with contextlib.suppress(Exception):
                await self._release(details, waiting)
            raise
        for recorded in found.values():
            recorded.ended(span.end)
        if unbound:
            found |= await self._read(unbound, span, bounds=False)
        return found

    async def _request(self, details: Any, waiting: Sequence[tuple[Item, bytes | None]]) -> list[Any]:
        started = self._session.context.monotonic()
        request = _request(details, waiting, release=False)
        try:
            response = await self._session.call(request, ua.HistoryReadResponse, wait=_SLOWEST_S)
        except ServiceError as error:
            if error.code & _CODE in UNSUPPORTED:
                raise _without_history(self._session.where, error.code) from error
            raise
        self.requests += 1
        results = list(response.Results or [])
        if len(results) != len(waiting):
            raise ServiceError("HistoryRead", quality.CODES["BadUnknownResponse"])
        took = self._session.context.monotonic() - started
        await asyncio.sleep(min(_LONGEST_REST_S, max(_SHORTEST_REST_S, took)))
        return results

    async def _release(self, details: Any, waiting: Sequence[tuple[Item, bytes | None]]) -> None:
        held = [(item, resume) for item, resume in waiting if resume is not None]
        if held:
            request = _request(details, held, release=True)
            await asyncio.wait_for(self._session.call(request, ua.HistoryReadResponse), 2.0)

    def _take(self, item: Item, result: Any, status: int, span: Interval, recorded: Recorded) -> bytes | None:
        """Hand the values over; the continuation point, or None at the end."""
        if status in _NOTHING:
            return None
        if quality.is_bad(status):
            recorded.status = status
            return None
        rows: list[tuple[Rule, Any]] = []
        for value in _values(result):
            code = 0 if value.StatusCode is None else int(value.StatusCode.value)
            at = time_or_null(value.SourceTimestamp)
            if at < 0:
                at = time_or_null(value.ServerTimestamp)
            if code & _CODE == _NO_BOUND or at < 0:
                continue
            recorded.seen(at, bad=quality.is_bad(code))
            if span.start <= at <= span.end:
                rows.append((item.rule, value))
        batch = to_batch(rows, self._session.context.now_us())
        if batch is not None:
            recorded.values += len(batch)
            self._deliver(batch)
        resume = result.ContinuationPoint
        return bytes(resume) if resume else None


def _values(result: Any) -> list[Any]:
    return list(getattr(result.HistoryData, "DataValues", None) or [])


def _request(details: Any, waiting: Sequence[tuple[Item, bytes | None]], *, release: bool) -> Any:
    request = ua.HistoryReadRequest()
    request.Parameters.HistoryReadDetails = details
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.ReleaseContinuationPoints = release
    request.Parameters.NodesToRead = [
        ua.HistoryReadValueId(NodeId=item.node, IndexRange=item.index_range, ContinuationPoint=resume)
        for item, resume in waiting
    ]
    return request


def _moment(at: int) -> dt.datetime:
    return (_EPOCH + dt.timedelta(microseconds=at)).replace(tzinfo=None)


def _without_history(where: str, status: int) -> SourceError:
    return SourceError(
        "opcua-no-history",
        "the server offers no history",
        where=where,
        cause=f"it answers HistoryRead with {quality.name(status)}",
        hint="export from the plant's historian instead, and `iiotctl import FILE`",
    )


def problem(status: int) -> str:
    """Why a server gave no history of a tag, in a few words."""
    name = quality.name(status)
    return f"not historized by the server ({name})" if status & _CODE in UNSUPPORTED else name


def refuse_all(where: str, statuses: Sequence[int], *, has_history: bool) -> SourceError | None:
    """The error when the server refused every tag; None when it has history, only not of these."""
    if all(status & _CODE in UNSUPPORTED for status in statuses):
        return None if has_history else _without_history(where, statuses[0])
    names = ", ".join(sorted({quality.name(status) for status in statuses}))
    return SourceError(
        "opcua-history-refused",
        "the server gives the history of none of these tags",
        where=where,
        cause=names,
        hint="give the user of this source the right to read history, or ask which nodes are historized",
    )
