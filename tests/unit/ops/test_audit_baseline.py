"""Baselines of a store: learnt, frozen, approved, used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iiotctl.checks.features.columns import DAY
from iiotctl.errors import IncompleteError, PluginError, StoreError, UsageError
from iiotctl.events import Event
from iiotctl.ops import audit_baseline
from iiotctl.ops.audit_baseline import Wanted, approve, learn, listed, opened
from iiotctl.ops.audit_sensors import Wanted as Audit
from iiotctl.ops.audit_sensors import audit_sensors
from iiotctl.site.load import load_site
from tests.unit.ops.auditstores import HIGH, NOW, T0, days, installed, raised, rows, store

_CLOCK = {"now_us": lambda: NOW}


def _nothing(event: Event) -> None:
    raise AssertionError(event)


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, HIGH)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return store(tmp_path / "s", {"A": raised(rows(6), 3, 3.5), "B": rows(6, seed=2)})


def test_from_the_first_two_days_unless_a_period_is_named(root: Path) -> None:
    first = learn(root, Wanted(), **_CLOCK)
    assert first.path == root / "baselines" / "baseline-v1.parquet"
    assert (first.header.named, first.header.start, first.header.end) == (False, T0, T0 + 2 * DAY)
    second = learn(root, Wanted("2026-03-03", "2026-03-06"), **_CLOCK)
    assert second.path.name == "baseline-v2.parquet"
    assert (second.header.named, days(second.header.start), days(second.header.end)) == (True, 1, 4)
    assert second.tags["A"].quantile("median", 1.0) > first.tags["A"].quantile("median", 1.0) + 15
    assert first.tags["A"].learnt["level-high"] == {"seen": pytest.approx(6 * 1440 * 2, abs=12)}


def test_an_audit_goes_by_the_newest_approved_one_or_by_the_one_named(root: Path) -> None:
    first = learn(root, Wanted(), **_CLOCK)
    taught = learn(root, Wanted("2026-03-03", "2026-03-06"), now_us=lambda: NOW + 1)
    assert audit_sensors(root, Audit(), **_CLOCK).baseline.origin == "learnt"
    named = audit_sensors(root, Audit(baseline=first.path), **_CLOCK)
    assert (named.baseline.origin, named.baseline.sha256) == ("file", first.header.sha256)
    assert "not approved by anybody" in named.baseline.said
    assert [one.tag for one in named.findings] == ["A"]
    approve(first.path, "M. Meier", **_CLOCK)
    assert audit_sensors(root, Audit(), **_CLOCK).baseline.version == 1
    approve(taught.path, "M.  Meier", **_CLOCK)
    used = audit_sensors(root, Audit(), **_CLOCK)
    assert (used.baseline.version, used.baseline.approved_by, used.baseline.approved_at) == (2, "M. Meier", NOW)
    assert not used.findings


def test_with_a_baseline_nothing_is_learnt_and_all_is_judged(root: Path) -> None:
    path = learn(root, Wanted(), **_CLOCK).path
    result = audit_sensors(root, Audit(baseline=path, start="2026-03-05", end="2026-03-06"), **_CLOCK)
    (data, _) = result.data
    assert len(data.features) == 1440
    assert not data.learning.any()
    assert [days(one.start or 0) for one in result.findings] == [3.0]


def test_an_approval_is_of_one_content(root: Path) -> None:
    first = learn(root, Wanted(), **_CLOCK).path
    approve(first, "me", **_CLOCK)
    other = learn(root, Wanted("2026-03-03", "2026-03-06", output=root.parent / "x.parquet"), **_CLOCK).path
    first.write_bytes(other.read_bytes())
    assert opened(first)[1] is None


def test_one_of_other_tags_or_units_judges_nothing_and_says_so(root: Path, tmp_path: Path) -> None:
    path = learn(root, Wanted(tags=["A"]), **_CLOCK).path
    result = audit_sensors(root, Audit(baseline=path), **_CLOCK)
    assert [(one.tag, one.check) for one in result.not_judged] == [("B", "baseline"), ("B", "level-high")]
    assert "does not know this tag" in result.not_judged[0].reason
    other = store(tmp_path / "o", {"A": rows(6, seed=5)}, unit="kPa")
    result = audit_sensors(other, Audit(baseline=path), **_CLOCK)
    assert result.not_judged[0].reason == "the baseline `baseline-v1` knows this tag in `bar`, it is in `kPa`"
    assert not result.tags
    assert not result.complete


def test_a_damaged_one_is_named(root: Path) -> None:
    path = learn(root, Wanted(), **_CLOCK).path
    approve(path, "me", **_CLOCK)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StoreError) as caught:
        audit_sensors(root, Audit(baseline=path), **_CLOCK)
    assert caught.value.slug == "baseline-damaged"
    with pytest.raises(StoreError):  # the approved one is not passed over in silence
        audit_sensors(root, Audit(), **_CLOCK)
    told: list[Event] = []
    assert listed(root, None, told.append) == []
    assert [event.slug for event in told] == ["baseline-damaged"]


def test_it_lies_beside_the_site_file_where_there_is_one(root: Path) -> None:
    folder = root.parent / "plant"
    folder.mkdir()
    (folder / "site.toml").write_text("schema = 1\n")
    site = load_site(folder / "site.toml")
    found = learn(root, Wanted(name="line3"), site=site, **_CLOCK)
    assert found.path == folder / "baselines" / "line3-v1.parquet"
    approve(found.path, "me", **_CLOCK)
    assert [path for path, _, _ in listed(root, site, _nothing)] == [found.path]
    assert audit_sensors(root, Audit(), site=site, **_CLOCK).baseline.name == "line3"


def test_a_file_is_never_replaced(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "line3-v7.parquet"
    found = learn(root, Wanted(output=output), **_CLOCK)
    assert (found.header.name, found.header.version) == ("line3", 7)
    with pytest.raises(UsageError) as caught:
        learn(root, Wanted(output=output), **_CLOCK)
    assert caught.value.slug == "output-exists"
    with pytest.raises(UsageError) as caught:
        learn(root, Wanted(output=root / "x.parquet"), **_CLOCK)
    assert caught.value.slug == "output-in-store"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-x"])
def test_a_name_that_is_no_file_name_is_refused(root: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        learn(root, Wanted(name=name), **_CLOCK)
    assert caught.value.slug == "bad-value"


def test_nobody_cannot_approve(root: Path) -> None:
    path = learn(root, Wanted(), **_CLOCK).path
    with pytest.raises(UsageError):
        approve(path, "  ", **_CLOCK)
    assert audit_baseline.opened(path)[1] is None


def test_a_period_without_samples_and_a_check_that_crashes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IncompleteError) as caught:
        learn(root, Wanted("2026-02-01", "2026-02-03"), **_CLOCK)
    assert caught.value.slug == "nothing-learnt"
    installed(monkeypatch, replace(HIGH, learn=lambda data, params: 1 / 0))
    with pytest.raises(PluginError) as broken:
        learn(root, Wanted(), **_CLOCK)
    assert (broken.value.slug, broken.value.cause) == ("check-failed", "ZeroDivisionError: division by zero")
