"""`tags import`: the tag list of an engineering tool as rows of ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from iiotctl.errors import IncompleteError, SiteError, UsageError
from iiotctl.reports.target import keep_out_of_store
from iiotctl.site.address import Order
from iiotctl.site.document import read_bytes
from iiotctl.site.exports.collect import Collection, Left, Options, Protocol
from iiotctl.site.exports.recognise import Tool, read_export
from iiotctl.site.load import LoadedSite
from iiotctl.site.plain import did_you_mean
from iiotctl.site.sources import ModbusUnit, OpcUaSource
from iiotctl.site.tagmerge import merge
from iiotctl.site.tagrows import TagRow, to_csv


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user said.

    Attributes:
        source: name of the source that the rows name.
        tool: who wrote the export; None = recognise it.
        protocol: how the tags will be read; None = as the source of the site file, else as the format suggests.
        prefix: see `Options`.
        order: see `Options`.
        bases: see `Options`.
        unit: see `Options`.
    """

    source: str
    tool: Tool | None = None
    protocol: Protocol | None = None
    prefix: str = ""
    order: Order | None = None
    bases: tuple[str, ...] = ()
    unit: int | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an export holds.

    Attributes:
        tool: who wrote it.
        rows: rows for the tag list.
        left: what became no row, with the reason.
        notes: what a person should know.
    """

    tool: Tool
    rows: tuple[TagRow, ...]
    left: tuple[Left, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What happened to the list on disk.

    Attributes:
        added: rows written.
        present: rows that the list had already.
    """

    added: int
    present: int


def read(path: Path, wish: Wish, *, site: LoadedSite | None = None) -> Imported:
    """The rows of an export; nothing is written.

    Args:
        path: the export.
        wish: what the user said.
        site: the site file that holds here, or None: tells how the source is read.

    Raises:
        UsageError: the file is missing, damaged, too large or not recognised, or the options do not say enough.
        IncompleteError: `no-tags`, nothing in it could be mapped.
    """
    protocol = wish.protocol or _protocol(wish.source, site)
    options = Options(wish.source, protocol, wish.prefix, wish.order, wish.bases, wish.unit)
    into = Collection(options)
    try:
        tool = read_export(read_bytes(path, what="export"), path.name, wish.tool, into)
    except SiteError as error:  # the words of a tag list, but this file was named on the command line
        raise UsageError(
            "tag-export-unreadable", error.what, where=error.where, cause=error.cause, hint=error.hint
        ) from None
    if not into.rows:
        reasons = list(dict.fromkeys(left.reason for left in into.left))
        raise IncompleteError(
            "no-tags",
            f"no tag of `{path.name}` could be mapped",
            where=str(path),
            cause="; ".join(reasons[:3]) or "it describes none",
            hint="`--as opcua` and `--as modbus` say how the tags will be read",
        )
    return Imported(tool, tuple(into.rows), tuple(into.left), tuple(into.notes))


def _protocol(name: str, site: LoadedSite | None) -> Protocol | None:
    source = None if site is None else site.site.sources.get(name)
    if isinstance(source, ModbusUnit):
        return Protocol.MODBUS
    return Protocol.OPCUA if isinstance(source, OpcUaSource) else None


def unknown_source(name: str, site: LoadedSite | None) -> str:
    """A warning when the site file has no such source; "" when it has, or there is no site file."""
    if site is None or name in site.site.sources:
        return ""
    near = did_you_mean(name, site.site.sources)
    return f"the site file has no source `{name}`" + (f"; {near}" if near else "")


def write(rows: Sequence[TagRow], path: Path, *, into_existing: bool) -> Written:
    """Write rows as a tag list, or add to one what it does not have.

    Args:
        rows: what `read` found.
        path: the list.
        into_existing: the user allowed to add to a list that is there.

    Raises:
        UsageError: `tags-exist`, the list is there and `into_existing` is not given; `output-in-store`.
        SiteError: the list is no CSV, wrong as it is, or cannot be written.
    """
    keep_out_of_store(path)
    if path.exists():
        if not into_existing:
            raise UsageError(
                "tags-exist",
                f"`{path.name}` is there already; nothing was written",
                where=str(path),
                hint="`--merge` adds the tags that it does not have and changes no row",
            )
        merged = merge(path, rows)
        if merged.added:
            _replace(path, merged.content)
        return Written(len(merged.added), merged.present)
    _replace(path, to_csv(rows).encode())
    return Written(len(rows), 0)


def _replace(path: Path, content: bytes) -> None:
    """The whole list or the old one: a crash must not leave half of an engineer's work."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise SiteError(
            "file-unwritable", f"`{path.name}` cannot be written", where=str(path), cause=error.strerror
        ) from error
