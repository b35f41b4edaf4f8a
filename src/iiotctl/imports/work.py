"""One file from disk to the store, or to a preview: the steps in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from iiotctl import quality
from iiotctl.events import Event, Level
from iiotctl.imports import meaning, shapes, titles
from iiotctl.imports.figures import FileReport, TagBook, TagFigures
from iiotctl.imports.order import OrderBook
from iiotctl.imports.rejects import SHOWN, Rejects, refused
from iiotctl.imports.rows import RowReader
from iiotctl.imports.tables import Table, open_table
from iiotctl.imports.tagnames import Names
from iiotctl.imports.zones import Ambiguous, is_zone
from iiotctl.samples import MAX_AHEAD_US
from iiotctl.store.bulk import BulkWriter, Stored
from iiotctl.store.schema import SAMPLE_COLUMNS

_SAY_EVERY_S: Final = 10.0
_LONGEST_TEXT: Final = 40


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says about all files; None = find out.

    Attributes:
        zone: of local times.
        site_zone: likewise, where neither the user nor the file names one; None = UTC, and said so.
        ambiguous: for the repeated hour where order does not tell.
        given: new names by the names of the file; prefix: put before the others.
        unit: of all tags.
        store_conflicts: store rows that disagree with the store, too.
    """

    asked: shapes.Asked = field(default_factory=shapes.Asked)
    wishes: meaning.Wishes = field(default_factory=meaning.Wishes)
    encoding: str | None = None
    separator: str | None = None
    zone: str | None = None
    site_zone: str | None = None
    ambiguous: Ambiguous = "refuse"
    given: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    unit: str = ""
    store_conflicts: bool = False


class Sink(Protocol):
    """Where coded rows go: the store, or nowhere."""

    def codes(self, names: Collection[str]) -> list[int]: ...
    def add(self, rows: pl.DataFrame) -> None: ...


