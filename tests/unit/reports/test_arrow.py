"""Arrow IPC as files and as streams, in one batch and in many; tabs and Markdown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from iiotctl import reports
from iiotctl.errors import IncompleteError
from iiotctl.reports import Column, Rows, base, frames

COLUMNS = [Column("ts", "timestamp"), Column("tag"), Column("value", "float")]


def rows(count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        at = datetime.fromtimestamp(1_795_000_000 + number, UTC)
        yield at, f"tag{number % 3}", None if number % 7 == 0 else number / 2


EXPECTED = {"ts": pl.Datetime("us", "UTC"), "tag": pl.String, "value": pl.Float64}


@pytest.mark.parametrize("count", [0, 1, 10, 11, 35])
@pytest.mark.parametrize("suffix", [".arrow", ".feather", ".arrows"])
def test_many_batches_are_one_table(tmp_path: Path, count: int, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_ROWS", 10)
    output = tmp_path / f"out{suffix}"
    reports.write(Rows(COLUMNS, rows(count)), "arrow", output)
    frame = pl.read_ipc_stream(output) if suffix == ".arrows" else pl.read_ipc(output)
    assert dict(frame.schema) == EXPECTED
    assert frame.rows() == list(rows(count))


def test_a_pipe_gets_a_stream() -> None:
    stream = io.BytesIO()
    base.load("arrow")(Rows(COLUMNS, rows(3)), stream, base.Look())
    stream.seek(0)
    assert pl.read_ipc_stream(stream).height == 3


def test_columns_of_open_type_are_seen_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_ROWS", 1)
    found = list(frames.frames(Rows([Column("a", "any"), Column("n", "integer")], [(1.5, 1), ("x", 2**70)])))
    assert [frame.rows() for frame in found] == [[("1.5", "1"), ("x", str(2**70))]]


def test_an_integer_that_comes_too_late_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_ROWS", 1)
    assert [frame.rows() for frame in frames.frames(Rows([Column("n", "integer")], [(2**70,), (1,)]))] == [
        [(str(2**70),)],
        [("1",)],
    ]
    with pytest.raises(IncompleteError) as caught:
        list(frames.frames(Rows([Column("n", "integer")], [(1,), (2**70,)])))
    assert caught.value.slug == "integer-too-large"


def test_a_failure_reaches_the_caller(tmp_path: Path) -> None:
    def failing() -> Iterator[tuple[object, ...]]:
        yield from rows(2)
        raise BrokenPipeError

    for suffix in (".arrow", ".arrows"):
        with pytest.raises(BrokenPipeError):
            reports.write(Rows(COLUMNS, failing()), "arrow", tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == []


def render(format_: str, table: Rows) -> str:
    stream = io.BytesIO()
    base.load(format_)(table, stream, base.Look())
    return stream.getvalue().decode()


def test_tabs() -> None:
    table = Rows([Column("a"), Column("b")], [("x\ty", 'q"'), ("=1", None), ("", 1.5)])
    assert render("tsv", table) == 'a\tb\r\n"x\ty"\t"q"""\r\n\'=1\t\r\n""\t1.5\r\n'


def test_markdown_takes_nothing_for_markup() -> None:
    table = Rows([Column("a|b", unit="bar"), Column("n", "float")], [("*x*|_y_\n<br>", 1.5), (None, None)])
    assert render("markdown", table).splitlines() == [
        r"| a\|b \[bar\] | n |",
        "| --- | ---: |",
        r"| \*x\*\|\_y\_\\n\<br\> | 1.5 |",
        "|  |  |",
    ]
