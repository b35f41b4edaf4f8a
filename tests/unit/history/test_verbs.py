"""`last`, `gaps` and the times that they take."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from iiotctl.errors import IncompleteError, UsageError
from iiotctl.history.gaps import Wanted
from iiotctl.history.latest import latest
from iiotctl.history.names import matcher
from iiotctl.ops.gaps import by_cause, gaps
from iiotctl.ops.last import last
from iiotctl.samples import Gap, GapReason, empty_batch
from iiotctl.store.schema import TagRow
from iiotctl.store.snapshot import Snapshot
from tests.unit.history.stores import T0, TAGS, ask, batch, gap, rollup, small_store, writer

DAY = 86_400_000_000


def silent(event: object) -> None:
    del event


def us(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * 1_000_000 + moment.microsecond


def test_last_is_the_newest_row_sealed_or_not(tmp_path: Path) -> None:
    rows = {row.tag: row for row in last(small_store(tmp_path / "store"), [], silent)}
    assert list(rows) == sorted(TAGS)
    assert (us(rows[TAGS[0]].ts), rows[TAGS[0]].value, rows[TAGS[0]].unit) == (T0 + 1_000_000, 1.5, "bar")
    assert (rows[TAGS[1]].value, rows[TAGS[1]].quality) == (None, 0x800A0000)
    assert (us(rows[TAGS[2]].ts), rows[TAGS[2]].source) == (T0 + 2, "oven")
    assert rows[TAGS[3]].ts is None


def test_last_agrees_with_a_full_scan(tmp_path: Path) -> None:
    """Random tags over days, late rows, many files a day, some tags long silent."""
    root = tmp_path / "store"
    store = writer(root)
    random = np.random.default_rng(5)
    for segment in range(40):
        n = 20
        days = np.where(random.random(n) < 0.2, random.integers(0, 4, n), segment // 10)
        tags = random.integers(0, 2 if segment > 12 else 4, n)
        ts = T0 + days * DAY + random.integers(0, 10**9, n)
        store.commit(batch(tags.tolist(), ts.tolist(), random.random(n).tolist()))
        store.rotate()
        if segment < 37:
            store.seal()
    store.close(seal=False)
    expected = ask(root, "SELECT tag, max(ts), arg_max(value, ts) FROM samples GROUP BY tag ORDER BY tag")
    assert [(row.tag, row.ts, row.value) for row in last(root, [], silent)] == expected


def test_last_reads_the_newest_files_only(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = writer(root)
    for day in range(4):
        store.commit(batch([0, 1, 2, 3], [T0 + day * DAY + code for code in range(4)], [day] * 4))
        store.rotate()
        store.seal()
    store.close()
    with Snapshot.open(root) as snapshot:
        for path in snapshot.sample_files[:-1]:
            path.unlink()  # whoever looks into them fails
        rows, _ = latest(snapshot, lambda name: True, silent)
    assert [row.value for row in rows] == [3.0] * 4


@pytest.mark.parametrize("sealed", [False, True])
def test_last_of_a_tag_that_only_has_rollups(tmp_path: Path, sealed: bool) -> None:
    store = writer(tmp_path)
    minute = T0 - T0 % 60_000_000
    store.commit(batch([1], [minute], [5.0]), rollups=rollup(0, minute, 7.5, last_ts=minute + 59_000_000))
    store.commit(empty_batch(), rollups=rollup(0, minute - 60_000_000, 6.5))
    store.commit(
        batch([2], [minute], [1.0]), rollups=rollup(2, minute, 2.0, last_ts=minute + 1, quality=np.uint32(1 << 31))
    )
    store.close(seal=sealed)
    found = {row.tag: (row.value, row.quality) for row in last(tmp_path, [], print)}
    assert found[TAGS[0]] == (7.5, 0)
    assert found[TAGS[1]] == (5.0, 0)
    assert found[TAGS[2]] == (2.0, 0x40900000), "some of its minute was Bad"
    assert found[TAGS[3]] == (None, None)


def test_last_works_without_a_tags_table(tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "store"
    store = writer(root)
    store.commit(batch([0, 1], [T0, T0 + 1], [1, 2]))
    store.close()
    shutil.rmtree(root / "tags")
    assert [(row.tag, row.value) for row in last(root, [], silent)] == [(TAGS[0], 1.0), (TAGS[1], 2.0)]


def test_last_leaves_out_a_damaged_file_and_says_so(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    good = next((root / "samples").rglob("*.parquet"))
    data = bytearray(good.read_bytes())
    data[-60:-12] = b"\xff" * 48
    good.with_name("raw-damaged.parquet").write_bytes(bytes(data))
    said: list[str] = []
    rows = last(root, ["oven.zone1"], lambda event: said.append(event.text))
    assert rows[0].value == 3.0
    assert len(said) == 1
    assert "raw-damaged.parquet" in said[0]


def test_last_of_an_unknown_tag(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    with pytest.raises(IncompleteError) as caught:
        last(root, ["press1.presure"], silent)
    assert caught.value.slug == "no-tags"
    assert "`press1.pressure`" in str(caught.value.hint)
    said: list[str] = []
    rows = last(root, ["press1.presure", "oven.*"], lambda event: said.append(event.text))
    assert [row.tag for row in rows] == ["oven.zone1", "oven.zone2"]
    assert said == ["no tag matches `press1.presure`; did you mean `press1.pressure` or `press1.temperature`?"]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_removed_tag_is_history(tmp_path: Path, *, sealed: bool) -> None:
    root = tmp_path / "store"
    store = writer(root)
    store.commit(batch([0, 1], [T0, T0], [1.0, 2.0]))
    store.close(seal=True)
    again = writer(root, now=T0 + 1_000_000)
    again.define_tags([TagRow(code=1, tag=TAGS[1], source="press1", unit="degC", mode="removed")])
    again.commit(batch([0], [T0 + 1_000_000], [1.5]))
    again.close(seal=sealed)
    assert [row.tag for row in last(root, [], silent)] == sorted(set(TAGS) - {TAGS[1]})
    assert [row.tag for row in last(root, ["press1.*"], silent)] == [TAGS[0]]
    assert [row.value for row in last(root, [TAGS[1]], silent)] == [2.0]
    assert ask(root, "SELECT tag FROM tags ORDER BY tag") == [(tag,) for tag in sorted(set(TAGS) - {TAGS[1]})]
    assert ask(root, f"SELECT count(*) FROM tags_history WHERE tag = '{TAGS[1]}'") == [(2,)]


def test_patterns_match_as_a_whole_and_by_case() -> None:
    match = matcher(["press1.*", "a[1]"])
    assert [name for name in ("press1.x", "xpress1.x", "PRESS1.x", "a[1]", "a1") if match(name)] == [
        "press1.x",
        "a[1]",
        "a1",
    ]


@pytest.fixture
def gapped(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    store = writer(root)
    start = T0 - 10_000_000
    store.commit(
        batch([], [], []),
        [
            gap("whole", end=start + 999_999),
            gap("of one tag", tag=TAGS[0]),
            Gap("oven", "oven", None, start + 1, start + 2_000_000, GapReason.RESTART, T0),
            gap("taken back", withdrawn=True),
        ],
    )
    store.close(seal=False)
    return root


def ids(root: Path, wanted: Wanted, **options: str) -> list[str]:
    return [row.id for row in gaps(root, wanted, silent, now_us=lambda: T0, **options)]


def test_gaps_are_narrowed(gapped: Path) -> None:
    assert ids(gapped, Wanted()) == ["whole", "of one tag", "oven"]
    assert ids(gapped, Wanted(source="oven")) == ["oven"]
    assert ids(gapped, Wanted(tag=TAGS[0])) == ["whole", "of one tag"]
    assert ids(gapped, Wanted(tag=TAGS[1])) == ["whole"]
    assert ids(gapped, Wanted(reason="restart")) == ["oven"]
    assert ids(gapped, Wanted(source="press1", reason="restart")) == []
    assert ids(gapped, Wanted(), start="*-8500ms") == ["of one tag", "oven"]
    assert ids(gapped, Wanted(), end="*-10s") == []


def test_durations_count_both_ends(gapped: Path) -> None:
    rows = gaps(gapped, Wanted(), silent)
    assert [row.duration_s for row in rows] == [1.0, None, 2.0]
    causes = by_cause(rows, T0 + 1_000_000)
    assert [(cause.reason, cause.outages.count, cause.outages.open) for cause in causes] == [
        ("restart", 1, 0),
        ("timeout", 1, 1),
    ]
    assert [cause.outages.seconds for cause in causes] == [2.0, 11.000001]


def test_what_the_store_does_not_know_is_no_empty_answer(gapped: Path) -> None:
    for wanted, slug in ((Wanted(tag="press1.presure"), "no-tags"), (Wanted(source="oven2"), "no-source")):
        with pytest.raises(IncompleteError) as caught:
            gaps(gapped, wanted, silent)
        assert caught.value.slug == slug
        assert "did you mean" in str(caught.value.hint)
    with pytest.raises(UsageError):
        gaps(gapped, Wanted(reason="timeot"), silent)
