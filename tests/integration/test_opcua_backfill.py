"""`backfill` against node-opcua's historian: gaps filled, split, left alone; and servers that have no history."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.history.gaps import Wanted, find
from iiotctl.history.sql.reader import Selection
from iiotctl.ops.backfill import Order, backfill
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.store.schema import TagRow
from iiotctl.store.verify import verify
from iiotctl.store.writer import StoreWriter
from tests.cli.shell import iiotctl
from tests.integration.opcua_peer import Server, context, running
from tests.unit.store.bulk_stores import samples

pytestmark = pytest.mark.integration

NOON = int(dt.datetime(2026, 10, 5, 12, tzinfo=dt.UTC).timestamp())
NAMES = ("Fast", "Old", "Static", "Float")
SECOND = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Records `Fast` and `Static` every second for 10 minutes, `Static` with a hole; `Old` is not recorded."""
    folder = tmp_path_factory.mktemp("history")
    with running(folder, history=["Fast", "Static"], period=3_600_000, maxHistoryNodes=2) as started:
        rows = [[(NOON + i) * 1000, i / 2] for i in range(3000)]
        started.command("record", name="Fast", rows=rows)
        holed = [[(NOON + i) * 1000, float(i)] for i in range(600) if not 200 <= i < 260]
        holed[300] += ["BadSensorFailure"]
        started.command("record", name="Static", rows=holed)
        yield started


def _site(folder: Path, url: str) -> Path:
    tags = "\n".join(
        f'[[tags]]\nname = "t.{name}"\nsource = "line"\naddress = "nsu=urn:iiotctl:test;s={name}"' for name in NAMES
    )
    path = folder / "site.toml"
    path.write_text(
        f'schema = 1\n[site]\nname = "plant"\n[sources.line]\ntype = "opcua"\nurl = "{url}"\nperiod = "1s"\n{tags}\n'
    )
    return path


def _store(folder: Path, *gaps: Gap, rows: int = 0) -> Path:
    """A store with `rows` captured values of `Fast` from noon on, and gaps."""
    root = folder / "store"
    writer = StoreWriter.open(root, site="plant", now_us=lambda: (NOON + 4000) * SECOND)
    writer.define_tags([TagRow(code, f"t.{name}", "line") for code, name in enumerate(NAMES)])
    at = (NOON + np.arange(rows)) * SECOND
    batch = SampleBatch(np.zeros(rows, np.uint32), at, np.arange(rows) / 2, np.zeros(rows, np.uint32))
    writer.commit(batch, gaps)
    writer.close()
    return root


def _gap(name: str, tag: str | None, start: float, end: float | None) -> Gap:
    last = None if end is None else int((NOON + end) * SECOND)
    return Gap(name, "line", tag, int((NOON + start) * SECOND), last, GapReason.DISCONNECTED, (NOON + 3900) * SECOND)


def _gaps(root: Path) -> list[tuple[str | None, float, float, bool]]:
    rows = find(Selection(root), Wanted(), lambda event: None)
    return [
        (
            row.tag,
            round(row.start.timestamp() - NOON, 6),
            round(row.end.timestamp() - NOON, 6) if row.end else -1,
            row.filled_by is not None,
        )
        for row in rows
    ]


ORDER = Order("line", "2026-10-05T11:00", "2026-10-05T14:00", ("t.Fast",))


def test_a_gap_is_filled_with_what_is_missing_and_says_by_what(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, _gap("a", "t.Fast", 100, 199), _gap("b", "t.Fast", 500, None), rows=100)
    done = backfill(ORDER, lambda event: None, site=site, store=root)
    assert (done.stored, done.filled, done.still_open) == (100, 1, 1)
    (told,) = done.tags
    assert (told.values, told.filled_us, told.missing_us) == (100, 99 * SECOND + 1, 0)
    rows = samples(root)
    assert rows["value"].to_list() == [i / 2 for i in range(200)]
    (filled,) = [row for row in find(Selection(root), Wanted(), lambda event: None) if row.filled_by]
    assert filled.filled_by == f"backfill opcua HistoryRead {server.url}"
    assert filled.id == "a"
    assert verify(root).sound
    again = backfill(ORDER, lambda event: None, site=site, store=root)
    assert (again.gaps, again.requests, again.still_open) == (0, 0, 1)


def test_the_whole_interval_twice_stores_nothing_twice(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, rows=50)
    order = Order("line", ORDER.start, ORDER.end, ("t.Fast",), whole=True)
    first = backfill(order, lambda event: None, site=site, store=root)
    # 3000 values in answers of 1000, by continuation point
    assert (first.stored, first.already) == (2950, 50)
    assert first.requests >= 3
    again = backfill(order, lambda event: None, site=site, store=root)
    assert (again.stored, again.already) == (0, 3000)


def test_what_the_history_lacks_stays_a_gap(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, _gap("a", "t.Static", 150, 400))
    done = backfill(Order("line", ORDER.start, ORDER.end, ("t.Static",)), lambda event: None, site=site, store=root)
    assert (done.filled, done.split) == (0, 1)
    rows = _gaps(root)
    assert ("t.Static", 199.000001, 259.999999, False) in rows
    assert ("t.Static", 150.0, 199.0, True) in rows
    # where the server itself says Bad it recorded nothing of use
    bad = samples(root).filter(samples(root)["quality"] >= quality.BAD)
    assert bad.height == 1
    assert sum(not filled for _, _, _, filled in rows) == 2
    total = sum(end - start for _, start, end, _ in rows)
    assert total == pytest.approx(250, abs=0.001)


