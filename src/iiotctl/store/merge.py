"""Many sorted files become one, in memory that does not depend on how much they hold.

A first pass reads each file in slices: it counts rows by hour and tag and adds up a hash of every row. Then the rows of
an hour (or of a date) are fetched block by block in the order of the new file, each block small enough to sort, and
handed to polars' writer as they come. Reading the new file back gives hash and count again: they must be the same.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from iiotctl.store.durable import Disk
from iiotctl.store.schema import COLUMNS, DATED_BY, SORTED_BY, dtypes, is_of
from iiotctl.store.seal import ROW_GROUP, ZSTD_LEVEL

if TYPE_CHECKING:
    import polars as pl

BLOCK_ROWS: Final = 300_000
"""About 30 MB of samples, three times that while they are sorted."""
HOUR_US: Final = 3_600_000_000
_WRAP: Final = 1 << 64


class Damaged(Exception):  # noqa: N818 - named for what it says of a file
    """A file that cannot be merged; the text says why."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(cause)
        self.path, self.cause = path, cause


class Sum(NamedTuple):
    """Rows without their order: their number, and the sum of their hashes modulo 2^64."""

    rows: int = 0
    hashes: int = 0

    def __add__(self, other: object) -> Sum:
        assert isinstance(other, Sum)
        return Sum(self.rows + other.rows, (self.hashes + other.hashes) % _WRAP)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a first look at a file tells: its rows, and how many stand in which hour (since 1970, UTC)."""

    path: Path
    total: Sum
    hours: Mapping[int, int]


@dataclass(slots=True)
class Inputs:
    """Files of one table that are to become others.

    Attributes:
        table: of them.
        files: in the order in which equal rows are to stand.
        counts: rows of all by hour and tag; the tag is "" in a table that is not sorted by it.
    """

    table: str
    files: list[Looked] = field(default_factory=list)
    counts: dict[int, dict[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> Sum:
        """All rows."""
        return sum((one.total for one in self.files), Sum())

    def rows(self, hour: int) -> int:
        """Rows of an hour."""
        return sum(self.counts.get(hour, {}).values())

    def look(self, path: Path) -> None:
        """Count and add up a file, and take it in.

        Raises:
            Damaged: it cannot be read, or its columns are not the table's.
        """
        import polars as pl

        time = pl.col(DATED_BY[self.table])
        tag = pl.col("tag") if _has_tags(self.table) else pl.lit("").alias("tag")
        total, counts = Sum(), dict[int, dict[str, int]]()
        for rows in _slices(self.table, path):
            total += _sum(rows)
            counted = rows.group_by((time.dt.epoch("us") // HOUR_US).alias("hour"), tag.alias("tag")).len()
            for hour, name, count in counted.iter_rows():
                if hour is None or name is None:
                    raise Damaged(path, f"a row has no `{DATED_BY[self.table]}` or no `tag`")
                tags = counts.setdefault(hour, {})
                tags[name] = tags.get(name, 0) + count
        self.files.append(Looked(path, total, {hour: sum(tags.values()) for hour, tags in counts.items()}))
        for hour, tags in counts.items():
            mine = self.counts.setdefault(hour, {})
            for name, count in tags.items():
                mine[name] = mine.get(name, 0) + count


@dataclass(slots=True)
class Written:
    """A file that was written, not yet named.

    Attributes:
        rows: in it.
        size, sha256: of its bytes.
        tag_min, tag_max, ts_min, ts_max: ranges of its rows (µs UTC).
    """

    rows: int = 0
    size: int = 0
    sha256: str = ""
    tag_min: str | None = None
    tag_max: str | None = None
    ts_min: int | None = None
    ts_max: int | None = None


class _Block(NamedTuple):
    """Rows of tags between two (both included; None = any) in a half-open range of time, µs UTC."""

    tags: tuple[str, str] | None
    start: int
    end: int
    rows: int


def write(
    disk: Disk,
    target: Path,
    inputs: Inputs,
    hours: range,
    *,
    metadata: Mapping[str, str],
    row_group: int = ROW_GROUP,
) -> Written:
    """Write the rows of some hours of several files into one, synced, sorted as the table is.

    Args:
        disk: where.
        target: a scratch name.
        inputs: from these files.
        hours: since 1970, UTC.
        metadata: into the footer.
        row_group: rows.

    Raises:
        OSError: the disk refused.
        Damaged: an input has changed or cannot be read.
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    facts, table = Written(), inputs.table
    paths = [one.path for one in inputs.files if any(hour in hours for hour in one.hours)]

    def blocks(*_: object) -> Iterator[pl.DataFrame]:
        for block in _blocks(inputs, paths, hours):
            rows = _fetch(table, paths, block)
            _note(facts, table, rows)
            yield rows

    descriptor = disk.create(target)
    try:
        through = _Through(disk, descriptor)
        try:
            register_io_source(blocks, schema=pl.Schema(dtypes(table))).sink_parquet(
                cast("IO[bytes]", through),
                compression="zstd",
                compression_level=ZSTD_LEVEL,
                row_group_size=row_group,
                statistics=True,
                maintain_order=True,
                metadata=dict(metadata),
            )
        except pl.exceptions.PolarsError as error:
            if through.refused is not None:
                raise through.refused from error
            raise Damaged(paths[0], str(error).splitlines()[0]) from error
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    facts.size, facts.sha256 = through.size, through.hash.hexdigest()
    return facts


