"""A frozen baseline as a Parquet file: a row for each tag, operating state, level band and quantile, a column a feature.

`facts` holds, in the first row of each tag, what else is known of it as JSON. The header stands in the file's metadata
under `iiotctl.baseline`, with the SHA-256 of the file (taken with zeros in its own place): a file that was cut or changed
is refused before anything tries to decode it. Any Parquet reader can look into it: `SELECT * FROM 'line3-v1.parquet' WHERE tag = 'press1.p' AND state = -1 AND band = -1`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.baseline.learn import LEFT_OUT
from iiotctl.checks.baseline.model import QUANTILES, Quantiles, TagBaseline
from iiotctl.checks.features.columns import COLUMNS, DOUBLE
from iiotctl.errors import StoreError

if TYPE_CHECKING:
    import polars as pl

FORMAT: Final = 1
SUFFIX: Final = ".parquet"
_KEY: Final = "iiotctl.baseline"
_FEATURES: Final = tuple(name for name in COLUMNS if name not in LEFT_OUT)
_FACTS: Final = ("unit", "window", "windows", "start", "end", "interval")
_AT_ONCE: Final = 500
_ZEROS: Final = "0" * 64
_SHA256: Final = re.compile(rb'"sha256": "([0-9a-f]{64})"')
_HINT: Final = "`iiotctl audit baseline learn` makes a new one"


@dataclass(frozen=True, slots=True)
class Header:
    """What a baseline says about itself.

    Attributes:
        name, version: `line3`, 2.
        tool: version of iiotctl that learnt it.
        made_at: µs UTC.
        start, end: µs UTC, the period that it was learnt from.
        named: a person named the period; else it was the first two days of each tag.
        tags: how many.
        sha256: of the file, with zeros in the place of these 64 digits.
        store: where it was learnt.
    """

    name: str
    version: int
    tool: str
    made_at: int
    start: int
    end: int
    named: bool
    tags: int
    store: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A baseline file, read.

    Attributes:
        header: what it says about itself.
        tags: by name, ascending.
        path: of the file.
    """

    header: Header
    tags: Mapping[str, TagBaseline]
    path: Path


def encoded(header: Header, tags: Mapping[str, TagBaseline]) -> tuple[bytes, Header]:
    """The content of a file, and its header with the hash."""
    frame = _frame(tags[name] for name in sorted(tags))
    header = replace(header, tags=len(tags), sha256=_ZEROS)
    buffer = io.BytesIO()
    said = json.dumps({"format": FORMAT, **asdict(header)})
    frame.write_parquet(buffer, compression="zstd", row_group_size=50_000, statistics=True, metadata={_KEY: said})
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    return content.replace(_ZEROS.encode(), digest.encode()), replace(header, sha256=digest)


def read(path: Path, tags: Iterable[str] | None = None) -> Frozen:
    """A baseline.

    Args:
        path: of the file.
        tags: which are wanted; None = all.

    Raises:
        StoreError: `baseline-missing`; `baseline-damaged`, it is no baseline, was cut, or was changed by somebody;
            `baseline-newer`, another version of iiotctl wrote it.
    """
    import polars as pl

    content = _bytes(path)
    header = _header(path, content)
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except Exception as error:
        raise _damaged(path, "it is damaged") from error
    if tags is not None:
        frame = frame.filter(pl.col("tag").is_in(list(tags)))
    try:
        return Frozen(header, dict(_tags(frame)), path)
    except Exception as error:
        raise _damaged(path, "its content cannot be understood") from error


