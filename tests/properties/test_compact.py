"""Compaction changes no answer, whatever the store holds and however often it runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.samples import Gap, GapReason
from iiotctl.store import merge, plan
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.compact import compact
from iiotctl.store.verify import HARMLESS, verify
from tests.crash.power_cut import QuietDisk
from tests.unit.history.stores import T0, TAGS, batch, rollup, window, writer
from tests.unit.store.bulk_stores import coded

HOUR = 3_600_000_000
QUERIES = (
    "SELECT tag, epoch_us(ts), value, quality, text FROM samples ORDER BY ALL",
    "SELECT tag, count(*), min(ts), max(ts) FROM samples GROUP BY ALL ORDER BY ALL",
    "SELECT * FROM gaps ORDER BY ALL",
    "SELECT * FROM tags_history ORDER BY ALL",
    "SELECT * FROM rollups ORDER BY ALL",
    "SELECT * FROM kept ORDER BY ALL",
)

instants = st.integers(-60, 20).map(lambda step: T0 + step * HOUR // 4)
values = st.sampled_from([0.0, -0.0, 1.5, float("nan"), 1e300])
sample = st.tuples(st.integers(0, 3), instants, values, st.sampled_from([0, 0x80000000, 0x40000000]))
segment = st.lists(sample, min_size=1, max_size=8)
imported = st.lists(st.tuples(st.sampled_from(TAGS), instants, values), min_size=1, max_size=30)


def _answers(root: Path) -> list[str]:
    with Reader(Selection(root), lambda event: None) as reader:
        return reader.ask(lambda session: [repr(session.execute(sql).fetchall()) for sql in QUERIES])


def _store(
    root: Path, segments: list[list[tuple[int, int, float, int]]], imports: list[list[tuple[str, int, float]]]
) -> None:
    store = writer(root)
    for number, rows in enumerate(segments):
        tags, times, found, quality = zip(*rows, strict=True)
        at = times[0]
        gap = Gap(f"g{number % 3}", "press1", None, at, at + 1, GapReason.TIMEOUT, at + number, withdrawn=number == 4)
        parts = rollup(0, at // 60_000_000 * 60_000_000, 1.0)
        store.commit(
            batch(tags, times, found, quality, ["x" if tag == 3 else None for tag in tags]),
            [gap],
            rollups=parts,
            kept=[window(f"w{number % 2}", end=at)],
        )
        store.rotate()
        store.seal()
    store.close()
    for rows in imports:
        with BulkWriter.open(root, site="plant1", now_us=lambda: T0, disk=QuietDisk()) as bulk:
            bulk.add(coded(bulk, list(rows)))
            bulk.flush(store_conflicts=True)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(segment, min_size=1, max_size=6),
    st.lists(imported, max_size=2),
    st.lists(st.tuples(st.integers(-10, 60), st.booleans()), min_size=1, max_size=3),
    st.integers(1, 40),
    st.sampled_from([5, 1_000_000]),
)
def test_all_answers_stay(segments, imports, runs, block: int, worth: int) -> None:  # type: ignore[no-untyped-def]
    was = merge.BLOCK_ROWS, plan.WORTH_ROWS
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "store"
        _store(root, segments, imports)
        before = _answers(root)
        try:
            merge.BLOCK_ROWS, plan.WORTH_ROWS = block, worth  # type: ignore[misc]
            for hours, daily in sorted(runs):
                now = T0 + hours * HOUR
                compact(root, now_us=lambda now=now: now, daily_after_us=0 if daily else None, disk=QuietDisk())
        finally:
            merge.BLOCK_ROWS, plan.WORTH_ROWS = was  # type: ignore[misc]
        assert _answers(root) == before
        assert {flaw.verdict for flaw in verify(root).flaws} <= HARMLESS
