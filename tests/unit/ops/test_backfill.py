"""What a backfill says of gaps when what it fetched could not be stored."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from iiotctl.cli.backfill import _closing
from iiotctl.ops import backfill as op
from iiotctl.samples import Gap, GapReason
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.opcua.history import Recorded
from iiotctl.store.bulk import BulkWriter, Stored
from iiotctl.store.snapshot import Snapshot

START = 1_794_000_000_000_000
"""2026-11-06T21:20:00Z."""
MINUTE = 60_000_000


@pytest.mark.parametrize(("expired", "filled"), [(set(), 1), ({date(2026, 11, 5)}, 1), ({date(2026, 11, 6)}, 0)])
def test_a_gap_whose_values_expired_stays(tmp_path: Path, expired: set[date], filled: int) -> None:
    gap = Gap("g1", "plc", None, START, START + MINUTE, GapReason.TIMEOUT, START + 2 * MINUTE)
    tag = Tag.model_validate({"name": "a", "source": "plc", "address": "ns=2;s=a"})
    job = op._Job(
        OpcUaSource.model_validate({"type": "opcua", "url": "opc.tcp://plc:4840"}), [], {"a": CapturedTag(0, tag)}
    )
    piece = op._Piece(gap, START, START + MINUTE, ("a",))
    job.told = [(piece, {"a": Recorded(2 * MINUTE, 3, START, START + MINUTE)})]
    stored = Stored(expired=3 * len(expired), expired_dates=expired)
    with BulkWriter.open(tmp_path, now_us=lambda: START) as writer:
        done = op._settled(job, writer, stored, [gap], ["a"], still_open=0, now=START + 3 * MINUTE)
    assert (done.filled, done.split, done.tags[0].missing_us) == (filled, 0, (1 - filled) * (MINUTE + 1))
    with Snapshot.open(tmp_path) as snapshot:
        assert len(snapshot.gap_files) == filled
    assert any("3 rows belong to dates that have expired" in line for line in _closing(done, "plc")) == bool(expired)
