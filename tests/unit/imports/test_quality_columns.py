"""Which column is quality, and what its numbers mean: recognised, or said, never dropped without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import UsageError
from tests.unit.imports.files import Asked, imported, put, rows_of, taken


@pytest.mark.parametrize(
    "rows",
    [
        "2025-11-21T10:00:00Z,n.a,1.5,Good\n2025-11-21T10:00:01Z,n.a,2.5,Bad\n",
        "n.a,2025-11-21T10:00:00Z,1.5,192\nn.a,2025-11-21T10:00:01Z,2.5,0\n",
        "2025-11-21T10:00:00Z,Gut,n.a,1.5\n2025-11-21T10:00:01Z,Schlecht,n.a,2.5\n",
    ],
)
def test_quality_in_a_file_without_header(tmp_path: Path, rows: str) -> None:
    report = imported(put(tmp_path, rows), tmp_path / "s")
    assert ("shape", "generic, long") in report.facts
    columns = dict(report.facts)["columns"]
    assert all(word in columns for word in ("time column", "tag column", "value column", "quality column"))
    assert [row[1:] for row in rows_of(tmp_path / "s")] == [("n.a", 1.5, None, "Good"), ("n.a", None, None, "Bad")]


def test_columns_that_are_not_used_are_listed_without_header_too(tmp_path: Path) -> None:
    report = imported(put(tmp_path, "2025-11-21T10:00:00Z,n.a,1.5,Good,shift 3\n"), tmp_path / "s")
    assert ("columns not used", "column 5") in report.facts


@pytest.mark.parametrize("title", ["State", "Güte", "Zustand"])
def test_quality_under_another_title(tmp_path: Path, title: str) -> None:
    text = f"ts;tag;value;{title}\n2025-11-21T10:00:00Z;a;1,5;Good\n2025-11-21T10:00:01Z;a;2,5;Bad [comm]\n"
    assert [row[2:] for row in taken(tmp_path, text)] == [(1.5, None, "Good"), (None, None, "Bad")]


def test_a_wide_column_of_words_stays_a_tag(tmp_path: Path) -> None:
    text = "ts,force,inspection\n2025-11-21T10:00:00Z,1,Good\n2025-11-21T10:00:01Z,2,Bad\n"
    assert {row[1] for row in taken(tmp_path, text)} == {"force", "inspection"}


def test_a_value_beside_its_quality_names_no_tag(tmp_path: Path) -> None:
    path = put(tmp_path, "ts,value,state\n2025-11-21T10:00:00Z,1,Good\n2025-11-21T10:00:01Z,2,Bad\n")
    with pytest.raises(UsageError, match="names no tag"):
        imported(path, tmp_path / "s")
    imported(path, tmp_path / "s", asked=Asked(fixed_tag="a"))
    assert [row[2:] for row in rows_of(tmp_path / "s")] == [(1.0, None, "Good"), (None, None, "Bad")]


def test_a_file_without_header_and_tags_takes_the_tag_that_is_given(tmp_path: Path) -> None:
    text = "2025-11-21T10:00:00Z,1.5,Good\n2025-11-21T10:00:01Z,2.5,Bad\n"
    path = put(tmp_path, text)
    with pytest.raises(UsageError, match="no column holds names of tags"):
        imported(path, tmp_path / "s")
    imported(path, tmp_path / "s", asked=Asked(fixed_tag="a", value="2"))
    assert [row[1:] for row in rows_of(tmp_path / "s")] == [("a", 1.5, None, "Good"), ("a", None, None, "Bad")]


def test_nothing_but_zeros_is_said(tmp_path: Path) -> None:
    text = "ts,tag,value,quality\n2025-11-21T10:00:00Z,a,1,0\n2025-11-21T10:00:01Z,a,2,0\n"
    report = imported(put(tmp_path, text), tmp_path / "s")
    (doubt,) = report.doubts
    assert "`--quality opc-da`" in doubt
    assert imported(put(tmp_path, text + "2025-11-21T10:00:02Z,a,2,192\n"), tmp_path / "t").doubts == ()
    assert imported(put(tmp_path, text.replace(",0", ",Good")), tmp_path / "u").doubts == ()


def test_a_tag_that_is_given_in_vain_is_said(tmp_path: Path) -> None:
    text = "ts,tag,value\n2025-11-21T10:00:00Z,a,1\n"
    (doubt,) = imported(put(tmp_path, text), tmp_path / "s", asked=Asked(fixed_tag="foo")).doubts
    assert "`--tag foo`" in doubt
