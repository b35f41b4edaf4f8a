"""A tag that still waited for its answer when the run was killed has a gap of its own up to the account of its source."""

from __future__ import annotations

from itertools import count

import pytest

from iiotctl.capture.gapbook import GapBook
from iiotctl.capture.unanswered import gaps
from iiotctl.samples import Gap, GapReason
from iiotctl.site.model import Tag
from iiotctl.site.sources import ModbusTcpSource, OpcUaSource
from iiotctl.sources.base import CapturedTag
from iiotctl.store.state import LastRow, Recovery

END = 10_000_000
MODBUS = ModbusTcpSource(type="modbus-tcp", host="192.0.2.1", period="1s")  # type: ignore[arg-type]
OPCUA = OpcUaSource(type="opcua", url="opc.tcp://192.0.2.1:4840", period="1s")  # type: ignore[arg-type]


def found(
    good_ts: int | None,
    *,
    ts: int | None = None,
    clean: bool = False,
    config: ModbusTcpSource | OpcUaSource = MODBUS,
    open_gaps: list[Gap] | None = None,
    **more: object,
) -> list[tuple[str | None, int, int | None, GapReason]]:
    tag = Tag.model_validate({"name": "slow", "source": "plc", "address": "holding:1", "type": "int16", **more})
    numbers = count()
    book = GapBook(lambda: f"g{next(numbers)}", lambda code: ["slow"][code], 0)
    last = {} if good_ts is None else {"slow": LastRow(ts or good_ts, 1.0, 0, good_ts)}
    past = Recovery("run", clean, last, {"plc": END}, open_gaps or [])
    return [
        (row.tag, row.start, row.end, row.reason)
        for row in gaps(book, ("plc", config), [CapturedTag(0, tag)], past, 11_000_000)
    ]


def test_from_its_last_sample_to_the_last_of_its_source() -> None:
    assert [row[1:] for row in found(7_000_000)] == [(7_000_001, END, GapReason.RESTART)]


@pytest.mark.parametrize(
    "why",
    [
        {"good_ts": 9_000_000},
        {"good_ts": None},
        {"good_ts": 7_000_000, "clean": True},
        {"good_ts": 7_000_000, "config": OPCUA},
        {"good_ts": 7_000_000, "ts": 8_000_000},
        {"good_ts": 7_000_000, "deadband": 0.5},
        {"good_ts": 7_000_000, "rollup": ["1min"], "raw": False},
        {"good_ts": 7_000_000, "period": "5s"},
        {"good_ts": 7_000_000, "open_gaps": [Gap("x", "plc", "slow", 7_000_001, None, GapReason.TIMEOUT, 8_000_000)]},
        {"good_ts": 7_000_000, "open_gaps": [Gap("x", "plc", None, 7_000_001, None, GapReason.TIMEOUT, 8_000_000)]},
    ],
)
def test_what_is_no_such_hole(why: dict[str, object]) -> None:
    assert found(**why) == []  # type: ignore[arg-type]
