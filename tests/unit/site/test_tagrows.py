"""Rows written as CSV and TOML come back as the tags they were."""

from __future__ import annotations

import tomllib

from iiotctl.site.model import Tag
from iiotctl.site.taglist import read_csv
from iiotctl.site.tagrows import TagRow, to_csv, to_toml

ROWS = [
    TagRow("l.t", "l", 'nsu=urn:a;s=Oven, "1";x', unit="°C", span=(-50.5, 300.0), kind="temperature", description="Zone 1, door"),
    TagRow("l.n", "l", "i=5", description='=HYPERLINK("http://x")\x1b[31m\nsecond line'),
    TagRow("l.e", "l", "ns=2;i=7", element=3, scale=0.1, type="uint16", order="CDAB"),
]  # fmt: skip


def tags(values: list[dict[str, object]]) -> list[Tag]:
    return [Tag.model_validate(value) for value in values]


def test_csv_round_trip() -> None:
    text = to_csv(ROWS)
    raw, problems = read_csv(text, "tags.csv")
    assert not problems
    first, second, third = tags([each.values for each in raw])
    assert (first.address, first.span, first.unit) == (ROWS[0].address, (-50.5, 300.0), "°C")
    assert second.description == '=HYPERLINK("http://x") [31m second line'
    assert (third.element, third.scale, third.type, str(third.order)) == (3, 0.1, "uint16", "CDAB")


def test_no_formula_reaches_excel() -> None:
    for line in to_csv(ROWS).splitlines()[1:]:
        assert not any(cell.strip('"').startswith(("=", "+", "@")) for cell in line.split(","))


def test_columns_that_no_row_uses_are_left_out() -> None:
    assert to_csv(ROWS[:1]).splitlines()[0] == "name,source,address,unit,span,kind,description"


def test_toml_round_trip() -> None:
    first, second, third = tags(tomllib.loads(to_toml(ROWS))["tags"])
    assert (first.address, first.span) == (ROWS[0].address, (-50.5, 300.0))
    assert "\x1b" not in second.description
    assert third.element == 3
