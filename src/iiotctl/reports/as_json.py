"""`--format json`: one document `iiotctl.table/v1`, and `--format jsonl`: one object a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final

from iiotctl.reports.values import compact_json

if TYPE_CHECKING:
    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Column, Rows

SCHEMA: Final = "iiotctl.table/v1"


def keys(columns: Sequence[Column]) -> list[str]:
    """Names of the columns, made unique: a second `a` becomes `a_2`."""
    seen: set[str] = set()
    unique = []
    for column in columns:
        name, number = column.name, 1
        while name in seen:
            number += 1
            name = f"{column.name}_{number}"
        seen.add(name)
        unique.append(name)
    return unique


def _objects(rows: Rows) -> Iterator[str]:
    names = keys(rows.columns)
    return (compact_json(dict(zip(names, row, strict=True))) for row in rows.rows)


def head(columns: Sequence[Column]) -> bytes:
    """The document up to its first row."""
    described = [
        {"name": name, "type": column.type, "unit": column.unit}
        for name, column in zip(keys(columns), columns, strict=True)
    ]
    return f'{{"schema": "{SCHEMA}", "columns": {compact_json(described)}, "rows": ['.encode()


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write the document row by row, whatever their number."""
    del look
    stream.write(head(rows.columns))
    separator = b"\n  "
    for line in _objects(rows):
        stream.write(separator + line.encode())
        separator = b",\n  "
    stream.write(b"]}\n" if separator == b"\n  " else b"\n]}\n")


def render_lines(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write one object a line."""
    del look
    for line in _objects(rows):
        stream.write(line.encode() + b"\n")
        if rows.live:
            stream.flush()
