"""Exceptions: findings that somebody decided not to be told about, with reason, owner and a date when that ends.

[[exceptions]]
check = "noise-up"                  # or "*"
tag = "press1.*"                    # name or pattern
reason = "cavitation, pump is ordered"
owner = "m.meier"
expires = 2027-03-31                # the last day on which it holds
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from iiotctl.checks.result import Excepted, Exemption
from iiotctl.errors import SiteError
from iiotctl.findings import Finding
from iiotctl.history.names import near
from iiotctl.site.document import Document

_KEYS: Final = ("check", "tag", "reason", "owner", "expires")


def parsed(document: Document, checks: Collection[str]) -> list[Exemption]:
    """The exceptions of a file.

    Args:
        document: the file, parsed.
        checks: ids of all installed checks.

    Raises:
        SiteError: `bad-exceptions`, with the line.
    """
    tables = document.data.get("exceptions", [])
    if set(document.data) - {"exceptions"} or not isinstance(tables, list):
        raise _bad("the file holds tables `[[exceptions]]` and nothing else", document.name)
    return [_one(table, document.where("exceptions", place), checks) for place, table in enumerate(tables)]


def divided(
    findings: Sequence[Finding], exemptions: Sequence[Exemption], now: int
) -> tuple[list[Finding], list[Excepted], list[Exemption]]:
    """The findings that stay, those that an exception covers, and the exceptions that have expired.

    A finding of many tags is covered only where each of its tags is.

    Args:
        findings: of a run.
        exemptions: see `parsed`.
        now: µs UTC; an exception holds until the end of its day, UTC.
    """
    today = datetime.fromtimestamp(now / 1e6, UTC).date().isoformat()
    expired = [one for one in exemptions if one.expires < today]
    holding = [one for one in exemptions if one.expires >= today]
    left: list[Finding] = []
    covered: list[Excepted] = []
    for finding in findings:
        by = next((one for one in holding if _covers(one, finding)), None)
        if by is None:
            left.append(finding)
        else:
            covered.append(Excepted(finding, by))
    return left, covered, expired


def _covers(exemption: Exemption, finding: Finding) -> bool:
    if exemption.check not in ("*", finding.check):
        return False
    names = [finding.tag] if finding.tag is not None else list(finding.tags)
    return bool(names) and all(fnmatchcase(name, exemption.tag) for name in names)


def _one(table: Any, place: str, checks: Collection[str]) -> Exemption:
    if not isinstance(table, dict):
        raise _bad("the file holds tables `[[exceptions]]` and nothing else", place)
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        raise _bad(f"`{unknown[0]}` is no key of an exception", place, near(unknown[0], _KEYS))
    missing = [key for key in _KEYS if key not in table]
    if missing:
        raise _bad(
            f"an exception lacks {', '.join(f'`{key}`' for key in missing)}",
            place,
            f"each has {', '.join(f'`{key}`' for key in _KEYS)}",
        )
    texts = {key: table[key] for key in _KEYS[:-1]}
    empty = [key for key, value in texts.items() if not (isinstance(value, str) and value.strip())]
    if empty:
        raise _bad(f"`{empty[0]}` is a text and not empty", place)
    if texts["check"] != "*" and texts["check"] not in checks:
        raise _bad(f"there is no check `{texts['check']}`", place, near(texts["check"], checks))
    return Exemption(**texts, expires=_date(table["expires"], place), where=place)


def _date(value: object, place: str) -> str:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = None
    if type(day) is not date:
        raise _bad(f"`{value}` is no date", place, "e.g. `expires = 2027-03-31`")
    return day.isoformat()


def _bad(what: str, where: str, hint: str = "") -> SiteError:
    return SiteError("bad-exceptions", what, where=where, hint=hint or None)
