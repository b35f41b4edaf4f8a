"""The worked examples the way a user takes: samples imported into a store, `aggregate` asked for them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from iiotctl.history.aggregates.base import Configuration
from iiotctl.history.aggregates.edition import Edition
from iiotctl.history.sql.reader import Reader
from iiotctl.ops import aggregate as op
from tests.aggregates.cases import Case, info_names, load
from tests.unit.imports.files import imported

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE_PER_TIME = {"Count.same-time", "MinimumActualTime.same-time"}
"""An import takes one sample of a time, so these two cannot get into a store that way."""
CASES = [case for case in load() if case.name not in ONE_PER_TIME]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Over one store with the samples of all examples, a tag each."""
    folder = tmp_path_factory.mktemp("examples")
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ts", "tag", "value", "quality"])
        for case in CASES:
            table.writerows([row["ts"], case.name, row["value"], row["quality"]] for row in case.samples)
    report = imported(folder / "samples.csv", folder / "store")
    assert (report.refused_total, report.conflicts) == (0, 0)
    with op.opened(folder / "store", lambda event: None) as opened:
        yield opened


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_command_gives_what_was_derived_by_hand(reader: Reader, case: Case) -> None:
    asked = case.request
    start, end = asked["start"], asked["end"]
    wanted = op.Wanted(
        reader.selection.root,
        [case.name],
        [case.function],
        every=asked["every"],
        start=end if asked.get("reverse") else start,
        end=start if asked.get("reverse") else end,
        stepped=bool(asked.get("stepped")),
        configuration=Configuration(
            treat_uncertain_as_bad=asked.get("treat_uncertain_as_bad", True),
            percent_data_bad=asked.get("percent_data_bad", 100),
            percent_data_good=asked.get("percent_data_good", 100),
            use_sloped_extrapolation=asked.get("sloped_extrapolation", False),
            edition=Edition(asked.get("edition", "1.04")),
        ),
    )
    rows = op.aggregate(reader, wanted, lambda event: None, now_us=lambda: 1_800_000_000_000_000).rows
    names = [column.name for column in rows.columns]
    found = [dict(zip(names, row, strict=True)) for row in rows.rows]
    assert [row["start"] for row in found] == [datetime.fromisoformat(row["start"]) for row in case.expected]
    for row, told, expected in zip(found, case.expected, case.results(), strict=True):
        assert row["ts"] == EPOCH + timedelta(microseconds=expected.ts or 0)
        assert row["status"] == told["status"]
        assert sorted(row["info"]) == info_names(expected.info, expected.status)
        assert row["value"] == (None if expected.value is None else pytest.approx(float(expected.value), rel=1e-9))
