"""Findings that somebody decided not to be told about."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iiotctl.checks.exemptions import divided, parsed
from iiotctl.errors import SiteError
from iiotctl.findings import Confidence, Finding, Severity
from iiotctl.site.document import Document

_GOOD = """
[[exceptions]]
check = "gap"
tag = "press1.*"
reason = "radio link, gets a cable"
owner = "m.meier"
expires = 2027-03-31
"""


def _document(text: str) -> Document:
    return Document(Path("exceptions.toml"), text, tomllib.loads(text))


def _finding(tag: str | None, check: str = "gap", tags: tuple[str, ...] = ()) -> Finding:
    return Finding(check, Severity.MEDIUM, Confidence.HIGH, "x", tag=tag, tags=tags)


def _us(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1e6)


def test_what_an_exception_covers_is_kept_apart_and_not_lost() -> None:
    found = parsed(_document(_GOOD), ["gap"])
    mine, other = _finding("press1.p"), _finding("oven.t")
    left, covered, expired = divided([mine, other, _finding("press1.p", "stale")], found, _us("2026-11-21"))
    assert [one.check for one in left] == ["gap", "stale"]
    assert covered[0].finding is mine
    assert (covered[0].exemption.owner, covered[0].exemption.where) == ("m.meier", "exceptions.toml:2")
    assert not expired


def test_it_holds_through_its_last_day() -> None:
    found = parsed(_document(_GOOD), ["gap"])
    assert len(divided([_finding("press1.p")], found, _us("2027-03-31") + 86_399_000_000)[1]) == 1
    left, covered, expired = divided([_finding("press1.p")], found, _us("2027-04-01"))
    assert len(left) == 1
    assert not covered
    assert expired == found


def test_of_many_tags_each_must_be_covered() -> None:
    found = parsed(_document(_GOOD), ["gap"])
    assert divided([_finding(None, tags=("press1.a", "press1.b"))], found, 0)[1]
    assert divided([_finding(None, tags=("press1.a", "oven.t"))], found, 0)[0]
    assert divided([_finding(None)], found, 0)[0]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('owner = "m.meier"\n', "", "lacks `owner`"),
        ("expires = 2027-03-31\n", "", "lacks `expires`"),
        ("2027-03-31", '"soon"', "is no date"),
        ("2027-03-31", "2027-03-31T06:00:00", "is no date"),
        ('"gap"', '"gapp"', "no check `gapp`"),
        ("owner", "owners", "`owners` is no key"),
        ('"m.meier"', '" "', "not empty"),
        ('"m.meier"', "7", "not empty"),
        ("[[exceptions]]", "[exceptions]", "tables `[[exceptions]]`"),
        ("[[exceptions]]", "[[exception]]", "tables `[[exceptions]]`"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, what: str) -> None:
    with pytest.raises(SiteError, match="exceptions" if "tables" in what else None) as caught:
        parsed(_document(_GOOD.replace(old, new)), ["gap"])
    assert caught.value.slug == "bad-exceptions"
    assert what in caught.value.what


def test_any_check_and_dates_as_text() -> None:
    text = _GOOD.replace('"gap"', '"*"').replace("2027-03-31", '"2027-03-31"')
    assert divided([_finding("press1.p", "stale")], parsed(_document(text), ["gap"]), 0)[1]
