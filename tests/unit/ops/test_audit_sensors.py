"""An audit of a store's sensors, end to end, with a check that the test knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from iiotctl.checks.features.columns import DAY, HOUR
from iiotctl.checks.sensors import clock_skew, stale
from iiotctl.errors import IncompleteError, SiteError
from iiotctl.findings import Severity
from iiotctl.ops import audit_data
from iiotctl.ops.audit_sensors import Wanted, audit_sensors
from iiotctl.samples import Gap, GapReason
from iiotctl.site.load import load_site
from iiotctl.store.schema import TagRow
from iiotctl.store.writer import StoreWriter
from tests.unit.checks.faketags import check
from tests.unit.history.stores import batch
from tests.unit.ops.auditstores import HIGH, MOVING, NOW, T0, Rows, days, installed, raised, rows, store

_CLOCK = {"now_us": lambda: NOW}


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, HIGH)


def test_without_a_baseline_the_first_two_days_teach_and_it_says_so(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": raised(rows(6), 3, 3.5), "B": rows(6, seed=2)})
    result = audit_sensors(root, Wanted(), **_CLOCK)
    (found,) = result.findings
    assert (found.tag, found.severity, found.message) == ("A", Severity.MEDIUM, found.message)
    assert days(found.start or 0) == pytest.approx(3, abs=0.001)
    assert days(found.end or 0) == pytest.approx(3.5, abs=0.001)
    assert result.baseline.origin == "learnt"
    assert "first 2 d of the store" in result.baseline.said
    assert (result.baseline.start, result.baseline.end) == (T0, T0 + 2 * DAY)
    assert (result.start, result.complete, list(result.tags)) == (T0, True, ["A", "B"])
    assert [data.info.tag for data in result.data] == ["A", "B"]


def test_a_later_range_learns_from_the_beginning_of_the_store(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": raised(rows(6), 3, 5.5), "late": raised(rows(3, start=2.5, seed=2), 5, 5.1)})
    result = audit_sensors(root, Wanted(start="2026-03-07"), **_CLOCK)
    assert [(one.tag, days(one.start or 0)) for one in result.findings] == [("A", 5.0), ("late", 5.0)]
    assert len(result.data[0].features) == 1440
    late = result.data[1].baseline
    assert late is not None
    assert (days(late.start), days(late.end)) == (2.5, pytest.approx(4.5, abs=0.01))


def test_a_young_store_learns_from_its_first_half(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": raised(rows(1), 0.8, 0.9)})
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert [one.severity for one in result.findings] == [Severity.LOW]
    assert "first 12 h of the store" in result.baseline.said


def test_lone_early_rows_begin_no_learning_period(tmp_path: Path) -> None:
    of = rows(5, start=10)
    lone = Rows(np.append(T0, of.ts), np.append(50.0, of.value), np.zeros(len(of.ts) + 1, np.uint32))
    root = store(tmp_path / "s", {"A": raised(lone, 13, 13.5)})
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert [days(one.start or 0) for one in result.findings] == [13.0]


def test_odd_tags_end_in_results_with_names(tmp_path: Path) -> None:
    texts = Rows(rows(4).ts, np.full(34560, np.nan), np.zeros(34560, np.uint32), ["on"] * 34560)
    odd = rows(4, seed=3)
    odd.value[::7] = np.inf
    tags = {
        "bad": rows(4, quality=0x80000000),
        "constant": Rows(rows(4).ts, np.full(34560, 5.0), np.zeros(34560, np.uint32)),
        "infinite": odd,
        "one": rows(0, start=3),
        "text": texts,
    }
    root = store(tmp_path / "s", tags)
    opened = StoreWriter.open(root, site="plant1", run_info={}, now_us=lambda: NOW)
    opened.define_tags([TagRow(code=0, tag="never", source="plc1")])
    opened.close()
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert not result.failed
    assert not result.findings
    assert sorted(data.info.tag for data in result.data) == ["bad", "constant", "infinite", "never", "one", "text"]
    assert [(one.tag, one.reason) for one in result.skipped] == [("text", "a text")]
    assert {one.tag for one in result.not_judged} == {"never"}


def test_rows_of_clocks_that_were_never_set_are_left_out_and_said(tmp_path: Path) -> None:
    of = rows(5)
    ts = np.concatenate([[86_400_000_000], of.ts, [NOW + 400 * DAY]])
    odd = Rows(ts, np.append(np.append(1.0, of.value), 1.0), np.zeros(len(ts), np.uint32))
    root = store(tmp_path / "s", {"A": raised(odd, 3, 3.5)})
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert len(result.findings) == 1
    assert (result.start, days(result.end)) == (T0, pytest.approx(5, abs=0.01))
    assert result.warnings[0] == "not looked at: 1 row from before the year 2000, of a wrong clock (among A)"
    assert result.warnings[1].startswith("not looked at: 1 row more than 31 d in the future")


def test_rows_ahead_of_the_clock_are_judged_and_said(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": raised(rows(6), 3, 3.5)})
    result = audit_sensors(root, Wanted(), now_us=lambda: T0 + DAY)
    assert len(result.findings) == 1
    assert "later than the clock" in result.warnings[0]


def test_a_clock_ahead_makes_no_other_tag_look_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, stale.CHECK, clock_skew.CHECK)
    ahead = rows(4, seed=2)
    ahead.ts[-60:] += 3 * DAY
    root = store(tmp_path / "s", {"A": rows(4), "wrong": ahead})
    result = audit_sensors(root, Wanted(), now_us=lambda: T0 + 4 * DAY + HOUR)
    assert [(one.check, one.tag) for one in result.findings] == [("clock-skew", "wrong")]
    assert "in the future" in result.findings[0].message


def test_a_unit_that_changed_is_named_and_what_came_after_is_judged(tmp_path: Path) -> None:
    root = tmp_path / "s"
    old, new = rows(3, level=5), raised(rows(6, start=3, level=500, seed=2), 8, 8.5)
    store(root, {"A": old}, now=T0, unit="bar")
    store(root, {"A": new}, now=T0 + 3 * DAY, unit="kPa")
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert [(one.check, one.tag) for one in result.not_judged] == [("unit-changed", "A")]
    assert [days(one.start or 0) for one in result.findings] == [8.0]
    assert result.data[0].baseline is not None
    assert days(result.data[0].baseline.start) == 3


def test_imported_tags_are_stale_against_the_store_and_captured_ones_against_the_clock(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": rows(4), "B": rows(2, seed=2)}, B={"mode": "polled", "source": "x"})
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert [data.now for data in result.data] == [result.end - 1, NOW]
    result = audit_sensors(root, Wanted(end="2026-03-05"), **_CLOCK)
    assert [data.now for data in result.data] == [T0 + 3 * DAY, T0 + 3 * DAY]


def test_more_tags_than_memory_holds_are_judged_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"T{number}" for number in range(5)]
    tags = {name: rows(4, period=60, seed=at) for at, name in enumerate(names)} | {"T9": raised(rows(4), 3, 3.2)}
    root = store(tmp_path / "s", tags)
    monkeypatch.setattr(audit_data, "BATCH_BYTES", 1)
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert [one.tag for one in result.findings] == ["T9"]
    assert list(result.tags) == [*names, "T9"]
    assert "judged in 6 groups" in result.warnings[0]


def test_one_cause_on_tags_of_several_groups_is_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = store(tmp_path / "s", {f"T{at}": raised(rows(4, seed=at), 3, 3.2) for at in range(3)})
    monkeypatch.setattr(audit_data, "BATCH_BYTES", 1)
    (found,) = audit_sensors(root, Wanted(), **_CLOCK).findings
    assert found.tags == ("T0", "T1", "T2")


def test_no_tag_and_no_samples_are_said(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"press1.p": rows(1)})
    with pytest.raises(IncompleteError) as caught:
        audit_sensors(root, Wanted(tags=["pres1.*"]), **_CLOCK)
    assert (caught.value.slug, caught.value.hint) == ("no-tags", "did you mean `press1.*`?")
    empty = tmp_path / "empty"
    StoreWriter.open(empty, site="plant1", run_info={}, now_us=lambda: NOW).close()
    with pytest.raises(IncompleteError) as caught:
        audit_sensors(empty, Wanted(), **_CLOCK)
    assert caught.value.slug == "no-samples"


def test_a_finding_keeps_when_it_was_first_seen(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": raised(rows(6), 3, 3.5)})
    first = audit_sensors(root, Wanted(end="2026-03-05T06:00Z"), now_us=lambda: NOW).findings[0]
    again = audit_sensors(root, Wanted(), now_us=lambda: NOW + DAY).findings[0]
    assert first.end is None
    assert again.end is not None
    assert again.fingerprint == first.fingerprint
    assert (again.first_seen, again.last_seen) == (NOW, NOW + DAY)
    unkept = audit_sensors(root, Wanted(remember=False), now_us=lambda: NOW + 2 * DAY).findings[0]
    assert (unkept.first_seen, unkept.last_seen) == (NOW, NOW + 2 * DAY)


def test_a_store_that_cannot_be_written_is_judged_all_the_same(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": raised(rows(6), 3, 3.5)})
    (root / "audit").write_text("in the way")
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert len(result.findings) == 1
    assert result.warnings[0].startswith("since when findings are known could not be kept")


def test_exceptions_are_listed_and_expired_ones_do_not_apply(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": raised(rows(6), 3, 3.5), "B": raised(rows(6, seed=2), 4, 4.5)})
    file = tmp_path / "exceptions.toml"
    today = datetime.fromtimestamp(NOW / 1e6, UTC).date()
    table = '[[exceptions]]\ncheck = "{}"\ntag = "{}"\nreason = "known"\nowner = "me"\nexpires = {}\n'
    file.write_text(table.format("level-high", "A", today) + table.format("*", "B", "2025-01-01"))
    result = audit_sensors(root, Wanted(exceptions=file), **_CLOCK)
    assert [one.tag for one in result.findings] == ["B"]
    assert [(one.finding.tag, one.exemption.where) for one in result.excepted] == [("A", "exceptions.toml:1")]
    assert [one.tag for one in result.expired] == ["B"]
    file.write_text("[[exceptions]]\n")
    with pytest.raises(SiteError, match="lacks"):
        audit_sensors(root, Wanted(exceptions=file), **_CLOCK)


def test_a_check_that_crashes_is_reported_and_the_run_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, HIGH, check(lambda data, params: 1 / 0, "broken"))
    root = store(tmp_path / "s", {"A": raised(rows(6), 3, 3.5)})
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert [one.tag for one in result.findings] == ["A"]
    assert [(one.check, one.error) for one in result.failed] == [("broken", "ZeroDivisionError: division by zero")]
    assert not result.complete


_SITE = """
schema = 1
[site]
name = "Plant 1"
[audit]
exceptions = "known.toml"
reward = "30min"
[states.press1]
off = "run = 0"
[sources.plc1]
type = "modbus-tcp"
host = "192.0.2.1"
[[tags]]
name = "A"
source = "plc1"
address = "holding:1"
asset = "press1"
span = [0, 100]
criticality = "high"
[[tags]]
name = "run"
source = "plc1"
address = "coil:1"
"""


def test_the_site_file_says_states_exceptions_and_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, MOVING)
    (tmp_path / "site.toml").write_text(_SITE)
    (tmp_path / "known.toml").write_text("")
    site = load_site(tmp_path / "site.toml")
    running = rows(6, period=60)
    off = (running.ts >= T0 + 3 * DAY) & (running.ts < T0 + 4 * DAY)
    run = replace(running, value=np.where(off, 0.0, 1.0))
    signal = raised(raised(rows(6), 3.1, 3.5), 4.5, 4.52)
    root = store(tmp_path / "s", {"A": signal, "run": run})
    result = audit_sensors(root, Wanted(tags=["A"]), site=site, **_CLOCK)
    assert [days(one.start or 0) for one in result.findings] == [pytest.approx(4.5, abs=0.001)]
    info = result.data[0].info
    assert (info.asset, info.span, info.criticality, result.site) == ("press1", (0, 100), "high", "Plant 1")
    assert result.findings[0].asset == "press1"


def test_a_hole_of_the_source_is_one_of_its_tags(tmp_path: Path) -> None:
    root = store(tmp_path / "s", {"A": rows(4), "B": rows(4, seed=2)}, B={"source": "plc2"})
    opened = StoreWriter.open(root, site="plant1", run_info={}, now_us=lambda: NOW)
    opened.commit(batch([], [], []), [Gap("g", "plc1", None, T0 + HOUR, T0 + 2 * HOUR, GapReason.TIMEOUT, T0)])
    opened.close()
    result = audit_sensors(root, Wanted(), **_CLOCK)
    assert [[(hole.start, hole.reason) for hole in data.holes] for data in result.data] == [
        [(T0 + HOUR, "timeout")],
        [],
    ]
