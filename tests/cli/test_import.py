"""`iiotctl import` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import iiotctl

GOOD = "ts,tag,value,quality\n2025-11-21T00:00:00Z,a.b,1.5,Good\n2025-11-21T00:00:01Z,a.b,2.5,Good\n"


def test_twice_is_once(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD)
    first = iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path)
    assert (first.returncode, first.stdout) == (0, "")
    assert "2 rows read, 2 stored" in first.stderr
    again = iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path)
    assert again.returncode == 0
    assert "nothing new" in again.stderr
    counted = iiotctl("query", "SELECT count(*) AS n FROM samples", "--store", "s", "--format", "json", cwd=tmp_path)
    assert json.loads(counted.stdout)["rows"] == [{"n": 2}]
    tags = iiotctl("query", "SELECT tag, source, mode FROM tags", "--store", "s", "--format", "csv", cwd=tmp_path)
    assert tags.stdout.splitlines() == ["tag,source,mode", "a.b,import,imported"]


def test_preview_stores_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD)
    shown = iiotctl("import", "x.csv", "--dry-run", "--store", "s", "--format", "json", cwd=tmp_path)
    assert shown.returncode == 0
    (row,) = json.loads(shown.stdout)["rows"]
    assert (row["tag"], row["rows"], row["low"], row["high"], row["good"]) == ("a.b", 2, 1.5, 2.5, 2)
    assert "nothing was stored" in shown.stderr
    assert not (tmp_path / "s").exists()


def test_strict_and_rejects(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD + "never,a.b,1,Good\n")
    assert iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path).returncode == 0
    strict = iiotctl("import", "x.csv", "--store", "s", "--strict", "--rejects", "bad.csv", cwd=tmp_path)
    assert strict.returncode == 1
    assert "line 4" in strict.stderr
    assert (tmp_path / "bad.csv").read_text().splitlines()[1].startswith("x.csv,4,time,")


def test_flags_that_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD)
    for flags, words in (
        (("--timezone", "Mars/Base"), "no time zone"),
        (("--decimal", ";"), "no decimal mark"),
        (("--separator", "ab"), "one character"),
        (("--prefix", "ä"), "cannot begin"),
        (("--map", "none.csv"), "cannot be read"),
    ):
        found = iiotctl("import", "x.csv", "--store", "s", *flags, cwd=tmp_path)
        assert found.returncode == 2, flags
        assert words in found.stderr
    missing = iiotctl("import", "none.csv", "--store", "s", cwd=tmp_path)
    assert (missing.returncode, "error[import-file]" in missing.stderr) == (2, True)
    assert not (tmp_path / "s").exists()


def test_names_of_files_and_rows_cannot_move_the_cursor(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("ts,tag,value\n2025-11-21T00:00:00Z,a\x1b[2Jb,1\nbad\x1b[2J,c,1\n")
    shown = iiotctl("import", "x.csv", "--dry-run", "--store", "s", cwd=tmp_path)
    assert "\x1b" not in shown.stdout + shown.stderr
