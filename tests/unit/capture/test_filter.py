"""Re-delivered samples are dropped, late ones kept, unchanged ones confirmed after a failure."""

from __future__ import annotations

import numpy as np

from iiotctl.capture.filter import Filter, FilterTag
from iiotctl.samples import NULL_TIME, SampleBatch
from tests.unit.capture.scene import BAD, S, batch


def _filter(*, stamped_here: bool = False, band: float | None = None, heartbeat: float = 600, tags: int = 3) -> Filter:
    found = Filter()
    found.define(FilterTag(code, stamped_here, band, round(heartbeat * S)) for code in range(tags))
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
    found.restore(0, 60 * S, (60 * S, 5.0, 0))
    found.restore(1, 60 * S, (101 * S, None, BAD))
    assert _accept(found, (0, 60, 5.0)) == []
    assert _accept(found, (1, 60, 5.0), at=110) == [(1, 110, 5.0)], "its last row is a null"
    found.restore(2, NULL_TIME, None)
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
    restarted.restore(0, 60 * S, (60 * S, None, 0))
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
    assert _seen(found.flush([0])) == [(0, 2, 10.1)]
    found.nulled(batch((0, 3, float("nan"), BAD)))
    assert _accept(found, (0, 9, 10.1), (1, 9, 10.1)) == [(0, 9, 10.1)]
    assert _seen(found.flush(None)) == [(1, 9, 10.1)]


def test_tags_without_deadband_pass_beside_those_with_one() -> None:
    found = _filter()
    found.define([FilterTag(1, False, 5.0, 600 * S)])
    _accept(found, (0, 1, 1.0), (1, 1, 1.0))
    assert _accept(found, (0, 2, 1.0), (1, 2, 1.1)) == [(0, 2, 1.0)]


def test_columns_grow() -> None:
    found = _filter()
    found.define([FilterTag(code, False, 1.0, 600 * S) for code in range(400)])
    assert len(_accept(found, *((code, 1, 1.0) for code in range(400)))) == 400
    assert len(_accept(found, *((code, 2, 1.0) for code in range(400)))) == 0
