"""What the store knows about a tag that a question needs: unit, and how its value runs between two samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.errors import IncompleteError
from iiotctl.history import names

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.reader import Reader

_STEPPED_KINDS: Final = frozenset({"state", "setpoint"})


@dataclass(frozen=True, slots=True)
class TagFacts:
    """A tag.

    Attributes:
        tag: its name.
        unit: engineering unit, or "".
        stepped: the value holds until the next sample; else it runs in a straight line between two.
        kind: `pressure`, `state`, `counter` …, or "".
        description: free text, or "".
    """

    tag: str
    unit: str = ""
    stepped: bool = False
    kind: str = ""
    description: str = ""


def find(reader: Reader, patterns: Sequence[str]) -> list[TagFacts]:
    """The tags that match, in the order of the patterns, each once.

    Args:
        reader: of the store.
        patterns: names or patterns such as `press1.*`.

    Raises:
        IncompleteError: `no-tags`, one of the patterns matches nothing.
        StoreError: no store.
    """
    known = reader.ask(_known)
    chosen: dict[str, TagFacts] = {}
    for pattern in patterns:
        matches = names.matcher([pattern])
        found = [facts for name, facts in sorted(known.items()) if matches(name)]
        if not found:
            raise IncompleteError(
                "no-tags",
                f"no tag matches `{pattern}`",
                where=str(reader.selection.root),
                hint=names.near(pattern, known) or "`iiotctl last` lists all tags of the store",
            )
        chosen |= {facts.tag: facts for facts in found}
    return list(chosen.values())


def _known(connection: duckdb.DuckDBPyConnection) -> dict[str, TagFacts]:
    rows = connection.execute("SELECT tag, unit, kind, type, description FROM tags").fetchall()
    return {
        tag: TagFacts(
            tag,
            unit or "",
            (kind or "") in _STEPPED_KINDS or (type_ or "").lower() in ("bool", "boolean"),
            kind or "",
            description or "",
        )
        for tag, unit, kind, type_, description in rows
    }
