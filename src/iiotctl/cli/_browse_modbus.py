"""`iiotctl browse` for Modbus: identity of the device and a gentle probe of named ranges."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console
from iiotctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from iiotctl.ops.modbus_browse import Found, Plan
    from iiotctl.reports.rows import Rows


RangeOption = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="RANGE", show_default=False, help="Modbus: registers to try, e.g. holding:0-99."),
]
UnitOption = Annotated[
    int | None, typer.Option("--unit", metavar="N", min=0, max=255, show_default=False, help="Modbus: the unit.")
]
DelayOption = Annotated[
    str | None,
    typer.Option("--delay", metavar="TIME", show_default=False, help="Modbus: pause before a request; else 100ms."),
]
MaxRequestsOption = Annotated[
    int | None,
    typer.Option("--max-requests", metavar="N", min=1, show_default=False, help="Modbus: stop after N; else 500."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", show_default=False, help="Modbus: show the requests; send nothing.")
]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of Modbus; see the options."""

    ranges: tuple[str, ...] = ()
    unit: int | None = None
    delay_s: float | None = None
    most: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where the result goes, and in which form."""

    tags_csv: Path | None
    toml: bool
    source: str | None
    format: str
    output: Path | None
    quiet: bool

    @property
    def has_tags(self) -> bool:
        """Rows for a tag list are wanted."""
        return self.toml or self.tags_csv is not None


def refuse(wish: Wish, url: str) -> None:
    """Options of Modbus have no meaning elsewhere.

    Raises:
        UsageError: one was given.
    """
    if wish != Wish():
        raise UsageError("bad-value", "`--range`, `--unit`, `--delay` and the like are for Modbus devices", where=url)


def is_modbus(url: str, site: Path | None) -> bool:
    """Whether a Modbus device is meant, by its URL or as a source of the site; `ops.url.parse_url` judges the rest."""
    if ":" in url:
        return url.partition(":")[0] in ("tcp", "modbus") or url.startswith("modbus-")
    from iiotctl.ops.site import open_settings
    from iiotctl.site.sources import ModbusUnit

    loaded = open_settings(site).loaded
    return loaded is not None and isinstance(loaded.site.sources.get(url), ModbusUnit)


def run(
    url: str,
    wish: Wish,
    target: Target,
    *,
    timeout_s: float | None,
    site: Path | None,
    trust_first: bool,
    sole_master: str | None,
) -> None:
    """Ask the device, and write what it said."""
    from iiotctl import reports
    from iiotctl.ops import modbus_browse as op
    from iiotctl.ops.site import open_settings
    from iiotctl.sources.modbus.probe import MOST_REQUESTS

    if target.has_tags and not wish.ranges:
        raise UsageError(
            "missing-argument",
            "tag rows need a range: a Modbus device cannot list its registers",
            hint="add e.g. `--range holding:0-99`",
        )
    planned = op.plan(
        url,
        wish.ranges,
        unit=wish.unit,
        timeout_s=timeout_s,
        opened=open_settings(site),
        trust_first=trust_first,
        sole_master=sole_master,
        delay_s=op.DELAY_S if wish.delay_s is None else wish.delay_s,
        most=MOST_REQUESTS if wish.most is None else wish.most,
    )
    if planned.device.note:
        _console.say(planned.device.note)
    if wish.dry_run:
        reports.write(_plan_rows(planned), target.format, target.output)
        for line in _plan_words(planned):
            _console.say(line)
        return
    with _progress(quiet=target.quiet) as report:
        found = op.browse(planned, report=report)
    if not wish.ranges:
        reports.write(_identity_rows(found), target.format, target.output)
        _console.suggest(f"iiotctl browse {url} --range holding:0-99 --dry-run")
    else:
        _tell_identity(found)
        _write(found, target)
    if found.is_interrupted:
        raise typer.Exit(int(ExitCode.INTERRUPTED))
    if not found.is_whole:
        raise typer.Exit(int(ExitCode.INCOMPLETE))


def _write(found: Found, target: Target) -> None:
    from iiotctl import reports
    from iiotctl.ops import modbus_browse as op
    from iiotctl.reports.target import binary
    from iiotctl.site.tagrows import to_csv, to_toml
    from iiotctl.site.units import format_count
    from iiotctl.sources.modbus.probe import State

    counts = [(state, sum(s.count for s in found.stretches if s.state is state)) for state in State]
    words = ", ".join(f"{count} {str(state).replace('-', ' ')}" for state, count in counts if count)
    _console.say(f"{format_count(found.requests, 'request')}; addresses: {words}")
    for stretch in found.stretches:
        if stretch.state is State.NOT_ASKED and stretch.note != "never_read":
            _console.warn(f"{stretch} was not asked for: {stretch.note}")
    if target.has_tags:
        rows = op.tag_rows(found.stretches, target.source or "device")
        with binary(target.tags_csv if target.tags_csv is not None else target.output) as stream:
            stream.write((to_toml(rows) if target.toml else to_csv(rows)).encode())
    else:
        reports.write(_register_rows(found), target.format, target.output)


def _tell_identity(found: Found) -> None:
    identity = found.identity
    if identity:
        _console.say("; ".join(f"{name}: {text}" for name, text in identity.objects.items()))
    if identity.silence:
        told = "it does not say who it is" if not identity else "not all of its identification came"
        _console.say(f"{told}: {identity.silence}")


def _identity_rows(found: Found) -> Rows:
    from iiotctl.reports.rows import Column, Rows

    rows = list(found.identity.objects.items())
    return Rows([Column("object"), Column("value")], rows)


def _register_rows(found: Found) -> Rows:
    from iiotctl.ops.modbus_browse import places
    from iiotctl.reports.rows import Column, Rows

    columns = [Column("address"), Column("state"), Column("uint16", "integer"), Column("int16", "integer")]
    columns += [Column("float32", "float"), Column("float32_CDAB", "float"), Column("note")]

    def cells() -> Iterator[tuple[object, ...]]:
        for place in places(found.stretches):
            yield place.address, str(place.state), place.raw, place.signed, *place.floats, place.note

    return Rows(columns, cells())


def _plan_rows(planned: Plan) -> Rows:
    from iiotctl.reports.rows import Column, Rows

    unit = planned.device.config.unit
    rows: list[tuple[str, int | None]] = [
        (f"unit {unit} FC 43/14 identification, basic objects", None),
        (f"unit {unit} FC 43/14 identification, regular objects if there are any", None),
    ]
    rows += [(f"unit {unit} {block}", block.count) for block in planned.first]
    return Rows([Column("request"), Column("addresses", "integer")], rows)


def _plan_words(planned: Plan) -> Iterator[str]:
    from iiotctl.cli._wording import lasting
    from iiotctl.site.units import format_count
    from iiotctl.sources.modbus import identity

    yield "nothing was sent"
    pieces = f"at most {identity.MOST_REQUESTS}, when they come in pieces"
    yield f"identification: 1 request, 2 if there are regular objects; {pieces}"
    if not planned.first:
        return
    least, most = planned.seconds
    needed = format_count(len(planned.first), "request")
    if len(planned.first) > planned.most:
        asked = sum(block.count for block in planned.first[: planned.most])
        share = "most" if 2 * asked < sum(block.count for block in planned.first) else "some"
        yield (
            f"registers: {needed} would be needed; it stops after {planned.most}, about {lasting(most)}, with {share} "
            "addresses unasked: `--max-requests` allows more"
        )
    else:
        yield (
            f"registers: {needed} when every address exists, about {lasting(least)}; "
            f"at most {planned.most} when many do not, about {lasting(most)}"
        )
    for table, first, last in planned.device.limits.never_read:
        yield f"never read: {table}:{first}-{last}"


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    if quiet or not _console.is_terminal(sys.stderr):
        yield None
        return
    with _console.rich_console().status("asking …") as line:
        yield lambda sent, most: line.update(f"{sent} of at most {most} requests sent")