def check(table: str, path: Path) -> Sum:
    """Read a file back: its sum, when its rows are in order.

    Raises:
        Damaged: it cannot be read, or is not in order.
    """
    import polars as pl

    keys = list(SORTED_BY[table])
    total = Sum()
    last: pl.DataFrame | None = None
    for rows in _slices(table, path):
        total += _sum(rows)
        order = rows.select(keys) if last is None else pl.concat([last, rows.select(keys)])
        if not order.equals(order.sort(keys, maintain_order=True)):
            raise Damaged(path, "the rows that were written are not in order")
        last = order.tail(1)
    return total


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Through(io.RawIOBase):
    """A file that polars writes to: through the disk, counted and hashed on the way."""

    def __init__(self, disk: Disk, descriptor: int) -> None:
        super().__init__()
        self._disk, self._descriptor = disk, descriptor
        self.hash, self.size = hashlib.sha256(), 0
        self.refused: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        try:
            self._disk.write(self._descriptor, part)
        except OSError as error:
            self.refused = error
            raise
        self.hash.update(part)
        self.size += len(part)
        return len(part)


def _has_tags(table: str) -> bool:
    return SORTED_BY[table][0] == "tag"


def _slices(table: str, path: Path) -> Iterator[pl.DataFrame]:
    import polars as pl

    try:
        if not is_of(table, pl.read_parquet_schema(path)):
            raise Damaged(path, "its columns are not those of the table")
        scan = _open(table, [path])
        count = scan.select(pl.len()).collect().item()
        for begin in range(0, count, BLOCK_ROWS):
            yield scan.slice(begin, BLOCK_ROWS).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Damaged(path, str(error).splitlines()[0]) from error


def _sum(rows: pl.DataFrame) -> Sum:
    """Number and hash of rows. Beside polars' hash the bits of numbers: it takes -0.0 and 0.0 for one."""
    import polars as pl

    with np.errstate(over="ignore"):
        hashes = np.add.reduce(rows.hash_rows().to_numpy(), dtype=np.uint64)
        for column in rows.select(pl.col(pl.Float64)).iter_columns():
            hashes += np.add.reduce(column.fill_null(0.0).to_numpy().view(np.uint64), dtype=np.uint64)
    return Sum(rows.height, int(hashes))


def _blocks(inputs: Inputs, paths: Sequence[Path], hours: range) -> Iterator[_Block]:
    """The rows of some hours in the order of the table, cut so that each part can be sorted in memory."""
    table = inputs.table
    counts: dict[str, int] = {}
    for hour in hours:
        for tag, rows in inputs.counts.get(hour, {}).items():
            counts[tag] = counts.get(tag, 0) + rows
    start, end = hours.start * HOUR_US, hours.stop * HOUR_US
    first, waiting, last = "", 0, ""
    for tag in sorted(counts, key=str.encode):
        rows = counts[tag]
        if waiting and waiting + rows > BLOCK_ROWS:
            yield from _halves(table, paths, _Block((first, last), start, end, waiting))
            waiting = 0
        first = first if waiting else tag
        waiting, last = waiting + rows, tag
    if waiting:
        yield from _halves(table, paths, _Block((first, last), start, end, waiting))


def _halves(table: str, paths: Sequence[Path], block: _Block) -> Iterator[_Block]:
    """A block that is too large although it is of one tag (or of a table without) is cut by time."""
    if block.rows <= BLOCK_ROWS or block.end - block.start <= 1:
        yield block
        return
    import polars as pl

    middle = (block.start + block.end) // 2
    early = block._replace(end=middle)
    rows = _scan(table, paths, early).select(pl.len()).collect().item()
    for half in (early._replace(rows=rows), block._replace(start=middle, rows=block.rows - rows)):
        if half.rows:
            yield from _halves(table, paths, half)


def _scan(table: str, paths: Sequence[Path], block: _Block) -> pl.LazyFrame:
    import polars as pl

    time = pl.col(DATED_BY[table])

    def at(us: int) -> pl.Expr:
        return pl.lit(us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))

    inside = (time >= at(block.start)) & (time < at(block.end))
    if block.tags is not None and _has_tags(table):
        inside &= pl.col("tag").is_between(pl.lit(block.tags[0]), pl.lit(block.tags[1]))
    return _open(table, paths).filter(inside)


def _open(table: str, paths: Sequence[Path]) -> pl.LazyFrame:
    import polars as pl

    kinds = pl.Schema(dtypes(table))
    return pl.scan_parquet(list(paths), hive_partitioning=False, schema=kinds, missing_columns="insert")


def _fetch(table: str, paths: Sequence[Path], block: _Block) -> pl.DataFrame:
    rows = _scan(table, paths, block).collect()
    if rows.height != block.rows:
        raise Damaged(paths[0], f"{rows.height} rows instead of {block.rows} in the second look")
    return rows.sort(SORTED_BY[table], maintain_order=True)


def _note(facts: Written, table: str, rows: pl.DataFrame) -> None:
    """Widen the ranges by a block."""
    import polars as pl

    facts.rows += rows.height
    time = pl.col(DATED_BY[table]).dt.epoch("us")
    low, high = rows.select(time.min().alias("low"), time.max().alias("high")).row(0)
    facts.ts_min = low if facts.ts_min is None else min(facts.ts_min, low)
    facts.ts_max = high if facts.ts_max is None else max(facts.ts_max, high)
    if "tag" in COLUMNS[table]:
        low, high = rows.select(pl.col("tag").min().alias("low"), pl.col("tag").max().alias("high")).row(0)
        facts.tag_min = min(filter(None, (facts.tag_min, low)), default=None)
        facts.tag_max = max(filter(None, (facts.tag_max, high)), default=None)
