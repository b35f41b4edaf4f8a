"""What an id means: errors from the catalogue, and the exit codes."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Final

from iiotctl.errors import ExitCode, UsageError

EXIT_CODES: Final[dict[ExitCode, str]] = {
    ExitCode.OK: "done, also when nothing was new; also when the reader of a pipe closed it early",
    ExitCode.FINDINGS: (
        "with `--strict`: there was a gap (the `shutdown` gap since an earlier run that was stopped in order does not "
        "count); later: findings at or above `--fail-on`"
    ),
    ExitCode.USAGE: "a flag, an argument or a statement is wrong",
    ExitCode.SITE: "the site file, a tag list or a secret reference is wrong or missing",
    ExitCode.SOURCE: "a device or server cannot be reached or refused",
    ExitCode.STORE: "the store on disk cannot be used as asked",
    ExitCode.MODEL: "a model cannot be used",
    ExitCode.PLUGIN: "an extension failed to load or broke its contract",
    ExitCode.INCOMPLETE: "a selection matched nothing, or the work could not be finished",
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


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error id explained.

    Attributes:
        id: the slug as it stands in `error[slug]`.
        kind: class of the error, a key of `CLASS_CODES`.
        exit_code: what the process ends with.
        means: what happened, in a sentence or two.
        do: what helps.
    """

    id: str
    kind: str
    exit_code: int
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


def explain(word: str) -> Explanation:
    """The explanation of an error id; `error[slug]` and `slug:` are understood as well.

    Raises:
        UsageError: no such id.
    """
    slug = word.strip().removeprefix("error[").rstrip("]: ").lower()
    entries = catalogue()
    if slug in entries:
        return entries[slug]
    near = difflib.get_close_matches(slug, [*entries, "exit-codes"], n=3, cutoff=0.5)
    hint = "`iiotctl explain` lists every id"
    if near:
        hint = f"did you mean {' or '.join(f'`iiotctl explain {name}`' for name in near)}? {hint}"
    raise UsageError("unknown-id", f"no such id: `{word}`", hint=hint)
