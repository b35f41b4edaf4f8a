"""`store status` of stores that are not as they should be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from iiotctl.store import standing
from iiotctl.store.layout import Layout
from iiotctl.store.ledger import Ledger
from iiotctl.store.status import status
from tests.unit.store.making import NOON, batch, open_writer


@pytest.fixture
def store(tmp_path: Path) -> Path:
    writer = open_writer(tmp_path)
    writer.commit(batch(NOON, 50))
    writer.close()
    return tmp_path


def test_without_manifests_the_files_say_it(store: Path) -> None:
    known = status(store)
    assert (known.rows, known.unknown) == (150, 0)
    shutil.rmtree(store / "manifest")
    found = status(store)
    assert (found.rows, found.unknown, found.files, found.size) == (150, known.files, known.files, known.size)


def test_what_is_no_file_does_not_stop_it(store: Path) -> None:
    folder = next((store / "samples").iterdir())
    (folder / "link.parquet").symlink_to("nowhere")
    (folder / "folder.parquet").mkdir()
    (folder / "text.parquet").write_text("no Parquet")
    found = status(store)
    assert (found.rows, found.unknown) == (150, 1)


def test_a_file_that_goes_meanwhile(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = standing.files_of

    def then_gone(layout: Layout, table: str, known: Ledger | None = None) -> list[Path]:
        found = listed(layout, table, known)
        for path in found if table == "samples" else ():
            path.unlink()
        return found

    monkeypatch.setattr("iiotctl.store.status.files_of", then_gone)
    assert status(store).rows == 0
