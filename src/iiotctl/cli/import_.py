"""`iiotctl import`: what plants already have, into the store."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import (
    Color,
    ColorOption,
    Format,
    FormatOption,
    OutputOption,
    QuietOption,
    SiteOption,
    StoreOption,
    VerboseOption,
)
from iiotctl.errors import ExitCode

if TYPE_CHECKING:
    from iiotctl.imports.figures import FileReport
    from iiotctl.imports.work import Options
    from iiotctl.reports.rows import Rows


class Ambiguous(StrEnum):
    """The hour that passes twice."""

    EARLIER = "earlier"
    LATER = "later"
    REFUSE = "refuse"


class Conflicts(StrEnum):
    """Rows that disagree with the store."""

    KEEP = "keep"
    STORE = "store"


class DateFormat(StrEnum):
    """Order of day, month and year."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


class Scheme(StrEnum):
    """Numbers of quality."""

    OPC_DA = "opc-da"
    OPC_UA = "opc-ua"


def _option(*names: str, metavar: str, help: str) -> typer.models.OptionInfo:
    return typer.Option(*names, metavar=metavar, show_default=False, help=help)  # type: ignore[no-any-return]


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", show_default=False, help="CSV, TSV, XLSX, Parquet …")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", show_default=False, help="Show what is recognised; store nothing.")
    ] = False,
    timezone: Annotated[
        str | None, _option("--timezone", metavar="ZONE", help="Of local times, e.g. Europe/Berlin; else of the site.")
    ] = None,
    ambiguous: Annotated[
        Ambiguous, _option("--ambiguous", metavar="WHICH", help="earlier, later or refuse: if 02:30 passes twice.")
    ] = Ambiguous.REFUSE,
    date_format: Annotated[
        DateFormat | None, _option("--date-format", metavar="ORDER", help="dmy or mdy, if the file does not tell.")
    ] = None,
    decimal: Annotated[str | None, _option("--decimal", metavar="MARK", help="Decimal mark: . or ,")] = None,
    quality: Annotated[
        Scheme | None, _option("--quality", metavar="SCHEME", help="opc-da (192 = Good) or opc-ua (0 = Good).")
    ] = None,
    time_column: Annotated[
        str | None, _option("--time-column", metavar="COLUMN", help="Title or number; DATE+TIME for two.")
    ] = None,
    tag_column: Annotated[str | None, _option("--tag-column", metavar="COLUMN", help="Where the tag stands.")] = None,
    value_column: Annotated[
        str | None, _option("--value-column", metavar="COLUMN", help="Where the value stands.")
    ] = None,
    quality_column: Annotated[
        str | None, _option("--quality-column", metavar="COLUMN", help="Where the quality stands.")
    ] = None,
    tag: Annotated[str | None, _option("--tag", metavar="TAG", help="Whose values a file without tags holds.")] = None,
    unit: Annotated[str, _option("--eng-unit", metavar="UNIT", help="Engineering unit of all tags.")] = "",
    map_file: Annotated[
        Path | None, _option("--map", metavar="CSV", help="New names of tags: columns from,to; empty = leave out.")
    ] = None,
    prefix: Annotated[str, _option("--prefix", metavar="TEXT", help="Put before the names of tags, e.g. line3.")] = "",
    encoding: Annotated[str | None, _option("--encoding", metavar="NAME", help="Of text files, e.g. cp1252.")] = None,
    separator: Annotated[
        str | None, _option("--separator", metavar="SIGN", help="Of text files; tab for a tab.")
    ] = None,
    conflicts: Annotated[
        Conflicts,
        _option("--conflicts", metavar="WHICH", help="Same tag and time, other value: keep the store's or store."),
    ] = Conflicts.KEEP,
    rejects: Annotated[
        Path | None, _option("--rejects", metavar="FILE", help="Write rows that were not taken, with the reason.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", show_default=False, help="Exit 1 if any row was refused or disagrees.")
    ] = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Bring exports of historians into the store.

    The same file twice changes nothing.

    Long or wide CSV, TSV, XLSX and Parquet, InfluxDB line protocol; PI, Ignition,
    Kepware and InfluxDB exports are recognised, also in .gz and .zip. A row that
    cannot be read is refused and counted. No site file is needed. --dry-run
    first: it shows what is made of times, numbers, quality and names.

    Examples:
      iiotctl import --dry-run export.csv
      iiotctl import export.csv --timezone Europe/Berlin --rejects bad.csv
      iiotctl import pi-2025.csv.gz --map names.csv --store /data/line3
    """
    del quiet, color
    from iiotctl import reports
    from iiotctl.ops import import_ as op
    from iiotctl.ops.site import open_import

    root, declared = open_import(site, store)
    zone = "UTC" if declared is None else declared.site.timezone
    options = _options(
        asked=(time_column, tag_column, value_column, quality_column, tag),
        wishes=(date_format, decimal, quality),
        names=(map_file, prefix, unit),
        text=(encoding, separator),
        zone=timezone,
        site_zone=None if zone == "UTC" else zone,  # UTC may be the default
        ambiguous=ambiguous.value,
        store_conflicts=conflicts is Conflicts.STORE,
    )
    found: list[FileReport] = []
    if dry_run:
        work = op.preview(files, options, _console.show_event, rejects=rejects)
    else:
        work = op.run(
            files,
            root,
            options,
            _console.show_event,
            site="" if declared is None else declared.site.name,
            declared=declared,
            rejects=rejects,
        )
    for report in work:
        found.append(report)
        _show(report, dry_run=dry_run, full=dry_run or verbose > 0)
    if dry_run or format is not Format.TABLE or output is not None:
        reports.write(_table(found, dry_run=dry_run, people=format is Format.TABLE), format.value, output)
    if map_file is not None:
        _warn_of_map(found, map_file)
    if dry_run:
        kept = "nothing was stored" + (f", and `{rejects}` not written" if rejects is not None else "")
        _console.say(f"{kept}; without `--dry-run` it will be")
    bad = sum(one.refused_total + one.expired + one.conflicts - one.conflicts_stored for one in found)
    if strict and bad:
        raise typer.Exit(ExitCode.FINDINGS)


def _options(
    *,
    asked: tuple[str | None, ...],
    wishes: tuple[DateFormat | None, str | None, Scheme | None],
    names: tuple[Path | None, str, str],
    text: tuple[str | None, str | None],
    zone: str | None,
    site_zone: str | None,
    ambiguous: Literal["earlier", "later", "refuse"],
    store_conflicts: bool,
) -> Options:
    from iiotctl.errors import UsageError
    from iiotctl.imports.meaning import Wishes
    from iiotctl.imports.shapes import Asked
    from iiotctl.imports.tagnames import read_map
    from iiotctl.imports.work import Options

    order, decimal, scheme = wishes
    if decimal is not None and decimal not in (".", ","):
        raise UsageError("bad-value", f"`{decimal}` is no decimal mark", where="--decimal", hint="`--decimal ,`")
    map_file, prefix, unit = names
    encoding, separator = text
    if separator is not None:
        separator = {"tab": "\t", "\\t": "\t"}.get(separator, separator)
        if len(separator) != 1 or not separator.isascii() or separator in '"\r\n':
            raise UsageError(
                "bad-value", "a separator is one character", where="--separator", hint="`--separator ';'`, or `tab`"
            )
    return Options(
        asked=Asked(*asked),
        wishes=Wishes(
            None if order is None else order.value,
            "," if decimal == "," else "." if decimal else None,
            None if scheme is None else scheme.value,
        ),
        encoding=encoding,
        separator=separator,
        zone=zone,
        site_zone=site_zone,
        ambiguous=ambiguous,
        given={} if map_file is None else read_map(map_file),
        prefix=prefix,
        unit=unit,
        store_conflicts=store_conflicts,
    )


def _warn_of_map(found: list[FileReport], map_file: Path) -> None:
    from iiotctl.cli import _import_words as words

    for line in words.unmatched(found, map_file.name):
        _console.warn(line)


def _show(report: FileReport, *, dry_run: bool, full: bool) -> None:
    from iiotctl.cli import _import_words as words

    if full:
        for line in words.facts(report, dry_run=dry_run):
            _console.say(line)
    else:
        for line in words.changes(report):
            _console.say(line)
    for line in words.warnings(report):
        _console.warn(line)
    for line in words.refusals(report):
        _console.say(line)
    _console.say(words.totals(report, dry_run=dry_run))


def _table(found: list[FileReport], *, dry_run: bool, people: bool) -> Rows:
    from iiotctl.cli import _import_words as words

    return (words.tag_rows if dry_run else words.file_rows)(found, people=people)
