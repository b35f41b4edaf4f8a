"""Re-delivered samples are dropped, late ones kept, unchanged ones confirmed after a failure; then the deadband."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iiotctl.capture.deadband import Deadband
from iiotctl.capture.filter import Filter, FilterTag
from iiotctl.samples import SampleBatch, concat
from iiotctl.store.state import LastRow
from tests.unit.capture.scene import BAD, S, batch


class _Chain(Filter):
    """Filter and deadband as the recorder calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.deadband = Deadband()

    def accept(self, batch: SampleBatch, received: int) -> SampleBatch:
        kept = self.deadband.accept(super().accept(batch, received))
        self.stored(kept)
        return kept

    def nulled(self, nulls: SampleBatch) -> None:
        super().nulled(nulls)
        self.deadband.interrupted(nulls)


def _filter(*, stamped_here: bool = False, band: float | None = None, heartbeat: float = 600, tags: int = 3) -> _Chain:
    found = _Chain()
    found.define(FilterTag(code, stamped_here) for code in range(tags))
    for code in range(tags):
        found.deadband.define(code, band, round(heartbeat * S))
    return found


def _seen(kept: SampleBatch) -> list[tuple[int, float, float]]:
    return [
        (tag, ts / S, value)
        for tag, ts, value in zip(kept.tag.tolist(), kept.ts.tolist(), kept.value.tolist(), strict=True)
    ]


def _accept(found: Filter, *samples: tuple, at: float = 0) -> list[tuple[int, float, float]]:
    return _seen(found.accept(batch(*samples), round(at * S)))


def test_the_first_notification_of_a_static_tag_is_stored_once() -> None:
    found = _filter()
    assert _accept(found, (0, 60, 5.0)) == [(0, 60, 5.0)]
    assert _accept(found, (0, 60, 5.0)) == []
    assert _accept(found, (0, 60, 5.0), (1, 61, 2.0)) == [(1, 61, 2.0)]


def test_late_but_new_samples_are_kept_once() -> None:
    found = _filter()
    _accept(found, (0, 100, 1.0))
    assert _accept(found, (0, 90, 2.0)) == [(0, 90, 2.0)]
    assert _accept(found, (0, 90, 2.0)) == [], "the repeated notification of a stored sample is no news"
    assert _accept(found, (0, 101, 3.0)) == [(0, 101, 3.0)]


def test_several_samples_of_a_tag_in_one_batch() -> None:
    found = _filter()
    assert len(_accept(found, (0, 1, 1.0), (0, 2, 2.0), (1, 1, 1.0), (0, 3, 3.0))) == 4
    # a repeated notification with something new at its end
    assert _accept(found, (0, 2, 2.0), (0, 3, 3.0), (0, 4, 4.0), (1, 2, 9.0)) == [(0, 4, 4.0), (1, 2, 9.0)]


def test_a_quality_that_changes_at_the_same_time_is_news() -> None:
    found = _filter()
    _accept(found, (0, 60, 5.0))
    assert len(_accept(found, (0, 60, 5.0, 0x40000000))) == 1


def test_an_unchanged_value_is_confirmed_after_a_failure() -> None:
    found = _filter()
    _accept(found, (0, 60, 5.0))
    found.nulled(batch((0, 101, float("nan"), BAD)))
    kept = found.accept(batch((0, 60, 5.0)), 110 * S)
    assert _seen(kept) == [(0, 110, 5.0)]
    assert kept.ts_source is not None
    assert kept.ts_source.tolist() == [60 * S]
    assert _accept(found, (0, 60, 5.0), at=111) == [], "once is enough"


def test_our_own_clock_stepping_back_loses_nothing() -> None:
    found = _filter(stamped_here=True)
    _accept(found, (0, 100, 5.0))
    assert _accept(found, (0, 50, 5.0)) == [(0, 50, 5.0)]
    assert _accept(found, (0, 51, 5.0)) == [(0, 51, 5.0)]
    assert _accept(found, (0, 51, 5.0)) == []


