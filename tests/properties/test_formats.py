"""Every format parses back to the same rows, whether `reports` writes it or DuckDB does."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.history.sql import export
from iiotctl.history.sql.result import Field
from iiotctl.ops.query import column
from iiotctl.reports import base
from iiotctl.reports.as_json import head
from iiotctl.reports.rows import Rows
from iiotctl.reports.values import guard_formula, unguard_formula

FIELDS = [
    Field("ts", "TIMESTAMP WITH TIME ZONE"),
    Field("text", "VARCHAR"),
    Field("value", "DOUBLE"),
    Field("count", "BIGINT"),
    Field("ok", "BOOLEAN"),
    Field("raw", "BLOB"),
]
Row = tuple[datetime | None, str | None, float | None, int | None, bool | None, bytes | None]
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["=1+1", "-5", "'=x", "", " a ", '"', "a,b", "\r\n", "\n", "\t", "@x", "\x1b[31m"]
)
ROWS = st.lists(
    st.tuples(
        st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
        st.none() | TEXTS.filter(lambda text: "\0" not in text),
        st.none() | st.floats(),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.binary(max_size=4),
    ),
    max_size=6,
)


def by_reports(rows: Sequence[Row], format_: str, folder: Path) -> bytes:
    stream = io.BytesIO()
    base.load(format_)(Rows([column(field) for field in FIELDS], rows), stream, base.Look())
    return stream.getvalue()


def by_duckdb(rows: Sequence[Row], format_: str, folder: Path) -> bytes:
    target = folder / "out"
    names = [field.name for field in FIELDS]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f'"{field.name}" {field.sql_type}' for field in FIELDS)
        connection.execute(f"CREATE TABLE t ({columns})")
        for row in rows:
            connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.execute(export.copy_statement("FROM t", FIELDS, names, format_, str(target))).fetchall()
    data = target.read_bytes()
    if format_ != "json":
        return data
    document = export.Document()
    document.head = head([column(field) for field in FIELDS])
    cut = len(data) // 2
    body = b"".join(document(part) for part in (data[:cut], data[cut:]) if part)
    return body + document.tail


def plain(row: Row) -> tuple[Any, ...]:
    ts, text, value, count, ok, raw = row
    return (
        None if ts is None else ts.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        text,
        None if value is None or not math.isfinite(value) else value,
        count,
        ok,
        None if raw is None else raw.hex(),
    )


def parse_csv(data: bytes) -> list[tuple[Any, ...]]:
    reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    assert next(reader) == [field.name for field in FIELDS]
    return [
        (
            ts or None,
            unguard_formula(text),
            float(value) if value else None,
            int(count) if count else None,
            {"true": True, "false": False, "": None}[ok],
            raw,
        )
        for ts, text, value, count, ok, raw in reader
    ]


WRITERS = pytest.mark.parametrize("write", [by_reports, by_duckdb])
FEW = settings(max_examples=25)


@WRITERS
@FEW
@given(rows=ROWS)
def test_jsonl(write: Any, rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    data = write(rows, "jsonl", tmp_path_factory.mktemp("out"))
    lines = data.decode().split("\n")
    assert lines.pop() == ""
    assert [tuple(json.loads(line).values()) for line in lines] == [plain(row) for row in rows]


@WRITERS
@FEW
@given(rows=ROWS)
def test_json(write: Any, rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    document = json.loads(write(rows, "json", tmp_path_factory.mktemp("out")))
    assert document["schema"] == "iiotctl.table/v1"
    assert [item["type"] for item in document["columns"]] == [
        "timestamp",
        "string",
        "float",
        "integer",
        "boolean",
        "bytes",
    ]
    assert [tuple(row.values()) for row in document["rows"]] == [plain(row) for row in rows]


@WRITERS
@FEW
@given(rows=ROWS)
def test_csv(write: Any, rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    data = write(rows, "csv", tmp_path_factory.mktemp("out"))
    expected = [plain(row) for row in rows]
    assert parse_csv(data) == [
        (ts, text or "", value, count, ok, raw or "") for ts, text, value, count, ok, raw in expected
    ]


@WRITERS
@FEW
@given(rows=ROWS)
def test_parquet(write: Any, rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    frame = pl.read_parquet(io.BytesIO(write(rows, "parquet", tmp_path_factory.mktemp("out"))))
    assert frame.columns == [field.name for field in FIELDS]
    assert [repr(row) for row in frame.rows()] == [
        repr(row) for row in pl.DataFrame(rows, schema=frame.schema, orient="row").rows()
    ]


@given(text=st.text())
def test_guarded_formulas_read_back(text: str) -> None:
    assert unguard_formula(guard_formula(text)) == text
