"""Options that mean the same in every command, written once.

Use them as annotations of a command's parameters::

    def last(tags: …, site: SiteOption = None, format: FormatOption = Format.TABLE, quiet: QuietOption = False) -> None:

`--quiet`, `--verbose` and `--color` act by being given (their callbacks set `_console.settings`); a
command need not look at them. A command's docstring is its help: one line, a blank line, then prose, and
at least one example in a paragraph that starts with `Example:` or `Examples:` (`_help.py` keeps its lines).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from iiotctl.cli import _console
from iiotctl.errors import UsageError


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    MARKDOWN = "markdown"
    XLSX = "xlsx"
    PARQUET = "parquet"
    ARROW = "arrow"


_SUFFIXES: Final = {
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".md": Format.MARKDOWN,
    ".xlsx": Format.XLSX,
    ".parquet": Format.PARQUET,
    ".arrow": Format.ARROW,
    ".arrows": Format.ARROW,
    ".feather": Format.ARROW,
    ".ipc": Format.ARROW,
}
"""What the name of a file says when `--format` does not."""
_OPEN: Final = frozenset({"", ".txt", ".log"})
"""Ends of a name that say nothing of the kind; the command's own format is text."""
_COMPRESSED: Final = frozenset({".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"})


_AnyFormat = TypeVar("_AnyFormat", bound=StrEnum)


class TextFormat(StrEnum):
    """For answers that are not rows: text for people or JSON for programs."""

    TABLE = "table"
    JSON = "json"