def test_values_far_apart_fill_only_if_the_user_says_so(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, _gap("a", "t.Static", 150, 290))
    order = Order("line", ORDER.start, ORDER.end, ("t.Static",), max_step=120.0)
    assert backfill(order, lambda event: None, site=site, store=root).filled == 1


def test_a_gap_of_the_whole_source_is_split_by_tag(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, _gap("wide", None, 20, 80))
    done = backfill(Order("line", ORDER.start, ORDER.end), lambda event: None, site=site, store=root)
    assert (done.filled, done.split) == (0, 1)
    assert {(tag, filled) for tag, _, _, filled in _gaps(root)} == {
        ("t.Fast", True),
        ("t.Static", True),
        ("t.Old", False),
        ("t.Float", False),
    }
    problems = {one.tag: one.problem for one in done.tags}
    assert problems["t.Fast"] == ""
    assert problems["t.Old"] != ""


def test_what_the_user_sees(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, _gap("a", "t.Fast", 100, 199), _gap("b", "t.Static", 150, 300))
    span = ("--from", ORDER.start, "--to", ORDER.end, "--site", site, "--store", root)
    shown = iiotctl("backfill", "line", "t.Fast", "t.Static", *span)
    assert shown.returncode == 0, shown.stderr
    assert "2 gaps: 1 filled, 1 filled in part, 0 not filled" in shown.stderr
    assert f"filled by: backfill opcua HistoryRead {server.url}" in shown.stderr
    assert [word for word in shown.stdout.splitlines()[0].split() if word != "[s]"][:3] == ["tag", "values", "gaps"]
    gaps = iiotctl("gaps", "--store", root)
    assert "filled_by" in gaps.stdout
    assert "filled later" in gaps.stderr
    wrong = iiotctl("backfill", "lime", *span)
    assert (wrong.returncode, "did you mean `line`" in wrong.stderr) == (8, True)


def test_a_server_that_records_nothing_is_named(tmp_path: Path) -> None:
    with running(tmp_path / "server", period=3_600_000) as started:
        site = _site(tmp_path, started.url)
        root = _store(tmp_path, _gap("a", "t.Old", 20, 80))
        with pytest.raises(SourceError) as caught:
            backfill(Order("line", ORDER.start, ORDER.end, ("t.Old",)), lambda event: None, site=site, store=root)
    assert caught.value.slug == "opcua-no-history"
    assert _gaps(root) == [("t.Old", 20.0, 80.0, False)]


def test_again_when_only_tags_are_left_that_the_server_does_not_record(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, _gap("wide", None, 20, 80))
    order = Order("line", ORDER.start, ORDER.end)
    assert backfill(order, lambda event: None, site=site, store=root).split == 1
    done = backfill(order, lambda event: None, site=site, store=root)
    assert (done.stored, done.gaps, done.filled) == (0, 2, 0)
    problems = {one.tag: one.problem for one in done.tags}
    assert problems["t.Old"] == "not historized by the server (BadHistoryOperationUnsupported)"
    assert problems["t.Fast"] == ""


def test_nothing_to_fill_is_done(tmp_path: Path) -> None:
    site = _site(tmp_path, "opc.tcp://127.0.0.1:1")
    root = _store(tmp_path, _gap("b", "t.Fast", 500, None))
    shown = iiotctl("backfill", "line", "--from", ORDER.start, "--to", ORDER.end, "--site", site, "--store", root)
    assert (shown.returncode, shown.stdout) == (0, "")
    assert "there is no gap of `line` to fill in this time; 1 gap still lasts and was left alone" in shown.stderr


def test_only_gaps_of_the_tags_asked_for_are_counted(server: Server, tmp_path: Path) -> None:
    site = _site(tmp_path, server.url)
    root = _store(tmp_path, _gap("a", "t.Fast", 100, 199), _gap("b", "t.Static", 150, 170), _gap("c", "t.Old", 1, None))
    for whole in (True, False):
        order = Order("line", ORDER.start, ORDER.end, ("t.Fast",), whole=whole)
        done = backfill(order, lambda event: None, site=site, store=root)
        assert (done.gaps, done.filled, done.still_open) == ((1, 1, 0) if whole else (0, 0, 0))


def test_history_cannot_be_changed_through_our_session(server: Server, tmp_path: Path) -> None:
    from asyncua import ua

    from iiotctl.site.sources import OpcUaSource
    from iiotctl.sources.allowlist import ForbiddenRequestError
    from iiotctl.sources.opcua.session import Session

    async def attempt() -> None:
        session = await Session.open(OpcUaSource(type="opcua", url=server.url), context(tmp_path))
        try:
            await session.call(ua.HistoryUpdateRequest(), ua.HistoryUpdateResponse)
        finally:
            await session.close()

    with pytest.raises(ForbiddenRequestError):
        asyncio.run(attempt())
    assert "HistoryUpdate" not in server.services()
