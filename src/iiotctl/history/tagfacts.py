"""What the store knows about a tag that a question needs: unit, and how its value runs between two samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.errors import IncompleteError
from iiotctl.history import names
from iiotctl.store.schema import REMOVED

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader

_STEPPED_KINDS: Final = frozenset({"state", "setpoint"})
_STEPPED_TYPES: Final = ("bool", "string")
_TEXTS: Final = ("unit", "kind", "description", "type", "mode")
_NUMBERS: Final = ("period", "rollover", "low", "high", "low_low", "high_high")


@dataclass(frozen=True, slots=True)
class TagFacts:
    """A tag.

    Attributes:
        tag: its name.
        unit: engineering unit, or "".
        stepped: the value holds until the next sample; else it runs in a straight line between two. As the
            site file says; else states, setpoints, texts and booleans are stepped.
        kind: `pressure`, `state`, `counter` …, or "".
        description: free text, or "".
        type: data type at the source, or "".
        mode: as in the tags table: `polled`, `exception`, `ring`, `imported`.
        period: seconds, scan period or sampling interval.
        rollover: value at which a counter starts again.
        low, high, low_low, high_high: operating limits in engineering units.
        enum: texts of values.
        span: measuring range in engineering units.
    """

    tag: str
    unit: str = ""
    stepped: bool = False
    kind: str = ""
    description: str = ""
    type: str = ""
    mode: str = ""
    period: float | None = None
    rollover: float | None = None
    low: float | None = None
    high: float | None = None
    low_low: float | None = None
    high_high: float | None = None
    enum: dict[int, str] | None = None
    span: tuple[float, float] | None = None


def find(reader: Reader, patterns: Sequence[str]) -> list[TagFacts]:
    """The tags that match, in the order of the patterns, each once.

    Args:
        reader: of the store.
        patterns: names or patterns such as `press1.*`.

    Raises:
        IncompleteError: `no-tags`, one of the patterns matches nothing.
        StoreError: no store.
    """
    return matching(reader.ask(known), patterns, reader.selection.root)


def matching(known: Mapping[str, TagFacts], patterns: Sequence[str], store: Path) -> list[TagFacts]:
    """The tags that match, in the order of the patterns, each once. One that is captured no more matches by name only.

    Args:
        known: by name, see `known`.
        patterns: names or patterns such as `press1.*`.
        store: named in the error.

    Raises:
        IncompleteError: `no-tags`, one of the patterns matches nothing.
    """
    chosen: dict[str, TagFacts] = {}
    for pattern in patterns:
        matches = names.matcher([pattern])
        found = [
            facts
            for name, facts in sorted(known.items())
            if name == pattern or (facts.mode != REMOVED and matches(name))
        ]
        if not found:
            raise IncompleteError(
                "no-tags",
                f"no tag matches `{pattern}`",
                where=str(store),
                hint=names.near(pattern, known) or "`iiotctl last` lists all tags of the store",
            )
        chosen |= {facts.tag: facts for facts in found}
    return list(chosen.values())


def known(connection: duckdb.DuckDBPyConnection) -> dict[str, TagFacts]:
    """Every tag by its name, also those that are captured no more (`mode` removed).

    Args:
        connection: with the views.
    """
    columns = ("tag", "stepped", "enum", "span_low", "span_high", *_TEXTS, *_NUMBERS)
    cells = connection.execute(
        f"SELECT {', '.join(columns)} FROM tags_history WHERE tag IS NOT NULL"
        " ORDER BY valid_from NULLS FIRST, config_hash DESC NULLS FIRST"
    ).fetchall()
    newest = {row[0]: row for row in cells}  # the last one of each
    if not newest:
        # files that somebody has put there without a word about the tags
        return {
            tag: TagFacts(tag)
            for (tag,) in connection.execute("SELECT DISTINCT tag FROM samples WHERE tag IS NOT NULL").fetchall()
        }
    return {tag: _facts(dict(zip(columns, row, strict=True))) for tag, row in newest.items()}


def _facts(row: Mapping[str, Any]) -> TagFacts:
    """Of a row of the tags table."""
    enum = None if row["enum"] is None else {int(value, 0): text for value, text in json.loads(row["enum"]).items()}
    stepped = row["stepped"]
    if stepped is None:
        of_steps = (row["type"] or "").lower().startswith(_STEPPED_TYPES)
        stepped = of_steps or row["kind"] in _STEPPED_KINDS or enum is not None
    span = (row["span_low"], row["span_high"])
    plain: dict[str, Any] = {name: row[name] or "" for name in _TEXTS} | {name: row[name] for name in _NUMBERS}
    return TagFacts(
        tag=row["tag"],
        stepped=stepped,
        enum=enum,
        span=None if None in span else span,
        **plain,
    )
