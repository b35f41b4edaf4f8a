"""`iiotctl`: the tree of commands. Adding a command is one line here and one module beside it.

Command modules import nothing heavy at their top, so that `--help` and completion stay light; a test
counts the modules.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Final

import typer

from iiotctl import __version__
from iiotctl.cli import _console, _environment, _failure, _help
from iiotctl.cli import aggregate as aggregate_
from iiotctl.cli import audit as audit_
from iiotctl.cli import backfill as backfill_
from iiotctl.cli import browse as browse_
from iiotctl.cli import capture as capture_
from iiotctl.cli import certificate as certificate_
from iiotctl.cli import completion as completion_
from iiotctl.cli import demo as demo_
from iiotctl.cli import doctor as doctor_
from iiotctl.cli import events as events_
from iiotctl.cli import explain as explain_
from iiotctl.cli import export as export_
from iiotctl.cli import gaps as gaps_
from iiotctl.cli import guess as guess_
from iiotctl.cli import import_ as import__
from iiotctl.cli import init as init_
from iiotctl.cli import last as last_
from iiotctl.cli import query as query_
from iiotctl.cli import read as read_
from iiotctl.cli import service as service_
from iiotctl.cli import simulate as simulate_
from iiotctl.cli import site as site_
from iiotctl.cli import store as store_
from iiotctl.cli import tags as tags_
from iiotctl.cli import trend as trend_

CAPTURE: Final = "Capture"
ASK: Final = "Ask"
CHECK: Final = "Check"
SET_UP: Final = "Set up"

ORDER: Final = (
    *(
        "capture",
        "read",
        "import",
        "backfill",
        "store",
        "query",
        "last",
        "aggregate",
        "events",
        "gaps",
        "audit",
        "doctor",
        "certificate",
        "explain",
    ),
    *("demo", "simulate", "browse", "guess", "init", "service", "site", "tags", "completion"),
)
"""Of commands in help and completion; others follow."""

app = typer.Typer(
    name="iiotctl",
    cls=_help.Group,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"iiotctl {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, show_default=False, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", show_default=False, help="Show tracebacks; also IIOTCTL_DEBUG=1.")
    ] = False,
) -> None:
    """Capture, query and audit plant data, without silent loss and without writing to a device.

    Examples:
      iiotctl demo                       a simulated plant, captured and queried
      iiotctl read modbus-tcp://192.168.10.21 holding:11:float32:CDAB
      iiotctl init && iiotctl capture    live data into crash-safe Parquet
      iiotctl trend press1.hydraulics.pressure --from '*-8h'
      iiotctl aggregate main.power --function Total2 --rate-unit h --every 1d
      iiotctl query "SELECT tag, avg(value) FROM samples GROUP BY tag"
    """
    del version, debug
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
    elif context.invoked_subcommand != "completion":
        for text in _environment.strays(os.environ):
            _console.warn(text)


# fmt: off - one line a command, in the order of the help
app.add_typer(capture_.app, name="capture", rich_help_panel=CAPTURE)
app.command("read", rich_help_panel=CAPTURE)(read_.read)
app.command("import", rich_help_panel=CAPTURE)(import__.import_)
app.command("backfill", rich_help_panel=CAPTURE)(backfill_.backfill)
app.add_typer(store_.app, name="store", rich_help_panel=CAPTURE)
app.command("query", rich_help_panel=ASK)(query_.query)
app.command("last", rich_help_panel=ASK)(last_.last)
app.command("trend", rich_help_panel=ASK)(trend_.trend)
app.add_typer(events_.app, name="events", rich_help_panel=ASK)
app.command("aggregate", rich_help_panel=ASK)(aggregate_.aggregate)
app.command("gaps", rich_help_panel=ASK)(gaps_.gaps)
app.command("export", rich_help_panel=ASK)(export_.export)
app.add_typer(audit_.app, name="audit", rich_help_panel=CHECK)
app.add_typer(certificate_.app, name="certificate", rich_help_panel=CHECK)
app.command("doctor", rich_help_panel=CHECK)(doctor_.doctor)
app.command("explain", rich_help_panel=CHECK)(explain_.explain)
app.command("demo", rich_help_panel=SET_UP)(demo_.demo)
app.command("simulate", rich_help_panel=SET_UP)(simulate_.simulate)
app.command("browse", rich_help_panel=SET_UP)(browse_.browse)
app.command("guess", rich_help_panel=SET_UP)(guess_.guess)
app.command("init", rich_help_panel=SET_UP)(init_.init)
app.add_typer(service_.app, name="service", rich_help_panel=SET_UP)
app.add_typer(site_.app, name="site", rich_help_panel=SET_UP)
app.add_typer(tags_.app, name="tags", rich_help_panel=SET_UP)
app.command("completion", rich_help_panel=SET_UP)(completion_.completion)
# fmt: on


@cache
def command_tree() -> Any:
    """The tree as the library sees it, built once; completions, man page and reference pages are made from it."""
    tree = typer.main.get_command(app)
    # Typer lists single commands before groups; people look for the command they need most
    places = {name: place for place, name in enumerate(ORDER)}
    tree.commands = dict(sorted(tree.commands.items(), key=lambda item: places.get(item[0], len(ORDER))))  # type: ignore[attr-defined]
    _help.polish(tree)
    return tree


def _terminate(signum: int, frame: object) -> None:
    del signum, frame
    raise _failure.TerminatedError


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing but the exit is left to `main`."""
    words = [word for word in argv if word != "--debug"]  # it may stand anywhere
    _console.reset(words)

    def work() -> None:
        tree = command_tree()
        with tree.make_context("iiotctl", words) as context:
            tree.invoke(context)

    return _failure.guard(work, argv)


def _hush_libraries() -> None:
    """Let no library write to stderr: what a person must know arrives as an event or an error."""
    logging.lastResort = None
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda stray: _console.detail(f"ignored: {stray.exc_value!r} in {stray.object!r}", 2)
    threading.excepthook = lambda stray: _console.detail(f"a thread ended: {stray.exc_value!r}", 1)


def main() -> None:
    """Entry point of the `iiotctl` script."""
    signal.signal(signal.SIGTERM, _terminate)
    if not _failure.is_debug(sys.argv):
        _hush_libraries()
    sys.exit(run(sys.argv[1:]))
