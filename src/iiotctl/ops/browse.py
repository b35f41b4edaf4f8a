"""`browse opc.tcp://…`: what an OPC UA server offers, and tag rows made of it for the site file."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from iiotctl.errors import IncompleteError, UsageError
from iiotctl.ops.opcua_target import Target
from iiotctl.site.naming import UniqueNames, segment, tag_name
from iiotctl.site.plain import did_you_mean, one_line
from iiotctl.site.sources import OpcUaSource
from iiotctl.site.tagrows import TagRow
from iiotctl.site.units import format_count

if TYPE_CHECKING:
    from iiotctl.sources.opcua.describe import Described

MAX_NODES: Final = 50_000
DEPTH: Final = 30
_BOOLEAN: Final = 1
_STATES: Final = 29
_MOST_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """What to look for.

    Attributes:
        patterns: globs on browse paths; none = all variables.
        max_nodes: nodes seen, then the walk stops.
        depth: levels below the Objects folder.
        values: read current values too.
        profile: server family whose limits apply, or None.
    """

    patterns: Sequence[str] = ()
    max_nodes: int = MAX_NODES
    depth: int = DEPTH
    values: bool = False
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Browsed:
    """What was found.

    Attributes:
        config: the source as it was dialled.
        rows: matching variables, in the order of the walk.
        seen: nodes seen.
        requests: Browse requests sent.
        stopped: why the walk ended early, or "".
        notes: what a person should know, one sentence each.
    """

    config: OpcUaSource
    rows: Sequence[Described]
    seen: int
    requests: int
    stopped: str
    notes: Sequence[str]

    @property
    def capturable(self) -> list[Described]:
        """The variables that `capture` takes as they are."""
        return [row for row in self.rows if not row.problem]


def browse(target: Target, wish: Wish, *, report: Callable[[int, int], None] | None = None) -> Browsed:
    """Walk a server's address space; sends Browse, BrowseNext and Read requests only.

    Args:
        target: see `opcua_target.target_of`.
        wish: what to look for.
        report: told (nodes seen, variables found) as the walk goes on.

    Raises:
        SiteError: `unknown-profile`.
        SourceError: the server cannot be reached or does not let itself be browsed.
        IncompleteError: `browse-empty`, no variable matches.
    """
    from iiotctl.sources.opcua.browse import Bounds
    from iiotctl.sources.opcua.describe import browse_server
    from iiotctl.sources.opcua.pathglob import PathGlobs

    notes: list[str] = []
    context = replace(target.context, tell=lambda event: notes.append(event.text))
    limits = _limits(wish.profile or target.config.profile)
    walked, rows = asyncio.run(
        browse_server(
            target.config,
            context,
            PathGlobs(wish.patterns),
            Bounds(wish.max_nodes, wish.depth, limits.get("browse_parallel", 1), limits.get("max_nodes_per_browse")),
            values=wish.values,
            per_read=limits.get("max_nodes_per_read"),
            report=report,
        )
    )
    refused = sorted(walked.refused.items())
    notes += [f"{format_count(count, 'node')} could not be browsed ({status})" for status, count in refused]
    if walked.cut:
        notes.append(f"what lies deeper than {wish.depth} levels was left out; `--depth` goes deeper")
    if walked.stopped:
        notes.append(
            f"{walked.stopped}, there are more; narrow it with a path such as 'Line3/**', or raise `--max-nodes`"
        )
    if not rows:
        raise _empty(wish, walked.folders, target.config.url, walked.stopped)
    return Browsed(target.config, rows, walked.seen, walked.requests, walked.stopped, notes)


def _limits(profile: str | None) -> dict[str, int]:
    """Limits of a server family, by key of `sources.profiles.OPCUA_KEYS`."""
    if profile is None:
        return {}
    from iiotctl.sources import profiles

    return {key: int(value) for key, value in profiles.load(profile).opcua.items()}


def _empty(wish: Wish, folders: Sequence[str], url: str, stopped: str) -> IncompleteError:
    named = [one_line(name, 40) for name in dict.fromkeys(folders)]
    shown = ", ".join(f"`{name}`" for name in named[:_MOST_NAMED]) + (", …" if len(named) > _MOST_NAMED else "")
    first = wish.patterns[0].split("/")[0] if wish.patterns else ""
    wanted = " or ".join(f"`{pattern}`" for pattern in wish.patterns)
    return IncompleteError(
        "browse-empty",
        f"no variable matches {wanted}" if wish.patterns else "the server shows no variable",
        where=url,
        cause=stopped or (f"below Objects there are {shown}" if named else "there is nothing below Objects"),
        hint=did_you_mean(first, named, "browse without a path, or with '**/NAME'; upper and lower case count"),
    )


def tag_list(found: Browsed, source: str, taken: Iterable[str] = ()) -> list[TagRow]:
    """Rows for the tag list of all variables that can be captured; see `tag_rows`.

    Raises:
        IncompleteError: `browse-empty`, there is none.
    """
    rows = tag_rows(found.capturable, source, taken)
    if not rows:
        raise IncompleteError(
            "browse-empty",
            f"none of {format_count(len(found.rows), 'variable')} can be captured",
            where=found.config.url,
            cause=found.rows[0].problem,
            hint=f"`iiotctl browse {found.config.url}` says why for each",
        )
    return rows


def tag_rows(rows: Iterable[Described], source: str, taken: Iterable[str] = ()) -> list[TagRow]:
    """Rows for the tag list, each with a name of its own.

    Args:
        rows: variables that can be captured.
        source: name of the source, also the first part of each name.
        taken: names that the site has already.
    """
    names = UniqueNames(taken)
    return [
        TagRow(
            name=names.take(tag_name(row.names, source)),
            source=source,
            address=row.address,
            unit=row.unit.word,
            span=row.span or row.instrument_range,
            kind=_kind(row),
            description=row.description,
        )
        for row in rows
    ]


def _kind(row: Described) -> str:
    return row.unit.kind or ("state" if row.base in (_BOOLEAN, _STATES) else "")


def source_name(url: str, given: str | None = None) -> str:
    """The name that the user gave, or one for the URL: the host's first label where it has a name, else `opcua`.

    Raises:
        UsageError: `given` cannot name a source.
    """
    if given is not None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,19}", given):
            what = f"`{one_line(given, 40)}` cannot name a source here"
            raise UsageError("bad-value", what, where="--source", hint="up to 20 letters, digits, `_` and `-`")
        return given
    label = segment((urlsplit(url).hostname or "").partition(".")[0])[:20]
    return label if label and label[0].isalpha() and label != "localhost" else "opcua"
