"""InfluxDB's two forms as a long table of time, tag and value: line protocol, and annotated CSV (Flux, InfluxDB 2).

A tag's name is made of measurement, values of the InfluxDB tags and field: `press,line=3 temp=81.2` is `press.3.temp`;
the field `value` is left out. These forms are read row by row in Python: tens of thousands of rows a second.

Line protocol and annotations: docs.influxdata.com, "Line protocol reference", "Annotated CSV".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import polars as pl

from iiotctl.imports import lines
from iiotctl.imports.opened import Block, TextFile
from iiotctl.imports.rejects import Refusal, refusals

_WIDTH: Final = 3
_BLOCK: Final = 8_000_000
_PROTOCOL: Final = re.compile(
    r"(?P<series>(?:\\.|[^\s\\])+) +(?P<fields>(?:\"(?:\\.|[^\"\\])*\"|\\.|[^\s\"\\])+)(?: +(?P<time>-?\d{1,20}))?\s*"
)
_FIELD: Final = re.compile(r"(?P<key>(?:\\.|[^,=\\])+)=(?P<value>\"(?:\\.|[^\"\\])*\"|[^,\"]*)(?:,|$)")
_UNESCAPED: Final = re.compile(r"\\(.)")
_PLAIN: Final = frozenset(("", "result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"))

Row = tuple[str | None, str | None, str | None]
Chunks = Callable[[], Iterator[tuple[pl.DataFrame, pl.DataFrame]]]


def looks_like_lines(head: Sequence[str]) -> bool:
    """Whether these are lines of the protocol: measurement, fields with `=`, and a time."""
    rows = [line for line in head if line.strip() and not line.startswith("#")][:20]
    found = [parse_line(line) for line in rows]
    return bool(rows) and sum(one is not None and one[2] is not None for one in found) > len(rows) // 2


def parse_line(line: str) -> tuple[str, list[tuple[str, str]], str | None] | None:
    """(name of the series, its fields and their values, time) of a line, or None."""
    match = _PROTOCOL.fullmatch(line)
    if match is None:
        return None
    parts = re.split(r"(?<!\\),", match["series"])
    names = [parts[0], *(part.partition("=")[2] for part in parts[1:])]
    fields: list[tuple[str, str]] = []
    place = 0
    while place < len(match["fields"]):
        found = _FIELD.match(match["fields"], place)
        if found is None or found.end() == place:
            return None
        fields.append((_plain(found["key"]), _value(found["value"])))
        place = found.end()
    return ".".join(_plain(name) for name in names if name), fields, match["time"]


def _plain(text: str) -> str:
    return _UNESCAPED.sub(r"\1", text)


def _value(text: str) -> str:
    if text.startswith('"'):
        return _plain(text[1:-1])
    if text[-1:] in "iu" and text[:-1].lstrip("-").isdigit():
        return text[:-1]
    return {"t": "true", "T": "true", "f": "false", "F": "false"}.get(text, text)


def _name(series: str, field: str) -> str:
    return series if field in ("value", "") else f"{series}.{field}"


def protocol(file: TextFile) -> Chunks:
    """Chunks of a file of line protocol."""

    def chunks() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        for block in file.blocks(_BLOCK):
            rows: list[Row] = []
            numbers: list[int] = []
            bad: list[Refusal] = []
            for number, line in _numbered(block):
                if not line.strip() or line.startswith("#"):
                    continue
                found = parse_line(line) if "\0" not in line else None
                if found is None:
                    bad.append(Refusal(number, "fields", "the line is not in line protocol", line))
                    continue
                series, fields, time = found
                rows += [(time, _name(series, field), value) for field, value in fields]
                numbers += [number] * len(fields)
            yield _frame(rows, numbers), refusals(bad)

    return chunks


def annotated(file: TextFile) -> Chunks:
    """Chunks of a file of annotated CSV; each table in it has a header of its own."""

    def chunks() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        header: list[str] | None = None
        for block in file.blocks(_BLOCK):
            reader = _AnnotatedReader(header)
            for number, line in _numbered(block):
                reader.line(number, line)
            header = reader.header
            yield _frame(reader.rows, reader.numbers), refusals(reader.bad)

    return chunks


class _AnnotatedReader:
    def __init__(self, header: list[str] | None) -> None:
        self.header = header
        self.rows: list[Row] = []
        self.numbers: list[int] = []
        self.bad: list[Refusal] = []

    def line(self, number: int, line: str) -> None:
        if not line.strip(" ,") or line.startswith("#"):
            self.header = None
            return
        try:
            cells = next(csv.reader([line]), []) if "\0" not in line else []
        except csv.Error:
            cells = []
        if self.header is None:
            self.header = cells
            return
        facts = dict(zip(self.header, cells, strict=False))
        if len(cells) != len(self.header) or "_value" not in facts or "_time" not in facts:
            self.bad.append(Refusal(number, "fields", "the row does not fit its table's header", line))
            return
        series = [facts.get("_measurement", ""), *(cell for title, cell in facts.items() if title not in _PLAIN)]
        name = _name(".".join(part for part in series if part), facts.get("_field", ""))
        self.rows.append((facts["_time"] or None, name or None, facts["_value"] or None))
        self.numbers.append(number)


def _numbered(block: Block) -> Iterator[tuple[int, str]]:
    text = block.data.decode("utf-8", "replace")
    return ((number, line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), start=block.first))


def _frame(rows: list[Row], numbers: list[int]) -> pl.DataFrame:
    schema = dict.fromkeys(lines.columns(_WIDTH), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.Series(lines.LINE, numbers, dtype=pl.UInt64))
