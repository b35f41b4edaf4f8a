"""Answers that had to do without a file: the file is named, and `--strict` ends with an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import StoreError
from iiotctl.events import Event
from iiotctl.history.gaps import Wanted
from iiotctl.history.sql.omission import Omissions
from iiotctl.ops.gaps import gaps
from iiotctl.ops.last import last
from iiotctl.ops.query import Query, run
from iiotctl.store.snapshot import Snapshot
from tests.unit.history.stores import T0, batch, small_store, writer

DAY = 86_400_000_000


def sealed_file(root: Path, kind: str = "samples") -> Path:
    return next((root / kind).rglob("*.parquet"))


def damage(path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(200) + b"PAR1")


@pytest.mark.parametrize("spoil", [damage, Path.unlink, lambda path: path.write_bytes(b"x" * 50)])
@pytest.mark.parametrize("verb", ["query", "last", "gaps"])
@pytest.mark.parametrize("kind", ["samples", "tags", "gaps"])
def test_every_verb_names_the_file_once(tmp_path: Path, verb: str, kind: str, spoil: object) -> None:
    root = small_store(tmp_path / "store")
    path = sealed_file(root, kind)
    spoil(path)  # type: ignore[operator]
    told: list[Event] = []
    notice = Omissions(told.append)
    if verb == "query":
        sql = f"SELECT count(*), min(hash(s)) FROM {kind} s"
        query = Query(root, sql, format="json", output=tmp_path / "out", strict=True)
        with pytest.raises(StoreError) as failed:
            run(query, told.append)
        assert failed.value.slug == "store-incomplete"
        assert (tmp_path / "out").exists(), "what could be had is written all the same"
    elif verb == "last":
        last(root, [], notice)
    else:
        gaps(root, Wanted(), notice)
    named = [event.text for event in told if str(path) in event.text]
    unread = {("last", "gaps"), ("gaps", "samples"), ("gaps", "tags")}
    if not (spoil is damage and (verb, kind) in unread):  # nothing of theirs was wanted, and they look right
        assert len(named) == 1
        if verb != "query":
            notice.end(root, strict=False)
            with pytest.raises(StoreError, match="1 file"):
                notice.end(root, strict=True)


def test_a_whole_store_is_complete(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    told: list[Event] = []
    notice = Omissions(told.append)
    last(root, [], notice)
    gaps(root, Wanted(), notice)
    notice.end(root, strict=True)
    assert not told


def test_only_files_of_the_selected_dates_are_missed(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = writer(root)
    for day in range(3):
        store.commit(batch([0], [T0 + day * DAY], [1.0]))
        store.rotate()
        store.seal()
    store.close()
    files = sorted((root / "samples").rglob("*.parquet"))
    for path in files:
        path.unlink()
    with Snapshot.open(root, start=T0 + DAY, end=T0 + DAY + 1) as snapshot:
        assert [bad.path for bad in snapshot.missing] == [files[1]]
    with Snapshot.open(root) as snapshot:
        assert [bad.path for bad in snapshot.missing] == files


def test_a_seal_that_was_interrupted_misses_nothing(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = writer(root)
    store.commit(batch([0], [T0], [1.0]))
    store.rotate()
    segment = next((root / "spool").glob("*.seg"))
    content = segment.read_bytes()
    store.seal()
    store.close()
    for path in root.glob("*/date=*/*.parquet"):
        path.unlink()
    segment.write_bytes(content)
    with Snapshot.open(root) as snapshot:
        assert not snapshot.missing
