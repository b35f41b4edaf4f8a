"""The data of drawn trends beyond its samples: until when silent tags were watched."""

from __future__ import annotations

from pathlib import Path

from iiotctl.ops.trend import Order, trend
from iiotctl.store.schema import TagRow
from iiotctl.store.writer import StoreWriter
from tests.unit.history.stores import T0, batch

S = 1_000_000


def test_a_silent_tag_was_watched_as_long_as_any_tag_came_in(tmp_path: Path) -> None:
    with_mode = [TagRow(code=0, tag="door", source="line", mode="exception", stepped=True)]
    with_mode += [TagRow(code=1, tag="speed", source="line", mode="polled")]
    writer = StoreWriter.open(tmp_path / "store", site="plant1", run_info={}, now_us=lambda: T0)
    writer.define_tags(with_mode)
    writer.commit(batch([0, 1, 1, 1], [T0, T0 + 5 * S, T0 + 9 * S, T0 + 99 * S], [1.0, 2.0, 3.0, 4.0]))
    writer.close()

    def alive(tag: str) -> int | None:
        order = Order(tmp_path / "store", [tag], "2026-11-18T11:06:30Z", "2026-11-18T11:06:55Z")
        return trend(order, lambda event: None, now_us=lambda: T0).alive

    assert alive("door") == T0 + 9 * S  # the range ends before the sample at 99 s
    assert alive("speed") is None  # of a polled tag silence says nothing
