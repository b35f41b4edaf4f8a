"""The worked examples of `cases/<Function>/<case>/`: read into samples, a request and the results derived by hand."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from iiotctl import quality
from tests.aggregates.history import CALCULATED, INTERPOLATED, MULTIPLE, PARTIAL, Config, History, Result, Sample

FOLDER = Path(__file__).with_name("cases")
_BITS = {
    "Raw": 0,
    "Calculated": CALCULATED,
    "Interpolated": INTERPOLATED,
    "Partial": PARTIAL,
    "MultipleValues": MULTIPLE,
}
_OPTIONS = ("treat_uncertain_as_bad", "percent_data_bad", "percent_data_good", "sloped_extrapolation", "edition")


def micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def code(name: str) -> int:
    return next(number for number, known in quality.NAMES.items() if known == name)


def info_names(bits: int, status: int) -> list[str]:
    """Names of info bits, sorted; Raw where a result that is not Bad carries no other origin."""
    found = {name for name, bit in _BITS.items() if bit & bits}
    if not bits & (CALCULATED | INTERPOLATED) and status >> 30 < 2:
        found.add("Raw")
    return sorted(found)


@dataclass(frozen=True)
class Case:
    """One example: its folder, the request as in case.toml, and the rows of its two tables."""

    folder: Path
    request: dict[str, Any]
    samples: list[dict[str, str]]
    expected: list[dict[str, str]]

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}.{self.folder.name}"

    @property
    def function(self) -> str:
        return str(self.request["function"])

    def history(self) -> History:
        samples = [
            Sample(micros(row["ts"]), Fraction(row["value"]) if row["value"] else None, code(row["quality"]))
            for row in self.samples
        ]
        config = Config(**{name: self.request[name] for name in _OPTIONS if name in self.request})
        return History.of(
            samples,
            stepped=bool(self.request.get("stepped")),
            config=config,
            backward=bool(self.request.get("reverse")),
        )

    def intervals(self) -> list[tuple[int, int, bool]]:
        """Borders and whether the range cuts it, in the order of expected.csv: that of the direction of time."""
        start, end = micros(self.request["start"]), micros(self.request["end"])
        step = int(self.request["every"].removesuffix("s")) * 1_000_000
        if self.request.get("reverse"):
            return [(max(at - step, start), at, at - step < start) for at in range(end, start, -step)]
        return [(at, min(at + step, end), at + step > end) for at in range(start, end, step)]

    def results(self) -> list[Result]:
        """What is expected, one for each interval."""
        return [
            Result(
                float(row["value"]) if row["value"] else None,
                micros(row["ts"]),
                code(row["status"]),
                sum(_BITS[name] for name in row["info"].split()),
            )
            for row in self.expected
        ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def load() -> list[Case]:
    folders = sorted(path.parent for path in FOLDER.glob("*/*/case.toml"))
    return [
        Case(
            folder,
            tomllib.loads((folder / "case.toml").read_text(encoding="utf-8")),
            _rows(folder / "samples.csv"),
            _rows(folder / "expected.csv"),
        )
        for folder in folders
    ]
