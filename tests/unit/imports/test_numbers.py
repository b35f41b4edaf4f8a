"""Numbers as people write them: thousands by evidence, and what is too large for a float."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.imports.files import imported, put, rows_of, taken


def _long(values: list[str], separator: str = ";") -> str:
    return (
        separator.join(("ts", "tag", "value"))
        + "\n"
        + "".join(separator.join((f"2025-11-21T00:00:{i:02d}Z", "a", value)) + "\n" for i, value in enumerate(values))
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["1.234", "1.234,5", "12.345.678,9", "-1.234"], [1234.0, 1234.5, 12345678.9, -1234.0]),
        (["1,234", "1,234.5", "12,345,678.9"], [1234.0, 1234.5, 12345678.9]),
        (["1,234,567", "-12,345,678"], [1234567.0, -12345678.0]),
        (["1.234.567", "1,5", "12.345"], [1234567.0, 1.5, 12345.0]),
    ],
)
def test_thousands_that_the_column_proves(tmp_path: Path, written: list[str], meant: list[float]) -> None:
    assert [row[2] for row in taken(tmp_path, _long(written))] == meant


def test_proof_may_come_late(tmp_path: Path) -> None:
    values = ["1.234", *["1,5"] * 58, "1.234.567,5"]
    assert taken(tmp_path, _long(values))[0][2] == 1234.0


@pytest.mark.parametrize("others", [["1,5"], ["1,5", "2,25"]])
def test_a_lone_group_that_nothing_proves_is_refused(tmp_path: Path, others: list[str]) -> None:
    report = imported(put(tmp_path, _long([*others, "1.234"])), tmp_path / "s")
    assert report.refused == {"number": 1}


def test_another_column_proves_nothing(tmp_path: Path) -> None:
    text = "ts;a;b\n2025-11-21T00:00:00Z;1.234,5;1,5\n2025-11-21T00:00:01Z;1.234;1.234\n"
    report = imported(put(tmp_path, text), tmp_path / "s")
    assert report.refused == {"number": 1}
    assert [row[2] for row in rows_of(tmp_path / "s")] == [1234.5, 1.5, 1234.0]


def test_too_large_for_a_float_keeps_its_text(tmp_path: Path) -> None:
    rows = [row[2:] for row in taken(tmp_path, _long(["1e400", "-1E999", "inf"]))]
    assert rows == [
        (None, "1e400", "BadSensorFailure"),
        (None, "-1E999", "BadSensorFailure"),
        (None, "Infinity", "BadSensorFailure"),
    ]
