"""Titles of columns as historians and people write them, by what the column holds."""

from __future__ import annotations

import re
from typing import Final

TIME: Final = frozenset(
    [
        "ts",
        "time",
        "timestamp",
        "tstamp",
        "datetime",
        "dateandtime",
        "datetimestamp",
        "localtime",
        "timelocal",
        "zeit",
        "zeitstempel",
        "datumzeit",
        "datumuhrzeit",
        "timestring",
        "timeutc",
        "utctime",
        "timestamputc",
        "sourcetimestamp",
        "eventtime",
        "logtime",
        "zeitpunkt",
    ]
)
DATE: Final = frozenset(("date", "datum", "tag_datum", "day"))
CLOCK: Final = frozenset(("time", "uhrzeit", "zeit", "clock", "timeofday"))
TAG: Final = frozenset(
    [
        "tag",
        "tagname",
        "name",
        "tagpath",
        "path",
        "pitag",
        "pipoint",
        "pointname",
        "tagid",
        "item",
        "itemid",
        "itemname",
        "variable",
        "varname",
        "variablename",
        "signal",
        "signalname",
        "channel",
        "sensor",
        "sensorid",
        "fullpath",
        "messstelle",
        "kanal",
        "datapoint",
        "messpunkt",
    ]
)
VALUE: Final = frozenset(["value", "val", "wert", "messwert", "varvalue", "pvalue", "tagvalue"])
QUALITY: Final = frozenset(
    [
        "quality",
        "qual",
        "qualitycode",
        "status",
        "statuscode",
        "opcquality",
        "dataintegrity",
        "qualitaet",
        "qualität",
        "güte",
        "guete",
        "iquality",
        "validity",
        "state_code",
        "qualitydetail",
        "stat",
    ]
)
UNIT: Final = frozenset(
    ["unit", "units", "uom", "engunits", "engunit", "engineeringunit", "engineeringunits", "einheit", "eu"]
)
TEXT: Final = frozenset(("text", "valuetext", "stringvalue"))


_ZONED: Final = re.compile(r"(?P<title>.*\S)\s*\((?P<zone>[A-Za-z][\w+/-]*)\)")
OFFSET: Final = "utcoffseth"
"""How the key of a column ends that holds how far its neighbour's times are from UTC; it is no tag's."""


def zoned(title: str) -> tuple[str, str | None]:
    """A title and the time zone in brackets behind it, as our spreadsheets have it: `ts (Europe/Berlin)`."""
    match = _ZONED.fullmatch(title.strip())
    return (match["title"], match["zone"]) if match and key(match["title"]) in TIME else (title, None)


def key(title: str) -> str:
    """A title without what people write differently."""
    return re.sub(r"[\s_\-./:()\[\]]+", "", title.strip().lower())
