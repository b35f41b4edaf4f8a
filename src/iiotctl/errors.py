"""Every error a user can meet: one tree, one form, one place where slugs are explained.

    IiotctlError            70  (a bug when raised bare)
    ├── UsageError           2  a flag or argument
    ├── SiteError            3  the site file, tag lists, secrets
    ├── SourceError          4  a device or server
    ├── StoreError           5  spool, Parquet, DuckDB, disk
    ├── ModelError           6  TFLite models
    ├── PluginError          7  an extension
    └── IncompleteError      8  nothing matched, or the work could not be finished

Raise at the place that knows; `cli` catches in one place and shows

    error[slug]: what
      where: site.toml:41
      cause: …

    hint: iiotctl …

Each slug stands in `error_catalogue.toml` with its meaning and remedy: `iiotctl explain SLUG` prints it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Process exit codes; the contract that scripts and cron rely on."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    SITE = 3
    SOURCE = 4
    STORE = 5
    MODEL = 6
    PLUGIN = 7
    INCOMPLETE = 8
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class IiotctlError(Exception):
    """An error in the project's form: what, where, cause, hint.

    Args:
        slug: kebab-case id, a key of `error_catalogue.toml`.
        what: one lower-case clause without a final stop; identifiers in backticks.
        where: endpoint, tag, or `site.toml:41`.
        cause: what the library, device or system said; as a tuple where it takes several lines.
        hint: what to do, with a command that can be pasted where there is one.
        retriable: true when the same call may succeed later without a change by the user.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(
        self,
        slug: str,
        what: str,
        *,
        where: str | None = None,
        cause: str | tuple[str, ...] | None = None,
        hint: str | None = None,
        retriable: bool = False,
    ) -> None:
        super().__init__(what)
        self.slug = slug
        self.what = what
        self.where = where
        self.cause_lines = (cause,) if isinstance(cause, str) else cause or ()
        self.hint = hint
        self.retriable = retriable

    @property
    def cause(self) -> str | None:
        """What was said, as one text."""
        return "\n".join(self.cause_lines) or None

    def __str__(self) -> str:
        parts = [f"error[{self.slug}]: {self.what}"]
        if self.where:
            parts.append(f"where: {self.where}")
        if self.cause:
            parts.append(f"cause: {self.cause}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, object]:
        """The same fields for `--format json`."""
        return {
            "slug": self.slug,
            "what": self.what,
            "where": self.where,
            "cause": self.cause,
            "hint": self.hint,
            "exit_code": int(self.exit_code),
        }


class UsageError(IiotctlError):
    """A flag or an argument is wrong."""

    exit_code = ExitCode.USAGE


class SiteError(IiotctlError):
    """The site file, a tag list or a secret reference is wrong."""

    exit_code = ExitCode.SITE


class SiteProblemsError(SiteError):
    """Several problems of one site file, each an error of its own, shown together."""

    def __init__(self, problems: list[SiteError]) -> None:
        first = problems[0]
        super().__init__(first.slug, first.what, where=first.where, cause=first.cause_lines, hint=first.hint)
        self.problems = problems


class SourceError(IiotctlError):
    """A device or server did not do what was asked."""

    exit_code = ExitCode.SOURCE


class StoreError(IiotctlError):
    """The store on disk cannot be used as asked."""

    exit_code = ExitCode.STORE


class ModelError(IiotctlError):
    """A model cannot be used."""

    exit_code = ExitCode.MODEL


class PluginError(IiotctlError):
    """An extension failed to load or broke its contract."""

    exit_code = ExitCode.PLUGIN


class IncompleteError(IiotctlError):
    """A selection matched nothing, or the work could not be finished."""

    exit_code = ExitCode.INCOMPLETE
