"""What a segment becomes: one sorted file per UTC date, in the store's columns and encodings."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from bench import mix

from iiotctl.quality import BAD_TIMEOUT
from iiotctl.samples import NULL_TIME, SampleBatch
from iiotctl.store.layout import Layout
from iiotctl.store.schema import TagRow, dtypes
from iiotctl.store.spool import read_spool
from iiotctl.store.tables import rows_of
from tests.unit.store.making import NOON, SECOND, Clock, batch, gap, open_writer, tag_row

MIDNIGHT = NOON + 12 * 3600 * SECOND


def _files(root: Path, kind: str = "samples") -> dict[str, pl.DataFrame]:
    return {
        path.parent.name: pl.read_parquet(path, hive_partitioning=False)
        for path in sorted((root / kind).rglob("*.parquet"))
    }


def test_one_file_per_utc_date_sorted_by_tag_and_time(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.commit(batch(MIDNIGHT - 2 * SECOND, 4))
    writer.commit(batch(MIDNIGHT - 10 * SECOND, 1))
    writer.close()
    files = _files(tmp_path)
    assert {day: rows.height for day, rows in files.items()} == {"date=2026-11-23": 9, "date=2026-11-24": 6}
    for rows in files.values():
        assert dict(rows.schema) == dtypes("samples")
        keys = rows.select("tag", "ts").rows()
        assert keys == sorted(keys)
        assert set(rows["site"]) == {"test"}


def test_rows_of_one_tag_and_time_keep_the_order_in_which_they_came(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    for value in (5.0, 3.0, 4.0):
        writer.commit(SampleBatch(np.zeros(1, np.uint32), np.array([NOON]), np.array([value]), np.zeros(1, np.uint32)))
    assert writer.recovered.last == {}
    writer.close()
    (rows,) = _files(tmp_path).values()
    assert rows["value"].to_list() == [5.0, 3.0, 4.0]
    again = open_writer(tmp_path, Clock(NOON + 10**9), define=False)
    assert again.recovered.last["press.pressure"].value == 4.0
    again.close()


def test_nulls_texts_and_the_three_other_times(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    ts = np.full(5, NOON)
    writer.commit(
        SampleBatch(
            np.zeros(5, np.uint32),
            ts + np.arange(5),
            np.array([1.5, np.nan, np.nan, 0.1, -0.0]),
            np.array([0, BAD_TIMEOUT, 0, 0, 0], np.uint32),
            text=[None, None, "Läuft", None, ""],
            ts_source=np.array([NOON, NOON - 5, NULL_TIME, NOON + 3, NULL_TIME]),
            ts_server=np.array([NOON + 1_000, NULL_TIME, NOON + 2 + 1_001, NOON - 99_999, NOON + 4]),
            ts_received=np.array([NOON, NOON + 2, NOON + 2, NULL_TIME, NOON + 4]),
        )
    )
    unsealed = rows_of(read_spool(Layout(tmp_path))[0], "samples")
    writer.close()
    (rows,) = _files(tmp_path).values()
    assert rows.equals(unsealed), "unsealed rows look as they will when sealed"
    assert rows["value"].to_list() == [1.5, None, None, 0.1, 0.0]
    assert rows["text"].to_list() == [None, None, "Läuft", None, ""]
    assert rows["quality"].to_list() == [0, BAD_TIMEOUT, 0, 0, 0]
    relative = rows.select(pl.col("^ts_.*$").dt.epoch("us") - NOON)
    assert relative["ts_source"].to_list() == [None, -5, None, None, None]
    assert relative["ts_server"].to_list() == [None, None, 1_003, -99_999, None]
    assert relative["ts_received"].to_list() == [None, 2, None, None, None]


def test_the_tag_history_grows_only_when_a_tag_changes(tmp_path: Path) -> None:
    clock = Clock()
    for unit in ("bar", "bar", "kPa"):
        clock.now += 3600 * SECOND
        writer = open_writer(tmp_path, clock, define=False)
        writer.define_tags([tag_row(0, unit=unit, span_low=0.0, span_high=250.0), tag_row(1)])
        writer.commit(batch(clock.now, 1).take(np.array([0, 1])))
        writer.close()
    rows = pl.concat(
        [pl.read_parquet(path, hive_partitioning=False) for path in (tmp_path / "tags").rglob("*.parquet")]
    )
    assert dict(rows.schema) == dtypes("tags")
    history = rows.sort("valid_from", "tag").select("tag", "unit", "span_high").rows()
    assert history == [
        ("oven.temperature", "bar", None),
        ("press.pressure", "bar", 250.0),
        ("press.pressure", "kPa", 250.0),
    ]


def test_the_gaps_log_keeps_every_row(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.commit(batch(NOON), [gap("a", NOON, None, NOON), gap("b", NOON, None, NOON + 1)])
    writer.commit(
        batch(NOON + SECOND), [gap("a", NOON, NOON + 9, NOON + 2), gap("b", NOON, None, NOON + 3, withdrawn=True)]
    )
    assert [one.id for one in writer._state.recovery().open_gaps] == []
    writer.close()
    (rows,) = _files(tmp_path, "gaps").values()
    assert dict(rows.schema) == dtypes("gaps")
    assert rows.select("id", "reason", "withdrawn", pl.col("end").is_null()).rows() == [
        ("a", "timeout", False, True),
        ("b", "timeout", False, True),
        ("a", "timeout", False, False),
        ("b", "timeout", True, True),
    ]


@pytest.mark.parametrize("shared", [True, False])
def test_encodings_and_size_of_the_bench_mix(tmp_path: Path, shared: bool) -> None:
    """`value` must come out PLAIN (a dictionary or byte split makes it larger); sizes are exact, so they may be asserted."""
    writer = open_writer(tmp_path, define=False)
    writer.define_tags([TagRow(code, name, "plc") for code, name in enumerate(mix.names())])
    plant = mix.make(300, shared=shared)
    size = 0
    for second in range(300):
        size += writer.commit(plant.batch(second, second + 1)).size
    writer.close()
    assert size / 300 <= 2_500, "bytes of a commit of 50 tags"
    (path,) = (tmp_path / "samples").rglob("*.parquet")
    found = duckdb.sql(
        f"SELECT path_in_schema, encodings, compression, stats_min_value FROM parquet_metadata('{path}') ORDER BY ALL"
    ).fetchall()
    columns = {name: (encodings, compression, low) for name, encodings, compression, low in found}
    assert "DICTIONARY" not in columns["value"][0]
    assert "BYTE_STREAM_SPLIT" not in columns["value"][0]
    assert "PLAIN" in columns["value"][0]
    assert "DICTIONARY" in columns["tag"][0]
    assert {compression for _, compression, _ in columns.values()} == {"ZSTD"}
    assert columns["tag"][2] == min(mix.names())
    assert path.stat().st_size / (300 * mix.TAGS) <= (2.1 if shared else 4.2)
