"""Roll-ups and reduction rules in the site file: who wins, what is refused, where it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import SiteError
from iiotctl.ops.site_view import how_stored
from iiotctl.site.model import Tag
from iiotctl.site.reduction import PercentDeadband
from tests.unit.site.plant import MODBUS, SITE, line_of, load, problem

PRESSURE = "press1.hydraulics.pressure"
OVEN = "line3.oven.temperature"


def rules(*texts: str) -> str:
    return SITE + "".join(f"\n[[reduction]]\n{text}\n" for text in texts)


def by_name(folder: Path, text: str, **files: str) -> dict[str, Tag]:
    return {tag.name: tag for tag in load(folder, text, **files).site.tags}


def test_a_rule_reaches_the_tags_that_it_names(tmp_path: Path) -> None:
    tags = by_name(tmp_path, rules('tags = "line3.*"\nrollup = "1min"\nraw = false\ndeadband = 0\nheartbeat = "5min"'))
    oven = tags[OVEN]
    assert (oven.rollup, oven.raw, oven.deadband_absolute, oven.heartbeat) == ((60,), False, 0, 300)
    assert (tags[PRESSURE].rollup, tags[PRESSURE].raw) == ((), True)


def test_the_tag_wins_over_rules_and_the_later_rule_over_the_earlier(tmp_path: Path) -> None:
    first = 'tags = "*"\ndeadband = 0\nrollup = "1min"'
    second = 'tags = ["*.temperature", "nothing"]\nrollup = ["15min", "1h"]'
    tags = by_name(tmp_path, rules(first, second))
    assert tags[PRESSURE].deadband == PercentDeadband(percent=0.5), "its own"
    assert tags[PRESSURE].rollup == (60,)
    assert tags[OVEN].deadband == 0
    assert tags[OVEN].rollup == (900, 3600)
    other = by_name(tmp_path, rules(second, first))
    assert other[OVEN].rollup == (60,)


def test_rules_reach_tag_lists_and_cells_win(tmp_path: Path) -> None:
    text = MODBUS + '[[reduction]]\ntags = "*"\nrollup = "1min"\ndeadband = 0\n'
    table = (
        "name,source,address,type,rollup,raw,deadband\n"
        "one,a,holding:1,int16,1min;1h,no,\n"
        "two,b,holding:1,int16,,,2\n"
        "text,b,holding:9,string(4),,,\n"
    )
    tags = by_name(tmp_path, text, tags_csv=table)
    assert (tags["one"].rollup, tags["one"].raw, tags["one"].deadband) == ((60, 3600), False, 0)
    assert (tags["two"].rollup, tags["two"].raw, tags["two"].deadband) == ((60,), True, 2)
    assert (tags["text"].rollup, tags["text"].deadband) == ((), 0), "of a text there is no roll-up"


@pytest.mark.parametrize(
    ("rule", "slug", "part", "what"),
    [
        ('tags = "oven.*"\nraw = true', "reduction-without-tags", 'tags = "oven', "no tag is named `oven.*`"),
        ('tags = "*"\nrollup = "7min"', "site-value", "rollup =", "divides the day evenly"),
        ('tags = "*"\nrollup = "2d"', "site-value", "rollup =", "from 1 s to 1 d"),
        ('tags = "*"\nrollup = 60', "site-value", "rollup =", "`rollup`"),
        (
            'tags = "line3.*"\nraw = false',
            "site-value",
            "raw =",
            f"without a `rollup` that is stored instead: `{OVEN}`",
        ),
        ('tags = "line3.*"\ndeadband = { percent = 1 }', "site-value", "deadband = {", f"without a `span`: `{OVEN}`"),
        ('tags = "*"\ndeadband = -1', "site-value", "deadband = -1", "`deadband`"),
        ('tags = "*"\nunit = "bar"', "unknown-key", 'unit = "bar"', "unknown key `unit` in `[[reduction]]`"),
        ('tags = []\nrollup = "1min"', "site-value", "tags = []", "`tags` must not be empty"),
        ('tags = "*"', "site-value", "[[reduction]]", "`[[reduction]]` gives its tags nothing"),
        (
            'tags = "line3.*"\nheartbeat = "1h"',
            "site-value",
            "heartbeat =",
            "`heartbeat` for tags without a `deadband`",
        ),
        ('rollup = "1min"', "missing-key", "[[reduction]]", "`tags` is missing in `[[reduction]]`"),
    ],
)
def test_a_wrong_rule_is_said_with_its_place(tmp_path: Path, rule: str, slug: str, part: str, what: str) -> None:
    found = problem(tmp_path, rules(rule))
    assert found.slug == slug
    assert what in found.what
    assert found.where is not None
    line = max(number for number, row in enumerate(rules(rule).splitlines(), 1) if part in row)
    assert found.where.startswith(f"site.toml:{line}")


def test_a_text_that_asks_for_a_rollup_itself_is_refused(tmp_path: Path) -> None:
    table = "name,source,address,type,rollup\none,a,holding:1,string(4),1min\n"
    with pytest.raises(SiteError, match="a text has no roll-up"):
        load(tmp_path, MODBUS, tags_csv=table)


def test_the_place_of_a_key_is_that_of_its_rule(tmp_path: Path) -> None:
    loaded = load(tmp_path, rules('tags = "line3.*"\nrollup = "1min"'))
    text = rules('tags = "line3.*"\nrollup = "1min"')
    assert loaded.tag_where(OVEN, "rollup") == f"site.toml:{line_of(text, 'rollup =')}"
    assert loaded.tag_where(OVEN, "unit") == f"site.toml:{line_of(text, 'degC')}"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "all"),
        ({"deadband": 0.0}, "changes, at least every 10min"),
        ({"deadband": 0.5, "heartbeat": "1h"}, "changes above 0.5, at least every 1h"),
        ({"rollup": "1min"}, "roll-ups of 1min"),
        ({"rollup": ["1min", "1h"], "raw": False, "deadband": 1.0}, "only roll-ups of 1min 1h"),
        ({"rollup": "1s", "deadband": 0.0}, "changes, at least every 10min; roll-ups of 1s"),
    ],
)
def test_what_is_stored_in_words(keys: dict[str, object], text: str) -> None:
    assert how_stored(Tag(name="a", source="b", address="holding:1", **keys)) == text  # type: ignore[arg-type]
