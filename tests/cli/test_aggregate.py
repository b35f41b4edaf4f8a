"""aggregate as a user's shell runs it, over a store made from a CSV file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import OURS, iiotctl

SAMPLES = """\
ts,tag,value,quality
2026-11-02T08:00:02Z,power,10,Good
2026-11-02T08:00:25Z,power,20,Good
2026-11-02T08:00:28Z,power,25,Good
2026-11-02T08:00:40Z,power,40,Good
2026-11-02T08:00:42Z,power,,BadSensorFailure
2026-11-02T08:00:48Z,power,50,Good
2026-11-02T08:00:02Z,running,0,Good
2026-11-02T08:00:20Z,running,1,Good
2026-11-02T08:00:02Z,state,idle,Good
2026-11-02T08:00:20Z,state,cutting,Good
"""
DAY = "2026-11-02T"
RANGE = ("--from", f"{DAY}08:00:00Z", "--to", f"{DAY}08:01:00Z")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("aggregate")
    (root / "samples.csv").write_text(SAMPLES)
    done = iiotctl("import", root / "samples.csv", "--store", root / "store", "--eng-unit", "kW")
    assert done.returncode == 0, done.stderr
    return root / "store"


def rows(store: Path, *words: str) -> list[dict[str, Any]]:
    done = iiotctl("aggregate", *words, "--store", store, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return found


def test_a_row_has_value_status_and_info(store: Path) -> None:
    found = rows(store, "power", "--function", "minimum", "--every", "20s", *RANGE)
    assert [(row["start"][11:19], row["value"], row["status"], row["info"]) for row in found] == [
        ("08:00:00", 10.0, "Good", ["Calculated", "Partial"]),
        ("08:00:20", 20.0, "Good", ["Calculated"]),
        ("08:00:40", 40.0, "UncertainDataSubNormal", ["Calculated", "Partial"]),
    ]
    assert found[2]["quality"] == 0x40A40405
    assert found[0]["end"] == f"{DAY}08:00:20.000000Z"


def test_time_counts_and_bad_time_does_not(store: Path) -> None:
    # Bad from :42 on, so the value of :40 is held for 2 s
    (found,) = rows(
        store, "power", "--function", "TimeAverage2", "--from", f"{DAY}08:00:25Z", "--to", f"{DAY}08:00:48Z"
    )
    good = 3 * 22.5 + 12 * 32.5 + 2 * 40.0
    assert found["value"] == pytest.approx(good / 17)
    assert (found["status"], found["info"]) == ("UncertainDataSubNormal", ["Calculated"])


def test_the_edition_decides_about_uncertain_time(store: Path) -> None:
    # the line to the Bad value of :42 is held and Uncertain, which counts as Bad in 1.05 alone
    asked = ("power", "--function", "TimeAverage2", "--from", f"{DAY}08:00:40Z", "--to", f"{DAY}08:00:48Z")
    (old,) = rows(store, *asked)
    (new,) = rows(store, *asked, "--edition", "1.05")
    assert (old["value"], old["status"], old["info"]) == (40.0, "UncertainDataSubNormal", ["Calculated"])
    assert (new["value"], new["status"], new["info"]) == (None, "Bad", ["Calculated"])
    done = iiotctl("aggregate", *asked, "--edition", "1.05", "--store", store)
    assert "OPC 10000-13 v1.05; times in UTC" in done.stderr
    wrong = iiotctl("aggregate", *asked, "--edition", "1.03", "--store", store)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "1.04" in wrong.stderr


def test_a_table_has_seven_digits_and_programs_get_all(store: Path) -> None:
    asked = ("aggregate", "power", "--function", "TimeAverage2", "--store", store)
    within = ("--from", f"{DAY}08:00:02Z", "--to", f"{DAY}08:00:48Z")
    table = iiotctl(*asked, *within).stdout.splitlines()[-1].split()
    assert table[:3] == ["power", f"{DAY}08:00:02.000Z", "22.0625"]
    third = ("--from", f"{DAY}08:00:02Z", "--to", f"{DAY}08:00:26Z")
    (row,) = rows(store, "power", "--function", "TimeAverage2", *third)
    assert row["value"] == pytest.approx((23 * 15 + 1 * (20 + 65 / 3) / 2) / 24, rel=1e-12)
    assert iiotctl(*asked, *third).stdout.splitlines()[-1].split()[2] == "15.24306"


def test_time_runs_backwards(store: Path) -> None:
    words = ("power", "--function", "Count", "--every", "20s")
    found = rows(store, *words, "--from", f"{DAY}08:01:00Z", "--to", f"{DAY}08:00:00Z")
    assert [row["start"][11:19] for row in found] == ["08:01:00", "08:00:40", "08:00:20"]
    assert [row["value"] for row in found] == [1, 3, 1]


def test_several_functions_have_a_column(store: Path) -> None:
    found = rows(store, "power", "--function", "Count", "--function", "PercentGood", *RANGE)
    assert [row["function"] for row in found] == ["Count", "PercentGood"]
    assert [row["unit"] for row in found] == ["", "%"]


def test_totals_name_their_unit(store: Path) -> None:
    def total(*words: str) -> tuple[float, str]:
        done = iiotctl(
            "aggregate", "power", "--function", "Total2", *RANGE, "--store", store, "--format", "json", *words
        )
        table = json.loads(done.stdout)
        (unit,) = [column["unit"] for column in table["columns"] if column["name"] == "value"]
        return table["rows"][0]["value"], unit

    seconds, hours = total(), total("--rate-unit", "h")
    assert (seconds[1], hours[1]) == ("kW·s", "kW·h")
    assert hours[0] == pytest.approx(seconds[0] / 3600)


def test_without_ends_the_data_set_the_range(store: Path) -> None:
    found = rows(store, "running", "--function", "DurationInStateNonZero", "--every", "15s")
    assert [row["start"][11:19] for row in found] == ["08:00:00", "08:00:15"]
    (whole,) = rows(store, "running", "--function", "Count")
    assert (whole["start"][11:19], whole["end"][11:23], whole["value"]) == ("08:00:02", "08:00:20.001", 2)


def test_stepped_holds_the_value(store: Path) -> None:
    words = ("power", "--function", "Interpolative", "--from", f"{DAY}08:00:10Z", "--to", f"{DAY}08:00:11Z")
    assert rows(store, *words, "--stepped")[0]["value"] == 10.0
    assert rows(store, *words, "--sloped")[0]["value"] == pytest.approx(10 + 10 * 8 / 23)


def test_readings_beyond_the_rollover_are_told(store: Path) -> None:
    words = ("power", "--function", "CounterDelta", *RANGE, "--store", store)
    assert (
        "readings of `power` up to 50 exceed `--rollover` 30" in iiotctl("aggregate", *words, "--rollover", "30").stderr
    )
    assert "exceed" not in iiotctl("aggregate", *words, "--rollover", "50").stderr


def test_texts_have_what_needs_no_numbers(store: Path) -> None:
    found = rows(store, "state", "--function", "DurationGood", *RANGE)
    assert found[0]["value"] == 18_001


@pytest.mark.parametrize("function", ["Count", "Average", "Start"])
def test_texts_are_left_out_beside_numbers_whatever_the_function(store: Path, function: str) -> None:
    words = ("power", "state", "--function", function, *RANGE, "--store", store, "--format", "json")
    done = iiotctl("aggregate", *words)
    assert [row["tag"] for row in json.loads(done.stdout)["rows"]] == ["power"]
    assert "`state` holds texts and is left out" in done.stderr


@pytest.mark.parametrize("format_", ["table", "csv", "jsonl", "markdown"])
def test_every_format_has_the_result_and_stderr_the_settings(store: Path, format_: str) -> None:
    done = iiotctl("aggregate", "power", "--function", "Count", *RANGE, "--store", store, "--format", format_)
    assert done.returncode == 0
    assert "5" in done.stdout
    assert "Count; over the whole range; sloped or stepped by tag; Uncertain counts as Bad" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "slug", "text"),
    [
        (("power", "--function", "TimeAverage3"), 2, "unknown-function", "`TimeAverage`"),
        (("powr", "--function", "Count"), 8, "no-tags", "power"),
        (("power", "--function", "Count", "--percent-data-bad", "101"), 2, "bad-percent", "101"),
        (("power", "--function", "Count", "--percent-data-bad", "40", "--percent-data-good", "50"), 2, "bad-percent", "60"),
        (("state", "--function", "Average"), 2, "text-tag", "state"),
        (("state", "--function", "Count"), 2, "text-tag", "state"),
        (("state", "--function", "Start", "--function", "DurationGood"), 2, "text-tag", "state"),
        (("power", "--function", "Count", "--every", "soon"), 2, "bad-interval", "soon"),
        (("power", "--function", "Count", "--rate-unit", "h"), 2, "bad-value", "Total2"),
        (("power", "--function", "Total2", "--rate-unit", "week"), 2, "bad-value", "min"),
        (("power", "--function", "Count", "--from", f"{DAY}08:00:00Z", "--to", f"{DAY}08:00:00Z"), 2, "empty-range", ""),
        (("power", "--function", "Count", "--every", "1us", *RANGE), 2, "too-many-intervals", ""),
        (("power", "--function", "Count", "--from", "2027-01-01T00:00:00Z"), 8, "no-samples", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_an_error(
    store: Path, words: tuple[str, ...], code: int, slug: str, text: str
) -> None:
    done = iiotctl("aggregate", *words, "--store", store)
    assert (done.returncode, done.stdout) == (code, "")
    assert f"error[{slug}]" in done.stderr
    assert text in done.stderr
    assert all(OURS.fullmatch(line) for line in done.stderr.splitlines())


def test_an_interval_longer_than_the_range_is_cut(store: Path) -> None:
    (found,) = rows(store, "power", "--function", "Count", "--every", "1h", *RANGE)
    assert (found["value"], found["end"]) == (5, f"{DAY}08:01:00.000000Z")
    assert "Partial" in found["info"]
    (zero,) = rows(store, "power", "--function", "Count", "--every", "0", *RANGE)
    assert zero["end"] == f"{DAY}08:01:00.000000Z"
