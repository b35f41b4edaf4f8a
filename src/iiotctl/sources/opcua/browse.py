"""A walk through a server's address space: breadth first, within the server's limits, bounded, never in circles.

Browse and BrowseNext only (OPC 10000-4 §5.9). One request holds as many nodes as the server takes; what a
server kept for BrowseNext is always fetched to its end or released. Between requests the walk rests as long as
the server took to answer, so that a controller keeps at least half of its time for its own work. The tree may be
endless, hostile or full of circles: the number of nodes, the depth and the length of every text are bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import ua

from iiotctl import quality
from iiotctl.sources.opcua.failures import ServiceError, SessionLostError
from iiotctl.sources.opcua.pathglob import PathGlobs, State, escape
from iiotctl.sources.opcua.session import Session, batches

OBJECTS: Final = ua.NodeId(ua.Int32(85))
SERVER: Final = ua.NodeId(ua.Int32(2253))
_HIERARCHICAL: Final = ua.NodeId(ua.Int32(33))
_HAS_PROPERTY: Final = ua.NodeId(ua.Int32(46))
_RESULT_MASK: Final = 1 | 4 | 8 | 16  # reference type, node class, browse name, display name
_LIMITS: Final = tuple(ua.NodeId(ua.Int32(number)) for number in (11710, 2735))
"""MaxNodesPerBrowse, MaxBrowseContinuationPoints (OPC 10000-5 §6.3.11, §6.3.2)."""
_BATCH: Final = 100
_LARGEST_BATCH: Final = 1000
_REFERENCES: Final = 500
"""References asked for per node and answer; the rest comes by BrowseNext."""
_LARGEST_ANSWER: Final = 8_000_000
"""Bytes; some 100,000 references. A server that sends more in one answer is asked for less, or not understood."""
_LONGEST_NAME: Final = 512  # OPC 10000-3 §5.2.4: browse names have at most 512 characters
_LONGEST_ID: Final = 4096  # OPC 10000-3 §8.2.4
_LONGEST_REST: Final = 0.25
TOO_MUCH: Final = frozenset({0x80080000, 0x80100000, 0x80B80000, 0x80B90000})
"""BadEncodingLimitsExceeded, BadTooManyOperations, BadRequestTooLarge, BadResponseTooLarge: ask for less at once."""
_NO_ROOM: Final = 0x804B0000  # BadNoContinuationPoints

PROPERTIES: Final = frozenset({"EngineeringUnits", "EURange", "InstrumentRange"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a walk may go.

    Attributes:
        max_nodes: nodes seen, properties and repetitions counted; then the walk stops.
        depth: levels below the Objects folder.
        parallel: Browse requests on their way at once.
        per_browse: nodes a Browse request; None = as the server says.
    """

    max_nodes: int = 50_000
    depth: int = 30
    parallel: int = 1
    per_browse: int | None = None


@dataclass(slots=True)
class Place:
    """A node on its path; the path is a chain of these, so that a name is kept once."""

    node: ua.NodeId
    name: str
    parent: Place | None
    depth: int
    state: State

    @property
    def names(self) -> tuple[str, ...]:
        """Browse names from below the Objects folder down to this node."""
        found: list[str] = []
        at: Place | None = self
        while at is not None and at.parent is not None:
            found.append(at.name)
            at = at.parent
        return tuple(reversed(found))

    @property
    def path(self) -> str:
        """`Line3/Oven/Temperature`."""
        return "/".join(map(escape, self.names))


@dataclass(slots=True)
class Variable:
    """A variable that matched.

    Attributes:
        place: where it was found first.
        properties: node ids of its EngineeringUnits, EURange and InstrumentRange.
    """

    place: Place
    properties: dict[str, ua.NodeId] = field(default_factory=dict)


