"""`iiotctl audit`: what lies among the sensors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iiotctl.cli import _console
from iiotctl.cli._history_options import ForceOption, FromOption, TimezoneOption, ToOption
from iiotctl.cli._options import (
    Color,
    ColorOption,
    OutputOption,
    QuietOption,
    SiteOption,
    StoreOption,
    VerboseOption,
    named_format,
)
from iiotctl.cli.audit_baseline import baseline_app
from iiotctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from iiotctl.checks.commissioning import Sheet
    from iiotctl.checks.result import AuditResult

app = typer.Typer()
app.add_typer(baseline_app, name="baseline")

_EVERYWHERE: Final = frozenset({"quiet", "verbose", "color"})
"""Options that act by being given, wherever they stand."""
_COMMISSIONING: Final = ("table", "html", "json")


class AuditFormat(StrEnum):
    """How an audit is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    HTML = "html"
    SARIF = "sarif"


class Level(StrEnum):
    """How much a finding matters, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


FailOnOption = Annotated[
    Level, typer.Option("--fail-on", metavar="LEVEL", help="Exit 1 from this level on: critical, high, medium, low.")
]
AuditStrictOption = Annotated[
    bool, typer.Option("--strict", show_default=False, help="Exit 8 when a tag could not be judged.")
]
AuditFormatOption = Annotated[
    AuditFormat,
    typer.Option(
        "--format",
        metavar="FORMAT",
        callback=named_format,
        show_default=False,
        help="table, json, jsonl, csv, html, sarif; else as FILE ends.",
    ),
]


@app.callback(invoke_without_command=True)
def group(
    context: typer.Context,
    start: FromOption = None,
    end: ToOption = None,
    fail_on: FailOnOption = Level.HIGH,
    strict: AuditStrictOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: AuditFormatOption = AuditFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Find sensors that lie: frozen, drifting, noisy, mute.

    Alone it runs every audit there is: today that of the sensors.

    Examples:
      iiotctl audit
      iiotctl audit sensors --from 'y' --to 't'
      iiotctl audit baseline learn --from '*-14d' --to '*-7d'
    """
    if context.invoked_subcommand is not None:
        _refuse_stray(context, context.invoked_subcommand)
    else:
        sensors(
            start=start,
            end=end,
            fail_on=fail_on,
            strict=strict,
            site=site,
            store=store,
            format=format,
            output=output,
            quiet=quiet,
            verbose=verbose,
            color=color,
        )


def _refuse_stray(context: typer.Context, command: str) -> None:
    """An option in front of the command would be lost without a word."""
    for param in context.command.params:
        source = context.get_parameter_source(param.name or "")
        if param.name not in _EVERYWHERE and source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                "usage",
                f"`{param.opts[0]}` stands in front of `{command}`, which would not see it",
                where=context.command_path,
                hint=f"`{context.command_path} {command} {param.opts[0]} …`",
            )


