"""Wide files with many tags, and the figures that add up over many parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.imports.files import imported, put


@pytest.mark.parametrize("width", [65, 66, 200])
def test_a_column_for_each_of_many_tags(tmp_path: Path, width: int) -> None:
    names = [f"t{i:03d}" for i in range(width)]
    rows = "".join(f"2025-11-21T00:00:0{row}Z,{','.join(str(i + row) for i in range(width))}\n" for row in range(2))
    report = imported(put(tmp_path, f"ts,{','.join(names)}\n{rows}"), tmp_path / "s")
    assert report.stored == 2 * width
    assert [(tag.name, tag.rows, tag.low, tag.high) for tag in report.tags] == [
        (name, 2, float(i), float(i + 1)) for i, name in enumerate(names)
    ]
