"""XLSX as plants fill it: real dates, times of day and numbers in the cells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.imports.files import Asked, imported, rows_of, taken


def _book(folder: Path, *rows: Sequence[object]) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(folder / "export.xlsx")
    return folder / "export.xlsx"


@pytest.mark.parametrize("titles", [("Datum", "Uhrzeit"), ("Tag der Messung", "Wann")])
def test_date_and_time_of_day_in_two_columns(tmp_path: Path, titles: tuple[str, str]) -> None:
    path = _book(
        tmp_path,
        (*titles, "TIC101"),
        (dt.date(2025, 11, 21), dt.time(14, 5, 3), 81.5),
        (dt.date(2025, 11, 21), dt.time(14, 5, 4, 250_000), 82),
        (dt.date(2025, 11, 22), dt.time(0, 0), 83),
    )
    asked = Asked() if titles[0] == "Datum" else Asked(time="+".join(titles))
    imported(path, tmp_path / "s", asked=asked)
    assert [row[:3] for row in rows_of(tmp_path / "s")] == [
        ("2025-11-21T14:05:03", "TIC101", 81.5),
        ("2025-11-21T14:05:04.25", "TIC101", 82.0),
        ("2025-11-22T00:00:00", "TIC101", 83.0),
    ]


def test_dates_with_a_clock_of_zeros_in_text(tmp_path: Path) -> None:
    text = "Datum;Uhrzeit;T1\n21.11.2025 00:00:00;14:05:03;1\n22.11.2025 00:00:00;14:05:04;2\n"
    assert [row[0] for row in taken(tmp_path, text)] == ["2025-11-21T14:05:03", "2025-11-22T14:05:04"]


def test_a_numeric_cell_has_no_decimal_mark(tmp_path: Path) -> None:
    path = _book(
        tmp_path,
        ("Zeit", "Tag", "Wert"),
        (dt.datetime(2025, 11, 21, 14, 5, 1), "a", 0.125),
        (dt.datetime(2025, 11, 21, 14, 5, 2), "a", "1,5"),
        (dt.datetime(2025, 11, 21, 14, 5, 3), "a", 1.25e-9),
        (dt.datetime(2025, 11, 21, 14, 5, 4), "a", "1.234,5"),
        (dt.datetime(2025, 11, 21, 14, 5, 5), "a", 1234.567),
        (dt.datetime(2025, 11, 21, 14, 5, 6), "a", 7),
    )
    report = imported(path, tmp_path / "s")
    assert report.refused_total == 0
    assert [row[2] for row in rows_of(tmp_path / "s")] == [0.125, 1.5, 1.25e-9, 1234.5, 1234.567, 7.0]
    assert ("decimal mark", "`,`") in report.facts


def test_a_numeric_cell_in_a_wide_sheet(tmp_path: Path) -> None:
    path = _book(
        tmp_path,
        ("Zeit", "A", "B"),
        (dt.datetime(2025, 11, 21, 14, 5, 1), 0.125, "1,5"),
        (dt.datetime(2025, 11, 21, 14, 5, 2), "2,5", 45982.586),
        (dt.datetime(2025, 11, 21, 14, 5, 3), None, 3.5),
    )
    assert imported(path, tmp_path / "s").empty == 1
    assert [row[2] for row in rows_of(tmp_path / "s")] == [0.125, 1.5, 2.5, 45982.586, 3.5]


def test_formulas_without_a_computed_value_are_counted(tmp_path: Path) -> None:
    moment = dt.datetime(2025, 11, 21, 14, 5, 1)
    path = _book(tmp_path, ("Zeit", "A", "B"), (moment, "=1+1", 1), (moment + dt.timedelta(1), "=B2&B3", 2))
    report = imported(path, tmp_path / "s")
    (doubt,) = report.doubts
    assert doubt.startswith("2 formulas have no computed value")
    assert (report.stored, report.empty) == (2, 2)
    plain = tmp_path / "plain"
    plain.mkdir()
    assert imported(_book(plain, ("Zeit", "A"), (moment, 1), (moment, "f")), tmp_path / "t").doubts == ()
