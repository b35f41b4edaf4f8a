"""Which tool wrote an export, and the importer that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.site.exports import codesys, ignition, kepware, tia
from iiotctl.site.exports.collect import Collection, Protocol
from iiotctl.site.exports.table import ZIP, Row, rows, text_of

_LOOKED_AT: Final = 50
"""Rows that may stand before the titles that tell the tool: workbooks begin with sheets of properties."""


class Tool(StrEnum):
    """Tools whose exports are understood."""

    TIA = "tia"
    CODESYS = "codesys"
    KEPWARE = "kepware"
    IGNITION = "ignition"


def read_export(content: bytes, name: str, tool: Tool | None, into: Collection) -> Tool:
    """Rows of an export, and what was left out, into a collection.

    Args:
        content: the file.
        name: how messages call it.
        tool: who wrote it; None = to be recognised.
        into: what is filled.

    Returns:
        The tool that wrote it.

    Raises:
        UsageError: `tag-export-unknown`, `tag-export-broken`, or the options do not say enough.
        SiteError: the file is damaged or too large.
    """
    if not content.startswith(ZIP):
        head = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if tool is Tool.CODESYS or (tool is None and head == b"<"):
            _need_prefix(Tool.CODESYS, into)
            codesys.read(content, name, into)
            return Tool.CODESYS
        if tool in (None, Tool.IGNITION) and head in (b"{", b"["):
            ignition.read_json(text_of(content, name), name, into)
            return Tool.IGNITION
    table = rows(content, name)
    seen: list[Row] = []
    found = tool
    for row in table:
        seen.append(row)
        found = tool or _by_titles(row)
        if found or len(seen) >= _LOOKED_AT:
            break
    if found is None:
        raise _unknown(name, seen)
    if found is Tool.CODESYS:
        raise UsageError("tag-export-broken", f"`{name}` is no symbol configuration of CODESYS (XML)", where=name)
    _need_prefix(found, into)
    _read_table(found, chain(seen, table), into)
    return found


def _by_titles(row: Row) -> Tool | None:
    titles = row.cells.keys()
    if titles >= kepware.TITLES:
        return Tool.KEPWARE
    if titles >= ignition.TITLES:
        return Tool.IGNITION
    return Tool.TIA if any(titles >= known for known in tia.TITLES) else None


def _read_table(tool: Tool, table: Iterator[Row], into: Collection) -> None:
    reader = {Tool.KEPWARE: kepware.read, Tool.IGNITION: ignition.read_table, Tool.TIA: tia.read}[tool]
    reader(table, into)


def _need_prefix(tool: Tool, into: Collection) -> None:
    protocol = into.options.protocol
    if into.options.prefix:
        return
    if tool is Tool.KEPWARE and protocol is Protocol.OPCUA:
        raise UsageError(
            "missing-argument",
            "the export does not say the channel and device of its tags",
            hint="add `--prefix CHANNEL.DEVICE`, e.g. `--prefix Channel1.Device1`",
        )
    if tool is Tool.CODESYS and protocol is not Protocol.MODBUS and not into.options.bases:
        raise UsageError(
            "missing-argument",
            "the export does not say the controller's name, which its node ids begin with",
            hint="add `--prefix NAME`, e.g. `--prefix 'CODESYS Control Win V3 x64'`; `iiotctl browse URL` shows it",
        )


def _unknown(name: str, seen: list[Row]) -> UsageError:
    titles = [title for title in (seen[0].cells if seen else {}) if title][:8]
    return UsageError(
        "tag-export-unknown",
        f"`{name}` is no export that is recognised",
        where=name,
        cause=f"its first row has the titles {', '.join(f'`{title}`' for title in titles)}"
        if titles
        else "it has no rows",
        hint=f"`--tool` says who wrote it: {', '.join(Tool)}; a list of our own goes into `tags_file`",
    )
