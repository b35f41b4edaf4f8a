"""What cannot be read is refused with its line and reason, never dropped and never guessed."""

from __future__ import annotations

import csv
import gzip
import tracemalloc
from pathlib import Path

import pytest

from iiotctl.errors import UsageError
from iiotctl.imports import opened
from iiotctl.ops import import_
from tests.unit.imports.files import Options, imported, put, rows_of, taken
from tests.unit.store.bulk_stores import NOW

LONG = "ts,tag,value,quality\n"


def test_each_row_for_its_reason_and_line(tmp_path: Path) -> None:
    text = LONG + (
        "2025-11-21T00:00:00Z,a,1.25,Good\n"
        "yesterday,a,2,Good\n"
        "2025-11-21T00:00:02Z,a,1,excellent\n"
        "2025-11-21T00:00:03Z,a\n"
        "2025-11-21T00:00:04Z,a,1,Good,more\n"
        '2025-11-21T00:00:05Z,a,"1,5",Good\n'
        "2025-11-21T00:00:06Z,,1,Good\n"
        "1970-01-01T00:00:00Z,a,1,Good\n"
        "\n"
        "2025-11-21T00:00:08Z,a,\0,Good\n"
        "2025-02-30T00:00:00Z,a,1,Good\n"
        "2025-11-21T00:00:09Z,a,9,Good\n"
    )
    path, rejects = put(tmp_path, text), tmp_path / "bad.csv"
    (report,) = import_.run([path], tmp_path / "s", Options(), lambda event: None, rejects=rejects, now_us=lambda: NOW)
    assert report.refused == {"fields": 2, "damaged": 1, "time": 3, "quality": 1, "number": 1, "tag": 1}
    assert (report.rows, report.stored) == (11, 2)
    rows = list(csv.DictReader(rejects.read_text().splitlines()))
    assert {int(row["line"]): row["reason"] for row in rows} == {
        3: "time", 4: "quality", 5: "fields", 6: "fields", 7: "number", 8: "tag", 9: "time", 11: "damaged", 12: "time",
    }  # fmt: skip
    assert [row[0][-2:] for row in rows_of(tmp_path / "s")] == ["00", "09"]


def test_fields_that_make_up_for_each_other_are_still_wrong(tmp_path: Path) -> None:
    text = LONG + "2025-11-21T00:00:00Z,a,1,Good,x\n2025-11-21T00:00:00Z,a,1\n2025-11-21T00:00:01Z,a,1,Good\n"
    report = imported(put(tmp_path, text), tmp_path / "s")
    assert report.refused == {"fields": 2}


def test_quotes_with_separators_and_line_ends(tmp_path: Path) -> None:
    text = 'ts,tag,value,text\n2025-11-21T00:00:00Z,a,,"x, ""y""\nz"\n2025-11-21T00:00:01Z,a,2,\n'
    assert [row[2:4] for row in taken(tmp_path, text)] == [(None, 'x, "y"\nz'), (2.0, None)]


def test_a_stray_quote_costs_only_its_line(tmp_path: Path) -> None:
    rows = "".join(f"2025-11-21T00:00:{i:02d}Z,a,{i},Good\n" for i in range(50))
    text = LONG + rows[:200].rsplit("\n", 1)[0] + '\n"2025-11-21T00:00:59Z,a,1,Good\n' + rows
    report = imported(put(tmp_path, text), tmp_path / "s")
    assert report.stored >= 50
    assert report.refused_total <= 1


def test_day_and_month_by_evidence_else_asked_for(tmp_path: Path) -> None:
    open_ = "ts,tag,value\n" + "".join(f"0{i % 9 + 1}/04/2025 12:00:00,a,{i}\n" for i in range(5000))
    path = put(tmp_path, open_)
    with pytest.raises(UsageError, match="day first or month first") as caught:
        imported(path, tmp_path / "s")
    assert "--date-format" in str(caught.value.hint)
    report = imported(put(tmp_path, open_ + "04/13/2025 12:00:00,a,1\n"), tmp_path / "s")
    assert ("times", "text, month before day, e.g. `01/04/2025 12:00:00`") in report.facts
    assert rows_of(tmp_path / "s")[0][0] == "2025-01-04T12:00:00"


