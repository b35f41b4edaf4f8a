"""A tag that changed its type: its texts are neither hidden nor drawn over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl.events import Event
from iiotctl.history.retrieval import retrieve, texts
from iiotctl.history.retrieval.block import Block, joined
from iiotctl.history.retrieval.request import Boundary, Mode, Request
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.tagfacts import TagFacts
from iiotctl.ops import export, trend
from iiotctl.reports.plots import scene
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.schema import TagRow

S = 1_000_000
T0 = 1_795_000_000 * S
ROWS = [(n, float(n), None) for n in range(20)] + [(20, None, "on"), (21, None, "off")]
ROWS += [(n, float(n), None) for n in range(22, 40)] + [(n, None, f"t{n}") for n in range(40, 50)]
RANGE = ("2026-11-18T11:06:40Z", "2026-11-18T11:07:40Z")
"""60 s from `T0` on."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("texts") / "store"
    with BulkWriter.open(place, site="p", now_us=lambda: T0) as writer:
        writer.codes(["mixed", "plain"])
        writer.write_tags([(TagRow(code, tag, "plc"), T0) for code, tag in enumerate(("mixed", "plain"))])
        frame = {
            "tag": [0] * len(ROWS),
            "ts": [T0 + at * S for at, _, _ in ROWS],
            "value": [value for _, value, _ in ROWS],
            "text": [text for _, _, text in ROWS],
        }
        types = {"tag": pl.UInt32, "ts": pl.Int64, "value": pl.Float64, "text": pl.String}
        writer.add(pl.DataFrame(frame, schema=types))
        writer.add(pl.DataFrame({"tag": [1], "ts": [T0], "value": [1.0]}, schema_overrides={"tag": pl.UInt32}))
        writer.flush()
    return place


def asked(root: Path, mode: Mode, tag: str = "mixed") -> tuple[Block, Request, dict[str, int]]:
    times = np.arange(T0, T0 + 60 * S, 5 * S)
    request = Request(T0, T0 + 60 * S, mode, times=times, width=4, boundary=Boundary.OUTSIDE, text=True)
    with Reader(Selection(root), lambda event: None) as reader:
        block = joined(tag, list(retrieve.retrieve(reader, TagFacts(tag), request)))
        return block, request, texts.counts(reader, [tag], request)


@pytest.mark.parametrize("mode", [Mode.PLOT, Mode.LTTB])
def test_no_good_row_is_empty(root: Path, mode: Mode) -> None:
    block, _, found = asked(root, mode)
    assert block.text is not None
    assert found == {"mixed": 12}
    known = {at: (value, text) for at, value, text in ROWS}
    for ts, value, text in zip(block.ts, block.value, block.text, strict=True):
        assert known[int(ts - T0) // S] == (None if np.isnan(value) else value, text)
    assert {20, 40, 49} <= {int(ts - T0) // S for ts in block.ts[block.blank]} | ({40} if mode is Mode.LTTB else set())


@pytest.mark.parametrize("mode", [Mode.PLOT, Mode.LTTB, Mode.INTERPOLATED])
def test_texts_are_told(root: Path, mode: Mode) -> None:
    _, request, found = asked(root, mode)
    told: list[Event] = []
    texts.tell(found, request, told.append)
    assert [event.text for event in told] == [
        f"`mixed` has 12 texts in this range; mode `{mode}` is for numbers, `iiotctl export --mode raw` gives the texts"
    ]
    assert asked(root, mode, "plain")[2] == {}


def test_interpolated_values_beside_texts_are_uncertain(root: Path) -> None:
    block, _, _ = asked(root, Mode.INTERPOLATED)
    assert block.quality.tolist() == [0] * 4 + [0x40A40000] + [0] * 3 + [0x40A40000] * 4


def test_a_trend_ends_with_the_text(root: Path) -> None:
    told: list[Event] = []
    data = trend.trend(trend.Order(root, ["*"], *RANGE), told.append)
    mixed, plain = data.traces
    assert (mixed.count, mixed.texts, plain.texts) == (50, 12, 0)
    assert scene.figures(mixed, data.start, data.end).last == "t49"
    assert [int(line[0][-1] - T0) // S for line in scene.stretches(mixed)] == [19, 39]
    assert [event.slug for event in told] == ["texts-left-out"]


@pytest.mark.parametrize("mode", ["plot", "interpolated"])
def test_an_export_tells(root: Path, tmp_path: Path, mode: str) -> None:
    told: list[Event] = []
    every = "5s" if mode == "interpolated" else None
    file = tmp_path / "a.csv"
    export.run(export.Order(root, ["mixed"], "csv", file, mode, every, "inside", *RANGE), told.append)
    assert [event.slug for event in told] == ["texts-left-out"]
    assert all(line.split(",")[2] or line.split(",")[3] for line in file.read_text().splitlines()[1:])


def test_a_raw_export_has_them_all(root: Path, tmp_path: Path) -> None:
    told: list[Event] = []
    export.run(export.Order(root, ["mixed"], "csv", tmp_path / "a.csv", "raw", None, "inside", *RANGE), told.append)
    assert told == []
