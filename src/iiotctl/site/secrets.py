"""Secrets by reference: read when they are used, from the environment or a file, and shown nowhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from iiotctl.errors import SiteError
from iiotctl.events import Event, Level
from iiotctl.site.sources import Secret

_LARGEST: Final = 64_000
HIDDEN: Final = "(secret)"
"""What is shown in place of a secret."""


def place_of(secret: Secret) -> str:
    """Where a secret is kept, which may be shown: `env LINE3_PASSWORD`, `file line3.secret`."""
    return f"env {secret.env}" if secret.env is not None else f"file {secret.file}"


def reveal(
    secret: Secret,
    folder: Path | None,
    *,
    on_event: Callable[[Event], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """The secret itself; hand it straight to the library that needs it.

    Args:
        secret: the reference.
        folder: folder of the site file, where relative paths start; None = the working directory.
        on_event: told when the file can be read by other users of the machine (`secret-readable`).
        environ: environment variables; the process's own when None.

    Raises:
        SiteError: `secret-missing`, `secret-unreadable`.
    """
    if secret.env is not None:
        value = (os.environ if environ is None else environ).get(secret.env)
        if not value:
            raise SiteError(
                "secret-missing",
                f"the environment variable `{secret.env}` is {'empty' if value == '' else 'not set'}",
                hint=f"set it before the command: `read -rs {secret.env} && export {secret.env}`",
            )
        return value
    path = (folder or Path.cwd()) / Path(str(secret.file)).expanduser()
    return _from_file(path, on_event)


def _from_file(path: Path, on_event: Callable[[Event], None] | None) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise SiteError("secret-unreadable", f"the secret file `{path}` is no small text file")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SiteError("secret-missing", f"the secret file `{path}` does not exist") from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or type(error).__name__
        raise SiteError("secret-unreadable", f"the secret file `{path}` cannot be read", cause=cause) from None
    if os.name == "posix" and status.st_mode & (stat.S_IRGRP | stat.S_IROTH) and on_event is not None:
        text_of_event = f"the secret file `{path}` can be read by other users; `chmod 600 {path}` closes it"
        on_event(Event(Level.WARNING, "secret-readable", text_of_event))
    value = text.rstrip("\r\n")
    if not value:
        raise SiteError("secret-missing", f"the secret file `{path}` is empty")
    return value
