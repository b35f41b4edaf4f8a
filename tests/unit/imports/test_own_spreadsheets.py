"""What `export` writes for a person's Excel comes back as it went: zone, repeated hour, decimal comma, guarded texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iiotctl.history.time.sitetime import SiteTime
from iiotctl.imports import titles
from iiotctl.imports.work import Options
from iiotctl.ops.export import Order, run
from iiotctl.ops.import_ import run as take
from iiotctl.reports import Sheet, as_xlsx
from tests.unit.history.stores import ask, batch, writer

BERLIN = SiteTime("Europe/Berlin")
AUTUMN = int(datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp()) * 1_000_000
NOW = AUTUMN + 20_000_000_000
SQL = "SELECT ts, tag, value, text, quality FROM samples ORDER BY tag, ts"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Samples of every quarter of an hour through the night that has 02:30 twice, and a tag of texts."""
    root = tmp_path / "store"
    opened = writer(root, NOW)
    step = 900_000_000
    times = [AUTUMN + number * step for number in range(12)]
    opened.commit(batch([0] * 12, times, [number + 0.5 for number in range(12)]))
    opened.commit(batch([1], [AUTUMN], [float("nan")], [0], ["=1+1"]))
    opened.rotate()
    opened.seal()
    opened.close()
    return root


@pytest.mark.parametrize("name", ["out.xlsx", "out.csv"])
def test_it_comes_back(store: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    excel = "de" if name.endswith("csv") else None
    sheet = Sheet(BERLIN.tz, excel)
    run(Order(store, ["*"], format=output.suffix[1:], output=output, sheet=sheet), lambda event: None)
    again = tmp_path / "again"
    (report,) = take([output], again, Options(), lambda event: None, now_us=lambda: NOW)
    assert (report.assumed_zone, report.refused) == ("", {})
    assert ask(again, SQL) == ask(store, SQL)


def test_a_table_goes_on_in_the_next_sheets(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_xlsx, "ROWS", 6)
    output = tmp_path / "out.xlsx"
    run(Order(store, ["*"], format="xlsx", output=output, sheet=Sheet(BERLIN.tz)), lambda event: None)
    (report,) = take([output], tmp_path / "again", Options(), lambda event: None, now_us=lambda: NOW)
    assert ("file", "XLSX, sheet `Data 1` to `Data 3`") in report.facts
    assert ask(tmp_path / "again", SQL) == ask(store, SQL)


def test_the_offset_is_no_tag(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "wide.csv"
    order = Order(
        store, ["press1.pressure"], "csv", output, every="15min", wide=True, sheet=Sheet(BERLIN.tz, "de"), zone=BERLIN
    )
    run(order, lambda event: None)
    list(take([output], tmp_path / "again", Options(), lambda event: None, now_us=lambda: NOW))
    found = ask(tmp_path / "again", "SELECT tag, count(*), min(ts), max(ts) FROM samples GROUP BY tag")
    first = datetime.fromtimestamp(AUTUMN / 1e6, UTC)
    assert found == [("press1.pressure", 12, first, first + timedelta(minutes=165))]


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("ts (Europe/Berlin)", ("ts", "Europe/Berlin")),
        ("Time (UTC)", ("Time", "UTC")),
        ("level (m)", ("level (m)", None)),
        ("ts", ("ts", None)),
    ],
)
def test_zones_in_titles(title: str, parts: tuple[str, str | None]) -> None:
    assert titles.zoned(title) == parts
