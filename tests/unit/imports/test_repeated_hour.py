"""The autumn hour in files that are not quite in order: what is no second passage is not taken for one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tests.unit.imports.files import imported, put, rows_of

START = dt.datetime(2025, 10, 26, 1, 30)
UTC_OF_START = dt.datetime(2025, 10, 25, 23, 30)


def _night(step_s: int, *, twice: bool) -> list[str]:
    """Local times from 01:30 to 03:30 in Berlin."""
    real = [dt.timedelta(seconds=step_s * i) for i in range(3 * 3600 // step_s)]
    if not twice:
        return [f"{START + at:%Y-%m-%d %H:%M:%S}" for at in real if at < dt.timedelta(hours=2)]
    hour = dt.timedelta(hours=1)
    return [f"{START + at - (hour if at >= 1.5 * hour else 0 * hour):%Y-%m-%d %H:%M:%S}" for at in real]


def _file(times: list[str]) -> str:
    return "ts,tag,value\n" + "".join(f"{at},a,{i}\n" for i, at in enumerate(times))


def test_a_row_that_stands_twice_moves_no_other(tmp_path: Path) -> None:
    times = _night(60, twice=True)
    lines = _file(times).splitlines(keepends=True)
    place = times.index("2025-10-26 02:20:00") + 1
    report = imported(
        put(tmp_path, "".join([*lines[: place + 1], lines[place], *lines[place + 1 :]])),
        tmp_path / "s",
        zone="Europe/Berlin",
    )
    assert (report.stored, report.already, report.refused_total) == (180, 1, 0)
    expected = [f"{UTC_OF_START + dt.timedelta(minutes=i):%Y-%m-%dT%H:%M:%S}" for i in range(180)]
    assert [row[0] for row in rows_of(tmp_path / "s")] == expected


def test_two_neighbours_that_changed_places_are_no_second_passage(tmp_path: Path) -> None:
    times = _night(5, twice=False)
    place = times.index("2025-10-26 02:20:00")
    times[place], times[place + 1] = times[place + 1], times[place]
    report = imported(put(tmp_path, _file(times)), tmp_path / "s", zone="Europe/Berlin")
    assert report.refused == {"hour-twice": 720}
    assert (report.rows, report.stored) == (1440, 720)
    # the same pair in a night with both passages costs nothing
    times = _night(5, twice=True)
    place = times.index("2025-10-26 02:20:00")
    times[place], times[place + 1] = times[place + 1], times[place]
    report = imported(put(tmp_path, _file(times)), tmp_path / "both", zone="Europe/Berlin")
    assert (report.stored, report.refused_total) == (2160, 0)


def test_tag_after_tag_is_no_second_passage(tmp_path: Path) -> None:
    times = _night(60, twice=False)
    text = "ts,tag,value\n" + "".join(f"{at},{tag},1\n" for tag in "ab" for at in times)
    report = imported(put(tmp_path, text), tmp_path / "s", zone="Europe/Berlin")
    assert report.refused == {"hour-twice": 120}


def test_one_event_that_stands_twice_is_asked_for(tmp_path: Path) -> None:
    text = "ts,tag,value\n" + "".join(
        f"2025-10-26 {clock},a,1\n" for clock in ("01:59:01", "01:59:07", "02:17:33", "02:17:33", "03:01:00")
    )
    report = imported(put(tmp_path, text), tmp_path / "s", zone="Europe/Berlin")
    assert report.refused == {"hour-twice": 2}
    (first, _) = (one for one in report.examples if one.reason == "hour-twice")
    assert first.content.split(" | ") == ["2025-10-26 02:17:33", "a", "1.0"]
    assert report.rows == 5


def test_a_wide_file_tells_the_hour_by_its_lines(tmp_path: Path) -> None:
    times = _night(60, twice=True)
    rare = times.index("2025-10-26 02:20:00")
    text = "ts,a,b\n" + "".join(f"{at},{i},{7 if i == rare else ''}\n" for i, at in enumerate(times))
    report = imported(put(tmp_path, text), tmp_path / "s", zone="Europe/Berlin")
    assert (report.stored, report.refused_total) == (181, 0)
    assert [row[0] for row in rows_of(tmp_path / "s") if row[1] == "b"] == ["2025-10-26T00:20:00"]
