"""What an import remembers of a file that is out of order, whatever the file's form; a repeated import adds nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from iiotctl.history.sql import statement
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from tests.unit.imports.files import imported, put

ROWS = [(at, at % 7) for at in range(0, 3600, 10)]
"""(s, value) of an hour."""
TWICE = [(900, 900 % 7), (910, 910 % 7)]
AHEAD = [(at + 300 if 1800 <= at < 2400 else at, value) for at, value in ROWS]


def at(seconds: int) -> str:
    return f"2025-03-03T{8 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def file_of(form: str, a: list[tuple[int, int]], b: list[tuple[int, int]]) -> str:
    if form == "by tag":
        lines = [f"{at(when)},{tag},{value}" for tag, rows in (("a", a), ("b", b)) for when, value in rows]
        return "\n".join(["ts,tag,value", *lines]) + "\n"
    lines = []
    for place in range(max(len(a), len(b))):
        lines += [
            f"{at(rows[place][0])},{tag},{rows[place][1]}" for tag, rows in (("a", a), ("b", b)) if place < len(rows)
        ]
    return "\n".join(["ts,tag,value", *lines]) + "\n"


def noted(root: Path) -> list[tuple[object, ...]]:
    sql = 'SELECT tag, kind, epoch(start)::INT % 3600, epoch("end")::INT % 3600, rows, step, site FROM disorder ORDER BY ALL'
    with Running(Selection(root), statement.check(sql), lambda event: None) as running:
        return [tuple(row) for row in running.rows()[1]]


@pytest.mark.parametrize("form", ["by tag", "by time"])
def test_each_form_is_remembered_once(tmp_path: Path, form: str) -> None:
    root = tmp_path / "s"
    again = sorted([*ROWS, *TWICE], key=lambda row: row[0])
    path = put(tmp_path, file_of(form, again, AHEAD))
    report = imported(path, root)
    assert (report.already, report.conflicts) == (2, 30)
    expected = [
        ("a", "repeated", 900, 910, 2, 0.0, "plant"),
        ("b", "backward", 2400, 2690, 1, 290.0, "plant"),
        ("b", "conflicting", 2400, 2690, 30, 0.0, "plant"),
    ]
    assert noted(root) == expected
    imported(path, root)
    assert noted(root) == expected
    assert len(list(root.glob("disorder/date=*/*.parquet"))) == 1


def test_a_file_in_order_leaves_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, file_of("by time", ROWS, ROWS))
    imported(path, tmp_path / "s")
    imported(path, tmp_path / "s")
    newest_first = put(tmp_path, file_of("by tag", ROWS[::-1], ROWS[::-1]), "down.csv")
    imported(newest_first, tmp_path / "t")
    assert [noted(tmp_path / name) for name in "st"] == [[], []]
    assert not (tmp_path / "s" / "disorder").exists()


def test_it_is_found_by_range(tmp_path: Path) -> None:
    root = tmp_path / "s"
    imported(put(tmp_path, file_of("by tag", sorted([*ROWS, *TWICE]), [])), root)
    times = pl.Series(["2025-03-03 08:15:05", "2025-03-03 08:15:11"]).str.to_datetime(time_unit="us", time_zone="UTC")
    within, behind = times.dt.epoch("us").to_list()
    for start, count in ((within, 1), (behind, 0)):
        with Running(Selection(root, start=start), statement.check("FROM disorder"), lambda event: None) as running:
            assert len(list(running.rows()[1])) == count
