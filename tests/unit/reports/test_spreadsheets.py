"""Workbooks and CSV for Excel, read back: dates in the plant's zone, nothing run, nothing rounded silently."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from iiotctl import reports
from iiotctl.errors import UsageError
from iiotctl.reports import Column, Rows, Sheet, as_xlsx, base, dialects

BERLIN = ZoneInfo("Europe/Berlin")
TWICE = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
"""02:30 in Berlin, both times."""
Cells = list[tuple[object, ...]]


def workbook(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], sheet: Sheet | None = None
) -> dict[str, Cells]:
    stream = io.BytesIO()
    base.load("xlsx")(Rows(columns, rows), stream, base.Look(sheet=sheet or Sheet()))
    book = openpyxl.load_workbook(stream)
    return {each.title: [tuple(row) for row in each.iter_rows(values_only=True)] for each in book}


def excel_csv(columns: Sequence[Column], rows: Sequence[Sequence[object]], country: str) -> list[list[str]]:
    stream = io.BytesIO()
    look = base.Look(sheet=Sheet(BERLIN, country))
    base.load("csv")(Rows(columns, rows), stream, look)
    text = stream.getvalue().decode("utf-8-sig")
    assert stream.getvalue().startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(text), delimiter=dialects.find(country).separator))


def test_the_hour_that_passes_twice_can_be_told() -> None:
    rows = workbook([Column("ts", "timestamp"), Column("n", "integer")], [(at, 1) for at in TWICE], Sheet(BERLIN))
    half_past_two = datetime(2026, 10, 25, 2, 30)
    assert rows["Data 1"] == [
        ("ts (Europe/Berlin)", "ts UTC offset [h]", "n"),
        (half_past_two, 2, 1),
        (half_past_two, 1, 1),
    ]
    again = [
        (moment - timedelta(hours=float(str(offset)))).replace(tzinfo=UTC) for moment, offset, _ in rows["Data 1"][1:]
    ]  # type: ignore[operator]
    assert again == TWICE


def test_a_zone_that_never_changes_has_no_column_of_offsets() -> None:
    rows = workbook([Column("ts", "timestamp")], [(TWICE[0],)])
    assert rows["Data 1"] == [("ts (UTC)",), (datetime(2026, 10, 25, 0, 30),)]


def test_a_time_without_zone_stays_one() -> None:
    rows = workbook([Column("at", "timestamp", zoned=False)], [(datetime(2026, 10, 25, 2, 30),)], Sheet(BERLIN))
    assert rows["Data 1"] == [("at",), (datetime(2026, 10, 25, 2, 30),)]


VALUES: list[tuple[object, object]] = [
    (1.5, 1.5),
    (float("nan"), None),
    (float("inf"), None),
    (None, None),
    ("", ""),
    (True, True),
    (999_999_999_999_999, 999_999_999_999_999),
    (1_000_000_000_000_000, "1000000000000000"),
    (-(2**70), str(-(2**70))),
    (Decimal("1.50"), 1.5),
    (Decimal("12345678901234.567"), "12345678901234.567"),
    (Decimal("NaN"), None),
    ("=1+1", "=1+1"),
    ("@SUM(A1)", "@SUM(A1)"),
    ("007", "007"),
    ("http://x.example", "http://x.example"),
    ("<r><t>&</t></r>", "<r><t>&</t></r>"),
    ("a & b < c", "a & b < c"),
    ("  indented", "  indented"),
    (b"\x00\xff", "00ff"),
    ([1, None], "[1, null]"),
    ({"a": float("nan")}, '{"a": null}'),
    (date(2026, 9, 1), datetime(2026, 9, 1)),
    (date(1899, 12, 31), "1899-12-31"),
    (datetime(1900, 2, 28), "1900-02-28T00:00:00.000000"),
    (time(6, 0, 0, 500_000), time(6, 0, 0, 500_000)),
    (-timedelta(seconds=5), "-00:00:05"),
]


@pytest.mark.parametrize(("value", "cell"), VALUES, ids=[repr(value)[:30] for value, _ in VALUES])
def test_each_kind_of_value(value: object, cell: object) -> None:
    rows = workbook([Column("x", "any"), Column("end")], [(value, "!")])["Data 1"]
    assert rows[1] == (cell, "!")


def test_formulas_are_nowhere() -> None:
    stream = io.BytesIO()
    base.load("xlsx")(Rows([Column("=a")], [("=1+1",), ("{=A1}",)]), stream, base.Look())
    cells = [cell for row in openpyxl.load_workbook(stream)["Data 1"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"inlineStr"} or {cell.data_type for cell in cells} == {"s"}


def test_an_interval_is_a_duration() -> None:
    stream = io.BytesIO()
    base.load("xlsx")(Rows([Column("x", "interval")], [(timedelta(days=2, hours=1),)]), stream, base.Look())
    cell = openpyxl.load_workbook(stream)["Data 1"]["A2"]
    assert cell.number_format == "[h]:mm:ss.000"
    assert cell.value == timedelta(days=2, hours=1) or cell.value == datetime(1900, 1, 2, 1)


def test_rows_beyond_a_sheet_begin_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_xlsx, "ROWS", 4)
    for count, sheets in ((3, 1), (4, 2), (6, 2), (7, 3)):
        book = workbook([Column("n", "integer")], [(number,) for number in range(count)])
        assert list(book) == [*(f"Data {number + 1}" for number in range(sheets)), "About"]
        data = [rows for name, rows in book.items() if name != "About"]
        assert all(rows[0] == ("n",) and 1 < len(rows) <= 4 for rows in data)
        assert [row[0] for rows in data for row in rows[1:]] == list(range(count))
        assert ("Rows", str(count)) in book["About"]


def test_no_rows_are_a_header() -> None:
    book = workbook([Column("ts", "timestamp"), Column("value", "float", "bar")], [])
    assert book["Data 1"] == [("ts (UTC)", "value [bar]")]


def test_long_texts_are_cut_and_counted() -> None:
    book = workbook([Column("a"), Column("b")], [("x" * 32_767, "y" * 32_768), ("", "\U0001f600" * 20_000)])
    assert book["Data 1"][1] == ("x" * 32_767, "y" * 32_766 + "…")
    assert book["Data 1"][2][1] == "\U0001f600" * 16_383 + "…"
    assert dict(book["About"])["Cut texts"].startswith("2: ")  # type: ignore[call-overload]


def test_about_says_where_it_is_from() -> None:
    book = workbook([Column("a")], [], Sheet(BERLIN, about=[("Command", "iiotctl last"), ("=Store", "=x")]))
    assert book["About"][:2] == [("Command", "iiotctl last"), ("=Store", "=x")]
    assert ("Time zone", "Europe/Berlin") in book["About"]


def test_a_failure_leaves_no_file_and_no_open_handle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def rows() -> Iterator[tuple[object, ...]]:
        yield ("x",)
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        reports.write(Rows([Column("a")], rows()), "xlsx", tmp_path / "out.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_by_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import errno

    from xlsxwriter.worksheet import Worksheet

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Worksheet, "_write_single_row", full)
    with pytest.raises(OSError, match="No space") as caught:
        workbook([Column("a")], [("x",), ("y",)])
    assert str(caught.value.filename).startswith(str(tmp_path))


def test_german_excel() -> None:
    columns = [Column("ts", "timestamp"), Column("value", "float", "°C"), Column("n", "integer"), Column("name")]
    rows = excel_csv(
        columns, [(TWICE[0], -1.5, 7, "a;b"), (None, float("nan"), None, "=x"), (TWICE[1], 3.0, 1, "")], "de"
    )
    assert rows == [
        ["ts (Europe/Berlin)", "ts UTC offset [h]", "value [°C]", "n", "name"],
        ["25.10.2026 02:30:00,000", "2", "-1,5", "7", "a;b"],
        ["", "", "", "", "'=x"],
        ["25.10.2026 02:30:00,000", "1", "3", "1", ""],
    ]


@pytest.mark.parametrize(
    ("country", "spelled"),
    [
        ("de", ["01.09.2026", "06:00:00,123", "49:00:00,500", "1,5", "1", "1e-07"]),
        ("de-AT", ["01.09.2026", "06:00:00,123", "49:00:00,500", "1,5", "1", "1e-07"]),
        ("ch", ["01.09.2026", "06:00:00.123", "49:00:00.500", "1.5", "1", "1e-07"]),
        ("fr", ["01/09/2026", "06:00:00,123", "49:00:00,500", "1,5", "1", "1e-07"]),
        ("nl", ["01-09-2026", "06:00:00,123", "49:00:00,500", "1,5", "1", "1e-07"]),
        ("US", ["09/01/2026", "06:00:00.123", "49:00:00.500", "1.5", "1", "1e-07"]),
        ("uk", ["01/09/2026", "06:00:00.123", "49:00:00.500", "1.5", "1", "1e-07"]),
        ("se", ["2026-09-01", "06:00:00,123", "49:00:00,500", "1,5", "1", "1e-07"]),
    ],
)
def test_every_country_has_its_spelling(country: str, spelled: list[str]) -> None:
    row = (date(2026, 9, 1), time(6, 0, 0, 123_999), timedelta(hours=49, milliseconds=500), Decimal("1.5"), True, 1e-7)
    assert excel_csv([Column(name, "any") for name in "abcdef"], [row], country)[1] == spelled


def test_no_separator_is_a_decimal_mark() -> None:
    assert all(dialect.separator != dialect.decimal for dialect in dialects.DIALECTS.values())


@pytest.mark.parametrize("name", ["dee", "", "xx", "deutsch"])
def test_unknown_countries_are_named(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        dialects.find(name)
    assert caught.value.slug == "excel-country"


def test_excel_is_for_csv(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        reports.write(Rows([Column("a")], []), "xlsx", tmp_path / "a.xlsx", sheet=Sheet(excel="de"))
    assert caught.value.slug == "excel-format"
    assert "leave `--excel` out" in str(caught.value.hint)
