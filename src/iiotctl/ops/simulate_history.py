"""`simulate --history`: a store as captures would have left it, so that there is a past to ask questions about.

The physics runs as fast as it computes. Modbus tags come every second, OPC UA tags when they change, as capture
stores them; what a link fault hides is a gap.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl import quality
from iiotctl.errors import UsageError
from iiotctl.ops.simulate import check_folder
from iiotctl.samples import Gap, GapReason
from iiotctl.simulator.faults import FaultBank, parse_fault
from iiotctl.simulator.image import Measuring, serve_modbus, serve_opcua
from iiotctl.simulator.process import TICK_S
from iiotctl.simulator.sitefile import site_toml
from iiotctl.simulator.tags import DEVICES, TAGS
from iiotctl.site.load import load_site

if TYPE_CHECKING:
    from iiotctl.store.bulk import BulkWriter

_EVERY: Final = 10
"""Ticks between two samples: 1 s."""
_CHUNK: Final = 500_000
_SECOND: Final = 1_000_000
LONGEST_S: Final = 7 * 86_400.0
_HIDES: Final = {
    "silent": GapReason.TIMEOUT,
    "disconnect": GapReason.DISCONNECTED,
    "pause": GapReason.TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Past:
    """What was written.

    Attributes:
        site_file: the site file that fits.
        store: folder of the samples.
        samples: stored now.
        gaps: rows of the gaps table.
        start, end: µs UTC.
    """

    site_file: Path
    store: Path
    samples: int
    gaps: int
    start: int
    end: int


def simulate_history(
    folder: Path,
    seconds: float,
    *,
    seed: int = 1,
    faults: Sequence[str] = (),
    ports: tuple[int, int] = (5020, 4840),
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Past:
    """Write so much of the plant's past, up to now, into `folder`/store.

    Args:
        folder: for `site.toml` and the store; an earlier one of the simulator's may be there, with an empty store.
        seconds: s, at most `LONGEST_S`.
        seed: the same seed gives the same plant.
        faults: as `simulator.faults` describes them; their times count from the beginning of the past.
        ports: of Modbus and OPC UA in the site file.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: a fault or the folder is wrong, `bad-value`, `history-exists`.
        StoreError: the disk refused.
    """
    from iiotctl.store.bulk import BulkWriter

    if not 1 <= seconds <= LONGEST_S:
        raise UsageError(
            "bad-value", "the value of `--history` is from 1s to 7d", hint="e.g. `--history 8h`: an hour takes seconds"
        )
    parsed = [parse_fault(text) for text in faults]
    check_folder(folder)
    store = folder / "store"
    if store.exists():
        raise UsageError(
            "history-exists",
            "there is a store already, and a past cannot be written over it",
            where=str(store),
            hint="choose a new folder: `iiotctl simulate --history 8h --write-site DIR`",
        )
    end = now_us() // _SECOND * _SECOND
    start = end - round(seconds) * _SECOND
    site_file = folder / "site.toml"
    site_file.write_text(site_toml("127.0.0.1", *ports), encoding="utf-8")
    site = load_site(site_file).site
    bank = FaultBank(parsed, seed)
    count = 0
    with BulkWriter.open(store, site=site.site.name, now_us=now_us) as writer:
        _tags(writer, site, start)
        for rows in _rows(Measuring(seed, bank), bank, start, round(seconds)):
            count += _store(writer, rows)
        gaps = _gaps(bank, start, round(seconds), end)
        writer.write_gaps(gaps)
    return Past(site_file, store, count, len(gaps), start, end)


def _tags(writer: BulkWriter, site: Any, start: int) -> None:
    from iiotctl.capture.tagtable import row_of
    from iiotctl.sources.base import CapturedTag

    captured = [CapturedTag(code, tag) for code, tag in enumerate(site.tags)]
    writer.write_tags([(row_of(each, site.sources[each.tag.source]), start) for each in captured])
    writer.codes([tag.name for tag in TAGS])


def _rows(measuring: Measuring, bank: FaultBank, start: int, seconds: int) -> Iterator[list[tuple[Any, ...]]]:
    """Chunks of (tag code, ts, value, text, quality)."""
    by_opcua = {device.source for device in DEVICES if device.protocol == "opcua"}
    last: dict[int, tuple[Any, ...]] = {}
    rows: list[tuple[Any, ...]] = []
    for second in range(seconds):
        tick = second * _EVERY
        measured = measuring.measure(tick)
        links = {device.source: bank.links(device.source, tick * TICK_S) for device in DEVICES}
        ts = start + second * _SECOND
        for code, tag in enumerate(TAGS):
            hidden = next((kind for kind in links[tag.source] if kind in _HIDES), None)
            if hidden is not None:
                if last.get(code, (None,) * 3)[2] != quality.BAD_NO_COMMUNICATION:
                    last[code] = (None, None, quality.BAD_NO_COMMUNICATION)
                    rows.append((code, ts, *last[code]))
                continue
            served = (serve_opcua if tag.source in by_opcua else serve_modbus)(tag, measured[code])
            is_text = isinstance(served.value, str)
            sample = (None if is_text else served.value, served.value if is_text else None, served.quality)
            if tag.source in by_opcua and last.get(code) == sample:
                continue
            last[code] = sample
            rows.append((code, ts, *sample))
        if len(rows) >= _CHUNK:
            yield rows
            rows = []
    yield rows


def _store(writer: BulkWriter, rows: list[tuple[Any, ...]]) -> int:
    import polars as pl

    schema = {"tag": pl.UInt32, "ts": pl.Int64, "value": pl.Float64, "text": pl.String, "quality": pl.UInt32}
    writer.add(pl.DataFrame(rows, schema=schema, orient="row"))
    return writer.flush().rows


def _gaps(bank: FaultBank, start: int, seconds: int, now: int) -> list[Gap]:
    """The stretches in which a source could not be read."""
    gaps: list[Gap] = []
    for device in DEVICES:
        since: tuple[int, GapReason] | None = None
        for second in range(seconds + 1):
            links = bank.links(device.source, second * _EVERY * TICK_S) if second < seconds else {}
            reason = next((_HIDES[kind] for kind in links if kind in _HIDES), None)
            if since is not None and reason != since[1]:
                gap_end = start + second * _SECOND - 1
                gaps.append(Gap(str(uuid.uuid4()), device.source, None, since[0], gap_end, since[1], now))
                since = None
            if reason is not None and since is None:
                since = (start + second * _SECOND, reason)
    return gaps
