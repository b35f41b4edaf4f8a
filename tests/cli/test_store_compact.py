"""`iiotctl store compact` from a shell."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.shell import iiotctl
from tests.unit.store.making import SECOND, Clock, batch, open_writer, rows

DAY = 86_400 * SECOND


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Six files of one hour of yesterday's yesterday."""
    root = tmp_path / "store"
    start = (time.time_ns() // 1000 // DAY - 2) * DAY
    writer = open_writer(root, Clock(start))
    for number in range(6):
        writer.commit(batch(start + number * 60 * SECOND, 20, number))
        writer.rotate()
        writer.seal()
    writer.close()
    return root


def test_what_became_what(store: Path, tmp_path: Path) -> None:
    before = rows(store)
    seen = iiotctl("store", "compact", "--store", store, "--dry-run", "--format", "json", cwd=tmp_path)
    assert seen.returncode == 0, seen.stderr
    assert len(list(store.glob("samples/*/*"))) == 6
    done = iiotctl("store", "compact", "--store", store, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 → 1" in done.stdout
    assert "6 files became 1" in done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    again = iiotctl("store", "compact", "--store", store, "--format", "json", cwd=tmp_path)
    assert (again.returncode, json.loads(again.stdout)["rows"]) == (0, [])
    assert "nothing to compact" in again.stderr
    (row,) = json.loads(seen.stdout)["rows"]
    assert (row["table"], row["form"], row["files_before"], row["files_after"]) == ("samples", "hour", 6, 1)
    assert (row["rows"], row["size_after"]) == (360, None)
    assert rows(store) == before


def test_strict_is_5_when_a_file_had_to_be_left_alone(store: Path, tmp_path: Path) -> None:
    path = sorted(store.glob("samples/*/*"))[2]
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    words = ("store", "compact", "--store", store)
    done = iiotctl(*words, cwd=tmp_path)
    assert done.returncode == 0
    assert f"warning: left alone {path}: its hash is not the one that was written" in done.stderr
    assert iiotctl(*words, "--strict", cwd=tmp_path).returncode == 5


def test_bad_age_and_no_store(store: Path, tmp_path: Path) -> None:
    bad = iiotctl("store", "compact", "--store", store, "--daily-after", "14", cwd=tmp_path)
    assert bad.returncode == 2
    assert bad.stderr.startswith("error[bad-value]: ")
    none = iiotctl("store", "compact", "--store", tmp_path / "nothing", cwd=tmp_path)
    assert none.returncode == 5
    assert none.stderr.startswith("error[store-missing]: ")
