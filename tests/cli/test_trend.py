"""trend as a user's shell runs it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from iiotctl.cli._options import Format
from iiotctl.cli.trend import TrendFormat
from iiotctl.reports.plots.output import FORMATS
from tests.cli.shell import assert_our_form, iiotctl
from tests.unit.history.stores import T0, TAGS, small_store

RANGE = ("--from", "2026-11-18T11:00Z", "--to", "2026-11-18T11:10Z")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_store(tmp_path_factory.mktemp("trend") / "store")


def test_draws_in_a_pipe_without_colours(store: Path) -> None:
    done = iiotctl("trend", "press1.*", "oven.zone1", *RANGE, "--store", store, "--timezone", "Europe/Berlin")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2026-11-18 12:00 to 12:10 Europe/Berlin (UTC+01:00)\n")
    assert "A press1.pressure" in done.stdout
    assert re.search("[\u2801-\u28ff]", done.stdout)
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_width_ascii_and_colour(store: Path) -> None:
    words = ("trend", "press1.pressure", *RANGE, "--store", store)
    wide = iiotctl(*words, "--width", "132", "--ascii").stdout
    assert wide.isascii()
    assert 120 < max(map(len, wide.splitlines())) <= 132
    assert "\x1b[38;5;" in iiotctl(*words, "--color", "always").stdout


def test_a_terminal_of_another_encoding_gets_ascii(store: Path) -> None:
    done = iiotctl("trend", "press1.pressure", *RANGE, "--store", store, PYTHONIOENCODING="latin-1")
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    ("file", "begin"),
    [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.html", b"<!DOCTYPE html>"), ("a.csv", b"ts,tag,")],
)
def test_the_file_says_the_format(store: Path, tmp_path: Path, file: str, begin: bytes) -> None:
    assert iiotctl("trend", "press1.pressure", *RANGE, "--store", store, "-o", file, cwd=tmp_path).returncode == 0
    assert (tmp_path / file).read_bytes().startswith(begin)


def test_no_file_is_overwritten_unasked(store: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("kept")
    done = iiotctl("trend", "press1.pressure", *RANGE, "--store", store, "-o", "a.html", cwd=tmp_path)
    assert done.returncode == 2
    assert_our_form(done.stderr, "output-exists")
    assert (tmp_path / "a.html").read_text() == "kept"


def test_rows_are_the_samples(store: Path) -> None:
    words = ("trend", "press1.pressure", *RANGE, "--store", store, "--mode", "raw")
    document = json.loads(iiotctl(*words, "--format", "json").stdout)
    table = list(csv.DictReader(io.StringIO(iiotctl(*words, "--format", "csv").stdout)))
    assert document["rows"]
    assert [row["ts"] for row in table] == [row["ts"] for row in document["rows"]]
    assert {row["tag"] for row in table} == {"press1.pressure"}


def test_newest_first_turns_rows_and_not_drawings(store: Path) -> None:
    ahead = ("trend", "press1.pressure", *RANGE, "--store", store)
    back = ("trend", "press1.pressure", "--from", RANGE[3], "--to", RANGE[1], "--store", store)
    assert iiotctl(*back).stdout == iiotctl(*ahead).stdout
    rows = [iiotctl(*words, "--format", "jsonl").stdout.splitlines() for words in (ahead, back)]
    assert rows[0] == rows[1][::-1]


@pytest.mark.parametrize(
    ("words", "code", "slug"),
    [
        (("press1.presure",), 8, "no-tags"),
        (("press1.pressure", "--from", "2026-11-01", "--to", "2026-11-02"), 8, "no-samples"),
        (("press1.pressure", "--from", "*", "--to", "*"), 2, "empty-range"),
        (("press1.pressure", "--mode", "wild"), 2, "bad-value"),
        (("press1.pressure", "--mode", "plot", "--every", "1h"), 2, "bad-value"),
        (("press1.pressure", "--format", "gif"), 2, "bad-value"),
        (("press1.pressure", "--width", "7"), 2, "bad-value"),
        (("press1.pressure", "--format", "svg", "--excel", "de"), 2, "excel-format"),
        (("press1.pressure", "--from", "yesterdayish"), 2, "bad-time"),
    ],
)
def test_bad_input(store: Path, words: tuple[str, ...], code: int, slug: str) -> None:
    done = iiotctl("trend", *words, "--store", store)
    assert (done.returncode, done.stdout) == (code, "")
    assert_our_form(done.stderr, slug)


def test_an_empty_range_names_the_nearest_sample(store: Path) -> None:
    done = iiotctl("trend", TAGS[0], "--from", "2026-11-20", "--to", "2026-11-21", "--store", store)
    assert "  cause: the last one before it is of 2026-11-18 11:0" in done.stderr


@pytest.mark.parametrize("words", [("trend",), ("trend", "--format", "csv"), ("export",)])
def test_no_samples_are_the_same_error_everywhere(store: Path, words: tuple[str, ...]) -> None:
    done = iiotctl(*words, TAGS[0], "--from", "2026-11-20", "--to", "2026-11-21", "--store", store)
    assert done.returncode == 8
    assert_our_form(done.stderr, "no-samples")
    assert "  cause: the last one before it is of 2026-11-18 11:0" in done.stderr


@pytest.mark.parametrize("words", [("--format", "csv"), ()])
def test_a_range_of_the_future_is_not_turned_round(store: Path, words: tuple[str, ...]) -> None:
    done = iiotctl("trend", TAGS[0], "--from", "*+1d", *words, "--store", store)
    assert (done.returncode, done.stdout) == (2, "")
    assert_our_form(done.stderr, "future-range")
    asked = iiotctl("trend", TAGS[0], "--from", "*+1d", "--to", "*+2d", *words, "--store", store)
    assert_our_form(asked.stderr, "no-samples")
    rest = iiotctl("export", TAGS[0], "--from", "*+1d", "--store", store)
    assert rest.returncode == 8
    assert_our_form(rest.stderr, "no-samples")


def test_formats_of_rows_are_all_here() -> None:
    assert [str(format_) for format_ in TrendFormat] == [*FORMATS, *map(str, Format)]


def test_no_drawing_of_a_whole_plant(tmp_path: Path) -> None:
    from iiotctl.store.schema import TagRow
    from iiotctl.store.writer import StoreWriter
    from tests.unit.history.stores import batch

    writer = StoreWriter.open(tmp_path / "store", site="plant1", run_info={}, now_us=lambda: T0)
    writer.define_tags([TagRow(code=code, tag=f"t{code:02}", source="s", unit="bar") for code in range(30)])
    writer.commit(batch(range(30), [T0] * 30, [1.0] * 30))
    writer.close()
    done = iiotctl("trend", "t*", *RANGE, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert_our_form(done.stderr, "too-many-tags")
    few = iiotctl("trend", "t0*", *RANGE, "--store", tmp_path / "store")
    assert few.returncode == 0
    assert "J t09" in few.stdout
