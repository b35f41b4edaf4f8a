"""Checks by id: entry points of the group `iiotctl.checks`, each loaded only when it is to run.

The built-in checks register through the same door as those of other packages.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from iiotctl.checks.base import Check
from iiotctl.errors import PluginError, UsageError
from iiotctl.history.names import near

GROUP: Final = "iiotctl.checks"


def names() -> list[str]:
    """Ids of the checks that are installed, sorted; loads none of them."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load(id_: str) -> Check:
    """A check.

    Raises:
        UsageError: `unknown-check`.
        PluginError: `plugin-broken`, the package that brings it cannot be imported, or brings something else.
    """
    found = [entry for entry in entry_points(group=GROUP) if entry.name == id_]
    if not found:
        raise _unknown(id_, "")
    return _loaded(found[0])


def chosen(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> dict[str, Check]:
    """The checks of a run, by id in alphabetical order. Only these are imported.

    Args:
        select: ids or patterns (`clock-*`); () = all.
        ignore: ids or patterns that are left out.

    Raises:
        UsageError: `unknown-check`, one of them matches no installed check; `no-checks`, nothing is left.
        PluginError: see `load`.
    """
    installed = names()
    wanted = _matching(select, installed, "--select") if select else set(installed)
    left = sorted(wanted - _matching(ignore, installed, "--ignore"))
    if not left:
        raise UsageError(
            "no-checks",
            "no check is left to run",
            where=" ".join([*(f"--select {one}" for one in select), *(f"--ignore {one}" for one in ignore)]),
            hint=f"the checks are {', '.join(f'`{name}`' for name in installed)}" if installed else None,
        )
    return {name: load(name) for name in left}


def _matching(patterns: Sequence[str], installed: Sequence[str], flag: str) -> set[str]:
    matched: set[str] = set()
    for pattern in patterns:
        found = fnmatch.filter(installed, pattern)
        if not found:
            raise _unknown(pattern, flag)
        matched.update(found)
    return matched


def _unknown(id_: str, flag: str) -> UsageError:
    installed = names()
    return UsageError(
        "unknown-check",
        f"there is no check `{id_}`",
        where=flag or None,
        hint=near(id_, installed) or f"the checks are {', '.join(f'`{name}`' for name in installed) or 'none'}",
    )


def _loaded(entry: EntryPoint) -> Check:
    package = entry.dist.name if entry.dist is not None else "unknown package"
    try:
        check = entry.load()
    except Exception as error:
        raise PluginError(
            "plugin-broken",
            f"the check `{entry.name}` cannot be loaded",
            where=f"{package}: {entry.value}",
            cause=f"{type(error).__name__}: {error}",
            hint=f"reinstall or remove the package `{package}`, or leave it out: `--ignore {entry.name}`",
        ) from error
    if not isinstance(check, Check) or check.id != entry.name:
        said = f"its id is `{check.id}`" if isinstance(check, Check) else f"it is a {type(check).__name__}"
        raise PluginError(
            "plugin-broken",
            f"the check `{entry.name}` does not keep the contract of a check",
            where=f"{package}: {entry.value}",
            cause=f"expected an `iiotctl.checks.base.Check` of this id; {said}",
            hint=f"update the package `{package}`, or leave it out: `--ignore {entry.name}`",
        )
    return check
