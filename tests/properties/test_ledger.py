"""Whatever happens in whatever order: no gap covers a stored sample, gaps of a tag never overlap, no hole is silent."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.completeness import measure, total
from iiotctl.samples import GapReason
from tests.unit.capture.scene import S, Scene

TAGS = "abcd"

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["deliver", "deliver", "deliver", "late", "fail-source", "fail-tags", "drop", "step"]),
        st.sets(st.integers(0, 3), min_size=1),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=40,
)


def _play(actions: list[tuple[str, set[int], int]], *, exception: bool) -> Scene:
    scene = Scene(exception=exception, tags=TAGS)
    now = 10
    for kind, codes, wait in actions:
        now += wait
        names = "".join(TAGS[code] for code in sorted(codes))
        if kind == "deliver":
            scene.samples(*((code, now + code / 1000) for code in sorted(codes)), at=now + 0.1)
        elif kind == "late":
            scene.samples(*((code, now - 5 * wait - 0.5 + code / 1000) for code in sorted(codes)), at=now)
        elif kind == "fail-source":
            scene.failed(None, now)
        elif kind == "fail-tags":
            scene.failed(names, now)
        elif kind == "drop":
            scene.note(scene.ledger.dropping("s", GapReason.DISK_FULL, now * S))
        else:
            scene.lost(names, now - wait + 0.25, now - 0.25)
        _same_as_the_book(scene, now * S + 200_000)
    scene.note(scene.ledger.close((now + 1) * S))
    _same_as_the_book(scene, (now + 1) * S)
    return scene


def _same_as_the_book(scene: Scene, now: int) -> None:
    """What a running capture says of each tag is what its rows say to those who read the store."""
    told = scene.ledger.book.completeness("s", range(len(TAGS)), now)
    assert scene.ledger.book.total("s", range(len(TAGS)), now) == total(told)
    for code, of_tag in enumerate(told):
        rows = [row for row in scene.table() if row.tag in (None, TAGS[code])]
        gaps = [(row.start, now if row.end is None else row.end, str(row.reason)) for row in rows]
        read = measure([(0, now)], [gap for gap in gaps if gap[0] <= now])
        assert of_tag.captured == read.captured
        assert of_tag.missing == read.missing


def _gaps_of(scene: Scene, code: int) -> list[tuple[int, int]]:
    rows = [row for row in scene.table() if row.tag in (None, TAGS[code])]
    assert all(row.end is not None and row.start <= row.end for row in rows)
    return sorted((row.start, row.end) for row in rows if row.end is not None)


def _check(scene: Scene) -> None:
    for code in range(len(TAGS)):
        gaps = _gaps_of(scene, code)
        for (_, end), (start, _) in itertools.pairwise(gaps):
            assert end < start, f"gaps of {TAGS[code]} overlap"
        times = np.sort(np.concatenate([part.ts[part.tag == code] for part in scene.stored] or [np.empty(0)]))
        for start, end in gaps:
            assert not ((times >= start) & (times <= end)).any(), f"a gap of {TAGS[code]} covers a stored sample"


@given(ACTIONS)
def test_polled_tags(actions: list[tuple[str, set[int], int]]) -> None:
    _check(_play(actions, exception=False))


@given(ACTIONS)
def test_tags_that_report_on_change(actions: list[tuple[str, set[int], int]]) -> None:
    _check(_play(actions, exception=True))


@given(st.lists(st.tuples(st.integers(2, 30), st.integers(1, 10), st.booleans()), min_size=1, max_size=10))
def test_every_hole_has_a_cause_and_no_gap_is_generous(outages: list[tuple[int, int, bool]]) -> None:
    """A device scanned every second that is away now and then: Σ gap ≤ true outage + 2 periods, and ≥ the outage."""
    scene = Scene(tags="ab")
    now, away = 100, 0
    scene.samples((0, now), (1, now))
    for outage, alive, whole in outages:
        for second in range(now + 1, now + outage + 1):
            scene.failed(None if whole else "a", second)
            if not whole:
                scene.samples((1, second))
        now += outage
        away += outage
        for _ in range(alive):
            now += 1
            scene.samples((0, now), (1, now))
    total = sum(end - start + 1 for start, end in _gaps_of(scene, 0)) / S
    assert away <= total <= away + 2 * len(outages)
