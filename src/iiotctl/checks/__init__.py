"""What is wrong, with evidence: the judgement of sensors and networks. Arrays or facts in, verdicts out; no I/O.

For other programs: `judge` takes arrays and returns findings and a flag for each sample (`iiotctl.checks.library`); a check
of your own is a `Check` behind the entry-point group `iiotctl.checks`. Everything is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged
    from iiotctl.checks.features.columns import Features
    from iiotctl.checks.features.compute import table_of
    from iiotctl.checks.features.samples import Samples
    from iiotctl.checks.library import Flag, Judgement, judge
    from iiotctl.checks.registry import chosen
    from iiotctl.checks.tagdata import TagData, TagInfo
    from iiotctl.findings import Confidence, Finding, Ne107, Severity

__all__ = [
    "Check",
    "Confidence",
    "Features",
    "Finding",
    "Flag",
    "Judged",
    "Judgement",
    "Ne107",
    "Samples",
    "Severity",
    "Skipped",
    "Spell",
    "TagData",
    "TagInfo",
    "Unjudged",
    "chosen",
    "judge",
    "table_of",
]
_PLACES: Final = {
    "iiotctl.checks.base": ("Check", "Judged", "Skipped", "Spell", "Unjudged"),
    "iiotctl.checks.features.columns": ("Features",),
    "iiotctl.checks.features.compute": ("table_of",),
    "iiotctl.checks.features.samples": ("Samples",),
    "iiotctl.checks.library": ("Flag", "Judgement", "judge"),
    "iiotctl.checks.registry": ("chosen",),
    "iiotctl.checks.tagdata": ("TagData", "TagInfo"),
    "iiotctl.findings": ("Confidence", "Finding", "Ne107", "Severity"),
}


def __getattr__(name: str) -> object:
    for place, names in _PLACES.items():
        if name in names:
            return getattr(import_module(place), name)
    msg = f"module `iiotctl.checks` has no attribute `{name}`"
    raise AttributeError(msg)
