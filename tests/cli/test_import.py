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


def test_rejects_replace_no_file_and_a_preview_writes_none(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD + "never,a.b,1,Good\n")
    before = (tmp_path / "x.csv").read_bytes()
    for flags in ((), ("--dry-run",)):
        found = iiotctl("import", "x.csv", "--store", "s", "--rejects", "x.csv", *flags, cwd=tmp_path)
        assert (found.returncode, "error[output-exists]" in found.stderr) == (2, True)
        assert "--output" not in found.stderr
        assert (tmp_path / "x.csv").read_bytes() == before
    assert not (tmp_path / "s").exists()
    shown = iiotctl("import", "x.csv", "--store", "s", "--rejects", "bad.csv", "--dry-run", cwd=tmp_path)
    assert "bad.csv" in shown.stderr
    assert not (tmp_path / "bad.csv").exists()
    nowhere = iiotctl("import", "x.csv", "--store", "s", "--rejects", "no/bad.csv", cwd=tmp_path)
    assert (nowhere.returncode, "--rejects FILE" in nowhere.stderr, "--output" in nowhere.stderr) == (2, True, False)


def test_changed_names_and_columns_that_are_not_used_are_told(tmp_path: Path) -> None:
    rows = "".join(f"2025-11-21T00:00:0{i}Z,a {i},1,shift\n" for i in range(9))
    (tmp_path / "x.csv").write_text("ts,tag,value,crew\n" + rows)
    told = iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path).stderr
    assert "9 tags renamed" in told
    assert "`a 0` -> `a_0`" in told
    assert "a 8" not in told
    assert "columns not used: `crew`" in told
    assert "`a 8` -> `a_8`" in iiotctl("import", "x.csv", "--store", "t", "-v", cwd=tmp_path).stderr


def test_a_map_of_names_is_checked(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD)
    (tmp_path / "y.csv").write_text(GOOD.replace("a.b", "c.d"))
    for text, word in (
        ("from,to\na.b,x\nc.d,x\n", "`x` stands twice"),
        ("from,to\na.b,x\na.b,y\n", "`a.b` stands twice"),
        ("old name;new name\na.b;x\n", "from,to"),
        ("to,from\nx,a.b\n", "from,to"),
        ("a.b,x\n", "from,to"),
    ):
        (tmp_path / "map.csv").write_text(text)
        found = iiotctl("import", "x.csv", "--store", "s", "--map", "map.csv", cwd=tmp_path)
        assert (found.returncode, word in found.stderr) == (2, True), found.stderr
    (tmp_path / "map.csv").write_text("from,to\na.b,x\nc.d,y\npress9,z\nc.d2,\n")
    found = iiotctl("import", "x.csv", "y.csv", "--store", "s", "--map", "map.csv", cwd=tmp_path)
    assert found.returncode == 0
    assert "2 entries of `map.csv` match no tag: `press9`, `c.d2`" in found.stderr


def test_what_expired_is_told_and_not_stored(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD)
    iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path)
    assert iiotctl("store", "retain", "--raw", "1d", "--store", "s", cwd=tmp_path).returncode == 0
    again = iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path)
    assert again.returncode == 0
    assert "2 rows belong to dates that have expired (roll-ups stand for them); not stored" in again.stderr
    assert "2 rows read, 0 stored, 0 already there, 2 expired" in again.stderr
    strict = iiotctl("import", "x.csv", "--store", "s", "--strict", "--format", "json", cwd=tmp_path)
    assert strict.returncode == 1
    assert json.loads(strict.stdout)["rows"][0]["expired"] == 2


def test_a_target_of_pushes_takes_no_import(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(GOOD)
    iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path)
    iiotctl("store", "push", "lake", "--store", "s", cwd=tmp_path)
    found = iiotctl("import", "x.csv", "--store", "lake", cwd=tmp_path)
    assert (found.returncode, "error[push-target]" in found.stderr) == (5, True)
