"""`doctor`: is this machine fit to capture? Each check passes, warns or fails, with what to do about it."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Final

from iiotctl import __version__
from iiotctl.errors import IiotctlError, SiteProblemsError, StoreError
from iiotctl.ops.site import Opened, open_settings
from iiotctl.site.units import format_count, format_size

HEAVY: Final = ("numpy", "polars", "duckdb", "pymodbus", "asyncua", "cryptography")
OLDEST_PYTHON: Final = (3, 11)
FIRST_NUMPY_BROKEN: Final = 2
"""tflite-runtime 2.14 was built for numpy 1 and crashes with numpy 2; its metadata does not say so."""

_TIME_ERROR: Final = 5
"""Return value of adjtimex(2): the clock is not synchronised."""


class State(StrEnum):
    """Outcome of a check."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: kebab-case id.
        state: outcome.
        found: what is there.
        fix: what to do, "" when there is nothing to do.
    """

    name: str
    state: State
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """The fields for `--format json`."""
        return {key: str(value) for key, value in asdict(self).items()}


def examine(site_flag: Path | None = None, store_flag: Path | None = None) -> list[Check]:
    """All checks, in the order in which a person would want to read them."""
    checks = [
        Check("iiotctl", State.PASS, __version__),
        judge_python(sys.version_info[:3]),
        Check("platform", State.PASS, f"{platform.platform()}, {os.cpu_count()} CPUs"),
        *_libraries(),
        judge_runtime(_version_of),
        judge_clock(_clock_state()),
    ]
    try:
        opened = open_settings(site_flag, store_flag)
    except IiotctlError as error:
        problems = error.problems if isinstance(error, SiteProblemsError) else [error]
        fix = problems[0].hint or f"iiotctl explain {problems[0].slug}"
        return [
            *checks,
            _time_zones(),
            Check("site-file", State.FAIL, "; ".join(str(problem) for problem in problems), fix),
        ]
    zone = None if opened.loaded is None else opened.loaded.site.site.timezone
    return [*checks, _time_zones(zone), *_site(opened), *_disk(opened), *_store(opened)]


def worst(checks: Iterable[Check]) -> State:
    """The worst state of all."""
    order = list(State)
    return max((check.state for check in checks), key=order.index, default=State.PASS)


def judge_python(version: tuple[int, ...]) -> Check:
    """Python is new enough."""
    text = ".".join(map(str, version))
    if version >= OLDEST_PYTHON:
        return Check("python", State.PASS, text)
    return Check("python", State.FAIL, text, "install Python 3.11 or later")


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _libraries() -> list[Check]:
    """Each heavy library loads; in a process of its own, because a CPU too old for a wheel kills the process."""
    checks = []
    code = (
        "import sys, importlib\nfor name in sys.argv[1:]:\n    importlib.import_module(name); print(name, flush=True)"
    )
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and names
            [sys.executable, "-W", "ignore", "-c", code, *HEAVY],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        loaded, said, status = done.stdout.split(), done.stderr.strip().splitlines(), done.returncode
    except subprocess.TimeoutExpired:
        loaded, said, status = [], ["no answer within 60 s"], -1
    for name in HEAVY:
        version = _version_of(name)
        if name in loaded:
            checks.append(Check(name, State.PASS, version or "unknown version"))
            continue
        cause = said[-1] if said else f"the process died with status {status}"
        fix = f"reinstall it: `{sys.executable} -m pip install --force-reinstall {name}`"
        if name == "polars" and status < 0:
            fix = "this CPU lacks AVX2: `pip install 'polars[rtcompat]'`"
        checks.append(Check(name, State.FAIL, f"{version or 'not installed'}; {cause}", fix))
        break  # those after it were not tried
    return checks


def judge_runtime(version_of: Callable[[str], str | None]) -> Check:
    """The TFLite interpreter and numpy fit together; judged by versions, since the wrong pair crashes."""
    old, new, numpy = version_of("tflite-runtime"), version_of("ai-edge-litert"), version_of("numpy")
    if old is None and new is None:
        fix = "`pip install ai-edge-litert`, or reinstall iiotctl from its lock"
        return Check("tflite", State.WARN, "no interpreter; models cannot run, all else works", fix)
    found = f"tflite-runtime {old}" if old else f"ai-edge-litert {new}"
    if old and numpy and int(numpy.split(".", 1)[0]) >= FIRST_NUMPY_BROKEN:
        return Check("tflite", State.FAIL, f"{found} crashes with numpy {numpy}", "`pip install 'numpy<2'`")
    return Check("tflite", State.PASS, f"{found} with numpy {numpy}")


def _clock_state() -> int | None:
    """Result of adjtimex(2), or None where it cannot be asked."""
    if sys.platform != "linux":
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).adjtimex
        state = int(function(ctypes.create_string_buffer(512)))  # struct timex with modes = 0: only asks
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state


def judge_clock(state: int | None) -> Check:
    """The clock follows a time server; without that, timestamps of machines cannot be compared."""
    fix = "`timedatectl set-ntp true`, or give chrony or ntpd the plant's time server"
    if state is None:
        return Check("clock", State.WARN, "this system does not say whether the clock is synchronised", "")
    if state == _TIME_ERROR:
        return Check("clock", State.WARN, "the clock is not synchronised to a time server", fix)
    return Check("clock", State.PASS, "synchronised")


def _time_zones(name: str | None = None) -> Check:
    # every system knows UTC; only another zone shows whether the data is there
    name = name if name not in (None, "UTC") else "Europe/Berlin"
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return Check("time-zones", State.FAIL, f"no data for `{name}`", "`pip install tzdata`, or the system's tzdata")
    return Check("time-zones", State.PASS, f"`{name}` is known")


def _site(opened: Opened) -> list[Check]:
    if opened.loaded is None:
        return [Check("site-file", State.WARN, "none here or in a folder above", "`iiotctl init` writes one")]
    site = opened.loaded.site
    found = f"{opened.loaded.path}: {format_count(len(site.sources), 'source')}, {format_count(len(site.tags), 'tag')}"
    return [Check("site-file", State.PASS, found)]


def _disk(opened: Opened) -> list[Check]:
    folder = opened.store
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    reserve = opened.settings.capture.min_free or max(2_000_000_000, usage.total // 20)
    found = f"{format_size(usage.free)} free of {format_size(usage.total)} at {folder}"
    if usage.free <= reserve:
        fix = "free some space, or lower `min_free` under `[capture]`"
        return [Check("disk", State.FAIL, f"{found}; capture stops at {format_size(reserve)}", fix)]
    if usage.free <= 2 * reserve:
        return [Check("disk", State.WARN, f"{found}; capture stops at {format_size(reserve)}", "free some space")]
    return [Check("disk", State.PASS, found)]


def _store(opened: Opened) -> list[Check]:
    from iiotctl.store.lock import refuse_remote
    from iiotctl.store.status import status

    root = opened.store
    if not root.exists():
        return [Check("store", State.PASS, f"none yet; `iiotctl capture` makes {root}")]
    if not os.access(root, os.W_OK):
        return [Check("store", State.FAIL, f"{root} cannot be written", f"`chown -R $USER {root}`")]
    try:
        refuse_remote(root)
        found = status(root)
    except StoreError as error:
        return [Check("store", State.FAIL, str(error), error.hint or f"`iiotctl explain {error.slug}`")]
    text = f"{root}: {format_count(found.rows + found.unsealed_rows, 'sample')} in {format_size(found.size + found.unsealed_size)}"
    if found.captured_by:
        text += f"; process {found.captured_by} captures into it"
    if found.damaged_segments:
        damaged = f"{text}; {format_count(found.damaged_segments, 'damaged segment')} kept aside"
        return [Check("store", State.WARN, damaged, "`iiotctl store verify` says what is affected")]
    return [Check("store", State.PASS, text)]
