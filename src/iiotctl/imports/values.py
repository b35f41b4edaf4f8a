"""Values as historians write them: numbers with either decimal mark, truth values, states, and words for "no value".

Numbers are cast in one go; whatever is left is looked at once per different text.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal

import polars as pl

from iiotctl import quality

Decimal = Literal[".", ","]
_GROUP: Final = 3
EXACT: Final = float(1 << 53)

_NOTHING: Final = frozenset({"", "null", "none", "n/a", "na", "-", "--", "nan", "(null)", "<null>", "#n/a", "nil"})
_CODE: Final = quality.CODES
STATES: Final[dict[str, int]] = {
    "no data": _CODE["BadNoData"],
    "nodata": _CODE["BadNoData"],
    "no result": _CODE["BadNoData"],
    "no sample": _CODE["BadNoData"],
    "no good data": _CODE["BadNoData"],
    "pt created": _CODE["BadNoData"],
    "bad": _CODE["Bad"],
    "bad input": _CODE["BadSensorFailure"],
    "bad data": _CODE["Bad"],
    "bad value": _CODE["Bad"],
    "bad total": _CODE["Bad"],
    "bad quality": _CODE["Bad"],
    "bad output": _CODE["Bad"],
    "invalid data": _CODE["Bad"],
    "i/o timeout": _CODE["BadNoCommunication"],
    "io timeout": _CODE["BadNoCommunication"],
    "comm fail": _CODE["BadNoCommunication"],
    "not connect": _CODE["BadNotConnected"],
    "not connected": _CODE["BadNotConnected"],
    "intf shut": _CODE["BadNoCommunication"],
    "shutdown": _CODE["BadShutdown"],
    "scan off": _CODE["BadOutOfService"],
    "scan timeout": _CODE["BadTimeout"],
    "out of serv": _CODE["BadOutOfService"],
    "over range": _CODE["BadOutOfRange"],
    "under range": _CODE["BadOutOfRange"],
    "overflow": _CODE["BadOutOfRange"],
    "configure": _CODE["BadConfigurationError"],
    "calc failed": _CODE["BadNoData"],
    "calc off": _CODE["BadOutOfService"],
    "calc timeout": _CODE["BadTimeout"],
    "set to bad": _CODE["Bad"],
    "error": _CODE["Bad"],
    "failed": _CODE["Bad"],
    "access denied": _CODE["BadUserAccessDenied"],
    "arc offline": _CODE["BadNoCommunication"],
    "equip fail": _CODE["BadDeviceFailure"],
    "arc off-line": _CODE["BadNoCommunication"],
    "#n/a!": _CODE["BadNoData"],
    "#value!": _CODE["Bad"],
    "#ref!": _CODE["Bad"],
    "#div/0!": _CODE["Bad"],
    "#num!": _CODE["Bad"],
    "#name?": _CODE["Bad"],
}
"""System digital states of PI (PI Server reference, "SYSTEM digital state set") and error values of Excel."""

_GROUPED: Final = {
    ".": re.compile(
        r"[+-]?\d{1,3}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})|[+-]?\d{1,3}(?:[ \u00a0\u202f']\d{3})+(?:\.\d+)?"
    ),
    ",": re.compile(
        r"[+-]?\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})|[+-]?\d{1,3}(?:[ \u00a0\u202f']\d{3})+(?:,\d+)?"
    ),
}
"""Thousands that leave no doubt, by the decimal mark."""
_LONE: Final = {".": re.compile(r"[+-]?\d{1,3},\d{3}"), ",": re.compile(r"[+-]?\d{1,3}\.\d{3}")}
"""Thousands, or a number with the other decimal mark."""
_NUMERIC: Final = re.compile(r"[+-]?[\d.,'\u00a0\u202f ]*\d[\d.,'\u00a0\u202f ]*(?:[eE][+-]?\d+)?")
_ENDLESS: Final = {
    "inf": "Infinity", "+inf": "Infinity", "infinity": "Infinity", "-inf": "-Infinity", "-infinity": "-Infinity",
    "∞": "Infinity", "1.#inf": "Infinity", "-1.#inf": "-Infinity",
}  # fmt: skip


def word(text: str, decimal: Decimal, *, grouped: bool = False) -> tuple[float | None, str | None, int | None, bool]:  # noqa: PLR0911 - a table
    """One text that is no plain number: (value, text, quality, understood); quality None = as the row says.

    Args:
        text: as it stands in the file.
        decimal: the file's decimal mark.
        grouped: the column writes thousands in groups, so that `1.234` is one, too.
    """
    stripped = text.strip()
    lowered = stripped.lower()
    if lowered in _NOTHING or lowered.startswith(("1.#qnan", "-1.#ind", "1.#ind", "1.#snan")):
        return None, None, _CODE["BadNoData"], True
    if lowered in STATES:
        return None, None, STATES[lowered], True
    if lowered in ("true", "false"):
        return float(lowered == "true"), None, None, True
    if lowered in _ENDLESS:
        return None, _ENDLESS[lowered], quality.BAD_SENSOR_FAILURE, True
    if _GROUPED[decimal].fullmatch(stripped) or (grouped and _LONE[decimal].fullmatch(stripped)):
        digits = re.sub(r"[ \u00a0\u202f']", "", stripped)
        digits = digits.replace(",", "") if decimal == "." else digits.replace(".", "").replace(",", ".")
        return float(digits), None, None, True
    if _NUMERIC.fullmatch(stripped):
        plain = stripped if decimal == "." else stripped.replace(",", ".") if "." not in stripped else ""
        try:
            number = float(plain) if "_" not in plain else math.nan
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number, None, None, True
        return None, None, None, False
    return None, text, None, True


def read(column: pl.Series, decimal: Decimal, *, grouped: bool = False) -> pl.DataFrame:
    """Columns `value`, `text`, `quality` (null = as the row says) and `refused` of a column of values; see `word`."""
    if column.dtype == pl.String:
        return _texts(column, decimal, grouped=grouped)
    frame = pl.DataFrame({"raw": column})
    number = pl.col("raw").cast(pl.Float64, strict=False)
    text: pl.Expr = pl.lit(None, dtype=pl.String)
    if column.dtype.is_integer():
        text = pl.when(number.abs() >= EXACT).then(pl.col("raw").cast(pl.String))
    elif not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        return _texts(column.cast(pl.String, strict=False), decimal, grouped=grouped)
    return _judged(frame.select(number.alias("value"), text.alias("text"), pl.lit(value=False).alias("refused")))


def _judged(frame: pl.DataFrame) -> pl.DataFrame:
    """No number where none is: NaN and infinity are words."""
    value = pl.col("value")
    return frame.with_columns(
        pl.when(value.is_infinite() & pl.col("text").is_null())
        .then(pl.when(value > 0).then(pl.lit("Infinity")).otherwise(pl.lit("-Infinity")))
        .otherwise(pl.col("text"))
        .alias("text"),
        pl.when(value.is_infinite())
        .then(pl.lit(quality.BAD_SENSOR_FAILURE, dtype=pl.UInt32))
        .when((value.is_null() | value.is_nan()) & pl.col("text").is_null())
        .then(pl.lit(_CODE["BadNoData"], dtype=pl.UInt32))
        .alias("quality"),
        pl.when(value.is_finite()).then(value).alias("value"),
    )


def _texts(column: pl.Series, decimal: Decimal, *, grouped: bool) -> pl.DataFrame:
    frame = pl.DataFrame({"raw": column})
    plain = pl.col("raw")
    if decimal == ",":
        plain = pl.when(~plain.str.contains(".", literal=True)).then(plain.str.replace(",", ".", literal=True))
    frame = frame.with_columns(plain.cast(pl.Float64, strict=False).alias("value"))
    left = frame["value"].is_null() & column.is_not_null()
    if left.sum() > len(column) // 2:
        # numbers padded with blanks, perhaps: once more without
        stripped = frame.select(plain.str.strip_chars().cast(pl.Float64, strict=False).alias("value"))["value"]
        frame = frame.with_columns(stripped.alias("value"))
        left = frame["value"].is_null() & column.is_not_null()
    # what a float cannot hold keeps its digits as text
    whole = (pl.col("value").abs() >= EXACT) & pl.col("raw").str.contains(r"^\s*[+-]?\d+\s*$")
    beyond = pl.col("value").is_infinite() & pl.col("raw").str.contains(r"\d")
    frame = frame.with_columns(
        pl.when(whole | beyond).then(pl.col("raw").str.strip_chars()).alias("text"),
        pl.lit(value=False).alias("refused"),
    )
    judged = _judged(frame)
    if not left.any():
        return judged.select("value", "text", "quality", "refused")
    unique = column.filter(left).unique()
    known = [word(text, decimal, grouped=grouped) for text in unique.to_list()]
    table = pl.DataFrame(
        {
            "raw": unique,
            "_value": pl.Series([each[0] for each in known], dtype=pl.Float64),
            "_text": pl.Series([each[1] for each in known], dtype=pl.String),
            "_quality": pl.Series([each[2] for each in known], dtype=pl.UInt32),
            "_refused": pl.Series([not each[3] for each in known], dtype=pl.Boolean),
        }
    )
    met = judged.with_columns(left.alias("_left")).join(table, on="raw", how="left", maintain_order="left")
    return met.select(
        *(
            pl.when("_left").then(pl.col(f"_{name}")).otherwise(pl.col(name)).alias(name)
            for name in ("value", "text", "quality", "refused")
        )
    )


def decimal_evidence(words: list[str]) -> Decimal | None:
    """The decimal mark that values prove; None when they prove none.

    `1,5` proves a comma and `1.5` a decimal point; `1,234` proves nothing, `1.234,5` and `1.234.567` the comma.
    """
    for text in words:
        stripped = text.strip()
        if not _NUMERIC.fullmatch(stripped):
            continue
        dots, commas = stripped.count("."), stripped.count(",")
        if dots and commas:
            return "," if stripped.rfind(",") > stripped.rfind(".") else "."
        if dots + commas > 1:
            decimal: Decimal = "," if dots else "."
            if _GROUPED[decimal].fullmatch(stripped):
                return decimal
        if dots == 1 or commas == 1:
            mark: Decimal = "." if dots else ","
            whole, _, fraction = stripped.lstrip("+-").partition(mark)
            digits = len(re.sub(r"[eE].*", "", fraction))
            # three digits behind up to three others may also be thousands
            if digits != _GROUP or len(whole) > _GROUP or whole in ("", "0"):
                return mark
    return None


def holds_groups(column: pl.Series, decimal: Decimal, *, sure: bool) -> bool:
    """Whether a column holds thousands in groups that leave no doubt, or (not `sure`) numbers that may be such."""
    pattern = (_GROUPED if sure else _LONE)[decimal].pattern
    return column.dtype == pl.String and bool(column.str.contains(rf"^\s*(?:{pattern})\s*$").any())
