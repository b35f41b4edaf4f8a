"""A power cut during an import: what was acknowledged is there, and repeating it completes the rest."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from iiotctl.store.bulk import BulkWriter
from iiotctl.store.verify import verify
from tests.crash.power_cut import How, Operation, QuietDisk, Recorder, after
from tests.unit.store.bulk_stores import NOW, coded, samples

pytestmark = pytest.mark.crash

DAY = 86_400_000_000
START = NOW // DAY * DAY - 5 * DAY
ROWS: list[tuple[str, int, float | None]] = [(f"t{i % 2}", START + i * DAY // 3, float(i)) for i in range(8)]
HOWS: tuple[How, ...] = ("nothing", "names", "content", "everything", "random", "random")
SYNCS = (
    "sync in manifest._write",
    "sync in seal._write_scratch",
    "sync_dir in manifest._write",
    "sync_dir in seal.place",
)


def _import(root: Path, disk: Recorder | QuietDisk, rows: list[tuple[str, int, float | None]]) -> None:
    with BulkWriter.open(root, site="plant", now_us=lambda: NOW, disk=disk) as writer:
        writer.add(coded(writer, rows))
        writer.flush()


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> list[Operation]:
    """An import; a second one that is killed between manifest and rename; a third that finishes its files."""
    first = tmp_path_factory.mktemp("import")
    disk = Recorder(first)
    _import(first / "store", disk, ROWS[:5])
    disk.ack(ROWS[:5])
    _import(first / "store", disk, ROWS)
    told = [number for number, step in enumerate(disk.trace) if step.place == "sync in manifest._write"]
    before = disk.trace[: told[-1] + 1]
    second = tmp_path_factory.mktemp("again")
    after(before, len(before)).write_out(second, "everything", Random(0))
    disk = Recorder(second, before)
    _import(second / "store", disk, ROWS)
    disk.ack(ROWS)
    return disk.trace


def _check(base: Path, promised: list[tuple[str, int, float | None]]) -> None:
    root = base / "store"
    root.mkdir(exist_ok=True)
    if (root / "store.toml").exists() or promised:
        found = samples(root).select("tag", "ts", "value").height if list(root.glob("samples/*/*.parquet")) else 0
        assert found >= len(promised)
    _import(root, QuietDisk(), ROWS)
    assert samples(root)["value"].sort().to_list() == [value for _, _, value in ROWS]
    assert verify(root).flaws == []


def _promised(trace: list[Operation], steps: int) -> list[tuple[str, int, float | None]]:
    acks = [step.payload for step in trace[:steps] if step.kind == "ack"]
    return acks[-1] if acks else []  # type: ignore[return-value]


@pytest.mark.parametrize("how", sorted(set(HOWS)))
def test_any_cut(trace: list[Operation], how: How, tmp_path: Path) -> None:
    for steps in range(0, len(trace) + 1, 1 if how == "random" else 2):
        base = tmp_path / f"{how}-{steps}"
        after(trace, steps).write_out(base, how, Random(steps))
        _check(base, _promised(trace, steps))


@pytest.mark.parametrize("place", SYNCS)
def test_no_sync_is_idle(trace: list[Operation], place: str, tmp_path: Path) -> None:
    assert any(step.place == place for step in trace)

    def survives() -> bool:
        for steps in range(len(trace) + 1):
            for number, how in enumerate(HOWS[:3]):
                base = tmp_path / f"{steps}-{number}"
                after(trace, steps, place).write_out(base, how, Random(steps))
                try:
                    _check(base, _promised(trace, steps))
                except Exception:
                    return False
        return True

    assert not survives(), f"{place} protects nothing, or this test is blind"
