"""The simulated past: a store like that of a capture, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from iiotctl.errors import UsageError
from iiotctl.ops.simulate_history import Past, simulate_history
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.verify import verify

NOW = 1_795_000_000_500_000


def write(folder: Path, *faults: str, seed: int = 1, seconds: float = 40) -> Past:
    return simulate_history(folder, seconds, seed=seed, faults=faults, now_us=lambda: NOW)


def rows(past: Past) -> pl.DataFrame:
    with Snapshot.open(past.store) as snapshot:
        parts = [pl.read_parquet(path) for path in snapshot.sample_files]
    return pl.concat(parts).select("tag", "ts", "value", "text", "quality").sort("tag", "ts")


def test_same_seed_same_past(tmp_path: Path) -> None:
    first = write(tmp_path / "a")
    assert first.end == NOW // 1_000_000 * 1_000_000
    assert verify(first.store).sound
    frame = rows(first)
    assert frame.height == first.samples
    assert frame["tag"].n_unique() == 61
    assert frame.filter(pl.col("tag") == "press1.motor.current").height == 40
    assert frame.equals(rows(write(tmp_path / "b")))
    assert not frame.equals(rows(write(tmp_path / "c", seed=2)))


def test_a_silent_source_is_a_gap_and_one_bad_row_a_tag(tmp_path: Path) -> None:
    past = write(tmp_path / "a", "cooling1:silent:start=10s,for=5s")
    hidden = rows(past).filter(pl.col("tag") == "cooling1.flow")
    assert hidden.height == 40 - 5 + 1
    assert hidden.filter(pl.col("value").is_null()).height == 1
    assert past.gaps == 1


@pytest.mark.parametrize("seconds", [0, -1, 8 * 86_400.0])
def test_lengths_that_cannot_be(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "a", seconds=seconds)
    assert caught.value.slug == "bad-value"


def test_a_store_that_is_there_stays(tmp_path: Path) -> None:
    write(tmp_path / "a", seconds=2)
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "a", seconds=2)
    assert caught.value.slug == "history-exists"
