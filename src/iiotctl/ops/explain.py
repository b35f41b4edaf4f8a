"""What an id means: errors from the catalogue, reasons of gaps, checks, and the exit codes."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from iiotctl.errors import ExitCode, PluginError, UsageError

if TYPE_CHECKING:
    from iiotctl.checks.page import Page

EXIT_CODES: Final[dict[ExitCode, str]] = {
    ExitCode.OK: "done, also when nothing was new; also when the reader of a pipe closed it early",
    ExitCode.FINDINGS: (
        "with `--strict`: there was a gap (the `shutdown` gap since an earlier run that was stopped in order does not "
        "count); of an audit: findings at or above `--fail-on`"
    ),
    ExitCode.USAGE: "a flag, an argument or a statement is wrong",
    ExitCode.SITE: "the site file, a tag list or a secret reference is wrong or missing",
    ExitCode.SOURCE: "a device or server cannot be reached or refused",
    ExitCode.STORE: "the store on disk cannot be used as asked",
    ExitCode.MODEL: "a model cannot be used",
    ExitCode.PLUGIN: "an extension failed to load or broke its contract",
    ExitCode.INCOMPLETE: (
        "a selection matched nothing, the work could not be finished, or an audit could judge nothing "
        "(with `--strict`: not every tag)"
    ),
    ExitCode.BUG: "a bug in iiotctl; a crash file without secrets was written",
    ExitCode.INTERRUPTED: "Ctrl-C or a declined prompt; what was captured is sealed",
    ExitCode.TERMINATED: "SIGTERM; what was captured is sealed",
}

CLASS_CODES: Final[dict[str, ExitCode]] = {
    "usage": ExitCode.USAGE,
    "site": ExitCode.SITE,
    "source": ExitCode.SOURCE,
    "store": ExitCode.STORE,
    "model": ExitCode.MODEL,
    "plugin": ExitCode.PLUGIN,
    "incomplete": ExitCode.INCOMPLETE,
    "bug": ExitCode.BUG,
}

TOPICS: Final = ("exit-codes", "profiles")
"""What `iiotctl explain` knows besides ids."""

GAP: Final = "gap"
CHECK: Final = "check"
_GAP_REASONS: Final[dict[str, tuple[str, str]]] = {
    "disconnected": (
        "There was no connection to the device: cable, switch, device off, port closed.",
        "`iiotctl capture status` names the cause while it lasts; check cable, power and firewall.",
    ),
    "timeout": (
        "The device was connected but did not answer in time.",
        "Check the unit identifier; lengthen `timeout`, or `period` when a gateway is overloaded.",
    ),
    "refused": (
        "The device answered with an error: an illegal address, an unknown node id, access denied.",
        "`iiotctl tags check --live` names the tags and what the device said.",
    ),
    "overflow": (
        "Values arose faster than they were taken: scans were left out, a server's queue overran, or the disk lagged.",
        "Lengthen `period` or raise `queue`; `iiotctl capture --dry-run` shows the requests and their cycle time.",
    ),
    "restart": (
        "The capture, or one source of it, ended without a proper stop: a crash, a power cut, a fault.",
        "`iiotctl gaps` shows the time lost; run it as a service so that it starts again by itself.",
    ),
    "damaged": (
        "Samples that were durable cannot be read any more: the disk gave back other bytes than were written.",
        "Check the disk (`dmesg`, SMART); `iiotctl store verify` looks at the rest, `spool/damaged` keeps the segment.",
    ),
    "clock-step": (
        "The clock of this machine jumped by more than a second, or the machine slept.",
        "Keep the clock right with NTP; `iiotctl doctor` looks at it.",
    ),
    "shutdown": (
        "The capture was stopped in order and ran again later, or a reload stopped one source of it.",
        "Run it as a service; with `--strict` this gap does not count.",
    ),
    "disk-reserve": (
        "Less space was free than `min_free`, and capture stopped writing before the disk was full.",
        "Free space; `iiotctl store status` shows what the store takes.",
    ),
    "disk-full": (
        "The disk took no more.",
        "Free space and keep `min_free`; `iiotctl store status` shows what the store takes.",
    ),
}
"""Reason -> what happened, what helps; as in `samples.GapReason`, which is not imported here because it loads numpy."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error id, the reason of a gap or a check explained.

    Attributes:
        id: the slug as it stands in `error[slug]`, a reason of the view `gaps`, or the id of a check.
        kind: class of the error, a key of `CLASS_CODES`; `GAP` for a reason, `CHECK` for a check.
        exit_code: what the process ends with; None but for errors.
        means: what happened, in a sentence or two.
        do: what helps.
    """

    id: str
    kind: str
    exit_code: int | None
    means: str
    do: str

    def as_dict(self) -> dict[str, object]:
        """The fields for `--format json`."""
        return {"schema": "iiotctl.explanation/v1", **asdict(self)}


@cache
def catalogue() -> dict[str, Explanation]:
    """Every error id with its explanation, sorted by id."""
    text = resources.files("iiotctl").joinpath("error_catalogue.toml").read_text(encoding="utf-8")
    return {
        slug: Explanation(slug, entry["class"], int(CLASS_CODES[entry["class"]]), entry["means"], entry["do"])
        for slug, entry in sorted(tomllib.loads(text).items())
    }


@cache
def gap_reasons() -> dict[str, Explanation]:
    """Every reason that a gap can have, in the order of the pages."""
    return {reason: Explanation(reason, GAP, None, means, do) for reason, (means, do) in _GAP_REASONS.items()}


def checks() -> dict[str, Explanation]:
    """Every check that is installed, sorted by id; one of another package that cannot be loaded is left out."""
    from iiotctl.checks import registry
    from iiotctl.checks.page import page

    found = {}
    for name in registry.names():
        try:
            check = registry.load(name)
        except PluginError:
            continue
        found[name] = Explanation(name, CHECK, None, page(check).summary, check.action)
    return found


def check_page(name: str) -> Page:
    """The page of a check.

    Raises:
        UsageError: no such check.
        PluginError: it cannot be loaded.
    """
    from iiotctl.checks import registry
    from iiotctl.checks.page import page

    return page(registry.load(name))


def explain(word: str) -> Explanation:
    """The explanation of an error id, a gap's reason or a check; `error[slug]` and `slug:` are understood as well.

    Raises:
        UsageError: no such id.
    """
    slug = word.strip().removeprefix("error[").rstrip("]: ").lower()
    entries = gap_reasons() | catalogue()  # `disk-full` is both; the error tells more
    if slug not in entries:
        entries |= checks()
    if slug in entries:
        return entries[slug]
    near = difflib.get_close_matches(slug, [*entries, *TOPICS], n=3, cutoff=0.5)
    hint = "`iiotctl explain` lists every id"
    if near:
        hint = f"did you mean {' or '.join(f'`iiotctl explain {name}`' for name in near)}? {hint}"
    raise UsageError("unknown-id", f"no such id: `{word}`", hint=hint)
