"""Which store and which clock a verb of the history works with."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from iiotctl.errors import SiteError, UsageError
from iiotctl.events import Event
from iiotctl.ops.history import opened

SITE = '[site]\nname = "p"\ntimezone = "Europe/Berlin"\nshifts = ["22:00", "06:00"]\n'


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IIOTCTL_SITE", "IIOTCTL_STORE"):
        monkeypatch.delenv(name, raising=False)


def test_the_site_says_the_zone_also_beside_a_named_store(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    for store in (None, Path("other")):
        root, zone = opened(None, store, cwd=tmp_path)
        assert root == tmp_path / (store or "store")
        assert (zone.name, zone.shifts) == ("Europe/Berlin", (time(6), time(22)))


def test_without_a_site_it_is_utc_and_the_flag_wins(tmp_path: Path) -> None:
    assert opened(None, Path("s"), cwd=tmp_path)[1].name == "UTC"
    (tmp_path / "site.toml").write_text(SITE)
    zone = opened(None, None, "Asia/Kolkata", cwd=tmp_path)[1]
    assert (zone.name, len(zone.shifts)) == ("Asia/Kolkata", 2)
    with pytest.raises(UsageError):
        opened(None, None, "Asia/Calcuta", cwd=tmp_path)


def test_a_broken_site_keeps_nobody_from_a_named_store(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE + "[sources.x]\ntype = \n")
    assert opened(None, Path("s"), cwd=tmp_path)[1].name == "Europe/Berlin"
    with pytest.raises(SiteError):
        opened(None, None, cwd=tmp_path)


def test_a_zone_or_shifts_that_make_no_sense_are_told(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[site]\ntimezone = "Mars"\nshifts = ["six"]\n')
    told: list[Event] = []
    zone = opened(None, Path("s"), notice=told.append, cwd=tmp_path)[1]
    assert (zone.name, zone.shifts) == ("UTC", ())
    assert [event.slug for event in told] == ["bad-shifts", "unknown-timezone"]