@app.command("sensors")
def sensors(
    start: FromOption = None,
    end: ToOption = None,
    timezone: TimezoneOption = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tags", metavar="PATTERN", show_default=False, help="Names or patterns such as 'press1.*'; repeatable."
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="CHECK", show_default=False, help="Only these checks; a,b or repeated."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="CHECK", show_default=False, help="Not these checks; a,b or repeated."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE", show_default=False, help="Baseline to judge by; else the approved one."
        ),
    ] = None,
    exceptions: Annotated[
        Path | None,
        typer.Option(
            "--exceptions", metavar="FILE", show_default=False, help="Findings to pass over: reason, owner, expiry."
        ),
    ] = None,
    calibrations: Annotated[
        Path | None,
        typer.Option(
            "--calibrations", metavar="FILE", show_default=False, help="Calibration records: as found and as left."
        ),
    ] = None,
    severity: Annotated[
        Level | None,
        typer.Option("--severity", metavar="LEVEL", show_default=False, help="Show from this level on; else medium."),
    ] = None,
    fail_on: FailOnOption = Level.HIGH,
    strict: AuditStrictOption = False,
    commissioning: Annotated[
        bool,
        typer.Option("--commissioning", show_default=False, help="A pass/fail sheet loop by loop, to be signed."),
    ] = False,
    force: ForceOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    format: AuditFormatOption = AuditFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Judge every sensor of a store by its own past.

    Reads the store only. Without a baseline the first two days of each tag teach
    what is normal, and the report says so. A finding names the NE 107 state, the
    evidence, what else it could be and what to do; what could not be judged is
    said. Exit code: 1 findings from --fail-on on, 8 nothing could be judged.

    Examples:
      iiotctl audit sensors
      iiotctl audit sensors --from 'y' --to 't' --tags 'press1.*' -o audit.html
      iiotctl audit sensors --severity low --ignore replay
      iiotctl audit sensors --commissioning --from '*-4h' -o loops.html
    """
    del quiet, verbose, color
    from iiotctl.findings import Severity
    from iiotctl.ops import audit_sensors as op
    from iiotctl.ops.history import opened
    from iiotctl.ops.site import counting_site
    from iiotctl.reports.findings import output as reporting

    if commissioning and format.value not in _COMMISSIONING:
        raise UsageError(
            "bad-value",
            f"a commissioning sheet is not written as `{format.value}`",
            hint="leave `--format` out, or `--format html` to print and sign it",
        )
    root, zone = opened(site, store, timezone, _console.show_event)
    wish = reporting.Wish(
        format.value,
        zone.tz,
        output,
        severity=None if severity is None else Severity(severity.value),
        color=_console.uses_color(sys.stdout) and output is None,
        unicode=output is not None or _console.shows_symbols(sys.stdout),
        force=force,
    )
    reporting.check(wish)
    wanted = op.Wanted(
        start,
        end,
        tags=tags or (),
        select=_ids(select),
        ignore=_ids(ignore),
        baseline=baseline,
        exceptions=exceptions,
        calibrations=calibrations,
        zone=zone,
    )
    loaded = counting_site(site, store)
    with _waiting():
        result = op.audit_sensors(root, wanted, _console.show_event, site=loaded)
    if commissioning:
        from iiotctl.ops.commissioning import commissioning as judged
        from iiotctl.reports.findings import sheet as sheets

        sheet = judged(root, result, _console.show_event)
        sheets.write(sheet, result, wish)
        code = _code_of_sheet(result, sheet, strict=strict)
    else:
        reporting.write(result, wish)
        code = _exit_code(result, fail_on, strict=strict)
        if format is AuditFormat.TABLE and output is None and result.findings:
            _console.suggest("iiotctl audit sensors -o audit.html   # the same with trends and work orders")
    if code:
        raise typer.Exit(code)


@contextmanager
def _waiting() -> Iterator[None]:
    """A moving line with the time that has passed, for a person at a terminal; a hundred million rows take a while."""
    if _console.settings.quiet or _console.settings.json_lines or not _console.is_terminal(sys.stderr):
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn("line"), TextColumn("reading and judging the sensors"), TimeElapsedColumn())
    with Progress(*columns, console=_console.rich_console(), transient=True) as shown:
        shown.add_task("")
        yield


def _ids(given: Sequence[str] | None) -> list[str]:
    """Ids of checks: `a,b` is two."""
    return [word.strip() for each in given or () for word in each.split(",") if word.strip()]


def _exit_code(result: AuditResult, fail_on: Level, *, strict: bool) -> int:
    """The first of: a check crashed, findings, nothing judged (`strict`: a tag not judged)."""
    from iiotctl.findings import Severity

    if result.failed:
        return int(ExitCode.BUG)
    level = Severity(fail_on.value)
    if any(one.severity.reaches(level) for one in result.findings):
        return int(ExitCode.FINDINGS)
    if not result.complete or (strict and result.unjudged_tags):
        return int(ExitCode.INCOMPLETE)
    return int(ExitCode.OK)


def _code_of_sheet(result: AuditResult, sheet: Sheet, *, strict: bool) -> int:
    """The first of: a check crashed, a loop failed, nothing could be verified (`strict`: all of it)."""
    from iiotctl.checks.commissioning import Outcome

    counts = sheet.counts
    if result.failed:
        return int(ExitCode.BUG)
    if counts[Outcome.FAIL]:
        return int(ExitCode.FINDINGS)
    verified = any(item.outcome is Outcome.PASS for loop in sheet.loops for item in loop.items)
    if not verified or (strict and counts[Outcome.OPEN]):
        return int(ExitCode.INCOMPLETE)
    return int(ExitCode.OK)
