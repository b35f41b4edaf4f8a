"""The commands of docs/how-to/query.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iiotctl.history.sql import statement
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from tests.unit.history.stores import small_store

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "query.md"
COMMANDS = re.findall(r"^\$ (iiotctl query(?:[^\n]|\n {4,})*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
QUERIES = [
    match[2]
    for command in COMMANDS
    if "--unsafe" not in command and (match := re.search(r"query ([\"'])(.*?)\1", command, re.DOTALL))
]


def test_the_page_was_read() -> None:
    assert len(QUERIES) > 10


@pytest.mark.parametrize("sql", QUERIES)
def test_every_query_runs(sql: str, tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    with Running(Selection(root), statement.check(sql), lambda event: pytest.fail(event.text)) as running:
        list(running.rows()[1])
