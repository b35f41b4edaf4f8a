"""The walk against servers that mean ill: endless trees, circles, a million children, huge and strange names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from asyncua import ua

from iiotctl.sources.opcua.browse import OBJECTS, Bounds, Walk, Walked
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.pathglob import PathGlobs
from iiotctl.sources.opcua.session import RESPONSE_TOO_LARGE, Session

TOO_MANY = 0x80100000
NO_ROOM = 0x804B0000
DENIED = 0x801F0000
ORGANIZES, PROPERTY = 35, 46


def reference(name: str, identifier: int | str, *, variable: bool = False, kind: int = ORGANIZES) -> Any:
    number = isinstance(identifier, int)
    node_type = ua.NodeIdType.Numeric if number else ua.NodeIdType.String
    return ua.ReferenceDescription(
        ReferenceTypeId=ua.NodeId(ua.Int32(kind)),
        NodeId=ua.ExpandedNodeId(identifier, 2, node_type),
        BrowseName=ua.QualifiedName(name, 2),
        NodeClass=ua.NodeClass.Variable if variable else ua.NodeClass.Object,
    )


@dataclass
class Fake:
    """A server: `children(identifier)` lists references; the Objects folder is 85.

    Attributes:
        most: nodes a Browse request, else BadTooManyOperations.
        room: continuation points it keeps.
    """

    children: Callable[[Any], Iterable[Any]]
    most: int = 1000
    room: int = 1000
    limits: tuple[int | None, int | None] = (None, None)
    kept: dict[bytes, Any] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    breaks_after: int = 10**9

    context = SimpleNamespace(monotonic=lambda: 0.0)

    async def read(self, nodes: list[ua.NodeId]) -> list[ua.DataValue]:
        del nodes
        return [ua.DataValue(ua.Variant(limit)) for limit in self.limits]

    async def call(self, request: Any, response_type: Any, *, most: int) -> Any:
        del response_type, most
        if len(self.asked) >= self.breaks_after and not getattr(request.Parameters, "ReleaseContinuationPoints", False):
            raise ServiceError("Browse", 0x80020000)
        if isinstance(request, ua.BrowseRequest):
            nodes = request.Parameters.NodesToBrowse
            self.asked.append(len(nodes))
            if len(nodes) > self.most:
                raise ServiceError("Browse", TOO_MANY)
            most = request.Parameters.RequestedMaxReferencesPerNode
            return SimpleNamespace(Results=[self.page(iter(self.children(n.NodeId.Identifier)), most) for n in nodes])
        self.asked.append(0)
        points = request.Parameters.ContinuationPoints
        if request.Parameters.ReleaseContinuationPoints:
            for mark in points:
                self.kept.pop(mark)
            return SimpleNamespace(Parameters=SimpleNamespace(Results=[]))
        results = [self.page(self.kept.pop(mark), 500) for mark in points]
        return SimpleNamespace(Parameters=SimpleNamespace(Results=results))

    def page(self, coming: Any, most: int) -> Any:
        found = [each for _, each in zip(range(most), coming, strict=False)]
        if found and isinstance(found[0], int):
            return ua.BrowseResult(StatusCode=ua.StatusCode(found[0]))
        mark = b""
        following = next(coming, None) if len(found) == most else None
        if following is not None:
            if len(self.kept) >= self.room:
                return ua.BrowseResult(StatusCode=ua.StatusCode(NO_ROOM))
            mark = str(len(self.asked)).encode() + bytes([len(self.kept)])
            self.kept[mark] = _chain(following, coming)
        return ua.BrowseResult(StatusCode=ua.StatusCode(0), ContinuationPoint=mark, References=found)


def _chain(first: Any, rest: Any) -> Any:
    yield first
    yield from rest


def walk(server: Fake, *patterns: str, **bounds: Any) -> Walked:
    found = asyncio.run(Walk(cast("Session", server), PathGlobs(patterns), Bounds(**bounds)).run())
    assert not server.kept, "everything the server kept was fetched or released"
    return found


def test_endless_tree_stops_at_the_bound() -> None:
    def children(node: Any) -> list[Any]:
        return [reference(f"n{i}", f"{node}.{i}", variable=True) for i in range(10)]

    found = walk(Fake(children), max_nodes=1000, depth=10**6)
    assert found.stopped == "stopped after 1000 nodes"
    assert found.seen == len(found.variables) == 1000


def test_endless_chain_stops_at_the_depth() -> None:
    found = walk(Fake(lambda node: [reference("deeper", f"{node}x", variable=True)]), depth=20)
    assert found.cut
    assert not found.stopped
    assert [variable.place.depth for variable in found.variables] == list(range(1, 21))


def test_circles_and_references_to_itself() -> None:
    tree = {
        85: [reference("A", 1), reference("self", 85)],
        1: [reference("B", 2, variable=True), reference("A", 1), reference("up", 85)],
        2: [reference("A", 1), reference("B", 2, variable=True)],
    }
    server = Fake(lambda node: tree[node])
    found = walk(server)
    assert [variable.place.path for variable in found.variables] == ["A/B"]
    assert sum(server.asked) < 20
    assert [v.place.path for v in walk(Fake(lambda node: tree[node]), "**/up/*/B").variables] == ["A/up/A/B"]


def test_a_million_children_are_never_held_at_once() -> None:
    made = 0

    def children(node: Any) -> Iterable[Any]:
        nonlocal made
        if node == OBJECTS.Identifier:
            for number in range(1_000_000):
                made += 1
                yield reference(f"v{number}", number + 1000, variable=True)

    server = Fake(children)
    found = walk(server, max_nodes=5000)
    assert len(found.variables) == 5000
    assert made < 7000, "what is not wanted is not fetched"


def test_what_a_server_kept_is_released_when_it_breaks() -> None:
    def children(node: Any) -> Iterable[Any]:
        return (reference(f"v{number}", number + 1000, variable=True) for number in range(5000) if node == 85)

    server = Fake(children, breaks_after=2)
    with pytest.raises(ServiceError):
        asyncio.run(Walk(cast("Session", server), PathGlobs([]), Bounds()).run())
    assert not server.kept


def test_fewer_nodes_a_request_when_the_server_says_so() -> None:
    tree = [reference(f"o{i}", i + 100) for i in range(40)]
    told = Fake(lambda node: tree if node == 85 else [], most=7, limits=(7, None))
    walk(told)
    assert max(told.asked) == 7
    untold = Fake(lambda node: tree if node == 85 else [], most=7)
    assert walk(untold).seen == 40
    assert sum(untold.asked) >= 41


def test_little_room_for_continuation() -> None:
    def children(node: Any) -> Iterable[Any]:
        if node == 85:
            return [reference(f"o{i}", i + 100) for i in range(5)]
        return (reference(f"v{i}", node * 10_000 + i, variable=True) for i in range(1500 if node < 1000 else 0))

    found = walk(Fake(children, room=1))
    assert len(found.variables) == 5 * 1500
    assert not found.refused


def test_denied_branches_are_counted() -> None:
    found = walk(Fake(lambda node: [reference("A", 1), reference("B", 2, variable=True)] if node == 85 else [DENIED]))
    assert found.refused == {"BadUserAccessDenied": 2}
    assert len(found.variables) == 1


def test_strange_names_and_ids() -> None:
    huge = reference("x" * 100_000, 1, variable=True)
    escape = reference("\x1b[2J/..\n", 2, variable=True)
    endless_id = reference("id", "y" * 5000, variable=True)
    elsewhere = reference("other", 3, variable=True)
    elsewhere.NodeId = ua.ExpandedNodeId(3, 2, ua.NodeIdType.Numeric, ServerIndex=4)
    nameless = reference("", 4, variable=True)
    refs = [huge, escape, endless_id, elsewhere, nameless]
    found = walk(Fake(lambda node: refs if node == 85 else []))
    assert [len(variable.place.name) for variable in found.variables] == [512, 8, 0]


def test_endless_properties_stop_too() -> None:
    def children(node: Any) -> Iterable[Any]:
        if node == 85:
            yield reference("V", 1, variable=True)
            return
        number = 0
        while True:
            number += 1
            yield reference("EURange", number, kind=PROPERTY)

    found = walk(Fake(children), max_nodes=3000)
    assert found.stopped
    assert list(found.variables[0].properties) == ["EURange"]


def test_the_servers_own_diagnostics_only_when_asked_for() -> None:
    server = reference("Server", 2253)
    server.NodeId = ua.ExpandedNodeId(2253, 0, ua.NodeIdType.Numeric)

    def children(node: Any) -> list[Any]:
        return [server] if node == 85 else [reference("State", 1, variable=True)] if node == 2253 else []

    assert not walk(Fake(children)).variables
    assert [v.place.path for v in walk(Fake(children), "Server/*").variables] == ["Server/State"]


def test_a_server_without_browse_is_an_error() -> None:
    with pytest.raises(ServiceError):
        walk(Fake(lambda node: [], breaks_after=0))


def test_an_answer_of_too_many_bytes_is_never_decoded() -> None:
    session = Session.__new__(Session)

    async def ask(request: Any, *, wait: float | None = None) -> bytes:
        del request, wait
        return bytes(1001)

    session.ask = ask  # type: ignore[method-assign]
    with pytest.raises(ServiceError) as caught:
        asyncio.run(session.call(ua.BrowseRequest(), None, most=1000))
    assert caught.value.code == RESPONSE_TOO_LARGE