@dataclass(slots=True)
class Walked:
    """What a walk found.

    Attributes:
        variables: in the order of the walk.
        seen: nodes seen.
        requests: Browse and BrowseNext requests sent.
        stopped: why the walk ended early, in words; "" when it saw all that can match.
        cut: true when something lies deeper than the bound.
        refused: nodes that the server did not let us browse, by status name.
        folders: names on the first level, for a hint when nothing matched.
    """

    variables: list[Variable] = field(default_factory=list)
    seen: int = 0
    requests: int = 0
    stopped: str = ""
    cut: bool = False
    refused: dict[str, int] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)


def local_id(reference: Any) -> ua.NodeId | None:
    """The target of a reference on this server, or None: another server's, none, or too long to be one."""
    target: Any = reference.NodeId
    if target is None or bool(getattr(target, "ServerIndex", 0)):
        return None
    identifier = target.Identifier
    if identifier is None or (isinstance(identifier, (str, bytes)) and len(identifier) > _LONGEST_ID):
        return None
    return ua.NodeId(identifier, target.NamespaceIndex, target.NodeIdType)


class Walk:
    """One walk over an open session.

    Args:
        session: connected and logged in.
        globs: which paths are wanted.
        bounds: how far to go.
        report: told (nodes seen, variables found) after each answer.
    """

    def __init__(
        self,
        session: Session,
        globs: PathGlobs,
        bounds: Bounds,
        *,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        self._session = session
        self._globs = globs
        self._bounds = bounds
        self._report = report
        self._batch = bounds.per_browse or _BATCH
        self._pending: deque[Place] = deque()
        self._visited: set[tuple[ua.NodeId, State]] = set()
        self._found: dict[ua.NodeId, Variable] = {}
        self.walked = Walked()

    async def run(self) -> Walked:
        """Walk until everything that can match was seen, or a bound is reached.

        Raises:
            SessionLostError: the connection is gone.
            ServiceError: the server does not browse at all.
        """
        await self._learn()
        self._pending.append(Place(OBJECTS, "Objects", None, 0, self._globs.start))
        while self._pending and not self.walked.stopped:
            groups = [
                [self._pending.popleft() for _ in range(min(self._batch, len(self._pending)))]
                for _ in range(self._bounds.parallel)
            ]
            started = self._session.context.monotonic()
            outcomes = await asyncio.gather(*(self._browse(group) for group in groups if group), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            if self._report is not None:
                self._report(self.walked.seen, len(self._found))
            if self._pending:
                await asyncio.sleep(min(self._session.context.monotonic() - started, _LONGEST_REST))
        self.walked.variables = list(self._found.values())
        return self.walked

    async def _learn(self) -> None:
        values = await self._session.read(list(_LIMITS))
        nodes, kept = (None if value.Value is None else value.Value.Value for value in values)
        if self._bounds.per_browse is None and isinstance(nodes, int) and nodes > 0:
            self._batch = min(nodes, _LARGEST_BATCH)
        if isinstance(kept, int) and 0 < kept < self._batch * self._bounds.parallel:
            # each node of a request may need one, and the server keeps no more of them
            self._batch = max(1, kept // self._bounds.parallel)

    async def _browse(self, places: Sequence[Place]) -> None:
        request = ua.BrowseRequest()
        request.Parameters.RequestedMaxReferencesPerNode = ua.UInt32(_REFERENCES)
        request.Parameters.NodesToBrowse = [_description(place.node) for place in places]
        try:
            response = await self._call(request, ua.BrowseResponse)
        except ServiceError as error:
            if error.code not in TOO_MUCH or len(places) == 1:
                if places[0].parent is None:
                    raise
                self._refuse(error.code, len(places))
                return
            self._batch = max(1, len(places) // 2)
            for part in batches(places, self._batch):
                await self._browse(part)
            return
        kept: list[tuple[Place, bytes]] = []
        again: list[Place] = []
        for place, result in zip(places, response.Results or [], strict=False):
            code = int(result.StatusCode.value)
            if result.ContinuationPoint:
                kept.append((place, result.ContinuationPoint))
            if code == _NO_ROOM and len(places) > 1:
                again.append(place)
            elif code >> 31:
                self._refuse(code, 1)
            else:
                self._take(place, result.References or [])
        await self._fetch(kept)
        for place in again:
            await self._browse([place])

    async def _fetch(self, kept: list[tuple[Place, bytes]]) -> None:
        """Fetch what the server kept, to the end; what a bound cuts off is released."""
        try:
            while kept and not self.walked.stopped:
                response = await self._next([mark for _, mark in kept], release=False)
                following: list[tuple[Place, bytes]] = []
                for (place, _), result in zip(kept, response.Parameters.Results or [], strict=False):
                    code = int(result.StatusCode.value)
                    if code >> 31:
                        self._refuse(code, 1)
                        continue
                    progress = self._take(place, result.References or [])
                    if result.ContinuationPoint and progress:
                        following.append((place, result.ContinuationPoint))
                    elif result.ContinuationPoint:
                        await self._release([result.ContinuationPoint])  # a server that goes on for ever with nothing
                kept = following
        finally:
            await self._release([mark for _, mark in kept])

    async def _next(self, marks: Sequence[bytes], *, release: bool) -> Any:
        request = ua.BrowseNextRequest()
        request.Parameters.ReleaseContinuationPoints = release
        request.Parameters.ContinuationPoints = list(marks)
        return await self._call(request, ua.BrowseNextResponse)

    async def _release(self, marks: Sequence[bytes]) -> None:
        if marks:
            with contextlib.suppress(ServiceError, SessionLostError):
                await self._next(marks, release=True)

    async def _call(self, request: Any, response_type: Any) -> Any:
        self.walked.requests += 1
        return await self._session.call(request, response_type, most=_LARGEST_ANSWER)

    def _refuse(self, code: int, count: int) -> None:
        name = quality.name(code)
        self.walked.refused[name] = self.walked.refused.get(name, 0) + count

    def _take(self, place: Place, references: Iterable[Any]) -> bool:
        """Sort references; returns whether there was anything in them."""
        found = False
        for reference, node, name in _targets(references):
            found = True
            if self.walked.seen >= self._bounds.max_nodes:
                self.walked.stopped = f"stopped after {self.walked.seen} nodes"
                break
            self.walked.seen += 1
            if reference.ReferenceTypeId != _HAS_PROPERTY:
                self._enter(place, reference, node, name)
            elif name in PROPERTIES and place.node in self._found:
                self._found[place.node].properties[name] = node
        return found

    def _enter(self, parent: Place, reference: Any, node: ua.NodeId, name: str) -> None:
        if parent.parent is None:
            self.walked.folders.append(name)
            if node == SERVER and not self._globs.named_first(name):
                return  # diagnostics of the server itself, not of the plant
        state = self._globs.step(parent.state, name)
        if not state or (node, state) in self._visited:
            return
        if parent.depth >= self._bounds.depth:
            self.walked.cut = True
            return
        is_variable = int(reference.NodeClass) == int(ua.NodeClass.Variable)
        place = Place(node, name, parent, parent.depth + 1, state)
        wanted = is_variable and self._globs.accepts(state)
        if wanted:
            self._found.setdefault(node, Variable(place))
        container = is_variable or int(reference.NodeClass) in (int(ua.NodeClass.Object), int(ua.NodeClass.View))
        if container and (wanted or self._globs.goes_on(state)):
            self._visited.add((node, state))
            self._pending.append(place)


def _targets(references: Iterable[Any]) -> Iterator[tuple[Any, ua.NodeId, str]]:
    for reference in references:
        node = local_id(reference)
        if node is not None:
            yield reference, node, str(reference.BrowseName.Name or "")[:_LONGEST_NAME]


def _description(node: ua.NodeId) -> ua.BrowseDescription:
    return ua.BrowseDescription(
        NodeId=node,
        BrowseDirection=ua.BrowseDirection.Forward,
        ReferenceTypeId=_HIERARCHICAL,
        IncludeSubtypes=True,
        NodeClassMask=ua.UInt32(0),
        ResultMask=ua.UInt32(_RESULT_MASK),
    )
