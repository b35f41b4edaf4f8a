"""`iiotctl store push`: sealed files to a folder or share."""

from __future__ import annotations

from typing import Annotated

import typer

from iiotctl.cli import _console
from iiotctl.cli._options import Color, ColorOption, QuietOption, SiteOption, StoreOption, VerboseOption
from iiotctl.errors import ExitCode

DryRunOption = Annotated[bool, typer.Option("--dry-run", show_default=False, help="Only say what would be done.")]


def push(
    target: Annotated[str, typer.Argument(metavar="FOLDER", show_default=False, help="Folder or mounted share.")],
    dry_run: DryRunOption = False,
    site: SiteOption = None,
    store: StoreOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Copy sealed files to a folder or share.

    Only what it has not yet, each file compared with its hash. Many stores may
    feed one folder; every reading command works on it. What expires here stays
    there, and compaction is done here, not there.

    Examples:
      iiotctl store push /mnt/share/history
      iiotctl last --store /mnt/share/history
    """
    del quiet, verbose, color
    from iiotctl.ops.store_push import push_store
    from iiotctl.site.units import format_count, format_size

    done = push_store(target, site=site, store=store, dry_run=dry_run)
    found = done.result
    for path in found.damaged:
        _console.warn(f"{path}: its hash is not the one that was written; it was not copied")
    for path in found.unknown:
        _console.warn(f"{path}: no manifest has its hash; it was not copied")
    for path in found.missing:
        _console.warn(f"{path}: a manifest knows it, and it is gone here; what the target has of it stays")
    for path in found.withheld:
        _console.warn(
            f"{path}: not copied, since it holds rows that the target has let go; the others stay as they are"
        )
    if done.unsealed:
        _console.say(
            f"{format_count(done.unsealed, 'sample')} not sealed yet; `iiotctl store seal` makes files of them"
        )
    verb = "would copy" if dry_run else "copied"
    _console.say(
        f"{verb} {format_count(found.files, 'file')} ({format_size(found.size)}) to {done.target}"
        + (f" in place of {format_count(found.replaced, 'file')}" if found.replaced else "")
        + (f"; {found.already} were there" if found.already else "")
    )
    if found.damaged or found.unknown or found.missing:
        raise typer.Exit(ExitCode.STORE)
