"""A later file in another unit: the store says from when on, and an audit does not mix the two."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import iiotctl


def _file(folder: Path, name: str, day: int) -> None:
    rows = [f"2026-03-0{day + row // 24}T{row % 24:02d}:00:00Z,P,{row % 7},Good" for row in range(48)]
    (folder / name).write_text("\n".join(["ts,tag,value,quality", *rows]) + "\n")


def _units(folder: Path) -> list[tuple[str, str]]:
    found = iiotctl(
        "query", "SELECT * FROM tags_history ORDER BY valid_from", "--store", "s", "--format", "json", cwd=folder
    )
    assert found.returncode == 0, found.stderr
    return [(row["valid_from"][:10], row["unit"]) for row in json.loads(found.stdout)["rows"]]


def test_a_changed_unit_holds_from_the_first_row_of_its_file_on(tmp_path: Path) -> None:
    for name, day in (("bar.csv", 3), ("kpa.csv", 6), ("older.csv", 1)):
        _file(tmp_path, name, day)
    for name, unit in (("bar.csv", "bar"), ("kpa.csv", "kPa"), ("kpa.csv", "kPa"), ("older.csv", "psi")):
        assert iiotctl("import", name, "--eng-unit", unit, "--store", "s", cwd=tmp_path).returncode == 0
    assert _units(tmp_path) == [("2026-03-03", "bar"), ("2026-03-06", "kPa")]
    audit = iiotctl("audit", "sensors", "--store", "s", cwd=tmp_path)
    said = " ".join(audit.stdout.split())
    assert "its unit changed from `bar` to `kPa` at 2026-03-06 00:00 UTC: only what came after was judged" in said
