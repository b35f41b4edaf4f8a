"""`iiotctl explain`: what an error id, a gap's reason, a check or an exit code means; the profiles of devices."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from iiotctl.cli._options import TextFormat, TextFormatOption
from iiotctl.errors import UsageError

if TYPE_CHECKING:
    from iiotctl.checks.page import Page
    from iiotctl.ops.explain import Explanation


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", show_default=False, help="An error id, a gap's reason, a check, exit-codes or profiles."
        ),
    ] = None,
    format: TextFormatOption = TextFormat.TABLE,
) -> None:
    """Explain an error id, a gap's reason, a check, exit codes.

    Without an id: list all of them. `exit-codes` are what the process ends with;
    `profiles` are the families of devices that a source's `profile` may name.

    Examples:
      iiotctl explain store-locked
      iiotctl explain overflow
      iiotctl explain flat-line
      iiotctl explain exit-codes
      iiotctl explain profiles
      iiotctl explain s7-1500
    """
    from iiotctl.ops import explain as op

    as_json = format is TextFormat.JSON
    if name == "exit-codes":
        _exit_codes(as_json=as_json)
    elif name == "profiles":
        _profiles(as_json=as_json)
    elif name is None:
        entries = [*op.catalogue().values(), *op.gap_reasons().values(), *op.checks().values()]
        if as_json:
            typer.echo(json.dumps({"schema": "iiotctl.explanations/v1", "ids": [e.as_dict() for e in entries]}))
        else:
            width = max(len(entry.id) for entry in entries) + 2
            typer.echo("\n".join(_wrapped(entry.id, entry.means, width) for entry in entries))
    elif (entry := _entry(name)) is None:
        _profiles(as_json=as_json, only=name)
    elif as_json:
        typer.echo(json.dumps(entry.as_dict()))
    elif entry.kind == op.CHECK:
        _check(op.check_page(entry.id))
    else:
        is_gap = entry.kind == op.GAP
        head = "reason of a gap" if is_gap else f"class {entry.kind}, exit code {entry.exit_code}"
        typer.echo(f"{entry.id if is_gap else f'error[{entry.id}]'}  {head}\n")
        typer.echo(_wrapped("What it means:", entry.means, 16))
        typer.echo(_wrapped("What to do:", entry.do, 16))


def _exit_codes(*, as_json: bool) -> None:
    from iiotctl.ops import explain as op

    rows = [(int(code), meaning) for code, meaning in op.EXIT_CODES.items()]
    if as_json:
        codes = [{"code": code, "means": meaning} for code, meaning in rows]
        typer.echo(json.dumps({"schema": "iiotctl.exit-codes/v1", "exit_codes": codes}))
    else:
        typer.echo("\n".join(_wrapped(f"{code:>3}", meaning, 5) for code, meaning in rows))


def _entry(name: str) -> Explanation | None:
    """The explanation of an id; None when it is the name of a profile.

    Raises:
        UsageError: it is neither.
    """
    from iiotctl.ops import explain as op

    try:
        return op.explain(name)
    except UsageError:
        from iiotctl.sources import profiles  # only now: ids must not load the models of the site file

        if name in profiles.names():
            return None
        raise


def _check(page: Page) -> None:
    """A check's page as text: heads, paragraphs filled, lists and formulas as they stand."""
    typer.echo(f"{page.id}  {page.title}\n")
    typer.echo(_wrapped("", page.summary, 0))
    typer.echo("")
    for name, text in page.facts:
        typer.echo(_wrapped(f"  {name}", text, 14))
    for head, body in page.sections:
        typer.echo(f"\n{head}")
        for paragraph in body.split("\n\n"):
            lines = paragraph.splitlines()
            listed = any(line.startswith((" ", "- ", "* ", "|", "1.")) for line in lines)
            typer.echo("\n" + ("\n".join(f"  {line}" for line in lines) if listed else _wrapped("", paragraph, 2)))
    if page.parameters:
        typer.echo("\nParameters\n")
    for one in page.parameters:
        typer.echo(_wrapped(f"  {one.name} = {one.default}", one.meaning, 24))


def _profiles(*, as_json: bool, only: str | None = None) -> None:
    from dataclasses import asdict

    from iiotctl.sources import profiles

    known = [profiles.load(name) for name in profiles.names() if only in (None, name)]
    if as_json:
        found = [
            {"name": profile.name, "title": profile.title, "figures": [asdict(figure) for figure in profile.figures]}
            for profile in known
        ]
        typer.echo(json.dumps({"schema": "iiotctl.profiles/v1", "profiles": found}))
        return
    for profile in known:
        typer.echo(f"{profile.name}  {profile.title}")
        for figure in profile.figures:
            head = f"  {figure.protocol} {figure.key} = {figure.text}"
            typer.echo(_wrapped(head.ljust(36), figure.source, 36))
        typer.echo()


def _wrapped(head: str, text: str, indent: int) -> str:
    columns = min(shutil.get_terminal_size((80, 24)).columns, 100)
    return textwrap.fill(
        " ".join(text.split()),
        width=columns,
        initial_indent=head.ljust(indent) if len(head) < indent or not head else f"{head} ",
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
