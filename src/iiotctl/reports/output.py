"""Write rows in a format to stdout or to a file."""

from __future__ import annotations

import shutil
from datetime import tzinfo
from pathlib import Path

from iiotctl.errors import UsageError
from iiotctl.reports import base, dialects, target
from iiotctl.reports.rows import Rows


def write(
    rows: Rows,
    format: str,  # noqa: A002 - the flag's name
    output: Path | None = None,
    *,
    local_tz: tzinfo | None = None,
    title: str | None = None,
    color: bool = False,
    force: bool | None = None,
    sheet: base.Sheet | None = None,
) -> None:
    """Write rows as table, json, jsonl, csv, tsv, markdown, xlsx, parquet or arrow (or a format of another package).

    Tables on a terminal are folded to its width; elsewhere nothing is cut or folded.

    Args:
        rows: what to write; read once, while writing.
        format: name of the format.
        output: file, written completely or not at all; None or `-` = stdout.
        local_tz: zone for the times of tables; the formats for programs always say UTC.
        title: a line above a table.
        color: styles are allowed (the caller knows `--color`).
        force: replace an existing file; None = the command knows no `--force`.
        sheet: what a workbook and CSV for Excel need to know.

    Raises:
        UsageError: `unknown-format`, `output-exists`, `output-unwritable`, `binary-to-terminal`, `excel-country`,
            `excel-format`.
        PluginError: the format's package is broken.
        BrokenPipeError: the reader of stdout has gone (`| head`); the caller ends quietly.
    """
    render = base.load(format)
    terminal = target.is_terminal(output)
    sheet = sheet or base.Sheet()
    check(format, output, sheet.excel)
    look = base.Look(
        local_tz=local_tz,
        title=title,
        color=color,
        terminal=terminal,
        width=shutil.get_terminal_size().columns if terminal else None,
        suffix="" if output is None else output.suffix,
        sheet=sheet,
    )
    with target.binary(output, force=force) as stream:
        render(rows, stream, look)


def check(format: str, output: Path | None, excel: str | None = None) -> None:  # noqa: A002 - the flag's name
    """Refuse what cannot be written so, before work that takes long.

    Raises:
        UsageError: `binary-to-terminal`, `excel-country`, `excel-format`.
    """
    if format in base.BINARY and target.is_terminal(output):
        raise target.binary_to_terminal(base.BINARY[format])
    if excel is None:
        return
    dialects.find(excel)
    if format != "csv":
        raise UsageError(
            "excel-format",
            f"`--excel` is for CSV, and `{format}` was asked for",
            hint="leave `--excel` out: XLSX is read alike in every country"
            if format == "xlsx"
            else "leave `--excel` or `--format` out",
        )
    if output is not None and output.suffix.lower() not in ("", ".csv", ".txt"):
        raise UsageError(
            "excel-format",
            f"`--excel` writes CSV, and Excel would take `{output.suffix}` for something else",
            where=str(output),
            hint="leave `--excel` out: XLSX is read alike in every country"
            if output.suffix.lower() == ".xlsx"
            else "let the name end in `.csv`",
        )
