"""`iiotctl audit baseline`: learn what is normal, look at it, compare, approve."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console
from iiotctl.cli._history_options import FromOption, TimezoneOption, ToOption
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
from iiotctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iiotctl.checks.baseline.file import Header
    from iiotctl.checks.baseline.model import TagBaseline
    from iiotctl.checks.baseline.summary import Summary
    from iiotctl.ops.audit_baseline import Approval
    from iiotctl.reports.rows import Rows

baseline_app = typer.Typer()

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", show_default=False, help="Baseline, e.g. baselines/line3-v1.parquet.")
]
TagsOption = Annotated[
    list[str] | None,
    typer.Option("--tags", metavar="PATTERN", show_default=False, help="Names or patterns such as 'press1.*'."),
]


@baseline_app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Learn what is normal, freeze it, compare, approve."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@baseline_app.command("learn")
def learn(
    start: FromOption = None,
    end: ToOption = None,
    timezone: TimezoneOption = None,
    tags: TagsOption = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Of the baseline; its version counts up.")] = (
        "baseline"
    ),
    site: SiteOption = None,
    store: StoreOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Learn from a time when the plant was well.

    What is normal for each tag is written to a file once and never changed; the next
    one gets the next version. Without a range the first two days of each tag are learnt from. It lies in
    `baselines` beside the site file, else in the store. Audits use it when it is
    named, or when somebody has approved it.

    Examples:
      iiotctl audit baseline learn --from '1-sep-26' --to '8-sep-26' --name line3
      iiotctl audit baseline learn --tags 'press1.*' -o press1-v1.parquet
    """
    del quiet, verbose, color
    from iiotctl.checks.conclude import instant
    from iiotctl.ops import audit_baseline as op
    from iiotctl.ops.history import opened
    from iiotctl.ops.site import counting_site

    root, zone = opened(site, store, timezone, _console.show_event)
    wanted = op.Wanted(start, end, tags or (), output, name, zone)
    found = op.learn(root, wanted, _console.show_event, site=counting_site(site, store))
    header = found.header
    whose = "the period named" if header.named else "the first two days of each tag; `--from` and `--to` name another"
    _console.say(f"{header.tags} tags learnt from {instant(header.start)} to {instant(header.end)}: {whose}")
    _console.say(f"written: {found.path}")
    _console.say(f'audits use it after `iiotctl audit baseline approve {found.path} --by "YOUR NAME"`')