def test_decimal_comma_by_evidence(tmp_path: Path) -> None:
    many = "ts;tag;value\n" + "".join(f"2025-11-21T00:{i // 60:02d}:{i % 60:02d}Z;a;{i}\n" for i in range(3000))
    assert taken(tmp_path, many + "2025-11-22T00:00:00Z;a;1,5\n")[-1][2] == 1.5


def test_an_endless_line_is_an_error_in_flat_memory(tmp_path: Path) -> None:
    path = put(tmp_path, LONG.encode() + b"2025-11-21T00:00:00Z,a," + b"1" * 12_000_000 + b",Good\n")
    with pytest.raises(UsageError, match="line 2 is longer"):
        imported(path, tmp_path / "s")


def test_a_million_columns(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"columns, more than|longer than"):
        imported(put(tmp_path, "ts," + ",".join(f"c{i}" for i in range(300_000)) + "\n"), tmp_path / "s")


def test_a_bomb_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "_RATIO_FROM", 1_000_000)
    text = LONG.encode() + b"2025-11-21T00:00:00Z,a,1,Good\n" * 500_000
    tracemalloc.start()
    with pytest.raises(UsageError, match="unpacks to more"):
        imported(put(tmp_path, gzip.compress(text, 9), "x.csv.gz"), tmp_path / "s")
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.csv", b""),
        ("zeros.bin", b"\0" * 5000),
        ("broken.gz", b"\x1f\x8b\x08\0garbage"),
        ("broken.zip", b"PK\x03\x04garbage"),
        ("broken.xlsx", b"PK\x03\x04garbage"),
        ("old.xls", b"\xd0\xcf\x11\xe0" + b"x" * 600),
        ("broken.parquet", b"PAR1garbagePAR1"),
        ("text.csv", b"just words\nno table\n"),
        ("header.csv", b"ts,tag,value\n"),
        ("truncated.csv.gz", gzip.compress(b"ts,tag,value\n2025-11-21T00:00:00Z,a,1\n" * 999)[:-30]),
    ],
)
def test_no_table_at_all(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        imported(put(tmp_path, data, name), tmp_path / "s")
    assert caught.value.slug in ("import-file", "import-shape")
    assert str(tmp_path / name) in str(caught.value.where)


def test_two_names_that_would_become_one(tmp_path: Path) -> None:
    text = "ts,tag,value\n2025-11-21T00:00:00Z,a b,1\n2025-11-21T00:00:00Z,a/b,1\n2025-11-21T00:00:00Z,a_b,1\n"
    path = put(tmp_path, text)
    with pytest.raises(UsageError, match="would both be called `a_b`"):
        imported(path, tmp_path / "s")
    report = imported(path, tmp_path / "s", given={"a b": "x", "a_b": ""})
    assert report.left_out == 1
    assert {row[1] for row in rows_of(tmp_path / "s")} == {"x", "a.b"}


def test_conflicts_are_told_with_line_and_value(tmp_path: Path) -> None:
    root = tmp_path / "s"
    imported(put(tmp_path, "ts,tag,value\n2025-11-21T00:00:00Z,a,1\n"), root)
    path = put(tmp_path, "ts,tag,value\n2025-11-21T00:00:00Z,a,2\n2025-11-21T00:00:01Z,a,2\n")
    report = imported(path, root)
    assert (report.stored, report.conflicts) == (1, 1)
    assert report.disputes == ((2, "a", 1_763_683_200_000_000, "2.0, Good"),)
    assert imported(path, root, store_conflicts=True).stored == 1
    again = imported(path, root)
    assert (again.stored, again.already, again.conflicts) == (0, 2, 0)


def test_a_preview_reads_all_and_stores_nothing(tmp_path: Path) -> None:
    text = LONG + "2025-11-21T00:00:00Z,a,1,Good\n2025-11-21T00:00:01Z,a,-3,Uncertain\nxx,a,1,Good\n"
    (report,) = import_.preview([put(tmp_path, text)], Options(), lambda event: None, now_us=lambda: NOW)
    (tag,) = report.tags
    assert (tag.rows, tag.low, tag.high, tag.good, tag.uncertain, tag.bad) == (2, -3.0, 1.0, 1, 1, 0)
    assert (report.usable, report.refused_total, report.stored) == (2, 1, 0)
    assert list(tmp_path.iterdir()) == [tmp_path / "export.csv"]


def test_a_short_line_is_seen_behind_a_quoted_separator(tmp_path: Path) -> None:
    text = "ts,tag,value\n2025-11-21T00:00:00Z,a,1\n" + '"2025-11-21T00:00:01Z,a",1\n'
    report = imported(put(tmp_path, text), tmp_path / "s")
    assert (report.stored, report.refused) == (1, {"fields": 1})


def test_rejects_hold_the_whole_line(tmp_path: Path) -> None:
    text = (
        LONG + f"never,a,{'9' * 500},Good\n2025-11-21T00:00:00Z,a,1,Good,{'x' * 500}\n2025-11-21T00:00:00Z,a,1,Good\n"
    )
    rejects = tmp_path / "bad.csv"
    (report,) = import_.run(
        [put(tmp_path, text)], tmp_path / "s", Options(), lambda event: None, rejects=rejects, now_us=lambda: NOW
    )
    rows = {row["reason"]: row["content"] for row in csv.DictReader(rejects.read_text().splitlines())}
    assert rows["time"] == f"never | a | {'9' * 500} | Good"
    assert rows["fields"].endswith("x" * 500)
    assert max(len(one.content) for one in report.examples) <= 200


def test_a_name_from_the_map_and_one_of_the_file_do_not_become_one(tmp_path: Path) -> None:
    text = "ts,tag,value\n2025-11-21T00:00:00Z,a,1\n2025-11-21T00:00:00Z,b,2\n"
    for first in ("a", "b"):
        with pytest.raises(UsageError, match="would both be called"):
            imported(put(tmp_path, text), tmp_path / "s", given={first: "ab".replace(first, "")})


def test_conflicts_without_value_and_of_quality_alone(tmp_path: Path) -> None:
    root = tmp_path / "s"
    imported(put(tmp_path, LONG + "2025-11-21T00:00:00Z,a,1,Good\n2025-11-21T00:00:01Z,a,1,Good\n"), root)
    text = LONG + "2025-11-21T00:00:00Z,a,1,Uncertain\n2025-11-21T00:00:01Z,a,,BadTimeout\n"
    report = imported(put(tmp_path, text), root)
    assert [one[3] for one in report.disputes] == ["1.0, Uncertain", "no value, BadTimeout"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_lines_that_end_with_carriage_returns(tmp_path: Path, encoding: str) -> None:
    text = LONG + "2025-11-21T00:00:00Z,a,1,Good\n2025-11-21T00:00:01Z,ö,2,Good\nbad,a,1,Good\n"
    report = imported(put(tmp_path, text.replace("\n", "\r").encode(encoding)), tmp_path / "s")
    assert (report.stored, report.examples[0].line) == (2, 4)


def test_a_row_of_units_below_the_header(tmp_path: Path) -> None:
    rows = "2025-11-21 00:00:00;1,5;2\n2025-11-21 00:00:01;2,5;3\n"
    report = imported(put(tmp_path, f"Zeit;Druck;Temp\n;bar;°C\n{rows}"), tmp_path / "s", zone="UTC")
    assert (report.rows, report.refused_total, report.stored) == (4, 0, 4)
    assert [(tag.name, tag.unit) for tag in report.tags] == [("Druck", "bar"), ("Temp", "°C")]
    assert ("units", "from line 2") in report.facts
    for number, other in enumerate((";bar;7", "gestern;ein;aus", ";Bad Input;")):  # no rows of units
        report = imported(put(tmp_path, f"Zeit;Druck;Temp\n{other}\n{rows}"), tmp_path / f"t{number}", zone="UTC")
        assert list(report.refused) == ["time"]
