"""What a Modbus source says without contact: problems, plan, memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from iiotctl.site.address import Table
from iiotctl.site.model import Tag
from iiotctl.site.sources import ModbusTcpSource
from iiotctl.sources.base import CapturedTag, SourceContext
from iiotctl.sources.modbus import splits
from iiotctl.sources.modbus.source import ModbusSource


def _config(**rest: object) -> ModbusTcpSource:
    return ModbusTcpSource.model_validate({"type": "modbus-tcp", "host": "plc", "unit": 3} | rest)


def _tag(address: str, **rest: object) -> Tag:
    return Tag.model_validate({"name": "t", "source": "s", "address": address} | rest)


@pytest.mark.parametrize(
    ("tag", "slug"),
    [
        (_tag("holding:11", type="float32"), None),
        (_tag("holding:11", type="int16", invalid=[32767, -32768]), None),
        (_tag("nonsense"), "modbus-address"),
        (_tag("coil:5", type="int16"), "modbus-address"),
        (_tag("holding:65535", type="float32"), "modbus-address"),
        (_tag("holding:500"), "tag-in-never-read"),
        (_tag("holding:499", type="float32"), "tag-in-never-read"),
        (_tag("holding:11", type="int16", invalid=[70_000]), "modbus-invalid"),
        (_tag("holding:11", type="bool", invalid=[1]), "modbus-invalid"),
        (_tag("holding:11", type="string(4)", invalid=[1]), "modbus-invalid"),
    ],
)
def test_check_names_each_problem(tag: Tag, slug: str | None) -> None:
    problems = ModbusSource.check(_config(never_read=["holding:500-599"]), [tag])
    assert [p.slug for p in problems] == ([] if slug is None else [slug])


def _context(state_dir: Path | None = None) -> SourceContext:
    return SourceContext(now_us=lambda: 0, monotonic=time.monotonic, state_dir=state_dir)


def test_the_plan_needs_no_contact_and_names_tags() -> None:
    tags = [
        CapturedTag(0, Tag(name="a", source="s", address="40001", type="float32")),
        CapturedTag(1, Tag(name="b", source="s", address="holding:2")),
        CapturedTag(2, Tag(name="c", source="s", address="coil:9", period="10s")),
    ]
    planned = ModbusSource("s", _config(), tags, _context()).plan()
    assert [(p.endpoint, p.period_s, p.request, p.registers, p.tags) for p in planned] == [
        ("plc:502", 1.0, "unit 3 FC 3 holding:0-2", 3, ("a", "b")),
        ("plc:502", 10.0, "unit 3 FC 1 coil:9", 1, ("c",)),
    ]


def test_splits_survive_and_damage_is_forgotten(tmp_path: Path) -> None:
    path = splits.path_of(tmp_path / "new", ("plc/../1", "502"), 3)
    assert path.parent == tmp_path / "new"
    assert splits.load(path) == {}
    cuts = {Table.HOLDING: {17: 2, 18: 3}}
    splits.save(path, cuts)
    assert splits.load(path) == cuts
    text = path.read_text()
    for end in range(len(text)):
        path.write_text(text[:end])
        assert splits.load(path) in ({}, cuts)
    path.write_text("[]")
    assert splits.load(path) == {}


def test_a_state_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    splits.save(splits.path_of(blocker, ("plc", "502"), 1), {Table.INPUT: {1: 2}})


def test_an_ipv6_address_stands_in_brackets() -> None:
    tags = [CapturedTag(0, Tag(name="a", source="s", address="40001"))]
    source = ModbusSource("s", _config(host="::1", port=6000), tags, _context())
    assert source.status.endpoint == "[::1]:6000 unit 3"
    assert source.plan()[0].endpoint == "[::1]:6000"
