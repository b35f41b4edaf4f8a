"""One table with every hard type, byte for byte in each format."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from iiotctl.errors import UsageError
from iiotctl.reports import base
from iiotctl.reports.rows import TYPES, Column, Rows
from iiotctl.reports.terminal import fit, show
from iiotctl.reports.values import text

COLUMNS = (
    Column("ts", "timestamp"),
    Column("tag"),
    Column("value", "float", "bar"),
    Column("count", "integer"),
    Column("ok", "boolean"),
    Column("exact", "decimal"),
    Column("age", "interval"),
    Column("raw", "bytes"),
    Column("list", "list"),
    Column("any", "any"),
)
ROWS: Sequence[Sequence[object]] = (
    (
        datetime(2026, 11, 21, 8, 0, 0, 500, tzinfo=UTC),
        "press1.pressure",
        1.5,
        3,
        True,
        Decimal("1.50"),
        timedelta(days=1, seconds=5),
        b"\x00\xff",
        [1, math.nan, {"a": None}],
        1.5,
    ),
    (
        datetime(2026, 11, 21, 9, 0, tzinfo=timezone(timedelta(hours=1))),
        "\x1b[31mred\x07\u202e 漢",
        math.nan,
        -(2**70),
        False,
        None,
        -timedelta(microseconds=5),
        b"",
        [],
        '=1+1,"x"\r\n',
    ),
    (datetime(2026, 1, 1, 12), "", -math.inf, None, None, None, None, None, None, "-5"),
    (None,) * 10,
)


def render(format_: str, rows: Rows | None = None, **look: object) -> bytes:
    stream = io.BytesIO()
    base.load(format_)(rows or Rows(COLUMNS, ROWS), stream, base.Look(**look))  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize(("format_", "file"), [("json", "hard.json"), ("csv", "hard.csv"), ("table", "hard.txt")])
def test_every_hard_type_byte_for_byte(format_: str, file: str) -> None:
    assert render(format_) == (Path(__file__).parent / "golden" / file).read_bytes()


def test_json_of_no_rows() -> None:
    document = json.loads(render("json", Rows(COLUMNS[:1], [])))
    assert document == {
        "schema": "iiotctl.table/v1",
        "columns": [{"name": "ts", "type": "timestamp", "unit": ""}],
        "rows": [],
    }


def test_jsonl_is_the_rows_of_json() -> None:
    lines = render("jsonl").decode().splitlines()
    assert [json.loads(line) for line in lines] == json.loads(render("json"))["rows"]


def test_csv_on_a_terminal_lets_no_control_character_through() -> None:
    text = render("csv", terminal=True).decode()
    assert "\\x1b[31mred\\x07\\u202e 漢" in text
    assert "\x1b" not in text


def test_table_in_a_pipe_cuts_and_folds_nothing() -> None:
    long = "x" * 500
    assert long in render("table", Rows([Column("a"), Column("b")], [(long, "y")])).decode()


def test_table_on_a_terminal_folds_to_its_width() -> None:
    rows = Rows([Column("name"), Column("text"), Column("n", "integer")], [("a", "x" * 100, 7)])
    lines = render("table", rows, terminal=True, width=40).decode().splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert "".join(lines[2:]).count("x") == 100
    assert lines[2].endswith(" 7")


def test_rows_after_the_sample_are_written_too() -> None:
    rows = Rows([Column("n", "integer")], ((number,) for number in range(2000)))
    assert render("table", rows).decode().split() == ["n", "─" * 3, *map(str, range(2000))]


def test_local_times_are_for_tables_only() -> None:
    rows = [(datetime(2026, 11, 21, 8, tzinfo=UTC),)]
    zone = ZoneInfo("Europe/Berlin")
    columns = [Column("ts", "timestamp")]
    assert "2026-11-21T09:00:00.000+01:00" in render("table", Rows(columns, rows), local_tz=zone).decode()
    assert "2026-11-21T08:00:00.000000Z" in render("csv", Rows(columns, rows), local_tz=zone).decode()


def test_parquet() -> None:
    frame = pl.read_parquet(io.BytesIO(render("parquet", Rows(COLUMNS, [ROWS[0], ROWS[1], ROWS[3]]))))
    assert frame.schema == {
        "ts": pl.Datetime("us", "UTC"),
        "tag": pl.String,
        "value": pl.Float64,
        "count": pl.String,  # beyond 64 bits
        "ok": pl.Boolean,
        "exact": pl.String,
        "age": pl.Duration("us"),
        "raw": pl.Binary,
        "list": pl.String,
        "any": pl.String,
    }
    assert frame["ts"].to_list()[1] == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert frame["tag"].to_list() == [ROWS[0][1], ROWS[1][1], None]
    assert frame["list"].to_list() == ['[1, null, {"a": null}]', "[]", None]


def test_two_columns_of_one_name_are_told_apart() -> None:
    rows = Rows([Column("a"), Column("a"), Column("a")], [("1", "2", "3")])
    assert json.loads(render("jsonl", rows)) == {"a": "1", "a_2": "2", "a_3": "3"}
    assert render("csv", rows).startswith(b"a,a_2,a_3\r\n")


def test_other_types_have_one_spelling() -> None:
    row = (date(2026, 1, 2), time(10, 30), UUID(int=1), Decimal("123456789012345678.90"), {1: b"\x01"}, (1, 2))
    rows = Rows([Column(name) for name in "abcdef"], [row])
    assert json.loads(render("jsonl", rows)) == {
        "a": "2026-01-02",
        "b": "10:30:00",
        "c": "00000000-0000-0000-0000-000000000001",
        "d": "123456789012345678.90",
        "e": {"1": "01"},
        "f": [1, 2],
    }


def test_every_built_in_format_comes_through_the_entry_points() -> None:
    assert set(base.names()) >= {"table", "json", "jsonl", "csv", "parquet"}
    with pytest.raises(UsageError) as caught:
        base.load("jsn")
    assert "`json`" in str(caught.value.hint)


def test_the_types_of_the_table_are_known() -> None:
    assert {column.type for column in COLUMNS} <= TYPES


def test_widths_are_taken_from_the_widest_columns() -> None:
    assert fit([5, 50, 10], 40) == [5, 25, 10]
    assert fit([30, 30], 40) == [20, 20]
    assert fit([5, 5], 4) == [5, 5]
    assert fit([100, 100], 4) == [8, 8]
    assert fit([30, 31], 41) == [21, 20]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (46.2599983215332, "46.26"),
        (76.11000061035156, "76.11"),
        (48214.045, "48214.045"),
        (1.401298464324817e-45, "1.4013e-45"),
        (1073741824.0, "1073741824"),
        (0.0009765625, "0.0009765625"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
    ],
)
def test_single_precision_is_shown_with_few_digits_to_people_only(value: float, shown: str) -> None:
    assert show(value) == shown
    assert text(value) == repr(value)
