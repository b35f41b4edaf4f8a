"""`iiotctl certificate`: what is wrong with the certificates of an OPC UA connection, and the commands that cure it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import (
    Color,
    ColorOption,
    Format,
    FormatOption,
    OutputOption,
    PasswordEnvOption,
    QuietOption,
    SecurityOption,
    SiteOption,
    TextFormat,
    TextFormatOption,
    TimeoutOption,
    UserOption,
    VerboseOption,
    seconds,
)
from iiotctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iiotctl.ops.certificate import Report
    from iiotctl.ops.certificate_store import Candidate, Kept

app = typer.Typer()
_STYLES: Final = {"pass": "green", "warn": "yellow", "fail": "red"}
_SIDES: Final = {"server": "the server's certificate", "ours": "our certificate", "trust": "trust"}


@app.callback(invoke_without_command=True)
def group(context: typer.Context) -> None:
    """Check, make and trust OPC UA certificates."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("check")
def check(
    target: Annotated[
        str, typer.Argument(metavar="URL", show_default=False, help="opc.tcp://HOST:PORT, or a source of the site.")
    ],
    connect: Annotated[
        bool, typer.Option("--connect", show_default=False, help="Also open a secure session and close it again.")
    ] = False,
    security: SecurityOption = "None",
    user: UserOption = None,
    password_env: PasswordEnvOption = None,
    timeout: TimeoutOption = None,
    site: SiteOption = None,
    format: TextFormatOption = TextFormat.TABLE,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Say what is wrong with certificates, on either side.

    Asks the server for its endpoints and judges dates, names, keys, use and
    trust of both certificates, and the clocks. Only --connect can tell whether
    the server trusts us; it opens a session and reads the namespaces. Exit code
    1 when something fails, 4 when the server cannot be reached.

    Examples:
      iiotctl certificate check opc.tcp://192.168.10.30:4840
      iiotctl certificate check line3 --connect
    """
    del verbose, color
    from iiotctl.ops import certificate as op
    from iiotctl.ops.opcua_target import target_of
    from iiotctl.ops.read import Access

    access = Access(security, user, password_env)
    patience = None if timeout is None else seconds(timeout, "--timeout")
    wanted = target_of(target, site, access=access, timeout_s=patience)
    report = op.check(wanted, connect=connect)
    if format is TextFormat.JSON:
        typer.echo(json.dumps(report.as_dict()))
    else:
        _show_report(report, quiet=quiet)
    if report.state == "fail":
        raise typer.Exit(int(ExitCode.FINDINGS))
    if not connect:
        _console.suggest(f"iiotctl certificate check {target} --connect")


def _show_report(report: Report, *, quiet: bool) -> None:
    product = f"({report.server['product']})" if report.server["product"] else ""
    if not quiet:
        typer.echo(_console.harmless(" ".join(filter(None, (report.url, report.server["name"], product)))))
    width = max(len(judgement.name) for judgement in report.judgements)
    side = ""
    for judgement in report.judgements:
        if quiet and judgement.state == "pass":
            continue
        if judgement.side != side:
            side = judgement.side
            typer.echo(f"\n{_SIDES[side]}")
        word = _console.paint(judgement.state.value, _STYLES[judgement.state.value], "bold", stream=sys.stdout)
        head, *rest = _folded(_console.harmless(judgement.found), width + 10)
        typer.echo(f"  {word}  {judgement.name:<{width}}  {head}")
        for line in rest:
            typer.echo(f"{'':{width + 10}}{line}")
        if judgement.fix:  # never folded: a command in it is there to be copied
            typer.echo(f"        {'next' if judgement.state == 'pass' else 'fix'}: {_console.harmless(judgement.fix)}")


def _folded(text: str, indent: int) -> list[str]:
    """Lines that fit a terminal behind an indent; elsewhere one line."""
    import shutil
    import textwrap

    if not _console.is_terminal(sys.stdout):
        return [text]
    room = max(shutil.get_terminal_size().columns - indent, 20)
    return textwrap.wrap(text, room, break_on_hyphens=False) or [""]


@app.command("show")
def show(
    target: Annotated[
        str | None,
        typer.Argument(metavar="URL|FILE", show_default=False, help="A server or a file; else all that is kept here."),
    ] = None,
    timeout: TimeoutOption = None,
    site: SiteOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Show our certificate and those of servers, with fingerprints.

    Without an argument: our own, the trusted ones and those refused last.
    Fingerprints are SHA-256; many servers show the SHA-1 thumbprint instead.

    Examples:
      iiotctl certificate show
      iiotctl certificate show opc.tcp://192.168.10.30:4840
      iiotctl certificate show line3.der --format json
    """
    del quiet, verbose, color
    from iiotctl.ops import certificate_store as op

    found = op.kept(_pki(site)) if target is None else op.shown_by(target, timeout_s=_patience(timeout))
    if not found:
        _console.say("no certificates yet; `iiotctl certificate create` makes ours")
    _write(found, format, output)


def _write(found: Sequence[Kept], format_: Format, output: Path | None) -> None:
    from iiotctl import reports
    from iiotctl.ops.certificate import describe
    from iiotctl.reports.rows import Column, Rows

    if format_ is Format.TABLE and output is None:
        for number, each in enumerate(found):
            if number:
                typer.echo()
            lines = {"certificate": each.role, "place": each.place, **describe(each.certificate)}
            for key, value in lines.items():
                text = f"{value:%Y-%m-%d %H:%M} UTC" if hasattr(value, "tzinfo") else str(value)
                typer.echo(f"{key.replace('_', ' '):<16} {_console.harmless(text)}")
        return
    rows = [(each.role, each.place, *describe(each.certificate).values()) for each in found]
    names = ("role", "place", "subject", "issuer", "application_uri", "names")
    times = (Column("valid_from", "timestamp"), Column("valid_to", "timestamp"))
    ends = (Column("key"), Column("sha256"), Column("sha1_thumbprint"))
    reports.write(Rows((*map(Column, names), *times, *ends), rows), format_.value, output)


@app.command("create")
def create(
    hostnames: Annotated[
        list[str] | None,
        typer.Option(
            "--hostname", metavar="NAME", show_default=False, help="Name or address of this computer; repeatable."
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            "--days", metavar="N", min=1, max=36_500, show_default=False, help="Valid for N days; else 5 years."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", show_default=False, help="Replace the pair that is there.")] = False,
    site: SiteOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Make our application certificate and its private key.

    RSA 2048 bits, SHA-256, with ApplicationUri and names as servers want them.
    The key can be read by its owner only. Made by itself at the first secure
    connection; servers must trust a new one again.

    Examples:
      iiotctl certificate create
      iiotctl certificate create --hostname line-pc --hostname 10.0.0.5 --force
    """
    del quiet, verbose, color
    from iiotctl.ops import certificate_store as op
    from iiotctl.sources.opcua.certificate import fingerprint

    made = op.create(_pki(site), hostnames=hostnames or (), days=days, force=force, now=op.now_utc())
    typer.echo(str(made.path))
    _console.say(f"ApplicationUri {made.application_uri}")
    _console.say(f"SHA-256 {fingerprint(made.certificate)}")
    _console.say("now have each server trust it; `iiotctl certificate check URL --connect` says where")


@app.command("trust")
def trust(
    target: Annotated[
        str, typer.Argument(metavar="URL|FILE", show_default=False, help="A server, or a file with its certificate.")
    ],
    expect: Annotated[
        str | None,
        typer.Option("--fingerprint", metavar="HEX", show_default=False, help="SHA-256 or SHA-1 that it must have."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", show_default=False, help="Do not ask.")] = False,
    timeout: TimeoutOption = None,
    site: SiteOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Trust a server's certificate from now on.

    Shows its faults and fingerprint and asks; compare the fingerprint with the
    one in the server's own configuration. Where nobody can be asked give --fingerprint. Replaces one
    that was trusted for the same address. A `server_certificate` of the site
    file stays what it is.

    Examples:
      iiotctl certificate trust opc.tcp://192.168.10.30:4840
      iiotctl certificate trust line3.der --fingerprint 1f0c…
    """
    del quiet, verbose, color
    from iiotctl.ops import certificate_store as op

    pki = _pki(site)
    wanted = op.candidate(pki, target, now=op.now_utc(), timeout_s=_patience(timeout))
    if wanted.trusted and expect is None:
        _console.say("this certificate is trusted already")
        return
    for fault in wanted.faults:
        _console.warn(f"the certificate is at fault: {fault}")
    if expect is None and not yes:
        _ask(wanted)
    typer.echo(str(op.trust(pki, wanted, expect=expect)))
    _console.suggest(f"iiotctl certificate check {target} --connect" if "://" in target else "iiotctl certificate show")


def _ask(wanted: Candidate) -> None:
    from iiotctl.ops.certificate import describe

    facts = describe(wanted.certificate)
    shown = {"subject": "subject", "made for": "names", "SHA-256": "sha256", "SHA-1": "sha1_thumbprint"}
    for title, key in shown.items():
        _console.complain(f"{title:<10}{_console.harmless(facts[key])}")
    if wanted.before is not None:
        _console.warn(f"another certificate is trusted for this server: SHA-256 {describe(wanted.before)['sha256']}")
    if not wanted.names_it:
        _console.warn("the certificate was not made for the dialled host")
    if not _console.is_terminal(sys.stdin):
        raise UsageError(
            "bad-value",
            "there is nobody to ask whether this is the right certificate",
            hint="`--fingerprint HEX` as the server's own configuration shows it; or `--yes` on a direct cable",
        )
    typer.confirm("the same as on the server?", abort=True, err=True)


def _pki(site: Path | None) -> Path:
    from iiotctl.ops.site import open_settings

    return open_settings(site).settings.pki


def _patience(timeout: str | None) -> float | None:
    return None if timeout is None else seconds(timeout, "--timeout")