def test_after_a_restart_the_stored_row_counts() -> None:
    found = _filter()
    found.restore(0, LastRow(60 * S, 5.0, 0, 60 * S))
    found.restore(1, LastRow(101 * S, None, BAD, 60 * S))
    assert _accept(found, (0, 60, 5.0)) == []
    assert _accept(found, (1, 60, 5.0), at=110) == [(1, 110, 5.0)], "its last row is a null"
    assert _accept(found, (2, 10, 1.0)) == [(2, 10, 1.0)]


def _texts(times: list[float], texts: list[str | None]) -> SampleBatch:
    n = len(times)
    ts = np.array([round(time * S) for time in times], np.int64)
    return SampleBatch(np.zeros(n, np.uint32), ts, np.full(n, np.nan), np.zeros(n, np.uint32), texts)


def test_texts_are_compared_too() -> None:
    found = _filter()
    assert len(found.accept(_texts([60], ["run"]), 0)) == 1
    assert len(found.accept(_texts([60], ["run"]), 0)) == 0
    assert len(found.accept(_texts([59], ["stop"]), 0)) == 1
    restarted = _filter()
    restarted.restore(0, LastRow(60 * S, None, 0, 60 * S))
    assert len(restarted.accept(_texts([60], ["run"]), 0)) == 0


def test_a_deadband_keeps_texts_that_change() -> None:
    found = _filter(band=0.0, heartbeat=10)
    kept = [len(found.accept(_texts([at], [text]), 0)) for at, text in ((1, "a"), (2, "a"), (3, "b"), (4, "b"))]
    assert kept == [1, 0, 2, 0], "with the last one before the change"


def test_deadband_stores_the_last_suppressed_sample_before_a_change() -> None:
    found = _filter(band=1.0)
    assert _accept(found, (0, 1, 10.0)) == [(0, 1, 10.0)]
    assert _accept(found, (0, 2, 10.5)) == []
    assert _accept(found, (0, 3, 10.4)) == []
    assert _accept(found, (0, 4, 12.0)) == [(0, 3, 10.4), (0, 4, 12.0)]
    assert _accept(found, (0, 5, 12.0, 0x40000000)) == [(0, 5, 12.0)]


def test_deadband_heartbeat() -> None:
    found = _filter(band=1.0, heartbeat=3)
    stored = [len(_accept(found, (0, second, 10.0))) for second in range(1, 9)]
    assert stored == [1, 0, 0, 1, 0, 0, 1, 0]


def test_a_failure_flushes_what_was_suppressed() -> None:
    found = _filter(band=1.0)
    _accept(found, (0, 1, 10.0), (1, 1, 10.0))
    _accept(found, (0, 2, 10.1), (1, 2, 10.2))
    assert _seen(found.deadband.flush([0])) == [(0, 2, 10.1)]
    found.nulled(batch((0, 3, float("nan"), BAD)))
    assert _accept(found, (0, 9, 10.1), (1, 9, 10.1)) == [(0, 9, 10.1)]
    assert _seen(found.deadband.flush(None)) == [(1, 9, 10.1)]


def test_tags_without_deadband_pass_beside_those_with_one() -> None:
    found = _filter()
    found.deadband.define(1, 5.0, 600 * S)
    _accept(found, (0, 1, 1.0), (1, 1, 1.0))
    assert _accept(found, (0, 2, 1.0), (1, 2, 1.1)) == [(0, 2, 1.0)]


def test_columns_grow() -> None:
    found = _filter(band=1.0, tags=400)
    assert len(_accept(found, *((code, 1, 1.0) for code in range(400)))) == 400
    assert len(_accept(found, *((code, 2, 1.0) for code in range(400)))) == 0


NAN = float("nan")
BAD_SENSOR = 0x808D0000


