"""How the Excel of a country reads CSV: separator, decimal mark, order of a date. `--excel de` chooses one.

Excel takes none of this from the file. It reads a CSV as the regional settings of the person's Windows say, so that a
file with commas lands in one column in Germany, and 1.5 becomes the first of May. The table holds the defaults of
Windows for each country (Settings > Region: list separator, decimal symbol, short date; `LOCALE_SLIST`,
`LOCALE_SDECIMAL` and `LOCALE_SSHORTDATE` of its NLS interface). A colon between hours and minutes and the decimal
mark before milliseconds are read everywhere; all but UTF-8 with a mark at its begin is taken for the old code page.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from iiotctl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Dialect:
    """How texts stand for cells.

    Attributes:
        separator: between two cells.
        decimal: mark before fractions of numbers and of seconds.
        date: a date, in the words of `strftime`.
    """

    separator: str
    decimal: str
    date: str


_DMY_DOTS: Final = Dialect(";", ",", "%d.%m.%Y")
_DMY_SLASHES: Final = Dialect(";", ",", "%d/%m/%Y")
_DMY_DASHES: Final = Dialect(";", ",", "%d-%m-%Y")
_YMD: Final = Dialect(";", ",", "%Y-%m-%d")
_ENGLISH: Final = Dialect(",", ".", "%d/%m/%Y")
_ENGLISH_YMD: Final = Dialect(",", ".", "%Y-%m-%d")

DIALECTS: Final = {
    "at": _DMY_DOTS,
    "au": _ENGLISH,
    "be": _DMY_SLASHES,
    "br": _DMY_SLASHES,
    "ca": _ENGLISH_YMD,
    "ch": Dialect(";", ".", "%d.%m.%Y"),
    "cn": _ENGLISH_YMD,
    "cz": _DMY_DOTS,
    "de": _DMY_DOTS,
    "dk": _DMY_DASHES,
    "es": _DMY_SLASHES,
    "fi": _DMY_DOTS,
    "fr": _DMY_SLASHES,
    "hu": _YMD,
    "ie": _ENGLISH,
    "in": Dialect(",", ".", "%d-%m-%Y"),
    "it": _DMY_SLASHES,
    "jp": _ENGLISH_YMD,
    "mx": _ENGLISH,
    "nl": _DMY_DASHES,
    "no": _DMY_DOTS,
    "pl": _DMY_DOTS,
    "pt": _DMY_SLASHES,
    "ro": _DMY_DOTS,
    "se": _YMD,
    "sk": _DMY_DOTS,
    "tr": _DMY_DOTS,
    "uk": _ENGLISH,
    "us": Dialect(",", ".", "%m/%d/%Y"),
}
"""By country. Where Windows has changed its mind over the years (hu, pl, cn), a date that both versions read."""

_ALIASES: Final = {"gb": "uk", "en": "us", "da": "dk", "sv": "se", "cs": "cz", "ja": "jp", "zh": "cn"}


def find(country: str) -> Dialect:
    """The dialect of a country, `de` or `de-DE` alike.

    Raises:
        UsageError: `excel-country`, none is known by this name.
    """
    asked = country.strip().lower().replace("_", "-").rpartition("-")[2]
    name = _ALIASES.get(asked, asked)
    if name not in DIALECTS:
        near = difflib.get_close_matches(name, DIALECTS, n=1)
        known = ", ".join(DIALECTS)
        raise UsageError(
            "excel-country",
            f"how Excel reads CSV in `{country}` is not known",
            cause=f"known are {known}",
            hint=(f"did you mean `--excel {near[0]}`? " if near else "")
            + "`--format xlsx` is read alike in every country",
        )
    return DIALECTS[name]
