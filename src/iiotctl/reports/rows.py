"""A table on its way out: columns with type and unit, and rows that may be produced while they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

TYPES: Final = frozenset(
    {
        "string",
        "boolean",
        "integer",
        "float",
        "decimal",
        "timestamp",
        "date",
        "time",
        "interval",
        "bytes",
        "list",
        "struct",
        "any",
    }
)
"""Type names of columns as other programs read them in `--format json`."""

NUMBERS: Final = frozenset({"integer", "float", "decimal"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: as other programs read it: lower case, no unit in it.
        type: one of `TYPES`; `any` where rows hold numbers and texts.
        unit: unit of all its values (`ms`, `bar`), or "".
        zoned: of a timestamp: it names an instant; False = the time of a clock somewhere (SQL `TIMESTAMP`).
        scale: of a decimal: digits behind the mark; None = not known.
    """

    name: str
    type: str = "string"
    unit: str = ""
    zoned: bool = True
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table.

    Attributes:
        columns: what each cell of a row is.
        rows: cells of None, bool, int, float, str, datetime (aware, or a naive one without zone), date, time,
            timedelta, Decimal, UUID, bytes, list or dict; read once.
        live: rows arrive slowly and a person watches: each is shown at once.
    """

    columns: Sequence[Column]
    rows: Iterable[Sequence[object]]
    live: bool = False
