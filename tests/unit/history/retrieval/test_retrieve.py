"""All modes over a store: boundaries, both directions, gaps, late rows, pieces of any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl.history.retrieval import chunks, retrieve
from iiotctl.history.retrieval.block import Block, joined
from iiotctl.history.retrieval.request import Boundary, Mode, Request
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.tagfacts import TagFacts
from iiotctl.samples import Gap, GapReason
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.schema import TagRow

S = 1_000_000
T0 = 1_795_000_000 * S
BAD = 0x800A0000
SAMPLES = [(0, 0.0, 0), (10, 10.0, 0), (20, None, BAD), (30, 30.0, 0), (40, 40.0, 0), (90, 90.0, 0), (100, 100.0, 0)]
FACTS = TagFacts("press.level")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tag with a Bad sample and a gap from 50 s to 80 s; rows of 30 s and 40 s came late, in a file of their own."""
    place = tmp_path_factory.mktemp("retrieval") / "store"
    with BulkWriter.open(place, site="p", now_us=lambda: T0) as writer:
        writer.codes(["press.level"])
        writer.write_tags([(TagRow(0, "press.level", "plc"), T0)])
        for chosen in ([0, 1, 2, 5, 6], [3, 4]):
            rows = [SAMPLES[number] for number in chosen]
            frame = {
                "tag": [0] * len(rows),
                "ts": [T0 + at * S for at, _, _ in rows],
                "value": [value for _, value, _ in rows],
                "quality": [quality for _, _, quality in rows],
            }
            types = {"tag": pl.UInt32, "ts": pl.Int64, "value": pl.Float64, "quality": pl.UInt32}
            writer.add(pl.DataFrame(frame, schema=types))
            writer.flush()
        writer.write_gaps([Gap("g", "plc", None, T0 + 50 * S, T0 + 80 * S, GapReason.DISCONNECTED, T0)])
    return place


Ask = Callable[..., list[tuple[float, float | None, int]]]


@pytest.fixture
def ask(root: Path) -> Ask:
    def asked(
        start: float, end: float, facts: TagFacts = FACTS, **options: object
    ) -> list[tuple[float, float | None, int]]:
        request = Request(T0 + int(start * S), T0 + int(end * S), **options)  # type: ignore[arg-type]
        with Reader(Selection(root), lambda event: None) as reader:
            rows = joined("x", list(retrieve.retrieve(reader, facts, request)))
        return plain(rows)

    return asked


def plain(rows: Block) -> list[tuple[float, float | None, int]]:
    return [
        ((int(ts) - T0) / S, None if np.isnan(value) else round(float(value), 9), int(quality))
        for ts, value, quality in zip(rows.ts, rows.value, rows.quality, strict=True)
    ]


def test_raw_is_as_recorded(ask: Ask) -> None:
    expected = [(float(at), value, quality) for at, value, quality in SAMPLES]
    assert ask(0, 100.000001) == expected
    assert ask(0, 100) == expected[:-1]  # the end does not belong to the range
    assert ask(-5000, 5000, descending=True) == expected[::-1]
    assert ask(41, 89) == []


@pytest.mark.parametrize("descending", [False, True])
def test_boundaries(ask: Ask, descending: bool) -> None:
    def asked(start: float, end: float, boundary: Boundary) -> list[tuple[float, float | None, int]]:
        found = ask(start, end, boundary=boundary, descending=descending)
        return found[::-1] if descending else found

    assert [row[0] for row in asked(5, 35, Boundary.OUTSIDE)] == [0, 10, 20, 30, 40]
    assert [row[0] for row in asked(10, 40, Boundary.OUTSIDE)] == [10, 20, 30, 40]
    assert [row[0] for row in asked(-5, 105, Boundary.OUTSIDE)] == [0, 10, 20, 30, 40, 90, 100]
    assert asked(5, 35, Boundary.INTERPOLATED) == [
        (5, 5.0, 0),
        (10, 10.0, 0),
        (20, None, BAD),
        (30, 30.0, 0),
        (35, 35.0, 0),
    ]
    # across the Bad sample the line is doubtful, before the first sample there is none
    assert asked(15, 16, Boundary.INTERPOLATED) == [(15, 15.0, 0x40A40000), (16, 16.0, 0x40A40000)]
    assert asked(-5, 0, Boundary.INTERPOLATED) == [(-5, None, 0x809B0000), (0, 0.0, 0)]


@pytest.mark.parametrize("descending", [False, True])
def test_interpolated(ask: Ask, descending: bool) -> None:
    times = np.array([T0 + at * S for at in (-1, 0, 5, 15, 30, 35, 45, 60, 95, 110)])

    def asked(**options: object) -> list[tuple[float, float | None, int]]:
        found = ask(-1, 111, mode=Mode.INTERPOLATED, times=times, descending=descending, **options)
        return found[::-1] if descending else found

    doubt = 0x40A40000
    assert asked() == [
        (-1, None, 0x809B0000),
        (0, 0.0, 0),
        (5, 5.0, 0),
        (15, 15.0, doubt),
        (30, 30.0, 0),
        (35, 35.0, 0),
        (45, 45.0, doubt),  # the gap lies ahead: the line runs across it
        (60, 60.0, doubt),
        (95, 95.0, 0),
        (110, 100.0, doubt),
    ]
    held = [row[1:] for row in asked(stepped=True)]
    assert held[2:9] == [(0.0, 0), (10.0, 0), (30.0, 0), (30.0, 0), (40.0, 0), (40.0, doubt), (90.0, 0)]
    assert ask(-1, 111, TagFacts("press.level", stepped=True), mode=Mode.INTERPOLATED, times=times)[2][1] == 0.0
    assert [row[0] for row in asked(windows=((T0, T0 + 16 * S),))] == [0, 5, 15]


