"""`iiotctl explain`: what an error id or an exit code means, and what to do."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import Annotated

import typer

from iiotctl.cli._options import TextFormat, TextFormatOption


def explain(
    name: Annotated[
        str | None, typer.Argument(metavar="ID", show_default=False, help="An error id, or exit-codes.")
    ] = None,
    format: TextFormatOption = TextFormat.TABLE,
) -> None:
    """Say what an error id means and what to do about it.

    Without an id: list all of them.

    Examples:
      iiotctl explain store-locked
      iiotctl explain exit-codes
    """
    from iiotctl.ops import explain as op

    as_json = format is TextFormat.JSON
    if name == "exit-codes":
        rows = [(int(code), meaning) for code, meaning in op.EXIT_CODES.items()]
        if as_json:
            codes = [{"code": code, "means": meaning} for code, meaning in rows]
            typer.echo(json.dumps({"schema": "iiotctl.exit-codes/v1", "exit_codes": codes}))
        else:
            typer.echo("\n".join(_wrapped(f"{code:>3}", meaning, 5) for code, meaning in rows))
    elif name is None:
        entries = list(op.catalogue().values())
        if as_json:
            typer.echo(json.dumps({"schema": "iiotctl.explanations/v1", "ids": [e.as_dict() for e in entries]}))
        else:
            width = max(len(entry.id) for entry in entries) + 2
            typer.echo("\n".join(_wrapped(entry.id, entry.means, width) for entry in entries))
    else:
        entry = op.explain(name)
        if as_json:
            typer.echo(json.dumps(entry.as_dict()))
        else:
            typer.echo(f"error[{entry.id}]  class {entry.kind}, exit code {entry.exit_code}\n")
            typer.echo(_wrapped("What it means:", entry.means, 16))
            typer.echo(_wrapped("What to do:", entry.do, 16))


def _wrapped(head: str, text: str, indent: int) -> str:
    columns = min(shutil.get_terminal_size((80, 24)).columns, 100)
    return textwrap.fill(
        " ".join(text.split()),
        width=columns,
        initial_indent=head.ljust(indent),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
