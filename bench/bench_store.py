"""The store: samples a second and bytes a sample, beside raw polars and raw write + fdatasync of the same data.

Speeds are CPU time, single-threaded where polars allows it, and mean something only as ratios to the
yardsticks of the same run. Sizes are exact.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import mix
from iiotctl.samples import SampleBatch

# One core is what a fanless PC has to spare; polars reads this when it is loaded.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

BURST = 20_000
BURSTS = 40


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _writer(root: Path):
    from iiotctl.store.schema import TagRow
    from iiotctl.store.writer import StoreWriter

    writer = StoreWriter.open(root, site="bench", now_us=lambda: mix.START_US, seal_size=1 << 40)
    writer.define_tags([TagRow(code, name, "plc") for code, name in enumerate(mix.names())])
    return writer


_YARDSTICKS = {"spool": "raw write + fdatasync, 24 B a sample", "roll-ups of 1 min": "spool: commits of 20,000"}


def _roll_up(batches: list[SampleBatch]) -> None:
    from iiotctl.capture.rollup import Rollups

    rollups = Rollups()
    for code, name in enumerate(mix.names()):
        rollups.define(code, ("plc", name), [60_000_000], raw=True)
    for one in batches:
        at = int(one.ts[-1])
        rollups.add(one, at)
        rollups.due(at)


def _speed(folder: Path) -> None:
    import polars as pl

    seconds = BURST * BURSTS // mix.TAGS
    plant = mix.make(seconds, shared=True)
    step = BURST // mix.TAGS
    batches = [plant.batch(first, first + step) for first in range(0, seconds, step)]
    rows = seconds * mix.TAGS
    writer = _writer(folder / "speed")

    def spool() -> None:
        for one in batches:
            writer.commit(one, [], {"plc": mix.START_US})
        writer.rotate()

    def raw() -> None:
        descriptor = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY)
        for one in batches:
            os.write(descriptor, one.ts.tobytes() + one.tag.tobytes() + one.value.tobytes() + one.quality.tobytes())
            os.fdatasync(descriptor) if hasattr(os, "fdatasync") else os.fsync(descriptor)
        os.close(descriptor)

    whole = plant.batch(0, seconds)
    names = pl.Series(mix.names())
    columns = {"ts": whole.ts, "value": whole.value, "quality": whole.quality}
    frame = pl.DataFrame({**columns, "tag": names.gather(pl.Series(whole.tag))})

    def raw_parquet() -> None:
        frame.sort("tag", "ts").write_parquet(folder / "raw.parquet", compression="zstd", compression_level=3)

    times = {
        "raw write + fdatasync, 24 B a sample": _cpu(raw),
        "spool: commits of 20,000": _cpu(spool),
        "roll-ups of 1 min, beside (yardstick: spool)": _cpu(lambda: _roll_up(batches)),
        "polars sort + Parquet, no store": _cpu(raw_parquet),
        "seal: read, sort, Parquet, hash, verify": _cpu(writer.seal),
    }
    writer.close()
    raw_both = times["raw write + fdatasync, 24 B a sample"] + times["polars sort + Parquet, no store"]
    both = times["spool: commits of 20,000"] + times["seal: read, sort, Parquet, hash, verify"]
    print(f"{'CPU':44}{'M samples/s':>12}{'x yardstick':>13}")
    for name, used in times.items():
        yardstick = times[_YARDSTICKS.get(name.partition(":")[0].partition(",")[0], "polars sort + Parquet, no store")]
        ratio = "" if name.startswith(("raw", "polars")) else f"{used / yardstick:12.2f}x"
        print(f"{name:44}{rows / used / 1e6:>12.2f}{ratio:>13}")
    print(f"{'spool + seal (target: at least 1 M/s)':44}{rows / both / 1e6:>12.2f}{both / raw_both:>12.2f}x")


def _commit_size(folder: Path) -> None:
    print(f"\n{'a commit of 50 tags each second':44}{'bytes':>12}")
    for shared in (True, False):
        plant = mix.make(300, shared=shared)
        writer = _writer(folder / f"commit-{shared}")
        size = sum(writer.commit(plant.batch(s, s + 1), [], {"plc": mix.START_US}).size for s in range(300)) / 300
        writer.close()
        print(
            f"{'time shared by a poll cycle' if shared else 'own time a sample, 2 ms jitter':44}{size:>12.0f}  (target 2,500)"
        )


def _sealed_size(folder: Path, seconds: int, shared: bool) -> float:
    root = folder / f"size-{seconds}-{shared}"
    plant = mix.make(seconds, shared=shared)
    writer = _writer(root)
    for first in range(0, seconds, 300):
        writer.commit(plant.batch(first, first + 300))
    writer.close()
    size = sum(path.stat().st_size for path in (root / "samples").rglob("*.parquet"))
    return size / (seconds * mix.TAGS)


def _plain_size(folder: Path, seconds: int, shared: bool) -> float:
    """The yardstick: polars' own defaults on the same rows in the order in which they came."""
    import polars as pl

    whole = mix.make(seconds, shared=shared).batch(0, seconds)
    path = folder / "plain.parquet"
    tags = pl.Series(mix.names()).gather(pl.Series(whole.tag))
    pl.DataFrame({"ts": whole.ts, "tag": tags, "value": whole.value, "quality": whole.quality}).write_parquet(path)
    return path.stat().st_size / len(whole)


def _sizes(folder: Path) -> None:
    print(f"\n{'bytes a sample, sealed':44}{'store':>12}{'target':>9}{'as it came':>12}")
    targets = {(300, True): 2.1, (3600, True): 1.75, (300, False): 4.2, (3600, False): 3.9}
    for (seconds, shared), target in targets.items():
        name = f"{'shared' if shared else 'own'} time, {'5 min file' if seconds == 300 else 'hour file'}"
        size, plain = _sealed_size(folder, seconds, shared), _plain_size(folder, seconds, shared)
        print(f"{name:44}{size:>12.2f}{target:>9.2f}{plain:>12.2f}")


def main() -> None:
    """Print speeds, then sizes."""
    folder = Path(tempfile.mkdtemp(prefix="iiotctl-bench-"))
    try:
        _speed(folder)
        _commit_size(folder)
        _sizes(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
