"""Settings and where each comes from: flag > `IIOTCTL_*` > site file > user file > default.

The user file is `~/.config/iiotctl/config.toml` (`XDG_CONFIG_HOME` is honoured, `%APPDATA%` on Windows);
it may hold `[store]` and `[capture]` as the site file does, and `pki`. The name of a setting's environment
variable follows from its key: `capture.commit` → `IIOTCTL_CAPTURE_COMMIT`, `store.path` → `IIOTCTL_STORE`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from iiotctl.errors import SiteError, UsageError
from iiotctl.site.document import Document, read_document
from iiotctl.site.fields import Model
from iiotctl.site.load import LoadedSite, joined
from iiotctl.site.model import CaptureSettings, StoreSettings
from iiotctl.site.plain import did_you_mean, keys_of, problems_of, show
from iiotctl.site.units import format_duration, format_size

_CAPTURE_KEYS: Final = tuple(CaptureSettings.model_fields)
KEYS: Final = ("store.path", *(f"capture.{key}" for key in _CAPTURE_KEYS), "pki")
_SIZES: Final = {"seal_size", "min_free"}


class Origin(StrEnum):
    """Where a value comes from, strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    SITE = "site file"
    USER = "user file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting with its origin.

    Attributes:
        key: as in the site file, e.g. `capture.commit`.
        value: parsed; a path is absolute.
        origin: kind of place it came from.
        where: the place itself: `--store`, `IIOTCTL_STORE`, `site.toml:12`, …; "" for a default.
        text: the value as a person would write it.
    """

    key: str
    value: Any
    origin: Origin
    where: str
    text: str


class UserFile(Model):
    """The user file."""

    store: StoreSettings = StoreSettings()
    capture: CaptureSettings = CaptureSettings()
    pki: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, resolved.

    Attributes:
        store: absolute path of the store.
        capture: commit interval, seal age and size, disk reserve.
        pki: absolute folder of our OPC UA certificate and of pinned server certificates.
        state: absolute folder for what sources remember between runs.
        origins: each setting with its origin, in a fixed order.
    """

    store: Path
    capture: CaptureSettings
    pki: Path
    state: Path
    origins: tuple[Setting, ...]


def env_name(key: str) -> str:
    """Name of a setting's environment variable."""
    return "IIOTCTL_STORE" if key == "store.path" else "IIOTCTL_" + key.replace(".", "_").upper()


def _base(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    if environ.get(variable):
        return Path(environ[variable])
    if os.name == "nt" and environ.get("APPDATA"):
        return Path(environ["APPDATA"])
    return Path(environ.get("HOME") or Path.home()) / fallback


def user_file(environ: Mapping[str, str]) -> Path:
    """Path of the user file, whether it exists or not."""
    return _base(environ, "XDG_CONFIG_HOME", ".config") / "iiotctl" / "config.toml"


def _read_user_file(path: Path) -> tuple[Document, UserFile] | None:
    if not path.is_file():
        return None
    document = read_document(path, what="user file")
    known = keys_of(UserFile)
    for key in document.data:
        if key not in known:
            raise SiteError(
                "unknown-key",
                f"unknown key `{show(key)[1:-1]}` in the user file",
                where=str(path),
                hint=did_you_mean(key, known, f"known keys: {', '.join(known)}"),
            )
    try:
        return document, UserFile.model_validate(document.data)
    except ValidationError as error:
        raise joined(problems_of(error, UserFile, document.where, "the user file")) from None


def _parsed(key: str, value: Any, place: str) -> Any:
    """A setting from a flag or variable; texts of `[capture]` are read and judged as in the site file."""
    name = key.removeprefix("capture.")
    if name == key or not isinstance(value, str):
        return value
    try:
        return getattr(CaptureSettings.model_validate({name: value}), name)
    except ValidationError as error:
        problem = problems_of(error, CaptureSettings, lambda *_: place, "the settings")[0]
        what = problem.what.removeprefix(f"`{name}`").removeprefix(":").strip()
        raise UsageError("setting-value", f"`{place}`: {what}", where=place) from None


def _text(key: str, value: Any) -> str:
    name = key.rpartition(".")[2]
    if value is None:
        return "the larger of 2 GB and 5 %" if name == "min_free" else ""
    if isinstance(value, Path | str):
        return str(value)
    return format_size(value) if name in _SIZES else format_duration(float(value))


class _Resolver:
    def __init__(
        self,
        loaded: LoadedSite | None,
        user: tuple[Document, UserFile] | None,
        flags: Mapping[str, Any],
        environ: Mapping[str, str],
    ) -> None:
        self.loaded = loaded
        self.user = user
        self.flags = {key: value for key, value in flags.items() if value is not None}
        self.environ = environ

    def find(self, key: str, default: Any) -> tuple[Any, Origin, str]:
        table, _, name = key.rpartition(".")
        variable = env_name(key)
        if key in self.flags:
            flag = f"--{'store' if key == 'store.path' else name.replace('_', '-')}"
            return _parsed(key, self.flags[key], flag), Origin.FLAG, flag
        if self.environ.get(variable):
            return _parsed(key, self.environ[variable], variable), Origin.ENVIRONMENT, variable
        if table and self.loaded is not None and name in self.loaded.document.data.get(table, {}):
            value = getattr(getattr(self.loaded.site, table), name)
            return value, Origin.SITE, self.loaded.where(table, name)
        if self.user is not None:
            document, values = self.user
            holder = getattr(values, table) if table else values
            written = document.data.get(table, {}) if table else document.data
            if name in written:
                return getattr(holder, name), Origin.USER, str(document.path)
        return default, Origin.DEFAULT, ""


def resolve(
    loaded: LoadedSite | None,
    *,
    cwd: Path,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """All settings with their origins.

    Args:
        loaded: the site, or None when a command works without one.
        cwd: what relative paths of flags and environment variables start from.
        flags: values given on the command line by key (`store.path`, `capture.commit` as text with
            its unit or in seconds, …); None = not given.
        environ: environment variables; the process's own when None.

    Raises:
        SiteError: the user file is wrong.
        UsageError: `setting-value`, a flag or an environment variable is wrong.
    """
    env = os.environ if environ is None else environ
    path = user_file(env)
    user = _read_user_file(path)
    resolver = _Resolver(loaded, user, flags or {}, env)
    bases = {
        Origin.FLAG: cwd,
        Origin.ENVIRONMENT: cwd,
        Origin.SITE: loaded.folder if loaded is not None else cwd,
        Origin.USER: path.parent,
        Origin.DEFAULT: loaded.folder if loaded is not None else cwd,
    }
    data = _base(env, "XDG_DATA_HOME", ".local/share") / "iiotctl"
    defaults = {"store.path": "store", "pki": str(data / "pki")}
    found: dict[str, Setting] = {}
    for key in KEYS:
        name = key.removeprefix("capture.")
        default = defaults[key] if key in defaults else CaptureSettings.model_fields[name].default
        value, origin, where = resolver.find(key, default)
        if key in defaults:
            value = (bases[origin] / Path(value).expanduser()).absolute()
        found[key] = Setting(key, value, origin, where, _text(key, value))
    capture = CaptureSettings.model_construct(**{name: found[f"capture.{name}"].value for name in _CAPTURE_KEYS})
    state = _base(env, "XDG_STATE_HOME", ".local/state") / "iiotctl"
    return Settings(found["store.path"].value, capture, found["pki"].value, state.absolute(), tuple(found.values()))
