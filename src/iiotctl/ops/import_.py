"""`import`: files of other historians into the store, or a preview of what they hold."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from iiotctl.errors import StoreError, UsageError
from iiotctl.events import Event
from iiotctl.imports.figures import FileReport
from iiotctl.imports.rejects import HEADER, Rejects
from iiotctl.imports.work import FileWork, Options
from iiotctl.reports import target
from iiotctl.store.layout import Layout

if TYPE_CHECKING:
    from iiotctl.imports.figures import TagFigures
    from iiotctl.site.model import Site, Tag
    from iiotctl.store.bulk import BulkWriter
    from iiotctl.store.known import KnownTag
    from iiotctl.store.schema import TagRow


_REJECTS: Final = "--rejects"


def _clock() -> int:
    return time.time_ns() // 1000


def preview(
    files: Sequence[Path],
    options: Options,
    notice: Callable[[Event], None],
    *,
    rejects: Path | None = None,
    now_us: Callable[[], int] = _clock,
) -> Iterator[FileReport]:
    """Read files whole and store nothing; a report each.

    Args:
        files: to read.
        options: what the user says about them.
        notice: is told how far the work is.
        rejects: where `run` would write refused rows: its place is checked, and nothing is written.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: a file cannot be read, or it cannot be told what it means.
    """
    checked = _checked(options)
    target.check_place(rejects, flag=_REJECTS)
    for path in files:
        yield FileWork(path, checked, Rejects(), notice=notice, now_us=now_us).preview()


def run(
    files: Sequence[Path],
    store: Path,
    options: Options,
    notice: Callable[[Event], None],
    *,
    site: str = "",
    declared: Site | None = None,
    rejects: Path | None = None,
    now_us: Callable[[], int] = _clock,
) -> Iterator[FileReport]:
    """Store what is new in the files, one after the other; a report each.

    Args:
        files: to read; all are recognised before the first row is stored.
        store: folder of the store, made when it is not there.
        options: what the user says about them.
        notice: is told how far the work is.
        site: name of the site, stored with rows that bring none.
        declared: the site file, whose word counts for the tags that it declares.
        rejects: CSV file for all refused rows; it must not be there yet.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: a file cannot be read, or it cannot be told what it means.
        StoreError: another import is running, or the disk refused; `push-target`, other stores feed this one.
    """
    from iiotctl.store.bulk import BulkWriter

    checked = _checked(options)
    if Layout(store).pushed.is_dir():
        raise StoreError(
            "push-target",
            "this store takes what other stores push, and nothing else",
            where=str(store),
            cause="files of an import would have no source: nothing would compact them or let them expire",
            hint="import where the data is captured, then `iiotctl store push` brings it here",
        )
    with _rejects(rejects) as out:
        works = [FileWork(path, checked, Rejects(out=out), notice=notice, now_us=now_us) for path in files]
        with BulkWriter.open(store, site=site, now_us=now_us) as writer:
            for work, path in zip(works, files, strict=True):
                report = work.store(writer)
                _explain(writer, store, path, report, declared)
                yield report


def _checked(options: Options) -> Options:
    from iiotctl.imports.tagnames import is_valid
    from iiotctl.imports.zones import is_zone

    if options.zone is not None and not is_zone(options.zone):
        raise UsageError(
            "bad-value", f"`{options.zone}` is no time zone", where="--timezone", hint="e.g. `--timezone Europe/Berlin`"
        )
    if options.prefix and not is_valid(options.prefix + "x"):
        raise UsageError(
            "bad-value",
            f"`{options.prefix}` cannot begin the name of a tag",
            where="--prefix",
            hint="letters, digits, `_`, `.` and `-`, e.g. `--prefix line3.`",
        )
    return replace(options)


@contextmanager
def _rejects(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    with target.staged(path, flag=_REJECTS) as stage, stage.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(HEADER)
        yield file


def _explain(writer: BulkWriter, store: Path, path: Path, report: FileReport, declared: Site | None) -> None:
    """Tags that the store does not know get a row of its history, and so do those whose unit is another from now on."""
    from iiotctl.store.known import known_tags

    known = known_tags(store)
    fresh = [tag for tag in report.tags if tag.name not in known or _changes_unit(tag, known[tag.name])]
    names = {tag.name for tag in fresh}
    said = {tag.name: tag for tag in declared.tags if tag.name in names} if declared is not None else {}
    writer.write_tags([(_row(tag, path, said.get(tag.name), declared), tag.first) for tag in fresh])


def _changes_unit(found: TagFigures, known: KnownTag) -> bool:
    """Only of imported tags, and onwards: an older file changes nothing of what came later."""
    from iiotctl.store.schema import IMPORTED

    return bool(found.unit) and known.mode == IMPORTED and found.unit != known.unit and found.first > known.valid_from


def _row(found: TagFigures, path: Path, tag: Tag | None, declared: Site | None) -> TagRow:
    """What the file tells about a tag, and what the site file says about it; how it would be read is nothing to us."""
    from iiotctl.store.schema import IMPORTED, TagRow

    address = f"{path.name}: {found.original}"
    if tag is None or declared is None:
        return TagRow(0, found.name, "import", address=address, unit=found.unit, mode=IMPORTED)
    from iiotctl.capture.tagtable import row_of
    from iiotctl.sources.base import CapturedTag

    row = row_of(CapturedTag(0, tag), declared.sources[tag.source])
    return replace(
        row,
        source="import",
        address=address,
        order=None,
        scale=1.0,
        offset=0.0,
        unit=found.unit or row.unit,
        mode=IMPORTED,
        deadband=None,
        heartbeat=None,
        period=None,
        # in the file the texts themselves may stand, and not the numbers that the device sends
        type=None if found.texts else row.type,
        enum=None if found.texts else row.enum,
    )
