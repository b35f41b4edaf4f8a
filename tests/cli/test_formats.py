"""Formats as a user asks for them: by flag, by the name of the file, by the country of an Excel; and every SQL type."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest

from iiotctl.cli import app
from iiotctl.history.sql import views
from tests.unit.history.stores import small_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIOTCTL_STORE", str(tmp_path / "store"))
    return small_store(tmp_path / "store")


def kind(path: Path) -> str:
    """What a file is, by its content."""
    head = path.read_bytes()
    begins = {
        b"PK": "xlsx",
        b"PAR1": "parquet",
        b"ARROW1": "arrow",
        b"\xff\xff\xff\xff": "arrows",
        b'{"schema"': "json",
        b'{"': "jsonl",
        b"\xef\xbb\xbf": "excel",
        b"| ": "markdown",
        b"n,": "csv",
        b"n\t": "tsv",
        b"n ": "table",
    }
    return next(name for start, name in begins.items() if head.startswith(start))


SQL = "SELECT count(*) AS n, 1.5 AS x FROM samples"


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("a.xlsx", (), "xlsx"),
        ("a.XLSX", (), "xlsx"),
        ("a.parquet", (), "parquet"),
        ("a.arrow", (), "arrow"),
        ("a.feather", (), "arrow"),
        ("a.arrows", (), "arrows"),
        ("a.json", (), "json"),
        ("a.jsonl", (), "jsonl"),
        ("a.csv", (), "csv"),
        ("a.tsv", (), "tsv"),
        ("a.md", (), "markdown"),
        ("a.txt", (), "table"),
        ("a", (), "table"),
        ("a.foo", ("--format", "csv"), "csv"),
        ("a.csv", ("--format", "parquet"), "parquet"),
        ("a.xlsx", ("--format", "table"), "table"),
        ("a.txt", ("--excel", "de"), "excel"),
        ("a.csv", ("--excel", "us"), "excel"),
    ],
)
def test_the_name_says_the_format_and_the_flag_wins(
    store: Path, tmp_path: Path, name: str, words: tuple[str, ...], expected: str
) -> None:
    assert app.run(["query", SQL, "-o", name, *words]) == 0
    assert kind(tmp_path / name) == expected


def test_the_order_of_flags_does_not_matter(store: Path, tmp_path: Path) -> None:
    assert app.run(["query", "--format", "parquet", SQL, "-o", "a.csv"]) == 0
    assert app.run(["query", "--excel", "de", "-o", "b.txt", SQL]) == 0
    assert (kind(tmp_path / "a.csv"), kind(tmp_path / "b.txt")) == ("parquet", "excel")


@pytest.mark.parametrize("verb", [("last",), ("gaps",), ("gaps", "--completeness"), ("export", "press1.*")])
@pytest.mark.parametrize("name", ["a.xlsx", "a.arrow", "a.md", "a.tsv"])
def test_every_verb_knows_them(store: Path, tmp_path: Path, verb: tuple[str, ...], name: str) -> None:
    assert app.run([*verb, "-o", name]) == 0
    assert (tmp_path / name).stat().st_size > 50


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (("--excel", "dee"), "excel-country"),
        (("--excel", "de", "--format", "xlsx"), "excel-format"),
        (("--excel", "de", "--format", "json"), "excel-format"),
        (("--excel", "de", "-o", "a.xlsx"), "excel-format"),
        (("--excel", "de", "-o", "a.json"), "excel-format"),
        (("--excel", "de", "-o", "a.foo"), "excel-format"),
        (("-o", "a.foo"), "unknown-format"),
        (("-o", "a.xls"), "unknown-format"),
        (("-o", "a.svg"), "unknown-format"),
        (("-o", "a.csv.gz"), "unknown-format"),
        (("-o", "a.csv.GZ", "--format", "csv"), "unknown-format"),
        (("--duckdb", "x.duckdb"), "bad-value"),
        (("--copy",), "bad-value"),
    ],
)
def test_what_does_not_go_together(
    store: Path, words: tuple[str, ...], slug: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["query", SQL, *words]) == 2
    err = capsys.readouterr().err
    assert f"[{slug}]" in err or f'"slug": "{slug}"' in err
    assert not Path("x.duckdb").exists()


def test_help_names_every_view(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["query", "--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in (*(f"`{view}`" for view in views.COLUMNS), "wide(") if name not in shown] == []


def test_query_wants_sql_or_a_file(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["query"]) == 2
    assert "missing-argument" in capsys.readouterr().err
    assert app.run(["query", "--duckdb", "x.duckdb"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "2 samples that are not sealed yet" in shown.err
    assert duckdb.connect("x.duckdb", read_only=True).sql("SELECT count(*) FROM samples").fetchall() == [(3,)]
    assert app.run(["query", "--duckdb", "x.duckdb"]) == 2
    assert "output-exists" in capsys.readouterr().err


def test_the_site_says_the_zone(store: Path, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('schema = 1\n[site]\nname = "p"\ntimezone = "Europe/Berlin"\n')
    assert app.run(["export", "oven.zone1", "-o", "a.xlsx"]) == 0
    book = openpyxl.load_workbook("a.xlsx")
    assert next(book["Data 1"].iter_rows(values_only=True))[:2] == ("ts (Europe/Berlin)", "ts UTC offset [h]")
    about = {str(row[0]): str(row[1]) for row in book["About"].iter_rows(values_only=True)}
    assert about["Command"] == "iiotctl export oven.zone1 -o a.xlsx"
    assert about["Gaps"].startswith("2 in the store")
    assert app.run(["export", "oven.zone1", "--excel", "de", "--timezone", "America/New_York", "-o", "a.csv"]) == 0
    rows = list(csv.reader(Path("a.csv").read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert rows[0][:2] == ["ts (America/New_York)", "ts UTC offset [h]"]
    assert rows[1][:2] == ["18.11.2026 06:06:40,000", "-5"]


def test_an_export_of_many_tags_names_what_was_written(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["export", "press1.*"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 5
    assert shown.err == "4 rows of 2 tags, 1 not Good\n"


TYPES = """SELECT 1.25::DECIMAL(9,2) AS dec, 170141183460469231731687303715884105727::HUGEINT AS huge,
    18446744073709551615::UBIGINT AS ubig, [1, NULL]::INTEGER[] AS list, {'a': 1.5} AS struct, MAP {'k': 1} AS map,
    INTERVAL 25 HOUR AS span, '\\x00\\xFF'::BLOB AS blob, '11111111-2222-3333-4444-555555555555'::UUID AS uuid,
    'nan'::DOUBLE AS nan, '-infinity'::FLOAT AS inf, DATE '2026-09-01' AS day, TIME '06:00:00.5' AS clock,
    TIMESTAMP '2026-09-01 06:00:00' AS wall, TIMESTAMPTZ '2026-09-01 06:00:00+02' AS ts, true AS yes,
    '=1+1' AS text, NULL AS nothing"""


def test_every_sql_type_in_arrow(store: Path) -> None:
    assert app.run(["query", TYPES, "-o", "a.arrow"]) == 0
    (row,) = pl.read_ipc("a.arrow").to_dicts()
    assert (row["dec"], row["huge"]) == (Decimal("1.25"), str(2**127 - 1))
    assert json.loads(row["list"]) == [1, None]
    assert row["span"] == timedelta(hours=25)
    assert (row["blob"], row["ts"]) == (b"\x00\xff", datetime(2026, 9, 1, 4, tzinfo=UTC))
    assert (row["wall"], row["text"]) == (datetime(2026, 9, 1, 6), "=1+1")


def test_a_pipe_gets_the_types_of_a_file(store: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Though one is written by DuckDB and the other row by row."""
    sql = """SELECT 1.25::DECIMAL(9,2) AS dec, [1.5, NULL] AS list, TIMESTAMPTZ '2026-09-01 06:00:00+02' AS ts,
        7::BIGINT AS n, 'x' AS t, 0.5 AS x"""
    for words in (["-o", "a.arrow"], ["-o", "a.arrows"], ["--format", "arrow"]):
        assert app.run(["query", sql, *words]) == 0
    piped = pl.read_ipc_stream(capfdbinary.readouterr().out)
    assert piped.equals(pl.read_ipc("a.arrow"))
    assert piped.equals(pl.read_ipc_stream("a.arrows"))
    assert piped.schema == pl.read_ipc("a.arrow").schema
    assert piped["dec"].to_list() == [Decimal("1.25")]


