"""Tags that are captured no more: the row that ends them in the tags history, so that no view lists them as captured."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from iiotctl.capture.tagtable import TagTable, row_of
from iiotctl.store.schema import REMOVED, TagRow

if TYPE_CHECKING:
    from iiotctl.site.sources import SourceConfig
    from iiotctl.sources.base import CapturedTag
    from iiotctl.store.writer import StoreWriter


def ending(captured: Iterable[CapturedTag], config: SourceConfig) -> list[TagRow]:
    """Rows that end tags of this run."""
    return [replace(row_of(item, config), mode=REMOVED) for item in captured]


def since_last_run(writer: StoreWriter, listed: Collection[str], table: TagTable) -> list[TagRow]:
    """Rows that end the tags which an earlier run captured and the site file lists no more; blocking.

    Args:
        writer: of the store.
        listed: names of all tags of the site file.
        table: gives the codes.
    """
    gone = {tag: source for tag, source in writer.recovered.captured.items() if tag not in listed}
    if not gone:
        return []
    known = writer.tag_facts(gone)
    return [
        replace(known.get(tag) or TagRow(0, tag, source), code=table.retire(source, tag), mode=REMOVED)
        for tag, source in sorted(gone.items())
    ]
