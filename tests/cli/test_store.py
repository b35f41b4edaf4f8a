"""`iiotctl store` from a shell: works on any store without a site file, and says what is damaged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.shell import iiotctl
from tests.unit.store.making import NOON, SECOND, batch, open_writer


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Twenty seconds sealed, five in the spool."""
    root = tmp_path / "store"
    writer = open_writer(root)
    writer.commit(batch(NOON, 20))
    writer.rotate()
    writer.seal()
    writer.commit(batch(NOON + 60 * SECOND, 5))
    writer.close(seal=False)
    return root


def test_status_then_seal_then_status(store: Path, tmp_path: Path) -> None:
    before = iiotctl("store", "status", "--store", store, "--format", "json", cwd=tmp_path)
    assert before.returncode == 0, before.stderr
    rows = {row["fact"]: row for row in json.loads(before.stdout)["rows"]}
    assert all(re.fullmatch("[a-z_]+", key) for key in rows)
    assert (rows["sealed_samples"]["value"], rows["unsealed_samples"]["value"]) == (60, 15)
    size = sum(path.stat().st_size for path in store.rglob("*.parquet"))
    assert (rows["sealed_size"]["value"], rows["sealed_size"]["unit"]) == (size, "B")
    assert isinstance(rows["free"]["value"], int)
    assert (rows["damaged_segments"]["value"], rows["captured_by"]["value"]) == (0, None)
    table = iiotctl("store", "status", "--store", store, cwd=tmp_path)
    assert re.search(r"size of sealed files +[\d.]+ kB\n", table.stdout)
    sealed = iiotctl("store", "seal", "--store", store, cwd=tmp_path)
    assert (sealed.returncode, sealed.stdout) == (0, "")
    assert "sealed 1 segment of" in sealed.stderr
    again = iiotctl("store", "seal", "--store", store, cwd=tmp_path)
    assert "nothing to seal" in again.stderr
    after = iiotctl("store", "status", "--store", store, "--format", "json", cwd=tmp_path)
    facts = {row["fact"]: row["value"] for row in json.loads(after.stdout)["rows"]}
    assert (facts["sealed_samples"], facts["unsealed_samples"]) == (75, 0)


def test_verify_names_each_damaged_file_and_exits_5(store: Path, tmp_path: Path) -> None:
    sound = iiotctl("store", "verify", "--store", store, cwd=tmp_path)
    assert (sound.returncode, sound.stdout) == (0, "")
    path = next((store / "samples").rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    damaged = iiotctl("store", "verify", "--store", store, "--format", "json", cwd=tmp_path)
    assert damaged.returncode == 5
    (row,) = json.loads(damaged.stdout)["rows"]
    assert row["file"] == path.relative_to(store).as_posix()
    assert row["verdict"] == "damaged"
    assert "NOT sound" in damaged.stderr


@pytest.mark.parametrize("verb", ["status", "seal", "verify"])
def test_no_store_is_one_clear_error(verb: str, tmp_path: Path) -> None:
    done = iiotctl("store", verb, "--store", tmp_path / "nothing", cwd=tmp_path)
    assert done.returncode == 5
    assert done.stderr.startswith("error[store-missing]: ")
    assert not (tmp_path / "nothing").exists()


def test_ages_that_are_too_short_are_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("ts,tag,value\n2025-11-21T00:00:00Z,a,1\n")
    iiotctl("import", "x.csv", "--store", "s", cwd=tmp_path)
    for flag, value, words in (
        ("--raw", "1h", "at least 1d"),
        ("--rollups", "1h", "at least 1d"),
        ("--max-size", "5B", "at least 1MB"),
    ):
        found = iiotctl("store", "retain", flag, value, "--store", "s", cwd=tmp_path)
        assert (found.returncode, f"the value of `{flag}` is wrong: {words}" in found.stderr) == (2, True)
