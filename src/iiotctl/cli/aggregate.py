"""`iiotctl aggregate`: OPC UA aggregates over intervals."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli import _console, _spreadsheet
from iiotctl.cli._history_options import (
    DuringOption,
    ForceOption,
    FromOption,
    SteppedOption,
    TimezoneOption,
    ToOption,
)
from iiotctl.cli._options import (
    Color,
    ColorOption,
    ExcelOption,
    Format,
    FormatOption,
    OutputOption,
    QuietOption,
    SiteOption,
    StoreOption,
    StrictOption,
    VerboseOption,
)
from iiotctl.errors import UsageError

if TYPE_CHECKING:
    from iiotctl.history.aggregates.edition import Edition


def aggregate(
    tags: Annotated[
        list[str] | None,
        typer.Argument(metavar="TAG", show_default=False, help="Names or patterns such as 'press1.*'."),
    ] = None,
    function: Annotated[
        list[str] | None,
        typer.Option(
            "--function", metavar="NAME", show_default=False, help="Aggregate, e.g. TimeAverage2; repeatable."
        ),
    ] = None,
    by_state: Annotated[
        str | None,
        typer.Option(
            "--by-state",
            metavar="TAG",
            show_default=False,
            help="By the states of this tag; alone: how long, how often.",
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="TIME", show_default=False, help="Interval: 15min, 1h, 1d, 1mo, shift; else one."
        ),
    ] = None,
    start: FromOption = None,
    end: ToOption = None,
    during: DuringOption = None,
    timezone: TimezoneOption = None,
    stepped: SteppedOption = None,
    treat_uncertain_as_bad: Annotated[
        bool,
        typer.Option(
            "--treat-uncertain-as-bad/--no-treat-uncertain-as-bad", help="Uncertain samples count as Bad, or as Good."
        ),
    ] = True,
    percent_data_bad: Annotated[
        int, typer.Option("--percent-data-bad", metavar="PERCENT", help="A result is Bad from this share of Bad on.")
    ] = 100,
    percent_data_good: Annotated[
        int, typer.Option("--percent-data-good", metavar="PERCENT", help="And Good from this share of Good on.")
    ] = 100,
    sloped_extrapolation: Annotated[
        bool,
        typer.Option(
            "--sloped-extrapolation/--no-sloped-extrapolation",
            help="Behind the last sample follow its slope, or hold its value.",
        ),
    ] = False,
    edition: Annotated[
        str,
        typer.Option(
            "--edition",
            metavar="VERSION",
            help="1.04 or 1.05 of OPC 10000-13; only 1.05 counts Uncertain time as Good or Bad.",
        ),
    ] = "1.04",
    bridge_gaps: Annotated[
        bool,
        typer.Option("--bridge-gaps", show_default=False, help="Take no notice of recorded gaps; else they are Bad."),
    ] = False,
    rate_unit: Annotated[
        str | None,
        typer.Option(
            "--rate-unit", metavar="UNIT", show_default=False, help="s, min, h or d: totals of kW as kW·h; else kW·s."
        ),
    ] = None,
    rollover: Annotated[
        float | None,
        typer.Option(
            "--rollover", metavar="VALUE", show_default=False, help="Reading at which a counter begins again."
        ),
    ] = None,
    strict: StrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: FormatOption = Format.TABLE,
    excel: ExcelOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Aggregate tags over intervals, exactly as OPC UA defines it.

    All functions of OPC 10000-13: TimeAverage2, Total2, Minimum, Maximum,
    Count, DurationInStateNonZero, PercentGood, … Each result has the status
    and info bits of the standard: what was measured, what was estimated, and
    whether the interval was complete. Fixed intervals begin at --from, those
    of the calendar (1d, 1w, 1mo, 1y, shift) at local midnights and shifts.
    With --from later than --to time runs backwards.

    Examples:
      iiotctl aggregate main.power --function TimeAverage2 --every 15min --from t
      iiotctl aggregate main.power --function Total2 --rate-unit h --every 1d
      iiotctl aggregate 'oven.*' --function Minimum --function Maximum
      iiotctl aggregate press1.on --function DurationInStateNonZero --every shift
      iiotctl aggregate --by-state press1.state --every shift
      iiotctl aggregate main.power --function TimeAverage2 --by-state press1.state
    """
    del quiet, verbose, color
    from iiotctl import reports
    from iiotctl.history.aggregates.base import Configuration
    from iiotctl.history.sql.omission import Omissions
    from iiotctl.ops import aggregate as op
    from iiotctl.ops.by_state import by_state as states
    from iiotctl.ops.history import opened

    _check(tags, function, by_state)
    notice = Omissions(_console.show_event)
    root, zone = opened(site, store, timezone, notice)
    wanted = op.Wanted(
        root,
        tags or (),
        function or (),
        every=every,
        start=start,
        end=end,
        during=during,
        stepped=stepped,
        bridge_gaps=bridge_gaps,
        rate_unit=rate_unit,
        rollover=rollover,
        configuration=Configuration(
            treat_uncertain_as_bad=treat_uncertain_as_bad,
            percent_data_bad=percent_data_bad,
            percent_data_good=percent_data_good,
            use_sloped_extrapolation=sloped_extrapolation,
            edition=_edition(edition),
        ),
        zone=zone,
    )
    with op.opened(root, notice) as reader:
        if by_state is None:
            found = op.aggregate(reader, wanted, notice, brief=format is Format.TABLE)
        else:
            found = op.Answer(states(reader, wanted, by_state, notice), "")
        reports.write(
            found.rows,
            format.value,
            output,
            local_tz=zone.tz,
            color=_console.uses_color(sys.stdout),
            force=force,
            sheet=_spreadsheet.sheet(excel, zone, root, ("Settings", found.settings)),
        )
    if found.settings:
        _console.say(found.settings)
    notice.end(root, strict=strict)


def _check(tags: list[str] | None, function: list[str] | None, by_state: str | None) -> None:
    """Refuse a line that lacks what it needs; `--by-state` may stand alone."""
    missing = "TAG" if not tags else "--function" if not function else None
    if by_state is None and missing is not None:
        raise UsageError(
            "missing-argument",
            f"`{missing}` is missing",
            where="iiotctl aggregate",
            hint="e.g. `iiotctl aggregate main.power --function TimeAverage2 --every 15min`",
        )


def _edition(text: str) -> Edition:
    from iiotctl.history.aggregates.edition import Edition

    if text not in set(Edition):
        known = " or ".join(f"`--edition {one}`" for one in Edition)
        raise UsageError("bad-value", f"there is no edition `{text}` here", where="--edition", hint=f"write {known}")
    return Edition(text)
