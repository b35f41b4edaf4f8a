"""The site as every other operation opens it, and the file that `init` begins it with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iiotctl.errors import SiteError, UsageError
from iiotctl.reports.target import keep_out_of_store
from iiotctl.site.load import LoadedSite, load_site
from iiotctl.site.locate import FILE_NAME, find_site, written_store
from iiotctl.site.settings import Origin, Settings, resolve
from iiotctl.site.template import FILES

if TYPE_CHECKING:
    from iiotctl.site.model import Site
    from iiotctl.sources.base import SourceContext


@dataclass(frozen=True, slots=True)
class Opened:
    """A site (or none) with the settings that hold.

    Attributes:
        loaded: the site with its places, or None.
        settings: store path, capture settings, folders; each with its origin.
    """

    loaded: LoadedSite | None
    settings: Settings

    @property
    def store(self) -> Path:
        """Absolute path of the store."""
        return self.settings.store

    def require_site(self) -> LoadedSite:
        """The site.

        Raises:
            SiteError: `no-site` when there is none.
        """
        if self.loaded is None:
            raise no_site()
        return self.loaded


def no_site() -> SiteError:
    """The error of a command that needs a site file and found none."""
    return SiteError(
        "no-site",
        "no `site.toml` here or in a folder above",
        hint="`iiotctl init` writes one; `--site FILE` names one elsewhere",
    )


def open_site(site_flag: Path | None = None, *, cwd: Path | None = None) -> LoadedSite:
    """The site file that holds here, valid.

    Raises:
        SiteError: there is none, or it is wrong (`SiteProblemsError` when in several places).
    """
    path = find_site(site_flag, cwd or Path.cwd())
    if path is None:
        raise no_site()
    return load_site(path)


def open_settings(
    site_flag: Path | None = None,
    store_flag: Path | None = None,
    *,
    flags: Mapping[str, Any] | None = None,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Opened:
    """The site, when there is one, and all settings.

    Args:
        site_flag: `--site`.
        store_flag: `--store`.
        flags: other settings given by flag, by key (`capture.commit` in seconds, …); None = not given.
        cwd: working directory; the process's own when None.
        environ: environment variables; the process's own when None.

    Raises:
        SiteError: the site file or the user file is wrong.
        UsageError: an `IIOTCTL_*` variable is wrong.
    """
    here = cwd or Path.cwd()
    path = find_site(site_flag, here, environ)
    loaded = None if path is None else load_site(path)
    given = {"store.path": store_flag, **(flags or {})}
    return Opened(loaded, resolve(loaded, cwd=here, flags=given, environ=environ))


def open_store(site_flag: Path | None = None, store_flag: Path | None = None, *, cwd: Path | None = None) -> Path:
    """Absolute path of the store, for commands that only read it.

    With `--store` or IIOTCTL_STORE no site file is opened at all: the store explains itself, and a broken
    site file in the working directory must not keep anyone from their data.
    """
    here = cwd or Path.cwd()
    named = store_flag or (Path(os.environ["IIOTCTL_STORE"]) if os.environ.get("IIOTCTL_STORE") else None)
    if named is not None and site_flag is None:
        return (here / named.expanduser()).absolute()
    return open_settings(site_flag, store_flag, cwd=here).store


def locate_store(site_flag: Path | None = None, store_flag: Path | None = None, *, cwd: Path | None = None) -> Path:
    """As `open_store`, but a site file that is wrong does not matter: monitoring goes on while somebody edits it.

    Raises:
        SiteError: a site file is named that is not there, or the user file is wrong.
        UsageError: an `IIOTCTL_*` variable is wrong.
    """
    here = cwd or Path.cwd()
    try:
        return open_store(site_flag, store_flag, cwd=here)
    except SiteError:
        path = find_site(site_flag, here)
        if path is None:
            raise
    settings = resolve(None, cwd=here, flags={"store.path": store_flag})
    origin = next(setting.origin for setting in settings.origins if setting.key == "store.path")
    if origin in (Origin.FLAG, Origin.ENVIRONMENT):
        return settings.store
    written = written_store(path)
    if written is None and origin is Origin.USER:
        return settings.store
    return (path.parent / Path(written or "store").expanduser()).absolute()


def open_import(site_flag: Path | None = None, store_flag: Path | None = None) -> tuple[Path, Site | None]:
    """Where imported rows go, and the site file that counts for them; see `counting_site`."""
    loaded = counting_site(site_flag, store_flag)
    return open_store(site_flag, store_flag), None if loaded is None else loaded.site


def counting_site(site_flag: Path | None = None, store_flag: Path | None = None) -> LoadedSite | None:
    """The site file that counts for what lies in a store.

    With a store named, a site file counts only when it is named as well: one that is broken, or another plant's,
    must not decide what times and tags mean.

    Raises:
        SiteError: the site file is wrong.
    """
    named = store_flag is not None or bool(os.environ.get("IIOTCTL_STORE"))
    if named and site_flag is None:
        return None
    return open_settings(site_flag, store_flag).loaded


def source_context(opened: Opened, *, trust_first: bool = False, sole_master: str | None = None) -> SourceContext:
    """The world as sources of a site see it: real clocks, the folders of the settings, a fresh `shared`.

    Args:
        opened: site and settings.
        trust_first: the user asked to accept and remember server certificates not seen before.
        sole_master: who confirmed that the serial buses have no other master; None = nobody.
    """
    from iiotctl.sources.base import SourceContext

    return SourceContext(
        now_us=lambda: time.time_ns() // 1000,
        monotonic=time.monotonic,
        state_dir=opened.settings.state,
        pki_dir=opened.settings.pki,
        trust_first=trust_first,
        sole_master=sole_master,
        folder=None if opened.loaded is None else opened.loaded.folder,
    )


def check_unused(folder: Path, names: Iterable[str] = FILES) -> None:
    """Refuse a folder that holds one of the files already, before work that takes long.

    Raises:
        UsageError: `site-exists`, `output-in-store`.
    """
    keep_out_of_store(folder)
    present = [name for name in names if (folder / name).exists()]
    if present:
        raise UsageError(
            "site-exists",
            f"`{present[0]}` is there already; nothing was written",
            where=str(folder),
            hint="`iiotctl init DIR` starts in another folder" if present[0] == FILE_NAME else f"rename `{present[0]}`",
        )


def init_site(folder: Path, files: Mapping[str, str] = FILES) -> list[Path]:
    """Write a site file and a tag list into a folder, which is made when it is not there.

    Args:
        folder: where to.
        files: text by file name; the commented sample unless told.

    Raises:
        UsageError: `site-exists`, one of the files is there already; `output-in-store`. Nothing is written.
        SiteError: `file-unwritable`.
    """
    check_unused(folder, files)
    paths = {folder / name: text for name, text in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise SiteError(
            "file-unwritable",
            "the site file cannot be written",
            where=str(error.filename or folder),
            cause=error.strerror,
            hint="choose a folder of your own: `iiotctl init DIR`",
        ) from error
    return list(paths)