def test_a_bad_status_told_again_after_a_restart_is_dropped() -> None:
    found = _filter()
    found.restore(0, LastRow(60 * S, None, BAD, None))
    found.restore(1, LastRow(60 * S, None, BAD, 50 * S))
    assert _accept(found, (0, 60, NAN, BAD), (1, 60, NAN, BAD), at=200) == []
    assert _accept(found, (0, 60, NAN, BAD), at=201) == []
    assert found.redelivered == 3
    assert len(_accept(found, (0, 60, NAN, BAD_SENSOR), at=202)) == 1, "another quality is news"
    assert _accept(found, (1, 50, 5.0), at=203) == [(1, 203, 5.0)], "the value from before it is confirmed"
    assert len(_accept(found, (1, 204, NAN, BAD), at=204)) == 1


def test_an_older_bad_status_is_confirmed_once_after_a_null_row_and_a_restart() -> None:
    found = _filter()
    found.restore(0, LastRow(101 * S, None, BAD, None))  # null row of a failure; the status itself is from 60
    assert [row[:2] for row in _accept(found, (0, 60, NAN, BAD_SENSOR), at=200)] == [(0, 200)]
    assert _accept(found, (0, 60, NAN, BAD_SENSOR), at=201) == []
    again = _filter()
    again.restore(0, LastRow(200 * S, None, BAD_SENSOR, None, 60 * S))
    assert _accept(again, (0, 60, NAN, BAD_SENSOR), at=300) == []


def test_our_own_clock_stepping_back_over_a_restart_loses_no_bad_status() -> None:
    found = _filter(stamped_here=True)
    found.restore(0, LastRow(60 * S, None, BAD, None))
    assert len(_accept(found, (0, 50, NAN, BAD))) == 1
    assert _accept(found, (0, 60, NAN, BAD)) == []


def _impossible(received: float, source: float, value: float = 5.0, quality: int = 0) -> SampleBatch:
    plain = batch((0, received, value, quality))
    return replace(plain, ts_source=np.array([round(source * S)], np.int64))


def test_an_impossible_source_time_told_again_is_recognised_by_it() -> None:
    found = _filter()
    assert len(found.accept(_impossible(100, -5), 100 * S)) == 1
    assert len(found.accept(_impossible(200, -5), 200 * S)) == 0
    assert len(found.accept(_impossible(201, -5, 6.0), 201 * S)) == 1, "another value is news"
    assert len(found.accept(_impossible(202, -5, 6.0), 202 * S)) == 0
    assert len(found.accept(_impossible(203, -4, 6.0), 203 * S)) == 1, "another time is news"
    found.nulled(batch((0, 204, NAN, BAD)))
    assert _seen(found.accept(_impossible(205, -4, 6.0), 205 * S)) == [(0, 205, 6.0)], "confirmed after a failure"
    both = concat([_impossible(206, -4, 6.0), _impossible(207, -4, 6.0), _impossible(208, -4, 7.0)])
    assert _seen(found.accept(both, 208 * S)) == [(0, 208, 7.0)]


def test_an_impossible_source_time_is_recognised_after_a_restart() -> None:
    found = _filter()
    found.restore(0, LastRow(100 * S, 5.0, 0, 100 * S, -5 * S))
    assert len(found.accept(_impossible(200, -5), 200 * S)) == 0
    assert len(found.accept(_impossible(201, -5, 6.0), 201 * S)) == 1
    bad = _filter()
    bad.restore(0, LastRow(100 * S, None, BAD, None, -5 * S))
    assert len(bad.accept(_impossible(200, -5, NAN, BAD), 200 * S)) == 0


def test_a_file_replayed_again_adds_only_what_is_new() -> None:
    found = _Chain()
    found.define(FilterTag(code, False, in_order=True) for code in range(3))
    found.restore(0, LastRow(60 * S, 5.0, 0, 60 * S))
    found.restore(1, LastRow(60 * S, None, BAD_SENSOR, 50 * S))
    found.restore(2, LastRow(900 * S, None, BAD, 60 * S))  # "cannot be played", with our time
    rows = [(code, at, float(at)) for at in (50, 55, 60, 61) for code in range(3)]
    assert _accept(found, *rows) == [(code, 61, 61.0) for code in range(3)]
    assert found.redelivered == 9
