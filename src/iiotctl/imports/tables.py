"""Every kind of file as a table: titles, some rows to judge by, and chunks of columns `c0 c1 …` with `line`.

Text files come out as columns of text; Parquet keeps its types. InfluxDB's forms are turned into a long table here, so
that what follows knows one form only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from iiotctl.imports import influx, lines
from iiotctl.imports.failure import bad_file, bad_shape
from iiotctl.imports.opened import TextFile
from iiotctl.imports.rejects import refusals
from iiotctl.imports.shapes import MOST_COLUMNS
from iiotctl.imports.sheet import XLSX_SUFFIXES, read_sheet
from iiotctl.imports.times import guess
from iiotctl.imports.titles import TIME, key
from iiotctl.imports.values import STATES, Decimal

Chunks = Callable[[], Iterator[tuple[pl.DataFrame, pl.DataFrame]]]
_SAMPLE: Final = 300
_CHUNK_ROWS: Final = 500_000
_SEPARATORS: Final = ("\t", ";", "|", ",")
_PARQUET: Final = b"PAR1"
_XLSX: Final = "an XLSX workbook"
_PREFIX: Final = {"\t": "tab"}
_LONGEST_UNIT: Final = 12
_COMMENT: Final = ("#", "*", "//", "--")


@dataclass(frozen=True, slots=True)
class Table:
    """A file that can be read.

    Attributes:
        header: titles, or None.
        sample: some rows as text.
        chunks: reads the file from the start: frames of columns and refused lines.
        facts: what was found out, for people.
        shape: name of the shape where the kind of file settles it, else "".
        typed: columns have types (Parquet).
        units: of the columns, where a row below the header names them; that row is in neither sample nor chunks.
        doubts: what a person should look at, a clause each.
        decimal: the decimal mark where the kind of file leaves only one, else None.
    """

    header: list[str] | None
    sample: list[list[str]]
    chunks: Chunks
    facts: list[tuple[str, str]] = field(default_factory=list)
    shape: str = ""
    typed: bool = False
    decimal: Decimal | None = None
    units: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def open_table(path: Path, *, encoding: str | None = None, separator: str | None = None) -> Table:
    """Recognise a file by its content.

    Raises:
        UsageError: `import-file`, `import-shape`, `excel-missing`.
    """
    table = _opened(path, encoding, separator)
    return _without_units(table) if _names_units(table) else table


def _opened(path: Path, encoding: str | None, separator: str | None) -> Table:
    if not path.is_file():
        raise bad_file(path, "there is no such file" if not path.exists() else "this is no file")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == _PARQUET:
        return _parquet(path)
    if magic == b"PK\x03\x04" and path.suffix.lower() in XLSX_SUFFIXES:
        header, sample, chunks, sheet, uncomputed = read_sheet(path)
        doubts: tuple[str, ...] = ()
        if uncomputed:
            have = "1 formula has" if uncomputed == 1 else f"{uncomputed} formulas have"
            doubts = (f"{have} no computed value and were read as empty cells: open the file in Excel and save it",)
        return Table(header, sample, chunks, [("file", f"XLSX, sheet `{sheet}`")], doubts=doubts)
    if magic == b"\xd0\xcf\x11\xe0":
        raise bad_file(path, "this is an old Excel workbook", hint="save it as `.xlsx` or as CSV")
    text = TextFile(path, encoding)
    return _text(text, separator)


def _names_units(table: Table) -> bool:
    """Whether the row below the header holds no data at all, and the next one data in each of its columns."""
    if table.header is None or table.typed or table.shape or len(table.sample) < 2:  # noqa: PLR2004 - units, data
        return False
    words, below = table.sample[:2]
    filled = [(word.strip(), cell) for word, cell in zip(words, below, strict=True) if word.strip()]
    return bool(filled) and all(_is_unit(word) and _is_number(cell) for word, cell in filled)


def _is_unit(word: str) -> bool:
    return len(word) <= _LONGEST_UNIT and not _is_data(word) and word.lower() not in STATES


def _is_number(cell: str) -> bool:
    """A number, and no time: below a time stands no unit, so that a row with a time that cannot be read is refused."""
    found = guess([cell])
    return bool(cell.strip()) and _is_data(cell) and (found is None or found.kind != "text")


def _without_units(table: Table) -> Table:
    place = next(int(frame[lines.LINE][0]) for frame, _ in table.chunks() if frame.height)

    def chunks() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        for frame, refused in table.chunks():
            yield frame.filter(pl.col(lines.LINE) != place), refused

    units = tuple(word.strip(" []()") for word in table.sample[0])
    facts = [*table.facts, ("units", f"from line {place}")]
    return replace(table, sample=table.sample[1:], chunks=chunks, facts=facts, units=units)


def _parquet(path: Path) -> Table:
    try:
        scan = pl.scan_parquet(path, hive_partitioning=False)
        schema = scan.collect_schema()
        head = scan.head(_SAMPLE).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise bad_file(path, "the Parquet file cannot be read", cause=str(error).splitlines()[0][:200]) from error
    names = list(schema)
    if len(names) > MOST_COLUMNS:
        raise bad_shape(path, f"the file has {len(names)} columns, more than {MOST_COLUMNS}")

    def chunks() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        start = 1
        try:
            for part in scan.collect_batches(chunk_size=_CHUNK_ROWS, maintain_order=True):
                frame = part.rename(dict(zip(names, lines.columns(len(names)), strict=True)))
                rows = pl.int_range(start, start + part.height, dtype=pl.UInt64, eager=True)
                yield frame.with_columns(rows.alias(lines.LINE)), refusals([])
                start += part.height
        except (pl.exceptions.PolarsError, OSError) as error:
            raise bad_file(path, "the Parquet file is damaged", cause=str(error).splitlines()[0][:200]) from error

    sample = [["" if cell is None else str(cell) for cell in row] for row in head.iter_rows()]
    return Table(names, sample, chunks, [("file", "Parquet")], typed=True)


def _text(file: TextFile, separator: str | None) -> Table:
    head = [line.rstrip("\r") for line in file.head(_SAMPLE)]
    packed = f", unpacked from {file.packed}" if file.packed else ""
    facts = [("file", f"text, {file.encoding}{packed}")]
    if any(line.startswith(("#datatype", "#group", "#default")) for line in head[:10]) or _is_plain_flux(head):
        return _long(file, influx.annotated(file), facts, "InfluxDB annotated CSV")
    if influx.looks_like_lines(head):
        return _long(file, influx.protocol(file), facts, "InfluxDB line protocol")
    found = _dialect(head, separator, file.path)
    facts.append(("separator", _PREFIX.get(found.separator, f"`{found.separator}`")))
    if found.skipped:
        facts.append(("lines before the table", str(found.skipped)))

    def chunks() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        for block in file.blocks():
            frame, refused = lines.split(block, found.separator, found.width)
            if block.first <= found.first_row - 1:
                frame = frame.filter(pl.col(lines.LINE) >= found.first_row)
                refused = refused.filter(pl.col("line") >= found.first_row)
            # comments of piconfig and others stand between rows
            yield frame, refused.filter(~pl.col("content").str.strip_chars_start().str.contains(r"^(#|\*|//|--)"))

    # between commas a decimal comma would have to stand in quotes
    only: Decimal | None = "." if found.separator == "," and not any('"' in line for line in head) else None
    return Table(found.header, found.sample, chunks, facts, decimal=only)


def _is_plain_flux(head: Sequence[str]) -> bool:
    return bool(head) and head[0].startswith(",result,table,") and "_time" in head[0]


def _long(file: TextFile, chunks: Chunks, facts: list[tuple[str, str]], shape: str) -> Table:
    header = ["time", "tag", "value"]
    sample: list[list[str]] = []
    for frame, _ in chunks():
        cells = frame.head(_SAMPLE).select(lines.columns(len(header)))
        sample = [["" if cell is None else str(cell) for cell in row] for row in cells.iter_rows()]
        if sample:
            break
    if not sample:
        raise bad_shape(file.path, f"the file looks like {shape}, but no row of it can be read")
    return Table(header, sample, chunks, facts, shape, decimal=".")


@dataclass(frozen=True, slots=True)
class _Dialect:
    separator: str
    width: int
    header: list[str] | None
    first_row: int
    skipped: int
    sample: list[list[str]]


def _cells(line: str, separator: str) -> list[str]:
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader(io.StringIO(line), delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def _dialect(head: Sequence[str], separator: str | None, path: Path) -> _Dialect:
    """Separator, header and first row, judged by the first lines.

    Raises:
        UsageError: `import-shape`.
    """
    kept = [(number, line) for number, line in enumerate(head, start=1) if line.strip()]
    rows = [(number, line) for number, line in kept if not line.lstrip().startswith(_COMMENT)] or kept
    best: tuple[float, str, int] | None = None
    for sign in (separator,) if separator else _SEPARATORS:
        widths = [len(_cells(line, sign)) for _, line in rows]
        many = max((width for width in set(widths) if width > 1), key=widths.count, default=0)
        share = widths.count(many) / len(widths) if many else 0.0
        if many and (best is None or share > best[0] + 0.2):
            best = share, sign, many
    if best is None:
        raise bad_shape(
            path,
            "this is no table: no separator divides its lines",
            cause=f"line {rows[0][0]} is `{rows[0][1][:60]}`" if rows else "it holds blank lines only",
            hint="tables are separated by comma, semicolon, tab or `|`; name another: `--separator X`",
        )
    _, sign, width = best
    table = [(number, _cells(line, sign)) for number, line in rows]
    table = [(number, cells) for number, cells in table if len(cells) == width]
    number, first = table[0]
    if width > 1 and all(not cells[-1].strip() for _, cells in table):
        width -= 1  # every line ends with a separator
        table = [(at, cells[:width]) for at, cells in table]
        first = first[:width]
    if _is_header(first):
        header = [cell.strip() for cell in first]
        return _Dialect(sign, width, header, number + 1, number - 1, [cells for _, cells in table[1:]])
    return _Dialect(sign, width, None, number, number - 1, [cells for _, cells in table])


def _is_header(cells: Sequence[str]) -> bool:
    """Titles hold no time and are no numbers."""
    if any(key(cell) in TIME for cell in cells):
        return True
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and not any(_is_data(cell) for cell in filled)


def _is_data(cell: str) -> bool:
    word = cell.strip()
    try:
        float(word.replace(",", "."))
    except ValueError:
        found = guess([word])
        return found is not None
    return True