def test_plot_has_neighbours_for_the_edges_of_the_drawing(ask: Ask) -> None:
    found = ask(5, 95, mode=Mode.PLOT, width=2, boundary=Boundary.OUTSIDE)
    assert [row[0] for row in found] == [0, 10, 20, 40, 90, 100]
    assert ask(5, 95, mode=Mode.PLOT, width=2, boundary=Boundary.OUTSIDE, descending=True) == found[::-1]


def test_lttb_breaks_where_the_line_was_broken(ask: Ask) -> None:
    found = ask(0, 101, mode=Mode.LTTB, width=3)
    assert (20, None, BAD) in found
    assert (found[0][0], found[-1][0]) == (0, 100)
    assert ask(0, 101, mode=Mode.LTTB, width=3, descending=True) == found[::-1]


def test_windows_are_asked_one_after_the_other(ask: Ask) -> None:
    windows = ((T0, T0 + 15 * S), (T0 + 30 * S, T0 + 35 * S))
    assert [row[0] for row in ask(5, 200, windows=windows)] == [10, 30]
    assert [row[0] for row in ask(5, 200, windows=windows, descending=True)] == [30, 10]
    assert [row[0] for row in ask(5, 200, windows=windows, mode=Mode.PLOT)] == [10, 30]
    assert ask(200, 300, windows=windows, mode=Mode.LTTB) == []


def test_an_unknown_tag_has_no_rows(ask: Ask) -> None:
    nobody = TagFacts("nobody")
    assert ask(0, 100, nobody) == []
    assert ask(0, 100, nobody, mode=Mode.PLOT, boundary=Boundary.OUTSIDE) == []
    assert ask(0, 100, nobody, mode=Mode.INTERPOLATED, times=np.array([T0])) == [(0, None, 0x809B0000)]


@pytest.mark.parametrize("mode", list(Mode))
def test_pieces_of_any_size_give_the_same(ask: Ask, monkeypatch: pytest.MonkeyPatch, mode: Mode) -> None:
    times = np.arange(T0 - 5 * S, T0 + 120 * S, 3 * S)
    options = {"mode": mode, "times": times, "width": 4, "boundary": Boundary.OUTSIDE}
    whole = [ask(-5, 120, descending=way, **options) for way in (False, True)]
    monkeypatch.setattr(chunks, "_ROWS", 1)
    monkeypatch.setattr(chunks, "_FIRST_US", 7 * S)
    assert [ask(-5, 120, descending=way, **options) for way in (False, True)] == whole
    if mode is Mode.LTTB:  # too many to be looked at at once: from the extremes of narrower intervals
        monkeypatch.setattr(retrieve, "_MOST_AT_ONCE", 2)
        assert set(ask(-5, 120, **options)) <= set(ask(-5, 120))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("boundary", list(Boundary))
def test_tags_that_are_read_together_are_those_read_alone(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, descending: bool, boundary: Boundary
) -> None:
    place = tmp_path_factory.mktemp("many") / "store"
    names = ["a", "b", "c", "d", "e"]
    with BulkWriter.open(place, site="p", now_us=lambda: T0) as writer:
        writer.codes(names)
        for first in (2, 0):  # the later rows first, so that files are not in the order of time
            at = [T0 + (first + step) * S for step in (0, 1)]
            columns = {"tag": [0, 0, 1, 1, 3, 3], "ts": at * 3, "value": [0.0, 1, 2, 3, 4, 5], "text": ["x", None] * 3}
            writer.add(pl.DataFrame(columns, schema_overrides={"tag": pl.UInt32}))
            writer.flush()
    request = Request(T0 + S, T0 + 3 * S, boundary=boundary, descending=descending, text=True)
    tags = [TagFacts(name) for name in names]

    def asked() -> dict[str, list[tuple[float, float | None, int]]]:
        found: dict[str, list[Block]] = {}
        with Reader(Selection(place), lambda event: None) as reader:
            for facts, block in retrieve.retrieve_all(reader, tags, request):
                found.setdefault(facts.tag, []).append(block)
        assert all(block.tag == tag for tag, blocks in found.items() for block in blocks)
        texts = [None if block.text is None else block.text.tolist() for block in found["a"]]
        return {tag: plain(joined(tag, blocks)) for tag, blocks in found.items()} | {"texts": texts}  # type: ignore[dict-item]

    together = asked()
    monkeypatch.setattr(retrieve, "_MOST_TAGS", 2)
    assert asked() == together
    monkeypatch.setattr(retrieve, "_TOGETHER", 0)
    assert {tag: rows for tag, rows in asked().items() if tag != "texts"} == {
        tag: rows for tag, rows in together.items() if tag != "texts"
    }
    assert list(together)[:3] == ["a", "b", "c" if boundary is Boundary.INTERPOLATED else "d"]
