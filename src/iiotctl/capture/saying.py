"""Sentences of events: errors inside them, what is found at the start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iiotctl.errors import IiotctlError, SiteError

if TYPE_CHECKING:
    from iiotctl.site.load import LoadedSite


def plain(error: BaseException) -> str:
    """What an error says without its form: no `error[…]`, no place that the sentence around it names anyway.

    An error of ours reads `what: cause`; the system's is its message; any other names its type.
    """
    if isinstance(error, IiotctlError):
        return error.what if not error.cause else f"{error.what}: {error.cause}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def damage(segments: Sequence[str], folder: Path, *, earlier: bool) -> str:
    """What was found of damaged segments, of an earlier run or of this one, and where the rest is."""
    return (
        f"{'left by an earlier run and damaged' if earlier else 'damaged since it was written'}: "
        f"{', '.join(f'`{name}`' for name in segments)}; all up to the damaged place is "
        f"{'recovered' if earlier else 'stored'}, what stood behind it is kept in {folder}"
    )


def nothing_to_capture(loaded: LoadedSite) -> SiteError:
    """The error of a site without a source that has tags."""
    return SiteError(
        "nothing-to-capture",
        "the site file has no source with tags",
        where=str(loaded.path),
        hint="declare `[[tags]]` or `tags_file`; `iiotctl tags list` shows what there is",
    )