@baseline_app.command("show")
def show(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", show_default=False, help="Baseline; without it all that are there are listed."),
    ] = None,
    tags: TagsOption = None,
    related: Annotated[
        bool, typer.Option("--related", show_default=False, help="Which tags go together, and how closely.")
    ] = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Show what a baseline holds for normal, or which there are.

    A row a tag, all in its unit: the levels below which it was 0.1 %, half and
    99.9 % of the time, its noise (standard deviation within a minute, usual and
    worst), the largest single step, its resolution, the levels at which it rests,
    how many tags go with it. With --related a row for each of these: how far apart
    they may be, and how long the tag takes to follow.

    Examples:
      iiotctl audit baseline show
      iiotctl audit baseline show baselines/line3-v1.parquet --tags 'press1.*'
      iiotctl audit baseline show baselines/line3-v1.parquet --related
    """
    del quiet, verbose, color
    from iiotctl.checks.baseline.summary import summary
    from iiotctl.history import names
    from iiotctl.ops import audit_baseline as op

    if file is None:
        if related:
            raise UsageError(
                "bad-value", "`--related` needs the file of a baseline", hint="`iiotctl audit baseline show`"
            )
        _list(site, store, format, output)
        return
    frozen, approval = op.opened(file)
    matches = names.matcher(tags or [])
    chosen = [base for tag, base in frozen.tags.items() if matches(tag)]
    brief = format is Format.TABLE
    if related:
        rows = _relatives(chosen, brief=brief)
        if not rows.rows and brief:
            _console.say("no tag goes with another, as far as the learning period shows")
        else:
            _write(rows, format, output)
    else:
        _write(_tags([summary(base) for base in chosen], brief=brief), format, output)
    _say(frozen.header, approval)


@baseline_app.command("diff")
def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", show_default=False, help="Baseline.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", show_default=False, help="Another one.")],
    tags: TagsOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Show what changed between two baselines, and by how much.

    Figures that differ by less than a tenth are called the same.

    Examples:
      iiotctl audit baseline diff line3-v1.parquet line3-v2.parquet
    """
    del quiet, verbose, color
    from iiotctl.checks.baseline.summary import changes
    from iiotctl.history import names
    from iiotctl.ops import audit_baseline as op
    from iiotctl.reports.rows import Column, Rows

    old, new = op.opened(before)[0], op.opened(after)[0]
    matches = names.matcher(tags or [])
    found = [one for one in changes(old.tags, new.tags) if matches(one.tag)]
    columns = [
        Column("tag"),
        Column("figure"),
        Column("before", "any"),
        Column("after", "any"),
        Column("ratio", "float"),
    ]
    brief = format is Format.TABLE
    rows = [
        (one.tag, one.figure, *(_short(cell) if brief else cell for cell in (one.before, one.after, one.ratio)))
        for one in found
    ]
    _write(Rows(columns, rows), format, output)
    hit = len({one.tag for one in found})
    same = len({*old.tags, *new.tags}) - hit if not tags else None
    _console.say(
        f"{hit} tags differ" + ("" if same is None else f", {same} are the same") if found else "no difference"
    )


