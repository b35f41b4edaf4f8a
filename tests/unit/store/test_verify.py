"""`store verify` sees every change of every file; `store status` counts what is there."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from iiotctl.store import frames
from iiotctl.store.gather import gather
from iiotctl.store.layout import Layout
from iiotctl.store.retain import Policy, retain
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.status import status
from iiotctl.store.verify import Verdict, verify
from tests.crash.power_cut import QuietDisk
from tests.unit.store import bulk_stores
from tests.unit.store.making import NOON, SECOND, Clock, batch, gap, open_writer


@pytest.fixture
def store(tmp_path: Path) -> Path:
    writer = open_writer(tmp_path)
    for number in range(3):
        writer.commit(batch(NOON + number * 24 * 3600 * SECOND, 50), [gap(f"g{number}", NOON, NOON + 1, NOON)])
    writer.close()
    return tmp_path


def _verdicts(store: Path) -> list[tuple[str, str]]:
    return [(str(flaw.verdict), flaw.path.split("/")[0]) for flaw in verify(store).flaws]


def test_a_sound_store(store: Path) -> None:
    found = verify(store)
    assert (found.flaws, found.sound, found.rows, found.files) == ([], True, 450, 5)


def test_one_flipped_bit_anywhere_in_a_file_is_seen(store: Path) -> None:
    path = next((store / "samples").rglob("*.parquet"))
    data = path.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 40)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        found = verify(store)
        assert [flaw.verdict for flaw in found.flaws] == [Verdict.DAMAGED]
        assert found.flaws[0].path == path.relative_to(store).as_posix()
        assert not found.sound


def test_missing_foreign_and_leftover_files_are_named(store: Path) -> None:
    first, second, _ = sorted((store / "samples").rglob("*.parquet"))
    first.unlink()
    assert _verdicts(store) == [("missing", "samples")]
    second.with_name("raw-copied.parquet").write_bytes(second.read_bytes())
    assert _verdicts(store) == [("foreign", "samples"), ("missing", "samples")]
    second.with_name("raw-x.parquet.tmp").write_bytes(b"half")
    assert ("leftover", "samples") in _verdicts(store)


def test_what_is_no_file_at_all_is_foreign(store: Path) -> None:
    folder = next((store / "samples").iterdir())
    (folder / "link.parquet").symlink_to("nowhere")
    (folder / "folder.parquet").mkdir()
    found = {(Path(flaw.path).name, flaw.verdict, flaw.detail) for flaw in verify(store).flaws}
    assert found == {
        ("link.parquet", Verdict.FOREIGN, "a link that leads nowhere"),
        ("folder.parquet", Verdict.FOREIGN, "a folder, not a file"),
    }
    with Snapshot.open(store) as snapshot:
        assert {bad.path.name for bad in snapshot.bad_files} == {"link.parquet", "folder.parquet"}


@pytest.mark.parametrize("frame", [1, 2])
def test_a_gathered_manifest_that_is_damaged_is_named_and_kept(store: Path, frame: int) -> None:
    newest = open_writer(store, Clock(NOON + 60 * SECOND))  # the newest capture's log is not gathered
    newest.commit(batch(NOON + 3 * 24 * 3600 * SECOND))
    newest.close()
    layout = Layout(store)
    assert gather(QuietDisk(), layout, "x") == 1
    log = layout.gathered_log("x")
    whole = log.read_bytes()
    ends = [each.end for each in frames.scan(whole)]
    log.write_bytes(whole[: (ends[frame - 1] + ends[frame]) // 2])
    flaws = verify(store).flaws
    assert (flaws[0].path, flaws[0].verdict) == ("manifest/gathered-x.log", Verdict.DAMAGED)
    foreign = {flaw.path.split("/")[0] for flaw in flaws[1:] if flaw.verdict == Verdict.FOREIGN}
    assert foreign == ({"samples", "gaps", "tags"} if frame == 1 else set())
    assert status(store).rows == 453
    done = retain(store, Policy(raw_us=86_400 * SECOND), now_us=lambda: NOON + 9 * 86_400 * SECOND)
    assert "manifest/gathered-x.log" in done.left_out
    assert len(done.kept_back) == 3
    assert log.exists(), "what can be read of it is not lost as well"
    log.write_bytes(whole)
    assert verify(store).sound


def test_rows_that_stand_in_two_files_are_told(tmp_path: Path) -> None:
    start = 1_794_000_000_000_000
    rows: list[tuple[str, int, float | None]] = [("a", start + n, 1.0) for n in range(20)]
    bulk_stores.store(tmp_path, rows)
    bulk_stores.store(tmp_path, [("a", start + 5, 2.0), ("b", start + 5, 1.0)], store_conflicts=True)
    assert verify(tmp_path).flaws == [], "other values at the same time are no copies"
    again = tmp_path / "again"
    bulk_stores.store(again, rows[:7])
    from iiotctl.store.push import push

    for source in (tmp_path, again):
        push(source, tmp_path.with_name(tmp_path.name + "-lake"), now_us=lambda: start)
    found = verify(tmp_path.with_name(tmp_path.name + "-lake"))
    assert [(str(flaw.verdict), flaw.detail.split(" ")[0]) for flaw in found.flaws] == [("doubled", "7")]
    assert not found.sound


def test_order_and_columns_are_checked_for_foreign_files_too(store: Path) -> None:
    path = next((store / "samples").rglob("*.parquet"))
    rows = pl.read_parquet(path, hive_partitioning=False)
    other = path.with_name("other.parquet")
    rows.reverse().write_parquet(other)
    assert [flaw.verdict for flaw in verify(store).flaws] == [Verdict.FOREIGN, Verdict.DISORDERED]
    rows.drop("site").write_parquet(other)
    assert [flaw.verdict for flaw in verify(store).flaws] == [Verdict.FOREIGN, Verdict.DISORDERED]


def test_a_segment_with_damage_inside_is_named_and_kept(store: Path) -> None:
    writer = open_writer(store)
    for number in range(5):
        writer.commit(batch(NOON + 10**12 + number * SECOND))
    writer.close(seal=False)
    (path,) = (store / "spool").glob("*.seg")
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    found = verify(store)
    assert [flaw.verdict for flaw in found.flaws] == [Verdict.CUT]
    assert found.unsealed == 12
    again = open_writer(store)
    assert again.recovered.damaged == (path.stem,)
    again.close()
    assert (store / "spool" / "damaged" / path.name).read_bytes() == data
    assert status(store).damaged_segments == 1
    assert verify(store).rows == 462


def test_status_counts_sealed_and_unsealed(store: Path) -> None:
    writer = open_writer(store)
    writer.commit(batch(NOON + 10**12, 2))
    found = status(store)
    assert (found.rows, found.unsealed_rows, found.segments, found.files) == (450, 6, 1, 5)
    assert found.first == NOON
    assert found.last == NOON + 2 * 24 * 3600 * SECOND + 49 * SECOND
    assert found.captured_by is not None
    assert [day.rows for day in found.days] == [150, 150, 150]
    assert found.growth is not None
    assert (found.growth.bytes_per_day, found.growth.rows_per_day, found.growth.days) == (found.days[1].size, 150, 1)
    assert found.growth.days_until(10 * found.days[1].size) == 10
    writer.close()
    assert status(store).captured_by is None
