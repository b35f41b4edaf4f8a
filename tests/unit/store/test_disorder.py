"""What is remembered of rows out of order: little, once, and through compaction, verification and a push."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from iiotctl.store import disorder
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.compact import compact
from iiotctl.store.push import push
from iiotctl.store.retain import Policy, retain
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.verify import verify
from tests.unit.store.bulk_stores import NOW, store

MINUTE = 60_000_000
DAY = 1440 * MINUTE
START = NOW // DAY * DAY - 20 * DAY


def rows(*times: int, tag: str = "a") -> pl.DataFrame:
    return pl.DataFrame({"tag": [tag] * len(times), "ts": [START + at * MINUTE for at in times]})


def noted(root: Path) -> list[tuple[object, ...]]:
    with Snapshot.open(root) as view:
        files = view.files["disorder"]
        frame = pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in files]) if files else None
    return [] if frame is None else sorted(frame.drop("detected_at").rows(), key=str)


def note(root: Path, found: pl.DataFrame, now: int = NOW) -> None:
    with BulkWriter.open(root, site="plant", now_us=lambda: now) as writer:
        writer.write_disorder([found])


def test_rows_close_together_are_one_stretch() -> None:
    found = disorder.of_rows(rows(0, 9, 18, 40), disorder.REPEATED)
    assert found.select((pl.col("start", "end") - START) // MINUTE, "rows").rows() == [(0, 18, 3), (40, 40, 1)]
    both = disorder.together([found, disorder.of_rows(rows(29), disorder.REPEATED)])
    assert both["rows"].to_list() == [3, 1, 1]
    assert disorder.together([both, disorder.of_rows(rows(31, tag="b"), disorder.REPEATED)])["rows"].len() == 4


def test_there_are_never_many() -> None:
    found = disorder.of_rows(rows(*range(0, 100_000, 15)), disorder.CONFLICTING)
    assert 0 < found.height <= disorder.MOST
    assert found["rows"].sum() == len(range(0, 100_000, 15))


@pytest.mark.parametrize("kind", [disorder.REPEATED, disorder.CONFLICTING])
def test_storing_tells_repeats_of_the_same_batch_and_conflicts(tmp_path: Path, kind: str) -> None:
    plain: list[tuple[str, int, float | None]] = [("a", START + at * MINUTE, float(at)) for at in range(60)]
    other = 1.0 if kind == disorder.CONFLICTING else 0.0
    again: list[tuple[str, int, float | None]] = [(tag, ts, (value or 0.0) + other) for tag, ts, value in plain[20:25]]
    for _ in range(2):
        done = store(tmp_path, plain + again)
        (found,) = (part.rows() for part in done.disorder)
        assert found == [("a", kind, START + 20 * MINUTE, START + 24 * MINUTE, 5, 0.0)]


def test_rows_that_the_store_has_are_no_repeats(tmp_path: Path) -> None:
    plain: list[tuple[str, int, float | None]] = [("a", START + at * MINUTE, float(at)) for at in range(60)]
    store(tmp_path, plain)
    done = store(tmp_path, plain)
    assert (done.already, done.disorder) == (60, [])


def test_noted_again_it_stands_once(tmp_path: Path) -> None:
    found = disorder.of_rows(rows(0, 1), disorder.REPEATED)
    note(tmp_path, found)
    note(tmp_path, found, NOW + 1)
    assert len(noted(tmp_path)) == 1
    note(tmp_path, disorder.of_rows(rows(0, 1, 2), disorder.REPEATED), NOW + 2)
    assert len(noted(tmp_path)) == 2, "the longer one is noted beside it; the view shows the later of the two"


def test_nothing_leaves_no_file(tmp_path: Path) -> None:
    note(tmp_path, disorder.nothing())
    assert noted(tmp_path) == []
    assert not (tmp_path / "disorder").exists()


def test_it_outlives_compaction_retention_and_a_push(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for number in range(3):
        store(root, [("a", START + number, 1.0)])
        note(root, disorder.of_rows(rows(number * 30), disorder.REPEATED), NOW + number)
    before = noted(root)
    assert len(before) == 3
    compact(root, now_us=lambda: NOW + 3 * DAY)
    assert len(list(root.glob("disorder/date=*/*.parquet"))) == 1
    retain(root, Policy(raw_us=DAY), now_us=lambda: NOW + 4 * DAY)
    assert not list(root.glob("samples/date=*/*.parquet"))
    assert noted(root) == before
    push(root, tmp_path / "lake", now_us=lambda: NOW + 4 * DAY)
    assert noted(tmp_path / "lake") == before
    assert verify(root).sound
