"""The two hours a year that are none or two, through a whole import; and times in other units."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import UsageError
from iiotctl.imports import sheet
from tests.unit.imports.files import imported, put, rows_of, taken


def test_spring_and_autumn(tmp_path: Path) -> None:
    text = "Zeit;Tag;Wert\n" + "".join(
        f"{at};{tag};1\n"
        for at in (
            *("30.03.2025 01:30:00", "30.03.2025 02:30:00", "30.03.2025 03:30:00"),
            *("26.10.2025 01:30:00", "26.10.2025 02:30:00", "26.10.2025 02:30:00", "26.10.2025 03:30:00"),
        )
        for tag in ("a", "b")
    )
    report = imported(put(tmp_path, text), tmp_path / "s", zone="Europe/Berlin")
    assert report.refused == {"hour-skipped": 2}
    assert [row[0] for row in rows_of(tmp_path / "s") if row[1] == "a"] == [
        "2025-03-30T00:30:00",
        "2025-03-30T01:30:00",
        "2025-10-25T23:30:00",
        "2025-10-26T00:30:00",
        "2025-10-26T01:30:00",
        "2025-10-26T02:30:00",
    ]


def test_one_value_in_the_repeated_hour_is_asked_for(tmp_path: Path) -> None:
    text = "ts,tag,value\n2025-10-26 01:30:00,a,1\n2025-10-26 02:30:00,a,2\n2025-10-26 03:30:00,a,3\n"
    report = imported(put(tmp_path, text), tmp_path / "s", zone="Europe/Berlin")
    assert report.refused == {"hour-twice": 1}
    assert report.examples[0].line == 3
    assert imported(put(tmp_path, text), tmp_path / "s", zone="Europe/Berlin", ambiguous="later").stored == 1
    assert [row[0] for row in rows_of(tmp_path / "s")][1] == "2025-10-26T01:30:00"


def test_newest_first(tmp_path: Path) -> None:
    clocks = ("03:10", "02:50", "02:10", "02:50", "02:10", "01:50")
    text = "ts,tag,value\n" + "".join(f"2025-10-26 {clock}:00,a,{i}\n" for i, clock in enumerate(clocks))
    assert [row[2] for row in taken(tmp_path, text, zone="Europe/Berlin")] == [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "time", ["1763733903", "1763733903000", "1763733903000000", "1763733903000000000", "45982.586840278"]
)
def test_numbers(tmp_path: Path, time: str) -> None:
    assert taken(tmp_path, f"time,tag,value\n{time},a,1\n")[0][0] == "2025-11-21T14:05:03"


def test_a_workbook_made_to_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for _ in range(20_000):
        book.active.append([0] * 8)
    book.save(tmp_path / "bomb.xlsx")
    monkeypatch.setattr(sheet, "_RATIO_FROM", 100_000)
    monkeypatch.setattr(sheet, "MOST_RATIO", 5)
    with pytest.raises(UsageError, match="unpacks to"):
        imported(tmp_path / "bomb.xlsx", tmp_path / "s")