class Nowhere:
    """Counts names for a preview."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def codes(self, names: Collection[str]) -> list[int]:
        """See `BulkWriter.codes`."""
        return [self._codes.setdefault(name, len(self._codes)) for name in names]

    def add(self, rows: pl.DataFrame) -> None:
        """Nothing is stored."""


class FileWork:
    """A file that was recognised.

    Args:
        path: the file.
        options: what the user says.
        rejects: where refused rows go.
        notice: is told how far the work is.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `import-file`, `import-shape`.
    """

    def __init__(
        self,
        path: Path,
        options: Options,
        rejects: Rejects,
        *,
        notice: Callable[[Event], None],
        now_us: Callable[[], int],
    ) -> None:
        self._path, self._options, self._rejects, self._notice, self._now_us = path, options, rejects, notice, now_us
        rejects.file = path.name
        self._table: Table = open_table(path, encoding=options.encoding, separator=options.separator)
        self._shape = shapes.recognise(
            self._table.header, self._table.sample, options.asked, path, units=self._table.units
        )
        self._zone = options.zone or self._titled_zone() or options.site_zone
        self._meaning = meaning.settle(self._table, self._shape, options.wishes, path)
        self._names = Names(path, options.given, options.prefix)
        self._book = TagBook(now_us() + MAX_AHEAD_US)
        self._order = OrderBook()

    def _titled_zone(self) -> str | None:
        """The zone that the title of the times names."""
        header = self._table.header
        zone = titles.zoned(header[self._shape.time[0]])[1] if header and self._shape.time else None
        return zone if zone and is_zone(zone) else None

    def preview(self) -> FileReport:
        """Read all of the file and store nothing."""
        sink = Nowhere()
        return self._report(self._read(sink), Stored(), sink)

    def store(self, writer: BulkWriter) -> FileReport:
        """Read all of the file and store what is new.

        Raises:
            StoreError: see `BulkWriter`.
        """
        try:
            reader = self._read(writer)
        except BaseException:
            writer.discard()
            raise
        done = writer.flush(store_conflicts=self._options.store_conflicts)
        names = [name for name in self._names.known.values() if name]
        back = self._order.found(dict(zip(writer.codes(names), names, strict=True)))
        writer.write_disorder([*done.disorder, back])
        if not self._options.store_conflicts:
            for dispute in done.disputes:
                local = pl.from_epoch("ts", time_unit="us").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ").alias("ts")
                cause = "the store, or an earlier row, has another value of this tag and time"
                states = {code: quality.name(code) for code in dispute["quality"].unique().to_list()}
                state = pl.col("quality").replace_strict(states, return_dtype=pl.String)
                shown = ("ts", "tag", "value", "text", "quality")
                self._rejects.take(refused(dispute.with_columns(local, state), "conflict", cause, shown))
        return self._report(reader, done, writer)

    def _read(self, sink: Sink) -> RowReader:
        reader = RowReader(
            self._shape,
            self._meaning,
            self._names,
            sink.codes,
            zone=self._zone or "UTC",
            ambiguous=self._options.ambiguous,
            rejects=self._rejects,
            guarded=not self._table.typed and _is_ours(self._table.header or []),
        )
        said = time.monotonic()
        for frame, lines in self._table.chunks():
            for rows in reader.read(frame, lines):
                self._book.take(rows)
                self._order.take(rows)
                sink.add(rows)
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                text = f"{self._path.name}: {reader.counts.rows / 1e6:.1f} million rows read"
                self._notice(Event(Level.NOTICE, "import-progress", text))
        for rows in reader.finish():  # out of their place in the file, so their order says nothing
            self._book.take(rows)
            sink.add(rows)
        return reader

    def _report(self, reader: RowReader, done: Stored, sink: Sink) -> FileReport:
        table = self._book.table()
        figures = self._tags(table, reader, sink)
        counts = reader.counts
        refusals = {reason: count for reason, count in self._rejects.counts.items() if reason != "conflict"}
        zone = self._zone or "UTC"
        facts = [*self._table.facts, ("shape", self._table.shape or self._shape.name), *self._columns()]
        facts += self._meaning.facts
        if counts.local:
            why = "as the title of the times says" if self._titled_zone() == zone else "because the times say no offset"
            facts.append(("time zone", f"{zone}, {why}"))
        elif counts.zoned:
            facts.append(("time zone", "as the times say"))
        return FileReport(
            self._path,
            tuple(facts),
            figures,
            rows=counts.rows,
            usable=int(table["rows"].sum()),
            stored=done.rows,
            already=done.already,
            expired=done.expired,
            conflicts=done.conflicts,
            conflicts_stored=done.conflicts_stored,
            refused=refusals,
            examples=tuple(one for some in self._rejects.first.values() for one in some if one.reason != "conflict"),
            disputes=_disputes(done),
            empty=counts.empty,
            left_out=counts.left_out,
            changed=tuple(self._names.changed),
            unmatched=tuple(self._names.unmatched),
            first=min((one.first for one in figures), default=None),
            last=max((one.last for one in figures), default=None),
            ahead=self._book.ahead,
            doubts=tuple(self._doubts()),
            assumed_zone=zone if counts.local and self._zone is None else "",
        )

    def _doubts(self) -> Iterator[str]:
        yield from self._table.doubts
        if self._meaning.zeros:
            yield "the numbers of quality are all 0 and were read as Good; if they are OPC DA's: `--quality opc-da`"
        given = self._options.asked.fixed_tag
        if given and not self._shape.fixed_tag:
            yield f"`--tag {given}` was not used: the file names its tags"

    def _columns(self) -> list[tuple[str, str]]:
        if self._table.shape:
            return []
        width = max((len(row) for row in self._table.sample), default=0)
        header = self._table.header or [f"column {place + 1}" for place in range(width)]
        sign = "" if self._table.header is None else "`"

        def title(place: int | None) -> str:
            return "" if place is None else f"{sign}{header[place]}{sign}"

        shape = self._shape
        parts = [
            ("time", " + ".join(title(place) for place in shape.time)),
            ("tag", title(shape.tag) or (f"`{shape.fixed_tag}`" if shape.fixed_tag else "")),
            ("value", " or ".join(title(place) for place in shape.values)),
            ("quality", title(shape.quality)),
            ("text", title(shape.text)),
            ("unit", title(shape.unit)),
        ]
        words = ", ".join(f"{what} {where}" for what, where in parts if where)
        if shape.is_wide:
            with_quality = sum(1 for one in shape.wide if one.quality is not None)
            words += f", {len(shape.wide)} columns of tags, {with_quality} of them with quality"
        used = {*shape.time, shape.tag, *shape.values, shape.quality, shape.text, shape.unit, *shape.others.values()}
        used |= {shape.questionable, shape.substituted, shape.offset}
        used |= {place for one in shape.wide for place in (one.value, one.quality, one.time)}
        unused = [title(place) for place, name in enumerate(header) if place not in used and name]
        found = [("columns", words)]
        return [*found, ("columns not used", ", ".join(unused[:20]))] if unused else found

    def _tags(self, table: pl.DataFrame, reader: RowReader, sink: Sink) -> tuple[TagFigures, ...]:
        original = {new: old for old, new in self._names.known.items() if new}
        by_code = dict(zip(sink.codes(list(original)), original, strict=True))
        units = reader.counts.units
        return tuple(
            sorted(
                (
                    TagFigures(
                        name=by_code[row["tag"]],
                        original=original[by_code[row["tag"]]],
                        rows=row["rows"],
                        first=row["first"],
                        last=row["last"],
                        low=row["low"],
                        high=row["high"],
                        good=row["good"],
                        uncertain=row["rows"] - row["good"] - row["bad"],
                        bad=row["bad"],
                        texts=row["texts"],
                        unit=self._options.unit or units.get(row["tag"], ""),
                    )
                    for row in table.iter_rows(named=True)
                ),
                key=lambda one: one.name,
            )
        )


def _is_ours(header: list[str]) -> bool:
    """Whether a CSV file is a query or an export of our own, whose texts are guarded against spreadsheets."""
    named = {titles.zoned(title)[0] for title in header if not titles.key(title).endswith(titles.OFFSET)}
    return {"ts", "tag"} <= named <= SAMPLE_COLUMNS.keys() | {"unit"}


def _disputes(done: Stored) -> tuple[tuple[int | None, str, int, str], ...]:
    found: list[tuple[int | None, str, int, str]] = []
    for frame in done.disputes:
        for row in frame.head(SHOWN - len(found)).iter_rows(named=True):
            value = (row["text"] or "no value")[:_LONGEST_TEXT] if row["value"] is None else repr(row["value"])
            found.append((row.get("line"), row["tag"], row["ts"], f"{value}, {quality.name(row['quality'])}"))
    return tuple(found)
