"""From answers to samples: shared times, partial scans, grouped losses."""

from __future__ import annotations

import struct

from iiotctl import quality
from iiotctl.samples import GapReason
from iiotctl.site.model import Tag
from iiotctl.site.sources import ModbusTcpSource
from iiotctl.sources.base import CapturedTag
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.layout import Layout, limits_of, parse_tag
from iiotctl.sources.modbus.plan import plan

CONFIG = ModbusTcpSource(type="modbus-tcp", host="plc")


def _layout(*addresses: str) -> Layout:
    tags = {}
    for code, text in enumerate(addresses):
        address, _, type_ = text.partition(" ")
        tag = Tag(name=f"t{code}", source="s", address=address, type=type_ or None)
        tags[code] = parse_tag(CapturedTag(code, tag), CONFIG)
    return Layout(plan((tag.extent for tag in tags.values()), limits_of(CONFIG)), tags, 1)


def _samples(layout: Layout, results: list[bytes | Failure], arrived: list[int]) -> dict[int, tuple[float, int]]:
    batch = layout.samples(results, arrived)
    assert batch is not None
    return {int(c): (float(v), int(t)) for c, v, t in zip(batch.tag, batch.value, batch.ts, strict=True)}


def test_answers_within_50_ms_share_the_last_ones_time() -> None:
    layout = _layout("holding:0", "holding:10 float32", "coil:9")
    coil, first, second = b"\1", struct.pack(">H", 7), struct.pack(">f", 1.5)
    assert [str(block) for block in layout.blocks] == ["FC 1 coil:9", "FC 3 holding:0", "FC 3 holding:10-11"]
    close = _samples(layout, [coil, first, second], [1_000, 2_000, 51_000])
    assert close == {0: (7.0, 51_000), 1: (1.5, 51_000), 2: (1.0, 51_000)}
    far = _samples(layout, [coil, first, second], [1_000, 2_000, 51_001])
    assert far == {0: (7.0, 2_000), 1: (1.5, 51_001), 2: (1.0, 1_000)}


def test_a_failed_request_costs_only_its_own_tags() -> None:
    layout = _layout("holding:0", "holding:10", "holding:11", "holding:20 string(4)")
    silent = Failure(Kind.TIMEOUT)
    refused = Failure(Kind.REFUSED, code=4)
    found = _samples(layout, [b"\0\7", silent, b"ABCD"], [1, 0, 2])
    assert found.keys() == {0, 3}
    batch = layout.samples([b"\0\7", silent, b"ABCD"], [1, 0, 2])
    assert batch is not None
    assert sorted(batch.text or [], key=str) == ["ABCD", None]
    lost = layout.lost([refused, silent, silent])
    assert [(item.codes, item.failure.reason, item.failure.status) for item in lost] == [
        ((0,), GapReason.REFUSED, quality.BAD_DEVICE_FAILURE),
        ((1, 2, 3), GapReason.TIMEOUT, quality.BAD_TIMEOUT),
    ]
    assert layout.samples([refused, silent, silent], [0, 0, 0]) is None
