"""The commands and the Python of the pages that hand data to other programs run, one after the other, in one folder."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest

from iiotctl.cli import app
from iiotctl.reports.dialects import DIALECTS
from tests.docs.pages import DOCS, Block, blocks
from tests.unit.history.stores import batch, gap, writer

PAGES = [
    DOCS / "how-to" / f"{name}.md"
    for name in ("export-to-excel", "use-power-bi-and-grafana", "hand-data-to-python-or-r")
]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and a store of the last two days in it."""
    now = time.time_ns() // 1000
    store = writer(tmp_path / "store", now)
    step = 600_000_000
    times = [now - number * step for number in range(288, 0, -1)]
    for code in range(4):
        store.commit(batch([code] * len(times), times, [float(number % 20) for number in range(len(times))]))
    store.commit(batch([0], [now - 1], [1.0]), [gap("one", detected=now)])
    store.rotate()
    store.seal()
    store.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIOTCTL_STORE", str(tmp_path / "store"))
    return tmp_path


def commands(block: Block) -> list[list[str]]:
    """Command lines of a console block, without what reads them behind a pipe."""
    lines = re.findall(r"^\$ (iiotctl .*)$", block.text, re.MULTILINE)
    return [shlex.split(line.partition(" | ")[0])[1:] for line in lines]


def test_the_pages_hold_something_to_run() -> None:
    found = [block for page in PAGES for block in blocks(page)]
    assert sum(len(commands(block)) for block in found if block.language == "console") > 12
    assert sum(block.language == "python" for block in found) > 3
    assert sum(block.language == "sql" for block in found) > 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_it_shows_runs(page: Path, plant: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "console":
            for words in commands(block):
                assert app.run(words) == 0, (where, words, capfd.readouterr().err)
                for named in re.findall(r"(?:-o|--duckdb) (\S+)", shlex.join(words)):
                    assert (plant / named).stat().st_size, (where, words)
        elif block.language == "python":
            capfd.readouterr()
            exec(compile(block.text, where, "exec"), {})
            assert capfd.readouterr().out.strip(), where
        elif block.language == "sql":
            import duckdb

            with duckdb.connect(str(plant / "plant.duckdb"), read_only=True) as connection:
                assert connection.execute(block.text).fetchall(), where


def test_the_table_of_countries_is_the_truth() -> None:
    found = {}
    for countries, separator, mark, day in re.findall(
        r"^\| ([a-z ]+) \| `(.)` \| `(.)` \| (\S+) \|$", PAGES[0].read_text(encoding="utf-8"), re.MULTILINE
    ):
        found |= dict.fromkeys(countries.split(), (separator, mark, day))
    from datetime import date

    last = date(2026, 12, 31)
    assert found == {
        name: (dialect.separator, dialect.decimal, last.strftime(dialect.date)) for name, dialect in DIALECTS.items()
    }
