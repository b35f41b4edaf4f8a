from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl import quality
from iiotctl.errors import StoreError
from iiotctl.history.sql import views
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from iiotctl.samples import NULL_TIME, empty_batch
from iiotctl.store.layout import KINDS
from tests.unit.history.stores import T0, TAGS, ask, rollup, small_store, writer

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "views.md"


def at(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@pytest.mark.parametrize("view", views.COLUMNS)
@pytest.mark.parametrize("filled", [False, True])
def test_views_have_their_columns_and_types_whatever_the_store_holds(tmp_path: Path, view: str, filled: bool) -> None:
    root = small_store(tmp_path / "store")
    if not filled:
        for kind in KINDS:
            shutil.rmtree(root / kind)
        for path in (root / "spool").glob("*.seg"):
            path.unlink()
    described = ask(root, f"DESCRIBE {view}")
    assert {row[0]: row[1] for row in described} == views.COLUMNS[view]
    (count,) = ask(root, f"SELECT count(*) FROM {view}")[0]
    assert (count > 0) is filled


def test_sealed_and_unsealed_samples_are_there_once(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    rows = ask(root, "SELECT ts, tag, value, quality, site FROM samples ORDER BY ts")
    assert rows == [
        (at(T0), TAGS[0], 1.0, 0, "plant1"),
        (at(T0 + 1), TAGS[1], 2.0, 0, "plant1"),
        (at(T0 + 2), TAGS[2], 3.0, 0, "plant1"),
        (at(T0 + 1_000_000), TAGS[0], 1.5, 0, "plant1"),
        (at(T0 + 1_000_001), TAGS[1], None, 0x800A0000, "plant1"),
    ]


def test_parts_of_a_rollup_come_together(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    (row,) = ask(root, 'SELECT tag, "min", "max", mean, std, "count", bad, "first", "last", partial FROM rollups')
    assert row[:4] == (TAGS[0], 1.0, 3.0, 2.5)
    assert row[4] == pytest.approx(0.75**0.5)
    assert row[5:] == (4, 0, 1.0, 3.0, False)


def test_a_rollup_that_is_not_over_is_partial(tmp_path: Path) -> None:
    store = writer(tmp_path)
    store.commit(empty_batch(), rollups=rollup(0, T0, 1.0, closes=False))
    store.commit(empty_batch(), rollups=rollup(1, T0, 1.0))
    store.commit(empty_batch(), rollups=rollup(1, T0, 1.0, partial=True, closes=False))
    store.commit(empty_batch(), rollups=rollup(2, T0, 1.0))
    store.close()
    assert ask(tmp_path, "SELECT tag, partial FROM rollups ORDER BY tag") == [
        (TAGS[2], False),
        (TAGS[0], True),
        (TAGS[1], True),
    ]


def test_a_rollup_of_bad_samples_has_no_values(tmp_path: Path) -> None:
    store = writer(tmp_path)
    nothing = dict.fromkeys(("min", "max", "mean", "std", "first", "last"), np.nan)
    times = dict.fromkeys(("first_ts", "last_ts"), NULL_TIME)
    row = rollup(0, T0, 0.0, 0, bad=2, quality=np.uint32(0x800A0000), **nothing, **times)
    store.commit(empty_batch(), rollups=row)
    store.close()
    found = ask(tmp_path, 'SELECT "min", mean, std, "first", first_ts, last_ts, "count", bad FROM rollups')
    assert found == [(None, None, None, None, None, None, 0, 2)]


def test_of_a_kept_window_the_latest_row_counts(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    assert ask(root, 'SELECT id, source, "end", trigger FROM kept') == [
        ("w", None, at(T0 + 2_000_000), "press1.trip rises")
    ]
    assert ask(root, "SELECT id FROM kept", start=T0 + 3_000_000) == []


def test_a_view_may_be_scanned_more_than_once_in_a_statement(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    assert ask(root, "SELECT count(*) FROM samples a JOIN samples b USING (tag, ts)") == [(5,)]
    assert ask(root, "SELECT (SELECT count(*) FROM samples), (SELECT max(ts) FROM samples)") == [
        (5, at(T0 + 1_000_001))
    ]


def test_a_range_narrows_samples_and_gaps(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    assert ask(root, "SELECT count(*) FROM samples", start=T0 + 1) == [(4,)]
    assert ask(root, "SELECT count(*) FROM samples", start=T0 + 1, end=T0 + 1_000_000) == [(2,)]
    assert ask(root, "SELECT id FROM gaps", start=T0 - 5_000_000) == [("open",)]
    assert ask(root, "SELECT id FROM gaps ORDER BY id", start=T0 - 5_000_001) == [("closed",), ("open",)]
    assert ask(root, "SELECT id FROM gaps", end=T0 - 10_000_000) == []


def test_gaps_are_the_latest_row_of_each_id_without_withdrawn_ones(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    rows = ask(root, 'SELECT id, start, "end", reason FROM gaps ORDER BY id')
    start = at(T0 - 10_000_000)
    assert rows == [("closed", start, at(T0 - 5_000_001), "timeout"), ("open", start, None, "timeout")]


def test_tags_are_the_latest_row_of_each_tag(tmp_path: Path) -> None:
    root = tmp_path / "store"
    first = writer(root)
    first.close()
    second = writer(root, now=T0 + 60_000_000)
    from iiotctl.store.schema import TagRow

    second.define_tags([TagRow(code=0, tag=TAGS[0], source="press1", unit="psi")])
    second.close(seal=False)
    assert ask(root, f"SELECT unit FROM tags WHERE tag = '{TAGS[0]}'") == [("psi",)]
    history = ask(root, f"SELECT unit FROM tags_history WHERE tag = '{TAGS[0]}' ORDER BY valid_from")
    assert history == [("bar",), ("psi",)]
    assert len(ask(root, "FROM tags")) == len(TAGS)


def test_quality_macros_agree_with_the_vocabulary(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    codes = [*quality.NAMES, 0x800A0480, 0x00FF0000, 0x80FF1234, 0x41230000]
    listed = ", ".join(f"({code}::UINTEGER)" for code in codes)
    rows = ask(root, f"SELECT q, quality_name(q), is_good(q), is_bad(q) FROM (VALUES {listed}) v(q)")
    assert rows == [(code, quality.name(code), quality.is_good(code), quality.is_bad(code)) for code in codes]


def test_a_file_cut_off_or_of_another_make_is_named_and_left_out(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    folder = next((root / "samples").iterdir())
    good = next(folder.glob("*.parquet"))
    (folder / "a-cut.parquet").write_bytes(good.read_bytes()[:-100])
    (folder / "b-empty.parquet").write_bytes(b"")
    damaged = bytearray(good.read_bytes())
    damaged[-60:-12] = b"\xff" * 48  # the footer
    (folder / "c-damaged.parquet").write_bytes(bytes(damaged))
    pl.DataFrame({"time": [1], "machine": ["x"]}).write_parquet(folder / "00-foreign.parquet")
    pl.read_parquet(good).with_columns(pl.col("ts").cast(pl.String)).write_parquet(folder / "d-types.parquet")
    said: list[str] = []
    with Running(
        Selection(root),
        Statement("SELECT count(ts), count(value) FROM samples", Kind.SELECT),
        lambda e: said.append(e.text),
    ) as running:
        assert list(running.rows()[1]) == [(5, 4)]
    names = sorted(re.findall(r"([^/ ]+\.parquet): ", " ".join(f"{text} " for text in said)))
    assert names == ["00-foreign.parquet", "a-cut.parquet", "b-empty.parquet", "c-damaged.parquet", "d-types.parquet"]


def test_a_page_that_cannot_be_read_costs_its_file_only(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    folder = next((root / "samples").iterdir())
    good = next(folder.glob("*.parquet"))
    data = bytearray(good.read_bytes())
    data[4:40] = b"\xff" * 36
    (folder / "raw-bad-pages.parquet").write_bytes(bytes(data))
    said: list[str] = []
    with Running(Selection(root), Statement("FROM samples", Kind.SELECT), lambda e: said.append(e.text)) as running:
        rows = list(running.rows()[1])
    assert len(rows) == 5
    assert len(said) == 1
    assert "raw-bad-pages.parquet" in said[0]


def test_a_missing_store_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        ask(tmp_path / "nowhere", "SELECT 1")
    assert caught.value.slug == "store-missing"


def test_the_reference_page_lists_every_column() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for view, columns in views.COLUMNS.items():
        section = text.split(f"## `{view}`", 1)[1].split("\n## ", 1)[0]
        found = dict(re.findall(r"^\| `(\w+)` \| ([A-Z ]+) \|", section, re.MULTILINE))
        if view == "tags_history":
            assert "columns of `tags`" in section
            continue
        assert found == columns, view
