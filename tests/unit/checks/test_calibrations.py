"""Calibration records: what is read, what is refused and where."""

from __future__ import annotations

from datetime import date

import pytest

from iiotctl.checks.calibrations import parsed
from iiotctl.checks.conclude import day
from iiotctl.errors import SiteError

HEAD = "tag,date,as_found_error,as_left_error,tolerance,unit\n"
TODAY = date(2026, 11, 21)


def _parsed(text: str) -> dict[str, list[tuple[object, ...]]]:
    found = parsed(text, "c.csv", today=TODAY)
    return {
        tag: [(day(one.at), one.as_found, one.as_left, one.tolerance, one.unit, one.where) for one in records]
        for tag, records in found.items()
    }


def test_records_are_by_tag_and_date() -> None:
    text = f"{HEAD}PT1,2025-03-02,0.31,0.02,0.25,bar\nTT1,2024-01-05,,0,0.5,degC\nPT1,2024-03-01,0.1,,0.25,bar\n"
    assert _parsed(text) == {
        "PT1": [
            ("2024-03-01", 0.1, None, 0.25, "bar", "c.csv:4"),
            ("2025-03-02", 0.31, 0.02, 0.25, "bar", "c.csv:2"),
        ],
        "TT1": [("2024-01-05", None, 0.0, 0.5, "degC", "c.csv:3")],
    }


def test_as_excel_of_half_of_europe_writes_it() -> None:
    text = 'sep=;\nTag;Certificate;Date;As found error;Tolerance\n# pumps\n\nPT1;"K;17";02.03.2025;-0,31;0,25\n'
    assert _parsed(text) == {"PT1": [("2025-03-02", -0.31, None, 0.25, "", "c.csv:5")]}


def test_the_day_of_today_is_no_future() -> None:
    assert _parsed(f"{HEAD}PT1,2026-11-21,0,0,1,\n")["PT1"][0][0] == "2026-11-21"
    assert _parsed(f"{HEAD}PT1,2025-03-02T10:00,0,0,1,\n")["PT1"][0][0] == "2025-03-02"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "c.csv:1", "is empty"),
        ("tag,date,tolerance\n", "c.csv:1", "no column `as_found_error`"),
        ("tag,tag,date,as_found_error,tolerance\n", "c.csv:1", "`tag` is there twice"),
        (f"{HEAD}PT1,03/04/2025,0,0,1,\n", "c.csv:2 column date", "`03/04/2025` is no date"),
        (f"{HEAD}PT1,2025-02-30,0,0,1,\n", "c.csv:2 column date", "`2025-02-30` is no date"),
        (f"{HEAD}PT1,,0,0,1,\n", "c.csv:2 column date", "is no date"),
        (f"{HEAD}PT1,2026-11-22,0,0,1,\n", "c.csv:2 column date", "lies in the future"),
        (f"{HEAD}PT1,2025-03-02,much,0,1,\n", "c.csv:2 column as_found_error", "`much` is not a number"),
        (f"{HEAD}PT1,2025-03-02,inf,0,1,\n", "c.csv:2 column as_found_error", "not a finite number"),
        (f'{HEAD}PT1,2025-03-02,"0,5",0,1,\n', "c.csv:2 column as_found_error", "write the decimal point as `.`"),
        (f"{HEAD}PT1,2025-03-02,0,0,0,\n", "c.csv:2 column tolerance", "a number above 0"),
        (f"{HEAD}PT1,2025-03-02,0,0,,\n", "c.csv:2 column tolerance", "a number above 0"),
        (f"{HEAD}PT1,2025-03-02,,,1,\n", "c.csv:2", "both empty"),
        (f"{HEAD},2025-03-02,0,0,1,\n", "c.csv:2", "names no tag"),
        (f"{HEAD}PT1,2025-03-02,0,0,1,bar,more\n", "c.csv:2", "7 cells, the header 6"),
        (f"{HEAD}PT1,2025-03-02,0,0,1,bar\nPT1,2025-03-02,0,0,1,bar\n", "c.csv:3", "two records of the same day"),
        (f'{HEAD}PT1,2025-03-02,0,0,1,bar\n"PT1,2025', "c.csv:3", "not valid CSV"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, where: str, what: str) -> None:
    with pytest.raises(SiteError) as caught:
        parsed(text, "c.csv", today=TODAY)
    assert caught.value.slug == "bad-calibrations"
    assert caught.value.where == where
    assert what in str(caught.value)


def test_a_column_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(SiteError) as caught:
        parsed("tag,date,as_found_eror,tolerance\n", "c.csv", today=TODAY)
    assert caught.value.hint == "`as_found_eror` is called `as_found_error`"
