"""The SQL of docs/reference/views.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iiotctl.history.sql import statement
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from tests.unit.history.stores import small_store

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "views.md"
BLOCKS = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
STATEMENTS = [sql for block in BLOCKS for sql in block.strip().split("\n")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_store(tmp_path_factory.mktemp("views") / "store")


def test_the_page_was_read() -> None:
    assert len(STATEMENTS) > 8


@pytest.mark.parametrize("sql", STATEMENTS)
def test_every_statement_runs(sql: str, store: Path) -> None:
    with Running(Selection(store), statement.check(sql), lambda event: pytest.fail(event.text)) as running:
        list(running.rows()[1])
