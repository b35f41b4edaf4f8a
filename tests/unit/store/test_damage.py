"""Bytes that the disk gives back wrong: what stood behind them is a gap, and no gap covers what could be read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from iiotctl.store import frames
from iiotctl.store.writer import StoreWriter
from tests.unit.store.making import NOON, SECOND, Clock, batch, open_writer


def written(root: Path, commits: int, *, segments: int) -> StoreWriter:
    """Seconds of three tags, one commit each, in so many segments that nobody seals; the writer is left as a crash would."""
    clock = Clock()
    writer = open_writer(root, clock)
    for number in range(commits * segments):
        clock.now = NOON + number * SECOND + 500_000
        writer.commit(batch(NOON + number * SECOND), alive={"plc": NOON + number * SECOND})
        if (number + 1) % commits == 0 and number + 1 < commits * segments:
            writer.rotate()
    writer.rotate()
    return writer


def flip(path: Path, commit: int) -> None:
    """Spoil one byte of the k-th commit of a segment."""
    data = bytearray(path.read_bytes())
    ends = [frame.end for frame in frames.scan(bytes(data)) if frame.kind == frames.Kind.COMMIT]
    data[ends[commit] - 3] ^= 0x20
    path.write_bytes(data)


def gaps(root: Path) -> list[tuple[object, ...]]:
    files = sorted(root.glob("gaps/date=*/*.parquet"))
    if not files:
        return []
    table = pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])
    times = pl.col("start", "end").dt.epoch("us")
    return table.with_columns(times).select("source", "tag", "start", "end", "reason").rows()


def samples(root: Path) -> list[int]:
    found = [pl.read_parquet(file, hive_partitioning=False) for file in root.glob("samples/date=*/*.parquet")]
    return sorted(set(pl.concat(found)["ts"].dt.epoch("us")))


@pytest.mark.parametrize("way", ["at the next start", "while it runs"])
@pytest.mark.parametrize("spoilt", [0, 3])
def test_what_stood_behind_the_damaged_place_is_a_gap(tmp_path: Path, spoilt: int, way: str) -> None:
    writer = written(tmp_path, 6, segments=2)
    first, _ = sorted(tmp_path.glob("spool/*.seg"))
    flip(first, spoilt)
    if way == "while it runs":
        writer.seal()
        assert [path.name for path in writer.damaged] == [first.name]
    else:
        writer._lock.release()
        StoreWriter.open(tmp_path, now_us=Clock(NOON + 60 * SECOND)).close(ended=False)
    seconds = [second for second in range(12) if second < spoilt or second >= 6]
    assert samples(tmp_path) == [NOON + second * SECOND for second in seconds]
    ((source, tag, start, end, reason),) = gaps(tmp_path)
    assert (source, tag, reason) == ("plc", None, "damaged")
    assert end == NOON + 6 * SECOND - 1
    # nothing of the segment could be read: then the hole begins with the segment
    assert start == (NOON + (spoilt - 1) * SECOND + 1 if spoilt else NOON + 1)
    assert len(list(tmp_path.glob("spool/damaged/*.seg"))) == 1


def test_a_tail_that_a_crash_tore_is_no_damage(tmp_path: Path) -> None:
    """The commit was never acknowledged; the gap since the crash begins before it."""
    writer = written(tmp_path, 4, segments=1)
    (path,) = tmp_path.glob("spool/*.seg")
    path.write_bytes(path.read_bytes()[:-5])
    writer._lock.release()
    again = StoreWriter.open(tmp_path, now_us=Clock(NOON + 60 * SECOND))
    assert gaps(tmp_path) == []
    assert again.recovered.alive == {"plc": NOON + 2 * SECOND}
    again.close()
