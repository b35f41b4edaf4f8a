"""The export to practise on: the same seed gives the same values, two sensors lie and no other does."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.simulator import sensors
from iiotctl.site.load import load_site

DAYS = 4


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return sensors.export(DAYS, 1)


def test_the_seed_decides(made: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    again, other = sensors.export(DAYS, 1)[1], sensors.export(DAYS, 2)[1]
    for tag, values in made[1].items():
        assert np.array_equal(values, again[tag])
        assert not np.array_equal(values, other[tag])


def test_one_row_each_ten_seconds_within_the_span(made: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    since, values = made
    assert len(since) == DAYS * 8640
    for sensor in sensors.SENSORS:
        assert len(values[sensor.tag]) == len(since)
        assert sensor.span[0] <= values[sensor.tag].min() < values[sensor.tag].max() <= sensor.span[1]


def test_one_freezes_in_the_last_two_days_and_no_other(made: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    def longest(value: np.ndarray) -> int:
        changes = np.flatnonzero(np.diff(value)) + 1
        return int(np.diff(np.concatenate([[0], changes, [len(value)]])).max())

    held = {tag: longest(value) for tag, value in made[1].items()}
    assert held.pop(sensors.FROZEN) >= 1800
    rests = {tag for tag, rows in held.items() if rows > 60}
    assert rests == {"pump1.flow", "pump1.current"}  # one hour a day, the pump stands still


def test_one_drifts_from_its_twin_after_two_healthy_days(made: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    apart = made[1]["boiler1.level_b"] - made[1]["boiler1.level_a"]
    healthy, last = apart[: 2 * 8640], apart[-360:]
    assert abs(np.median(healthy[:8640]) - np.median(healthy[8640:])) < 0.2
    assert 50 < np.median(last) - np.median(healthy) < 70


def test_the_site_file_fits(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "site.toml").write_text(sensors.site_toml("export.parquet"), encoding="utf-8")
    site = load_site(tmp_path / "site.toml").site
    assert {tag.name for tag in site.tags} == {sensor.tag for sensor in sensors.SENSORS}
    twins = {tag.name: tag.twin for tag in site.tags if tag.twin}
    assert twins == {"boiler1.level_a": "boiler1.level_b", "boiler1.level_b": "boiler1.level_a"}
