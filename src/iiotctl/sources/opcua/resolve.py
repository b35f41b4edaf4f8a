"""From tags to nodes of the server that is connected now: namespace, data type, array element, enumeration texts.

Asked at every connect, because a download to the PLC may change all of it. A tag that cannot be captured
is refused alone, with a status code and a reason in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from iiotctl import quality
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua.convert import Rule, rule_for
from iiotctl.sources.opcua.failures import ServiceError
from iiotctl.sources.opcua.nodeid import parse_node_id
from iiotctl.sources.opcua.session import Session, batches

# built-in and abstract data types of namespace 0 (OPC 10000-6 §5.1.2, 10000-3 §8)
_BOOLEAN: Final = 1
_NUMERIC: Final = frozenset({*range(2, 12), 26, 27, 28, 29})
_TEXT: Final = frozenset({12, 13, 21})
_ANY: Final = 24
_ENUMERATION: Final = 29
_NAMES: Final = {
    14: "Guid",
    15: "ByteString",
    16: "XmlElement",
    17: "NodeId",
    18: "ExpandedNodeId",
    19: "StatusCode",
    20: "QualifiedName",
    22: "Structure",
    23: "DataValue",
    25: "DiagnosticInfo",
}
_KNOWN: Final = {_BOOLEAN} | _NUMERIC | _TEXT | frozenset(_NAMES) | {_ANY}
_HAS_SUBTYPE: Final = 45
_HAS_PROPERTY: Final = 46
_DEEPEST: Final = 20

GONE: Final = frozenset(quality.CODES[name] for name in ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadObjectDeleted"))
"""Status codes of a node that is not there (any more)."""


@dataclass(frozen=True, slots=True)
class Item:
    """A tag that this server can deliver.

    Attributes:
        captured: tag and code.
        node: its node id in the server's current namespaces.
        rule: how its values become samples.
        numeric: true when a deadband makes sense.
        index_range: element asked for, in the server's notation, or None.
    """

    captured: CapturedTag
    node: ua.NodeId
    rule: Rule
    numeric: bool
    index_range: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A tag that this server does not deliver.

    Attributes:
        captured: tag and code.
        status: status code of its null row.
        reason: one clause in words.
    """

    captured: CapturedTag
    status: int
    reason: str


def to_node_id(text: str, namespaces: Sequence[str]) -> ua.NodeId | None:
    """The node id in a server's namespaces, or None when the server has no such namespace."""
    address = parse_node_id(text)
    index = address.index(namespaces)
    if index is None:
        return None
    kinds = {
        "i": ua.NodeIdType.Numeric,
        "s": ua.NodeIdType.String,
        "g": ua.NodeIdType.Guid,
        "b": ua.NodeIdType.ByteString,
    }
    identifier: Any = address.identifier
    return ua.NodeId(identifier, ua.Int16(index), kinds[address.kind])


def _plain(value: ua.DataValue) -> Any:
    return None if value.Value is None else value.Value.Value


def _status(value: ua.DataValue) -> int:
    return 0 if value.StatusCode is None else int(value.StatusCode.value)


