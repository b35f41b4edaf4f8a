"""Aggregates of many tags: each by itself, or together where the database can count them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from iiotctl.history.aggregates import pushdown
from iiotctl.history.aggregates.request import Block, Request, answers

if TYPE_CHECKING:
    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts


def blocks(reader: Reader, request: Request, tags: Sequence[TagFacts]) -> Iterator[Block]:
    """Results by tag, in the order given, and by interval.

    Raises:
        UsageError: `bad-interval`, `too-many-intervals`, `no-shifts`, before anything is returned.
        StoreError: no store; a file went away meanwhile.
    """
    wanted = request.intervals()
    if pushdown.able(request, wanted, tags):
        return pushdown.answers(reader, request, tags, wanted)
    return answers(reader, request, tags, wanted)
