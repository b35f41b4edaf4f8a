"""Our own exports imported into another store give the same store."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from iiotctl import quality
from iiotctl.ops.query import Query, run
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.verify import verify
from tests.unit.imports.files import imported
from tests.unit.store.bulk_stores import NOW, samples

START = 1_763_683_200_000_000


def _store(root: Path) -> None:
    texts = ["=1+1", "'quoted", 'läuft, "jetzt"', "a\nb", "9007199254740993", "-3", "NaN", " blank "]
    count = 400
    with BulkWriter.open(root, site="Werk 1", now_us=lambda: NOW) as writer:
        codes = writer.codes(["press1.pressure", "oven.text", "x"])
        frame = pl.DataFrame(
            {
                "tag": pl.Series([codes[i % 3] for i in range(count)], dtype=pl.UInt32),
                "ts": [START + i * 7_123_456 * 60 for i in range(count)],
                "value": [None if i % 3 == 1 or i % 7 == 0 else i / 3 for i in range(count)],
                "text": [texts[i % len(texts)] if i % 3 == 1 else None for i in range(count)],
                "quality": pl.Series(
                    [
                        quality.BAD_TIMEOUT if i % 7 == 0 and i % 3 != 1 else (0, 0x40000000)[i % 2]
                        for i in range(count)
                    ],
                    dtype=pl.UInt32,
                ),
                "ts_received": [START + i * 7_123_456 * 60 + 1500 for i in range(count)],
            }
        )
        writer.add(frame)
        writer.flush()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_imports_into_an_equal_store(tmp_path: Path, form: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _store(first)
    export = tmp_path / f"export.{form}"
    run(Query(first, "FROM samples ORDER BY ts, tag", format=form, output=export), lambda event: None)
    report = imported(export, second)
    assert (report.refused_total, report.conflicts) == (0, 0)
    assert samples(second).equals(samples(first))
    assert verify(second).sound
    # and once more into the first: nothing new
    again = imported(export, first)
    assert (again.stored, again.already) == (0, samples(first).height)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_quality_by_name_and_fewer_columns(tmp_path: Path, form: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _store(first)
    export = tmp_path / f"export.{form}"
    sql = "SELECT ts, tag, value, text, quality_name(quality) AS quality FROM samples"
    run(Query(first, sql, format=form, output=export), lambda event: None)
    imported(export, second)
    columns = ["ts", "tag", "value", "quality"]
    assert samples(second).select(columns).equals(samples(first).select(columns))


@pytest.mark.parametrize(
    "columns", ["ts, tag, value, text", "ts, tag, value, text, quality", "ts, tag, value, text, site"]
)
def test_guarded_texts_come_back_from_any_selection(tmp_path: Path, columns: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    _store(first)
    export = tmp_path / "export.csv"
    sql = f"SELECT {columns} FROM samples WHERE tag = 'oven.text'"
    run(Query(first, sql, format="csv", output=export), lambda event: None)
    imported(export, second)
    want = samples(first).filter(pl.col("tag") == "oven.text")
    assert samples(second)["text"].to_list() == want["text"].to_list()
    # in the file of somebody else the sign is part of the text
    export.write_text(export.read_text().replace("tag", "Tagname", 1))
    imported(export, tmp_path / "third")
    assert "'=1+1" in samples(tmp_path / "third")["text"].to_list()
