"""Write docs/reference/aggregates.md from the registry of functions and the worked examples of the tests."""

from __future__ import annotations

import csv
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "aggregates.md"
CASES = ROOT / "tests" / "aggregates" / "cases"

HEAD = """\
# Aggregates

<!-- made by tools/gen_aggregates.py from src/iiotctl/history/aggregates/registry.py: do not edit -->

`iiotctl aggregate TAG… --function NAME --every TIME` calculates the functions of OPC 10000-13 (OPC UA Part 13). Every result
has the status and the info bits of the standard. Where the text of the standard and its example tables differ,
[decision 11](../explanation/decisions/0011-part13-readings.md) says what we do.

## Intervals

- Fixed intervals (`15min`, `24h`) begin at `--from`; those of the calendar (`1d`, `1w`, `1mo`, `1y`, `shift`) at local
  midnight, Monday, the first, or a shift change. The range cuts the last one off: it is marked Partial.
- Without `--every`, or with 0, the whole range is one interval.
- An interval includes its start and excludes its end. With `--from` later than `--to` time runs backwards: the newest
  interval comes first, `start` is its later border, which it includes, and the earlier one is excluded.
- Without `--from` the range begins with the first sample of the tags, for fixed intervals at the whole multiple of their
  length (in UTC) before it. Without `--to` it ends with the interval that holds the last sample, or else 1 ms behind that.
- With `--during EVENT` each time the event lasted is a range of its own.

## Results

- `value` is null where the status is Bad. `ts` is the start of the interval; the functions with ActualTime, Start and End give
  the time of the sample.
- `quality` is the status code with its info bits (low 16 bits: 0x0400 and the sum of 1 Calculated, 2 Interpolated,
  4 Partial, 16 MultipleValues); `status` and `info` say the same in words. `Raw` stands where a sample is returned as
  it was recorded.
- An interval wholly before the first sample or behind the last one is BadNoData; Interpolative, TimeAverage and Total go on
  behind the last sample, Uncertain. Partial marks intervals that the data begin or end in.
- The resolution of the calculation is 1 ms, as in the examples of the standard: the last sample of all counts for 1 ms,
  and the time of an end bound is 1 ms before the end. Samples keep their microseconds.
- Totals are in the unit of the tag times seconds. `--rate-unit h` divides by 3600 and says so: kW gives kW·h.

## Data that are not Good

- `--treat-uncertain-as-bad` is the default of the standard; with `--no-treat-uncertain-as-bad` Uncertain samples count.
- `--percent-data-bad` (100): a result is Bad from this share of Bad data on. `--percent-data-good` (100): it is Good from this
  share of Good data on; between them UncertainDataSubNormal.
- `--edition 1.04` (default) or `1.05` says which edition of the standard is followed. Values are the same; statuses of
  time-based results differ: in 1.04 time whose data are Uncertain makes them Uncertain, in 1.05 it counts as Good, or as
  Bad with `--treat-uncertain-as-bad` (a result that becomes Bad loses its value). Decision 11 lists the few other
  differences.
- Where the capture recorded a gap, the tag is Bad from its begin to the next sample: nothing is averaged over a hole.
  `--bridge-gaps` takes no notice of gaps.

## Functions
"""


def pages() -> dict[Path, str]:
    """The page with its text."""
    from iiotctl.history.aggregates.registry import FUNCTIONS

    parts = [HEAD]
    for function in FUNCTIONS.values():
        clause = f"OPC 10000-13 §{function.clause}" if function.clause else "Not of the standard"
        parts.append(
            f"\n### {function.name}\n\n{function.definition}\n\n"
            f"| | |\n|---|---|\n| defined in | {clause} |\n| bounding values | {function.bounds.value} |\n"
            f"| unit | {function.unit.value} |\n| status | {function.status} |\n"
        )
        folders = sorted((CASES / function.name).glob("*/case.toml"))
        folders = [path for path in folders if "edition" not in tomllib.loads(path.read_text(encoding="utf-8"))]
        if folders:
            clean = [path for path in folders if path.parent.name == "clean"]
            parts.append(_example((clean or folders)[0].parent))
    return {PAGE: "".join(parts)}


def _example(folder: Path) -> str:
    """A worked example: a test holds the program against it."""
    request = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    words = [f"--function {request['function']}", f"--every {request['every']}"] if "every" in request else []
    words += [
        f"--from {request['start']}",
        f"--to {request['end']}",
        *(["--stepped"] if request.get("stepped") else []),
    ]
    why = (folder / "why.md").read_text(encoding="utf-8").strip()
    tables = "\n".join(_table(folder / name) for name in ("samples.csv", "expected.csv"))
    return f"\n`{' '.join(words)}`\n\n{tables}\n{why}\n"


def _table(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('T', ' ') if cell[:2] == '20' else cell for cell in line)} |\n" for line in lines
    )


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
