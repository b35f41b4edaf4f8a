"""Where importers put what they found: rows for the tag list, and what was left out with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from iiotctl.errors import UsageError
from iiotctl.site.address import Order, parse_type
from iiotctl.site.cells import MOST_ROWS
from iiotctl.site.crosscheck import modbus_problems
from iiotctl.site.model import Tag
from iiotctl.site.naming import UniqueNames, tag_name
from iiotctl.site.plain import one_line
from iiotctl.site.sources import ModbusTcpSource
from iiotctl.site.tagrows import TagRow

LARGEST_ARRAY: Final = 1000
"""Elements of an array that become rows; larger ones are left out as a whole."""

_NODE_ID: Final = re.compile(r"(?:nsu=[^;]+;|ns=\d+;)?[isgb]=.+", re.DOTALL)
_ANY_DEVICE: Final = ModbusTcpSource.model_validate({"type": "modbus-tcp", "host": "any"})


class Protocol(StrEnum):
    """How the tags will be read."""

    MODBUS = "modbus"
    OPCUA = "opcua"


@dataclass(frozen=True, slots=True)
class Options:
    """What the export itself does not say.

    Attributes:
        source: name of the source that the rows name.
        protocol: how the tags will be read; None = as the format suggests.
        prefix: what stands before each name in node ids, e.g. `Channel1.Device1`.
        order: byte and word order of values of several registers; None = the tool's default.
        bases: where areas of the controller lie in Modbus, e.g. `MW100=holding:0`.
        unit: Modbus unit whose tags are wanted, where the export names several; None = that of the first.
    """

    source: str
    protocol: Protocol | None = None
    prefix: str = ""
    order: Order | None = None
    bases: tuple[str, ...] = ()
    unit: int | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A tag of the export that became no row.

    Attributes:
        where: place in the file.
        name: as the export calls it.
        reason: why, one clause.
    """

    where: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """One row before it has a name of its own; see `TagRow` for the keys."""

    names: tuple[str, ...]
    address: str
    type: str = ""
    order: Order = Order.ABCD
    element: int | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    span: tuple[float, float] | None = None
    description: str = ""


@dataclass
class Collection:
    """What came out of an export.

    Attributes:
        options: what the user said.
        rows: rows for the tag list.
        left: what was left out.
        notes: what a person should know, one sentence each.
        unit: Modbus unit of the rows so far; None = not known yet, 0 = the device's own.
    """

    options: Options
    taken: Iterable[str] = ()
    rows: list[TagRow] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = UniqueNames(self.taken)
        self.unit = self.options.unit

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)

    def leave(self, where: str, name: str, reason: str) -> None:
        """A tag becomes no row.

        Raises:
            UsageError: `tag-export-broken`, there is no end to them.
        """
        if len(self.rows) + len(self.left) >= 2 * MOST_ROWS:
            raise UsageError("tag-export-broken", f"the export describes more than {2 * MOST_ROWS} tags", where=where)
        self.left.append(Left(where, one_line(name, 80), reason))

    def add(self, where: str, found: Found) -> None:
        """A tag becomes a row, if the site file would take it."""
        if len(self.rows) >= MOST_ROWS:
            self.leave(where, ".".join(found.names), f"a tag list holds at most {MOST_ROWS} tags")
            return
        row = TagRow(
            name=tag_name(found.names, self.options.source),
            source=self.options.source,
            address=found.address,
            type=found.type,
            order=str(found.order) if found.order is not Order.ABCD else "",
            element=found.element,
            scale=found.scale if found.scale != 1 else None,
            offset=found.offset or None,
            unit=one_line(found.unit, 40),
            span=found.span,
            description=one_line(found.description),
        )
        problem = _problem(row)
        if problem:
            self.leave(where, ".".join(found.names), problem)
            return
        self.rows.append(replace(row, name=self._names.take(row.name)))


def _problem(row: TagRow) -> str:
    """Why the site file would refuse a row, or ""."""
    values = {key: value for key, value in asdict(row).items() if value not in ("", None)}
    try:
        tag = Tag.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg'].removeprefix('Value error, ')}" if place else str(first["msg"])
    if _NODE_ID.fullmatch(row.address):
        return ""
    problems = modbus_problems(tag, _ANY_DEVICE, lambda *_: "")
    return problems[0].what if problems else ""


def ordered(type_: str, order: Order) -> Order:
    """The order of a type where it has one; ABCD for single registers and bits."""
    return order if parse_type(type_).registers > 1 and not type_.startswith("string") else Order.ABCD


def linear(raw: Sequence[float], scaled: Sequence[float]) -> tuple[float, float] | None:
    """Scale and offset of a straight line through (low, high) pairs; None when it is none."""
    if raw[0] == raw[1] or scaled[0] == scaled[1]:
        return None
    scale = (scaled[1] - scaled[0]) / (raw[1] - raw[0])
    return _tidy(scale), _tidy(scaled[0] - raw[0] * scale)


def _tidy(value: float) -> float:
    # 0.1 instead of 0.09999999999999999: the export's figures have few digits
    return float(f"{value:.15g}")
