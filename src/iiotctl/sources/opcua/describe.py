"""What a browsed variable is: type, unit, range, access, description and, when asked for, its value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.base import SourceContext
from iiotctl.sources.opcua.browse import TOO_MUCH, Bounds, Variable, Walk, Walked
from iiotctl.sources.opcua.failures import ServiceError, SessionLostError, Stage, explain
from iiotctl.sources.opcua.nodeid import format_node_id, parse_node_id
from iiotctl.sources.opcua.once import raw_text
from iiotctl.sources.opcua.pathglob import PathGlobs
from iiotctl.sources.opcua.resolve import TypeBook, uncapturable
from iiotctl.sources.opcua.session import Session, batches
from iiotctl.sources.opcua.units import Unit, span_of, unit_of

_GROUP: Final = 500
"""Variables described at a time; their answers are held in memory together."""
_LONGEST_TEXT: Final = 500
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LEVELS: Final = ((1, "read"), (2, "write"), (4, "history-read"), (8, "history-write"))
_ATTRIBUTES: Final = (
    AttributeIds.DataType,
    AttributeIds.ValueRank,
    AttributeIds.ArrayDimensions,
    AttributeIds.AccessLevel,
    AttributeIds.UserAccessLevel,
    AttributeIds.Description,
)


@dataclass(frozen=True, slots=True)
class Described:
    """A variable in plain values.

    Attributes:
        names: browse names from below the Objects folder.
        path: the same as text.
        address: node id as the site file writes it, `nsu=` form; "" when it cannot be written.
        data_type: name of the data type, e.g. `Double`.
        base: number of the built-in type it comes down to (OPC 10000-6 §5.1.2).
        value_rank: -1 single value, 1 array, >1 matrix, -2 any (OPC 10000-3 §5.6.2).
        dimensions: lengths of an array, as far as the server tells.
        unit, span, instrument_range: see `units`; span is EURange.
        access: what the server lets anyone do, e.g. `read write`.
        user_access: what it lets us do.
        description: text of the server, on one line.
        problem: why it cannot be captured, or "".
        value: current value, odd types as text, and its status name; None when not asked for.
        status: see `value`.
    """

    names: tuple[str, ...]
    path: str
    address: str
    data_type: str
    base: int
    value_rank: int
    dimensions: tuple[int, ...]
    unit: Unit
    span: tuple[float, float] | None
    instrument_range: tuple[float, float] | None
    access: str
    user_access: str
    description: str
    problem: str
    value: float | str | bool | None = None
    status: str | None = None

    @property
    def is_array(self) -> bool:
        """True for an array of one dimension."""
        return self.value_rank >= 0 and len(self.dimensions) <= 1 and self.value_rank <= 1


def address_of(node: ua.NodeId, namespaces: Sequence[str]) -> str:
    """The node id as the site file writes it; "" when no spelling leads back to it (control characters, blanks at its end)."""
    kinds = {"i": int, "s": str, "b": bytes}
    identifier = node.Identifier
    kind = next((word for word, each in kinds.items() if isinstance(identifier, each)), "g")
    namespace: str | None = None
    if node.NamespaceIndex:
        if node.NamespaceIndex >= len(namespaces):
            return ""
        namespace = namespaces[node.NamespaceIndex]
    text = format_node_id(namespace, kind, identifier)
    try:
        text.encode()
        back = parse_node_id(text)
    except ValueError:  # a lone surrogate too
        return ""
    same = back.identifier == identifier and back.namespace == (0 if namespace is None else namespace)
    return text if same and not _CONTROL.search(text) and text == text.strip() else ""


def _plain(value: ua.DataValue) -> Any:
    return (
        None
        if value.Value is None or (value.StatusCode is not None and int(value.StatusCode.value) >> 31)
        else value.Value.Value
    )


def _text(value: Any) -> str:
    text = getattr(value, "Text", value)
    return " ".join(_CONTROL.sub(" ", text[:_LONGEST_TEXT]).split()) if isinstance(text, str) else ""


def _levels(value: Any) -> str:
    return " ".join(word for bit, word in _LEVELS if value & bit) if isinstance(value, int) else ""


def _range(value: Any) -> tuple[float, float] | None:
    return span_of(getattr(value, "Low", None), getattr(value, "High", None))


def _unit(value: Any) -> Unit:
    shown = getattr(value, "DisplayName", None)
    return unit_of(getattr(value, "NamespaceUri", None), getattr(value, "UnitId", None), getattr(shown, "Text", None))


class Describer:
    """Reads what variables are; data types are asked for once.

    Args:
        session: connected.
        values: read the current values too.
    """

    def __init__(self, session: Session, *, values: bool = False) -> None:
        self._session = session
        self._values = values
        self._book = TypeBook(session)
        self._types: dict[ua.NodeId, str] = {}

    async def _read(
        self, nodes: Sequence[ua.NodeId], attribute: AttributeIds = AttributeIds.Value
    ) -> list[ua.DataValue]:
        """As `Session.read`; a server that finds it too much without having named a limit is asked for half."""
        limits = self._session.limits
        while True:
            try:
                return await self._session.read(nodes, attribute)
            except ServiceError as error:
                asked = min(limits.read, len(nodes))
                if error.code not in TOO_MUCH or asked <= 1:
                    raise
                limits.read = asked // 2

    async def describe(self, variables: Sequence[Variable]) -> list[Described]:
        """One row a variable, in their order.

        Raises:
            ServiceError, SessionLostError: the server does not answer reads.
        """
        rows: list[Described] = []
        for group in batches(variables, _GROUP):
            rows += await self._group(group)
        return rows

    async def _group(self, variables: Sequence[Variable]) -> list[Described]:
        nodes = [variable.place.node for variable in variables]
        columns = [await self._read(nodes, attribute) for attribute in _ATTRIBUTES]
        properties = await self._properties(variables)
        current: list[ua.DataValue | None] = [None] * len(nodes)
        if self._values:
            readable = [i for i, level in enumerate(columns[4]) if (_plain(level) or 0) & 1]
            answers = await self._read([nodes[i] for i in readable])
            for i, answer in zip(readable, answers, strict=True):
                current[i] = answer
        rows = []
        for i, variable in enumerate(variables):
            row = [_plain(column[i]) for column in columns]
            status = columns[0][i].StatusCode
            rows.append(
                await self._row(variable, row, 0 if status is None else int(status.value), properties, current[i])
            )
        return rows

    async def _properties(self, variables: Sequence[Variable]) -> dict[ua.NodeId, Any]:
        """Values of unit and range properties; a property shared by many variables is read once."""
        nodes = list(dict.fromkeys(node for variable in variables for node in variable.properties.values()))
        values = await self._read(nodes) if nodes else []
        return {node: _plain(value) for node, value in zip(nodes, values, strict=True)}

    async def _row(
        self,
        variable: Variable,
        attributes: Sequence[Any],
        status: int,
        properties: dict[ua.NodeId, Any],
        current: ua.DataValue | None,
    ) -> Described:
        type_id, rank, dimensions, access, user_access, description = attributes
        base = await self._book.base_of(type_id) if isinstance(type_id, ua.NodeId) else 0
        rank = rank if isinstance(rank, int) else -2
        address = address_of(variable.place.node, self._session.namespaces)
        found = {name: properties.get(node) for name, node in variable.properties.items()}
        return Described(
            names=variable.place.names,
            path=variable.place.path,
            address=address,
            data_type=await self._type_name(type_id) if isinstance(type_id, ua.NodeId) else "",
            base=base,
            value_rank=rank,
            dimensions=tuple(int(each) for each in dimensions or [] if isinstance(each, int)),
            unit=_unit(found.get("EngineeringUnits")),
            span=_range(found.get("EURange")),
            instrument_range=_range(found.get("InstrumentRange")),
            access=_levels(access),
            user_access=_levels(user_access),
            description=_text(description),
            problem=_problem(status, address, base, rank, user_access if isinstance(user_access, int) else access),
            value=None if current is None else _shown(current),
            status=None if current is None else quality.name(_code(current)),
        )

    async def _type_name(self, type_id: ua.NodeId) -> str:
        if type_id not in self._types:
            (answer,) = await self._read([type_id], AttributeIds.BrowseName)
            name = getattr(_plain(answer), "Name", None)
            self._types[type_id] = _text(name) or type_id.to_string()
        return self._types[type_id]


def _code(value: ua.DataValue) -> int:
    return 0 if value.StatusCode is None else int(value.StatusCode.value)


def _shown(value: ua.DataValue) -> float | str | bool | None:
    plain = None if value.Value is None else value.Value.Value
    if plain is None or isinstance(plain, (bool, int)):
        return plain
    if isinstance(plain, float):
        return plain if math.isfinite(plain) else str(plain)
    if isinstance(plain, ua.LocalizedText | str):
        return _text(plain)
    return raw_text(value).partition(" ")[2]


def _problem(status: int, address: str, base: int, rank: int, access: Any) -> str:
    if status >> 31:
        return f"the server does not describe it ({quality.name(status)})"
    if not address:
        return "its node id cannot be written in a site file"
    if isinstance(access, int) and not access & 1:
        return "the server does not let us read it"
    return uncapturable(base, rank, None) or ""


async def browse_server(
    config: OpcUaSource,
    context: SourceContext,
    globs: PathGlobs,
    bounds: Bounds,
    *,
    values: bool = False,
    per_read: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> tuple[Walked, list[Described]]:
    """Connect, walk, describe what matched, hang up.

    Args:
        config: how to connect.
        context: clocks and folders.
        globs: paths that are wanted.
        bounds: how far to go.
        values: read current values too.
        per_read: nodes a Read request, where a profile says less than the server.
        report: told (nodes seen, variables found).

    Raises:
        SourceError, SiteError: see `Session.open`; also when the server breaks off or does not browse.
    """
    session = await Session.open(config, context)
    try:
        if per_read is not None:
            session.limits.read = min(per_read, session.limits.read)
        walked = await Walk(session, globs, bounds, report=report).run()
        return walked, await Describer(session, values=values).describe(walked.variables)
    except SessionLostError as error:
        raise explain(error, Stage.RUNNING, session.where) from None
    except ServiceError as error:
        raise SourceError(
            "opcua-browse-refused",
            f"the server does not answer {error.service} requests",
            where=session.where,
            cause=f"the server said {quality.name(error.code)}",
            hint="another user may see more: `--user NAME --password-env VARIABLE`; "
            "`--profile` asks a small server for less at once",
        ) from None
    finally:
        await session.close()
