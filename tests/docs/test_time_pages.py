"""The pages on time expressions and retrieval modes compute as they say."""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np

from iiotctl.history.retrieval import interpolated
from iiotctl.history.retrieval.block import of
from iiotctl.history.time import sitetime, times
from iiotctl.history.time.sitetime import SiteTime
from iiotctl.quality import NAMES
from tests.docs.pages import DOCS

ZONE = SiteTime("Europe/Berlin", sitetime.shifts_of(["06:00", "14:00", "22:00"]))


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


def test_the_table_of_time_expressions() -> None:
    page = (DOCS / "reference/time-expressions.md").read_text()
    now = re.search(r"a Wednesday, `(.*?)`", page)
    assert now is not None
    assert datetime.fromisoformat(now[1]).strftime("%A") == "Wednesday"
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", page, re.MULTILINE)
    assert len(rows) > 20
    for typed, meant in rows:
        at = times.parse(typed, us(now[1]), option="--from", zone=ZONE)
        assert ZONE.aware(at).isoformat() == meant, typed


def test_the_worked_example_of_interpolation() -> None:
    page = (DOCS / "reference/retrieval-modes.md").read_text()
    rows = re.findall(r"^\| (\d+) s \| (\d+), (\w+) \| (\d+), (\w+) \|", page, re.MULTILINE)
    assert len(rows) == 4
    samples = of("t", [0, 10, 20, 30], [0.0, 10.0, np.nan, 30.0], [0, 0, 0x800A0000, 0])
    at = np.array([int(row[0]) for row in rows])
    for first, stepped in ((1, False), (3, True)):
        found = interpolated.at(samples, at, stepped=stepped)
        assert [(int(value), NAMES[int(code)]) for value, code in zip(found.value, found.quality, strict=True)] == [
            (int(row[first]), row[first + 1]) for row in rows
        ]