class TypeBook:
    """What the server's data types come down to; asked once a type and connection."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base: dict[ua.NodeId, int] = {}
        self._texts: dict[ua.NodeId, dict[int, str]] = {}

    async def base_of(self, data_type: ua.NodeId) -> int:
        """Number of the built-in or abstract type of namespace 0 that a data type derives from; 24 = unknown."""
        if data_type not in self._base:
            self._base[data_type] = await self._climb(data_type)
        return self._base[data_type]

    async def _climb(self, data_type: ua.NodeId) -> int:
        current = data_type
        for _ in range(_DEEPEST):
            if current.NamespaceIndex == 0 and current.Identifier in _KNOWN:
                return int(str(current.Identifier))
            parents = await self._browse(current, _HAS_SUBTYPE, ua.BrowseDirection.Inverse)
            if not parents:
                return _ANY
            current = parents[0][1]
        return _ANY

    async def _browse(
        self, node: ua.NodeId, reference: int, direction: ua.BrowseDirection
    ) -> list[tuple[str, ua.NodeId]]:
        request = ua.BrowseRequest()
        request.Parameters.RequestedMaxReferencesPerNode = ua.UInt32(0)
        request.Parameters.NodesToBrowse = [
            ua.BrowseDescription(
                NodeId=node,
                BrowseDirection=direction,
                ReferenceTypeId=ua.NodeId(ua.Int32(reference)),
                IncludeSubtypes=True,
                NodeClassMask=ua.UInt32(0),
                ResultMask=ua.UInt32(63),
            )
        ]
        try:
            response = await self._session.call(request, ua.BrowseResponse)
        except ServiceError:
            return []
        results = response.Results or []
        if not results or not results[0].StatusCode.is_good():
            return []
        return [
            (str(found.BrowseName.Name), ua.NodeId(found.NodeId.Identifier, found.NodeId.NamespaceIndex))
            for found in results[0].References or []
        ]

    async def texts_of(self, data_type: ua.NodeId) -> dict[int, str]:
        """Texts of an enumeration: its DataTypeDefinition, else EnumValues or EnumStrings; {} when there are none."""
        if data_type not in self._texts:
            self._texts[data_type] = await self._read_texts(data_type)
        return self._texts[data_type]

    async def _read_texts(self, data_type: ua.NodeId) -> dict[int, str]:
        try:
            (answer,) = await self._session.read([data_type], AttributeIds.DataTypeDefinition)
        except ServiceError:
            return {}
        fields = getattr(_plain(answer), "Fields", None)
        if fields:
            return {int(field.Value): str(field.Name) for field in fields if hasattr(field, "Value")}
        for name, node in await self._browse(data_type, _HAS_PROPERTY, ua.BrowseDirection.Forward):
            if name not in {"EnumStrings", "EnumValues"}:
                continue
            (answer,) = await self._session.read([node])
            values = _plain(answer)
            if name == "EnumStrings" and isinstance(values, list):
                return {number: str(text.Text) for number, text in enumerate(values)}
            if name == "EnumValues" and isinstance(values, list):
                return {int(entry.Value): str(entry.DisplayName.Text) for entry in values if hasattr(entry, "Value")}
        return {}


def _array_problem(rank: int, element: int | None) -> str | None:
    """Why `element` and the node's value rank do not fit; None when they do."""
    if rank == -1 and element is not None:
        return "`element` is given, but the node holds a single value"
    if rank > 1:
        return f"an array of {rank} dimensions cannot be captured"
    if rank >= 0 and element is None:
        return "the node holds an array: give `element`, the index of the value"
    return None


def uncapturable(base: int, rank: int, element: int | None) -> str | None:
    """Why values of a base type (see `TypeBook.base_of`) and value rank cannot be captured; None when they can."""
    return f"values of type {_NAMES[base]} cannot be captured" if base in _NAMES else _array_problem(rank, element)


async def _judge(
    captured: CapturedTag, node: ua.NodeId, data_type: ua.DataValue, rank: ua.DataValue, book: TypeBook
) -> Item | Refused:
    status = _status(data_type)
    if status >> 31:
        word = "the server has no such node" if status in GONE else "the node is no variable that we may read"
        return Refused(captured, status, f"{word} ({quality.name(status)})")
    type_id = _plain(data_type)
    base = await book.base_of(type_id) if isinstance(type_id, ua.NodeId) else _ANY
    number = _plain(rank)
    problem = uncapturable(base, int(number) if isinstance(number, int) else -2, captured.tag.element)
    if problem is not None:
        return Refused(captured, quality.BAD_CONFIGURATION_ERROR, problem)
    texts = await book.texts_of(type_id) if base == _ENUMERATION and isinstance(type_id, ua.NodeId) else {}
    element = captured.tag.element
    return Item(
        captured,
        node,
        rule_for(captured.code, captured.tag, texts, ranged=element is not None),
        base in _NUMERIC,
        None if element is None else str(element),
    )


async def resolve(session: Session, tags: Sequence[CapturedTag], book: TypeBook) -> tuple[list[Item], list[Refused]]:
    """Sort tags into those that the server can deliver and those it cannot.

    Raises:
        SessionLostError: the connection is gone.
        ServiceError: the server does not answer reads at all.
    """
    refused: list[Refused] = []
    known: list[tuple[CapturedTag, ua.NodeId]] = []
    for captured in tags:
        node = to_node_id(captured.tag.address, session.namespaces)
        if node is None:
            address = parse_node_id(captured.tag.address)
            reason = f"the server has no namespace `{address.namespace}`"
            refused.append(Refused(captured, quality.BAD_NODE_ID_UNKNOWN, reason))
        else:
            known.append((captured, node))
    items: list[Item] = []
    for batch in batches(known, session.limits.read):
        nodes = [node for _, node in batch]
        types = await session.read(nodes, AttributeIds.DataType)
        ranks = await session.read(nodes, AttributeIds.ValueRank)
        for (captured, node), data_type, rank in zip(batch, types, ranks, strict=True):
            judged = await _judge(captured, node, data_type, rank, book)
            if isinstance(judged, Item):
                items.append(judged)
            else:
                refused.append(judged)
    return items, refused
