"""Write rows in a format to stdout or to a file."""

from __future__ import annotations

import shutil
from datetime import tzinfo
from pathlib import Path

from iiotctl.reports import base, target
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
) -> None:
    """Write rows as table, json, jsonl, csv or parquet (or a format of another package).

    Tables on a terminal are folded to its width; elsewhere nothing is cut or folded.

    Args:
        rows: what to write; read once, while writing.
        format: name of the format.
        output: file, written completely or not at all; None or `-` = stdout.
        local_tz: zone for the times of tables; the formats for programs always say UTC.
        title: a line above a table.
        color: styles are allowed (the caller knows `--color`).
        force: replace an existing file; None = the command knows no `--force`.

    Raises:
        UsageError: `unknown-format`, `output-exists`, `output-unwritable`, `binary-to-terminal`.
        PluginError: the format's package is broken.
        BrokenPipeError: the reader of stdout has gone (`| head`); the caller ends quietly.
    """
    render = base.load(format)
    terminal = target.is_terminal(output)
    if terminal and format == "parquet":
        raise target.binary_to_terminal()
    width = shutil.get_terminal_size().columns if terminal else None
    look = base.Look(local_tz=local_tz, title=title, color=color, terminal=terminal, width=width)
    with target.binary(output, force=force) as stream:
        render(rows, stream, look)