def test_an_empty_result_has_its_columns(store: Path) -> None:
    for name in ("a.arrow", "a.arrows", "a.xlsx", "a.parquet", "a.csv"):
        assert app.run(["query", "FROM samples WHERE false", "-o", name]) == 0
    assert pl.read_ipc("a.arrow").schema == pl.read_ipc_stream("a.arrows").schema == pl.read_parquet("a.parquet").schema
    header = next(openpyxl.load_workbook("a.xlsx")["Data 1"].iter_rows(values_only=True))
    assert len(header) == len(pl.read_csv("a.csv").columns) == 9


def test_every_sql_type_in_a_workbook_and_for_excel(store: Path) -> None:
    words = ("--timezone", "Europe/Berlin")
    assert app.run(["query", TYPES, "-o", "a.xlsx", *words]) == 0
    header, cells = openpyxl.load_workbook("a.xlsx")["Data 1"].iter_rows(values_only=True)
    row = dict(zip(header, cells, strict=True))
    assert (row["dec"], row["huge"], row["ubig"]) == (1.25, str(2**127 - 1), str(2**64 - 1))
    assert (row["list"], row["blob"], row["nan"], row["inf"]) == ("[1, null]", "00ff", None, None)
    assert (row["wall"], row["ts (Europe/Berlin)"]) == (datetime(2026, 9, 1, 6),) * 2
    assert (row["ts UTC offset [h]"], row["text"], row["nothing"]) == (2, "=1+1", None)
    assert app.run(["query", TYPES, "-o", "a.csv", "--excel", "fr", *words]) == 0
    first, second = csv.reader(Path("a.csv").read_text("utf-8-sig").splitlines(), delimiter=";")
    row = dict(zip(first, second, strict=True))
    assert (row["dec"], row["span"], row["clock"], row["text"]) == ("1,25", "25:00:00,000", "06:00:00,500", "'=1+1")
    assert (row["wall"], row["day"], row["yes"]) == ("01/09/2026 06:00:00,000", "01/09/2026", "1")