def header_of(path: Path) -> Header:
    """What a file says about itself, without reading it all; its content may be damaged all the same.

    Raises:
        StoreError: see `read`.
    """
    return _header(path, _bytes(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            "baseline-missing",
            "the baseline cannot be read",
            where=str(path),
            cause=error.strerror,
            hint="`iiotctl audit baseline show` lists those that are there",
        ) from error


def _header(path: Path, content: bytes) -> Header:
    import polars as pl

    found = _SHA256.findall(content)
    if len(found) != 1:
        raise _damaged(path, "it is no baseline, or damaged")
    if hashlib.sha256(content.replace(found[0], _ZEROS.encode())).hexdigest() != found[0].decode():
        raise _damaged(path, "its hash does not fit: it is damaged, or was changed after it was learnt")
    try:
        said = json.loads(pl.read_parquet_metadata(io.BytesIO(content))[_KEY])
        if said["format"] == FORMAT:
            return Header(**{field.name: said[field.name] for field in fields(Header)})
    except Exception as error:
        raise _damaged(path, "it is no baseline, or damaged") from error
    raise StoreError(
        "baseline-newer",
        f"the baseline has format {said['format']}; this iiotctl knows {FORMAT}",
        where=str(path),
        hint="update iiotctl: `pipx upgrade iiotctl`, or learn a new one",
    )


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError("baseline-damaged", f"the baseline cannot be used: {what}", where=str(path), hint=_HINT)


def _frame(tags: Iterable[TagBaseline]) -> pl.DataFrame:
    import polars as pl

    waiting = iter(tags)
    parts = [_part([])]
    while some := list(islice(waiting, _AT_ONCE)):
        parts.append(_part(some))
    return pl.concat(parts)


def _part(tags: Sequence[TagBaseline]) -> pl.DataFrame:
    import numpy as np
    import polars as pl

    count = len(QUANTILES)
    names: list[str] = []
    facts: list[str | None] = []
    places: list[tuple[int, int, int]] = []
    blocks = [np.empty((0, len(_FEATURES)))]
    for base in tags:
        groups = sorted(base.counts)
        block = np.full((len(groups), count, len(_FEATURES)), np.nan)
        for at, (state, band) in enumerate(groups):
            for column, feature in enumerate(_FEATURES):
                values = base.table.get((feature, state, band))
                if values is not None:
                    block[at, :, column] = values
        rows = len(groups) * count
        names += [base.tag] * rows
        facts += [_facts(base), *[None] * (rows - 1)]
        places += [(*place, base.counts[place]) for place in groups]
        blocks.append(block.reshape(-1, len(_FEATURES)))
    values = np.concatenate(blocks)
    place = np.repeat(np.array(places, np.int64).reshape(-1, 3), count, axis=0)
    columns: dict[str, Any] = {
        "tag": pl.Series(names, dtype=pl.String),
        "state": pl.Series(place[:, 0], dtype=pl.Int8),
        "band": pl.Series(place[:, 1], dtype=pl.Int8),
        "windows": pl.Series(place[:, 2], dtype=pl.Int32),
        "quantile": np.tile(np.array(QUANTILES), len(places)),
    }
    for at, feature in enumerate(_FEATURES):
        kind = np.float64 if feature in DOUBLE else np.float32
        columns[feature] = pl.Series(values[:, at].astype(kind), nan_to_null=True)
    columns["facts"] = pl.Series(facts, dtype=pl.String)
    return pl.DataFrame(columns)


def _facts(base: TagBaseline) -> str:
    said = {name: getattr(base, name) for name in _FACTS}
    said |= {"edges": base.edges.tolist(), "learnt": base.learnt}
    return json.dumps(said, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    """What a check learnt may hold numbers and arrays of numpy."""
    return value.tolist() if hasattr(value, "tolist") else list(value)


def _tags(frame: pl.DataFrame) -> Iterable[tuple[str, TagBaseline]]:
    import numpy as np

    count = len(QUANTILES)
    runs = frame["tag"].rle().struct.unnest()
    features = [name for name in frame.columns if name in COLUMNS]
    first = 0
    for length, tag in runs.iter_rows():
        part = frame.slice(first, length)
        first += length
        facts = json.loads(part["facts"][0])
        places = part.select("state", "band", "windows").gather_every(count).rows()
        counts = {(state, band): windows for state, band, windows in places}
        values = np.stack([part[name].to_numpy().astype(np.float64).reshape(-1, count) for name in features], axis=1)
        base = {name: facts[name] for name in _FACTS}
        table = Quantiles(features, list(counts), values)
        edges = np.array(facts["edges"], np.float64)
        yield tag, TagBaseline(tag=tag, **base, edges=edges, table=table, counts=counts, learnt=facts["learnt"])
