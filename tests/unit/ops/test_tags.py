"""Tags: chosen, checked without contact, and judged by one live reading."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from iiotctl import quality
from iiotctl.errors import IncompleteError, SiteError, SourceError, UsageError
from iiotctl.ops.site import open_settings
from iiotctl.ops.tags import Verdict, check_live, check_tags, select_tags
from iiotctl.sources.base import CapturedTag, Reading
from tests.unit.site.plant import load

SITE = """\
[sources.a]
type = "modbus-tcp"
host = "h"
[sources.b]
type = "opcua"
url = "opc.tcp://h"
[[tags]]
name = "a.pressure"
source = "a"
address = "holding:0"
type = "float32"
span = [0, 250]
unit = "bar"
[[tags]]
name = "a.state"
source = "a"
address = "holding:9"
[[tags]]
name = "b.temperature"
source = "b"
address = "ns=2;s=T"
span = [0, 100]
"""


class FakeSource:
    """Answers from a table; a SourceError in it is raised."""

    def __init__(self, answers: dict[str, Any], name: str, closed: list[str]) -> None:
        self.answers = answers
        self.name = name
        self.closed = closed

    async def read_once(self, tags: Sequence[CapturedTag]) -> list[Reading]:
        answer = self.answers[self.name]
        if isinstance(answer, Exception):
            raise answer
        return [
            Reading(item.tag.name, *answer[item.tag.name]) for item in tags if answer.get(item.tag.name) is not None
        ]

    async def close(self) -> None:
        self.closed.append(self.name)


def reading(value: object, status: int = quality.GOOD, raw: str = "", note: str = "") -> tuple[Any, ...]:
    return (value, status, 0, 0.01, raw, note)


GOOD = {"a.pressure": reading(123.25), "a.state": reading(3.0)}
DOWN = SourceError("unreachable", "cannot connect to `h`", cause="refused")


def live(folder: Path, a: Any, b: Any) -> list[tuple[str, Verdict, bool | None, str]]:
    load(folder, SITE)
    opened = open_settings(cwd=folder)
    closed: list[str] = []
    rows = check_live(
        opened,
        opened.require_site().site.tags,
        create=lambda name, config, tags, context: FakeSource({"a": a, "b": b}, name, closed),
    )
    assert sorted(closed) == ["a", "b"]
    return [(row.tag.name, row.verdict, row.in_span, row.note) for row in rows]


def test_good_readings(tmp_path: Path) -> None:
    assert live(tmp_path, GOOD, {"b.temperature": reading(20.0)}) == [
        ("a.pressure", Verdict.OK, True, ""),
        ("a.state", Verdict.OK, None, ""),
        ("b.temperature", Verdict.OK, True, ""),
    ]


def test_what_can_be_wrong_with_a_reading(tmp_path: Path) -> None:
    raw = struct.pack("<f", 123.25)
    wrong = {
        "a.pressure": reading(struct.unpack(">f", raw)[0], raw=raw.hex()),
        "a.state": reading(None, quality.BAD_CONFIGURATION_ERROR, note="exception 02: illegal data address"),
    }
    found = live(tmp_path, wrong, {"b.temperature": reading(101.0)})
    assert found[0][:2] == ("a.pressure", Verdict.SUSPICIOUS_ORDER)
    assert found[1:] == [
        ("a.state", Verdict.BAD, None, "exception 02: illegal data address"),
        ("b.temperature", Verdict.OUTSIDE_SPAN, False, "outside 0 to 100"),
    ]


def test_a_suspicious_order_names_the_better_one(tmp_path: Path) -> None:
    raw = struct.pack("<f", 123.25)
    value = struct.unpack(">f", raw)[0]
    text = SITE.replace("span = [0, 250]\n", "")
    load(tmp_path, text)
    opened = open_settings(cwd=tmp_path)
    (row,) = check_live(
        opened,
        opened.require_site().site.tags[:1],
        create=lambda name, *_: FakeSource({"a": {"a.pressure": reading(value, raw=raw.hex())}}, name, []),
    )
    assert row.verdict is Verdict.SUSPICIOUS_ORDER
    assert "`DCBA` gives 123.25" in row.note
    assert row.note.endswith("bar")


def test_texts_bad_status_without_note_and_missing_readings(tmp_path: Path) -> None:
    a = {"a.pressure": reading("hello"), "a.state": None}
    assert live(tmp_path, a, {"b.temperature": reading(None, quality.BAD_NODE_ID_UNKNOWN)}) == [
        ("a.pressure", Verdict.OK, None, ""),
        ("a.state", Verdict.BAD, None, "the source gave no reading"),
        ("b.temperature", Verdict.BAD, None, "BadNodeIdUnknown"),
    ]


def test_a_dead_source_costs_only_its_own_tags(tmp_path: Path) -> None:
    found = live(tmp_path, GOOD, DOWN)
    assert found[2] == ("b.temperature", Verdict.UNREACHABLE, None, "cannot connect to `h`: refused")
    assert [row[1] for row in found[:2]] == [Verdict.OK, Verdict.OK]


def test_nothing_reached(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        live(tmp_path, DOWN, SiteError("secret-missing", "no password"))
    assert caught.value.slug == "nothing-reached"
    assert "cannot connect" in str(caught.value.cause)
    with pytest.raises(SiteError, match="no password"):
        live(tmp_path, SiteError("secret-missing", "no password"), SiteError("secret-missing", "other"))


def test_select(tmp_path: Path) -> None:
    loaded = load(tmp_path, SITE)
    assert [tag.name for tag in select_tags(loaded, ["a.*"])] == ["a.pressure", "a.state"]
    assert [tag.name for tag in select_tags(loaded, ["a.state", "b.*"], "b")] == ["b.temperature"]
    with pytest.raises(UsageError) as caught:
        select_tags(loaded, source="B")
    assert caught.value.hint == "did you mean `b`?"
    with pytest.raises(IncompleteError) as missed:
        select_tags(loaded, ["a.presure"])
    assert missed.value.hint == "did you mean `a.pressure`?"
    with pytest.raises(IncompleteError, match="there are no tags"):
        select_tags(load(tmp_path, ""))


def test_offline_problems_stand_at_their_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(config: Any, tags: Sequence[Any]) -> list[SiteError]:
        own = [SiteError("own", "the source itself", where="b")] if config.type == "opcua" else []
        return own + [SiteError("bad", f"bad {tag.name}", where=tag.name) for tag in tags if tag.name == "a.state"]

    monkeypatch.setattr("iiotctl.sources.registry.check", check)
    loaded = load(tmp_path, SITE)
    rows, problems = check_tags(loaded, loaded.site.tags)
    assert [row.verdict for row in rows] == [Verdict.OK, Verdict.PROBLEM, Verdict.OK]
    assert rows[1].note == "bad a.state"
    assert [(item.slug, item.where) for item in problems] == [("bad", "site.toml:14"), ("own", "site.toml:4")]


def test_what_nobody_stands_by_is_not_ok(tmp_path: Path) -> None:
    time = "source time impossible: received time used"
    a = {"a.pressure": reading(20.0, quality.UNCERTAIN, note=time), "a.state": reading(None)}
    assert live(tmp_path, a, {"b.temperature": reading("text", quality.UNCERTAIN)}) == [
        ("a.pressure", Verdict.UNCERTAIN, True, f"Uncertain: {time}"),
        ("a.state", Verdict.BAD, None, "no value, though the quality is Good"),
        ("b.temperature", Verdict.UNCERTAIN, None, "Uncertain"),
    ]