class Color(StrEnum):
    """When to colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def _quiet(value: bool) -> bool:
    _console.settings.quiet = _console.settings.quiet or value
    return value


def _verbose(value: int) -> int:
    _console.settings.verbose = max(_console.settings.verbose, value)
    return value


def _color(value: Color) -> Color:
    if value is not Color.AUTO:
        _console.settings.color = value.value
    return value


class LogFormat(StrEnum):
    """Form of the lines on stderr."""

    TEXT = "text"
    JSON = "json"


def _log_format(value: LogFormat | None) -> LogFormat | None:
    _console.settings.json_lines = value is LogFormat.JSON
    return value


def named_format(context: typer.Context, value: _AnyFormat) -> _AnyFormat:
    """The format: as given; else CSV with `--excel`; else as the file is named; else the command's own.

    Raises:
        UsageError: `unknown-format`, the name ends in something that is no format.
    """
    source = context.get_parameter_source("format")
    if source is not None and source.name == "COMMANDLINE":
        return value
    kinds = type(value)
    # what stands on the command line has been read before the default of this option comes up
    if context.params.get("excel") is not None:
        return kinds(Format.CSV)
    suffix = Path(context.params.get("output") or "").suffix.lower()
    word = _SUFFIXES.get(suffix, suffix[1:])
    known = {str(kind) for kind in kinds}
    if word in known:
        return kinds(word)
    if suffix in _OPEN or context.params.get("toml"):
        return value
    from iiotctl.reports.target import keep_out_of_store

    keep_out_of_store(Path(context.params["output"]))  # what nobody may do comes before what the name says
    ends = ", ".join(end for end in (*_SUFFIXES, ".svg", ".png", ".html") if _SUFFIXES.get(end, end[1:]) in known)
    raise UsageError(
        "unknown-format",
        f"`{suffix}` is the end of no format",
        where=str(context.params["output"]),
        cause=f"known are {ends}",
        hint="say with `--format` what to write, or choose another name",
    )


def _uncompressed(value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() in _COMPRESSED:
        raise UsageError(
            "unknown-format",
            f"nothing is written as `{value.suffix}`",
            where=str(value),
            hint="write `.parquet`, which is compressed as it is, or pipe it: `--format csv | gzip > rows.csv.gz`",
        )
    return value


LogFormatOption = Annotated[
    LogFormat | None,
    typer.Option(
        "--log-format",
        metavar="FORMAT",
        callback=_log_format,
        is_eager=True,
        show_default=False,
        help="text or json: log lines instead of a live table.",
    ),
]
SiteOption = Annotated[
    Path | None,
    typer.Option(
        "--site",
        metavar="FILE",
        show_default=False,
        help="Site file; else IIOTCTL_SITE, else site.toml here or in a folder above.",
    ),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="PATH",
        show_default=False,
        help="Folder of the samples; else IIOTCTL_STORE, else as the site file says.",
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        metavar="FORMAT",
        callback=named_format,
        show_default=False,
        help="table, json, jsonl, csv, tsv, markdown, xlsx, parquet, arrow; else as FILE ends.",
    ),
]
ExcelOption = Annotated[
    str | None,
    typer.Option(
        "--excel", metavar="COUNTRY", show_default=False, help="CSV as Excel in de, fr, us … reads it, local times."
    ),
]
TextFormatOption = Annotated[TextFormat, typer.Option("--format", metavar="FORMAT", help="table or json.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        callback=_uncompressed,
        show_default=False,
        help="Write to FILE instead of stdout.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_quiet, show_default=False, help="Only results, warnings and errors.")
]
VerboseOption = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, callback=_verbose, show_default=False, help="Say more; -vv says even more."
    ),
]
ColorOption = Annotated[
    Color, typer.Option("--color", metavar="WHEN", callback=_color, show_default=False, help="auto, always or never.")
]
StrictOption = Annotated[
    bool,
    typer.Option("--strict", show_default=False, help="Exit 5 when files of the store had to be left out."),
]
SecurityOption = Annotated[
    str, typer.Option("--security", metavar="POLICY-MODE", help="OPC UA, e.g. Basic256Sha256-SignAndEncrypt.")
]
UserOption = Annotated[str | None, typer.Option("--user", metavar="NAME", show_default=False, help="OPC UA user name.")]
PasswordEnvOption = Annotated[
    str | None,
    typer.Option("--password-env", metavar="VARIABLE", show_default=False, help="Variable that holds the password."),
]
TrustFirstOption = Annotated[
    bool,
    typer.Option("--trust-first", show_default=False, help="Accept and remember an unknown server certificate."),
]
SoleMasterOption = Annotated[
    str | None,
    typer.Option(
        "--sole-master-confirmed-by",
        metavar="NAME",
        show_default=False,
        help="Send on a serial bus although traffic was heard; NAME vouches.",
    ),
]
TimeoutOption = Annotated[
    str | None, typer.Option("--timeout", metavar="TIME", show_default=False, help="Patience for one answer.")
]
RowSourceOption = Annotated[
    str | None,
    typer.Option("--source", metavar="NAME", show_default=False, help="Source that the tag rows name."),
]
MaxNodesOption = Annotated[
    int, typer.Option("--max-nodes", metavar="N", min=1, max=1_000_000, help="Stop after N nodes seen.")
]
DepthOption = Annotated[int, typer.Option("--depth", metavar="N", min=1, max=200, help="Levels below Objects.")]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", show_default=False, help="Keep to a device family's limits."),
]


def person(text: str | None) -> str | None:
    """Who vouches for a bus, as given for `--sole-master-confirmed-by`.

    Raises:
        UsageError: nobody is named.
    """
    if text is not None and not text.strip():
        raise UsageError(
            "bad-value",
            "the value of `--sole-master-confirmed-by` is empty",
            hint="write the name of the person who has made sure that the bus has no other master",
        )
    return text


def seconds(text: str, option: str) -> float:
    """Seconds from what the user gave for `option`.

    Raises:
        UsageError: no duration, or not more than 0.
    """
    from iiotctl.site.units import parse_duration

    try:
        found = parse_duration(text)
    except ValueError as error:
        raise UsageError("bad-value", f"the value of `{option}` is wrong: {error}") from error
    if found <= 0:
        raise UsageError("bad-value", f"the value of `{option}` must be more than 0")
    return found
