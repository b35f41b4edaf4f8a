"""`iiotctl read`: the quick look at a device, without a site file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

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
    SoleMasterOption,
    TimeoutOption,
    TrustFirstOption,
    UserOption,
    VerboseOption,
    person,
    seconds,
)
from iiotctl.errors import SiteError, UsageError

if TYPE_CHECKING:
    from iiotctl.ops.read import Request
    from iiotctl.ops.site import Opened
    from iiotctl.reports.rows import Rows
    from iiotctl.sources.base import Reading


def read(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="modbus-tcp://HOST[:PORT][/UNIT], opc.tcp://HOST:PORT[/PATH]; more forms below.",
            show_default=False,
        ),
    ],
    addresses: Annotated[
        list[str],
        typer.Argument(metavar="ADDRESS", help="ADDRESS[:TYPE[:ORDER]], or an OPC UA node id.", show_default=False),
    ],
    every: Annotated[
        str | None, typer.Option("--every", metavar="TIME", show_default=False, help="Read again and again, e.g. 1s.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, show_default=False, help="Stop after N rounds.")
    ] = None,
    unit: Annotated[
        int | None, typer.Option("--unit", metavar="N", min=0, max=255, show_default=False, help="Modbus unit; else 1.")
    ] = None,
    timeout: TimeoutOption = None,
    element: Annotated[
        int | None,
        typer.Option(
            "--element", metavar="N", min=0, show_default=False, help="Of OPC UA arrays, value N; 0 is the first."
        ),
    ] = None,
    security: SecurityOption = "None",
    user: UserOption = None,
    password_env: PasswordEnvOption = None,
    trust_first: TrustFirstOption = False,
    sole_master: SoleMasterOption = None,
    format: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = 0,
    color: ColorOption = Color.AUTO,
) -> None:
    """Read a few registers or nodes, without a site file.

    Sends read requests only. Addresses are zero-based (`holding:11`, `input:0`,
    `coil:5`, `discrete:7`, a bit as `holding:11/3`) or references such as
    `40012`. Types: bool, (u)int8 to (u)int64, float16 to float64, bcd16, bcd32,
    string(n). Orders: ABCD, CDAB, BADC, DCBA.

    Other URLs: `modbus-tls://HOST`, `modbus-rtu-over-tcp://HOST:PORT`, and
    `modbus-rtu:///dev/ttyUSB0?baudrate=9600&parity=none` (`modbus-rtu:COM3` on
    Windows), each with a unit. A serial bus is listened to for 5 s first.
    `never_read` of a site file in this folder is kept.

    Examples:
      iiotctl read modbus-tcp://192.168.10.21 holding:11:float32:CDAB
      iiotctl read modbus-tcp://gateway/3 40012:uint16 coil:5 --every 1s
      iiotctl read 'modbus-rtu:///dev/ttyUSB0?baudrate=9600&unit=3' input:0
      iiotctl read opc.tcp://192.168.10.30:4840 'ns=2;s=Oven.Temperature'
    """
    del quiet, color
    from iiotctl import reports
    from iiotctl.ops import read as op

    every_s = None if every is None else seconds(every, "--every")
    endless = every is not None and count is None
    if endless and format in (Format.JSON, Format.XLSX, Format.PARQUET, Format.ARROW):
        raise UsageError(
            "bad-value",
            f"`--format {format}` is written at the end, and `--every` has none",
            hint="add `--count N`, or use `--format jsonl`",
        )
    request = op.prepare(
        url,
        addresses,
        unit=unit,
        timeout_s=None if timeout is None else seconds(timeout, "--timeout"),
        security=op.Access(security, user, password_env, trust_first),
        element=element,
        sole_master=person(sole_master),
        opened=_site(),
    )
    if request.note:
        _console.say(request.note)
    count = None if endless else count or 1
    rounds = op.rounds(request, every_s=every_s, count=count, on_event=_console.show_event)
    last: list[Reading] = []

    def seen() -> Iterator[list[Reading]]:
        for readings in rounds:
            last[:] = readings
            yield readings

    if format is Format.TABLE and output is None:
        for number, readings in enumerate(seen()):
            if number:
                typer.echo()
            reports.write(_rows([readings], request, short=not verbose), format.value, None)
    else:
        reports.write(_rows(seen(), request), format.value, output)
    failure = op.failures(last, request)
    if failure:
        raise failure
    _console.suggest("`iiotctl init` writes a site file for `iiotctl capture`")


def _site() -> Opened | None:
    """The site file of this folder, for its `never_read`; one that is wrong must not keep anyone from a look."""
    from iiotctl.ops.site import open_settings

    try:
        return open_settings()
    except SiteError as error:
        _console.warn(f"the site file is wrong, so its `never_read` is not known: {error.what}")
        return None


def _rows(rounds: Iterable[list[Reading]], request: Request, *, short: bool = False) -> Rows:
    """All that is known of each reading; `short` (for people) leaves out the latency, and notes when there are none."""
    from datetime import UTC, datetime

    from iiotctl import quality
    from iiotctl.reports import Column, Rows

    readings: Iterable[Reading] = (reading for each in rounds for reading in each)
    has_notes = True
    if short:
        readings = list(readings)
        has_notes = any(reading.note for reading in readings)
    columns = [Column("ts", "timestamp"), Column("address"), Column("value", "any"), Column("quality"), Column("raw")]
    columns += [] if short else [Column("latency", "float", "ms")]
    columns += [Column("note")] if has_notes else []

    def row(reading: Reading) -> list[object]:
        cells: list[object] = [
            datetime.fromtimestamp(reading.ts / 1e6, UTC),
            request.names[reading.tag].text,
            reading.value,
            quality.name(reading.quality),
            reading.raw,
        ]
        cells += [] if short else [round(reading.latency_s * 1000, 1)]
        return cells + ([reading.note] if has_notes else [])

    return Rows(tuple(columns), map(row, readings), live=True)
