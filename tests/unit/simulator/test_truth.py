"""The truth log: lines, counts, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iiotctl.errors import UsageError
from iiotctl.simulator.truth import TruthLog


def test_lines_are_json_and_counted(tmp_path: Path) -> None:
    seen: list[str] = []
    log = TruthLog(tmp_path / "truth.jsonl", observer=lambda kind, at, fields: seen.append(f"{kind} {at} {fields}"))
    log.write("modbus", 5, unit=1, values={"a": [1, 0.1]})
    log.write("refused", 6, what="Write")
    log.flush()
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert lines == [
        {"at": 5, "kind": "modbus", "unit": 1, "values": {"a": [1, 0.1]}},
        {"at": 6, "kind": "refused", "what": "Write"},
    ]
    log.close()
    log.close()
    assert log.counts == {"modbus": 1, "refused": 1}
    assert seen == ["refused 6 {'what': 'Write'}"]


def test_without_a_file_it_only_counts() -> None:
    log = TruthLog()
    log.write("modbus", 5)
    assert not log.active
    assert log.counts == {"modbus": 1}
    assert log.records == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        TruthLog(tmp_path / "missing" / "truth.jsonl")
    assert caught.value.slug == "truth-file"