@baseline_app.command("approve")
def approve(
    file: FileArgument,
    by: Annotated[str, typer.Option("--by", metavar="NAME", show_default=False, help="Who approves it.")],
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Say that a baseline shows the plant as it should be.

    From then on audits use it without being told. Name, time and hash are kept beside
    the file; the file itself stays as it was learnt.

    Examples:
      iiotctl audit baseline approve baselines/line3-v1.parquet --by "M. Meier"
    """
    del quiet, verbose, color
    from iiotctl.ops import audit_baseline as op

    frozen, approval = op.approve(file, by)
    _say(frozen.header, approval)


def _list(site: Path | None, store: Path | None, format_: Format, output: Path | None) -> None:
    from datetime import UTC, datetime

    from iiotctl.ops import audit_baseline as op
    from iiotctl.ops.history import opened
    from iiotctl.ops.site import counting_site
    from iiotctl.reports.rows import Column, Rows

    root, _ = opened(site, store)
    found = op.listed(root, counting_site(site, store), _console.show_event)
    times = ("learnt_from", "learnt_to", "made_at", "approved_at")
    columns = [
        Column("name"),
        Column("version", "integer"),
        Column("tags", "integer"),
        *(Column(name, "timestamp") for name in times[:3]),
        Column("approved_by"),
        Column(times[3], "timestamp"),
        Column("path"),
        Column("sha256"),
    ]

    def at(us: int | None) -> datetime | None:
        return None if us is None else datetime.fromtimestamp(us / 1e6, UTC)

    rows = [
        (
            *(header.name, header.version, header.tags, at(header.start), at(header.end), at(header.made_at)),
            *((approval.by, at(approval.at)) if approval else (None, None)),
            *(str(path), header.sha256),
        )
        for path, header, approval in found
    ]
    if format_ is Format.TABLE:
        columns = [Column(name) for name in ("name", "version", "tags", "learnt from", "to", "approved by", "path")]
        rows = [
            (
                *(header.name, str(header.version), str(header.tags)),
                *(f"{at(us):%Y-%m-%d}" for us in (header.start, header.end)),
                *(approval.by if approval else None, _near(path)),
            )
            for path, header, approval in found
        ]
    _write(Rows(columns, rows), format_, output)
    used = next((f"`{_near(path)}`" for path, _, approval in found if approval is not None), None)
    _console.say(
        f"audits use {used}" if used else "no baseline is approved: audits learn for each run, or use `--baseline`"
    )


def _near(path: Path) -> str:
    """As short as it can be said from here."""
    import os

    try:
        return min(str(path), os.path.relpath(path), key=len)
    except ValueError:  # another drive
        return str(path)


def _tags(found: Sequence[Summary], *, brief: bool) -> Rows:
    """`brief`: for people, as few columns as say it; else every figure on its own."""
    from iiotctl.checks.baseline.summary import FIGURES
    from iiotctl.reports.rows import Column, Rows

    if not brief:
        figures = [Column(name, "float") for name in FIGURES]
        columns = [Column("tag"), Column("unit"), Column("sort"), Column("hours", "float"), *figures]
        more = [Column("rest", "list"), Column("related", "list")]
        rows = [
            (
                *(one.tag, one.unit, one.sort, round(one.hours, 3), *(one.figures[name] for name in FIGURES)),
                *(list(one.rest), list(one.related)),
            )
            for one in found
        ]
        return Rows([*columns, *more], rows)
    names = ("tag", "unit", "low", "half", "high", "noise", "worst", "step", "resolution", "rests at", "related")
    cells = [_words(one) for one in found]
    # nothing but blanks helps nobody
    shown = [at for at in range(len(names)) if at < 2 or any(row[at] for row in cells)]  # noqa: PLR2004
    return Rows([Column(names[at]) for at in shown], [[row[at] for at in shown] for row in cells])


def _relatives(chosen: Sequence[TagBaseline], *, brief: bool) -> Rows:
    """A row for each tag and each tag that goes with it, the closest first."""
    from iiotctl.checks.conclude import span
    from iiotctl.checks.relations.learnt import related
    from iiotctl.reports.rows import Column, Rows

    pairs = [(base, one) for base in chosen for one in related(base)]
    if not brief:
        numbers = [Column(name, "float") for name in ("within", "explained", "follows_in_s")]
        rows: list[tuple[object, ...]] = [
            (base.tag, base.unit, one.tag, one.limit, one.explained, one.lag) for base, one in pairs
        ]
        return Rows([Column("tag"), Column("unit"), Column("goes_with"), *numbers], rows)
    rows = [
        (
            base.tag,
            one.tag,
            f"{one.limit:.3g} {base.unit}".rstrip(),
            span(round(one.lag * 1e6)) if one.lag else "at once",
        )
        for base, one in pairs
    ]
    return Rows([Column(name) for name in ("tag", "goes with", "to within", "follows in")], rows)


def _words(one: Summary) -> tuple[str | None, ...]:
    from iiotctl.site.units import format_count

    figures = {name: _short(value) for name, value in one.figures.items()}
    return (
        one.tag if one.sort == "measured" else f"{one.tag} ({one.sort})",
        one.unit,
        *(figures[name] for name in ("low", "typical", "high", "noise", "noisiest", "largest_step", "resolution")),
        ", ".join(f"{level:g}" for level in one.rest) or None,
        format_count(len(one.related), "tag") if one.related else None,
    )


def _short(value: float | str | None) -> str | None:
    return f"{value:.3g}" if isinstance(value, float) else value


def _say(header: Header, approval: Approval | None) -> None:
    from iiotctl.checks.conclude import instant

    _console.say(
        f"`{header.name}` version {header.version}: {header.tags} tags,"
        f" learnt from {instant(header.start)} to {instant(header.end)} by iiotctl {header.tool}"
    )
    who = f"approved by {approval.by} on {instant(approval.at)}" if approval else "not approved"
    _console.say(f"{who}; sha256 {header.sha256}")


def _write(rows: Rows, format_: Format, output: Path | None) -> None:
    from iiotctl import reports

    reports.write(rows, format_.value, output, color=_console.uses_color(sys.stdout))
