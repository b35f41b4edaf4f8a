"""What is left when something unexpected breaks: a crash file without secrets, and a short error.

The file holds the command line, versions and the traceback without local variables. Values of
environment variables whose names sound secret, passwords in URLs and arguments of secret flags are
replaced by `***`.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from iiotctl import __version__
from iiotctl.errors import IiotctlError

_SECRET_NAME: Final = re.compile(r"passw|secret|token|credential|private|apikey|api_key|_key$|_pw$", re.IGNORECASE)
_SHORTEST: Final = 4
"""Shorter values are not searched for: replacing every `1` would leave nothing to read."""


def scrub(text: str, argv: Sequence[str], environ: Mapping[str, str], revealed: Sequence[str] = ()) -> str:
    """`text` without secrets.

    Args:
        text: what is about to be written to a file.
        argv: words of the command line; the word after `--password…`, `--token…` is a secret or names one.
        environ: variables whose names sound secret are secrets.
        revealed: values that the site file's secret references were resolved to.
    """
    secrets = {value for name, value in environ.items() if _SECRET_NAME.search(name)}
    secrets.update(revealed)
    for word, after in zip(argv, [*argv[1:], ""], strict=False):
        flag, _, value = word.partition("=")
        if flag.startswith("--") and _SECRET_NAME.search(flag) and not flag.endswith(("-env", "-file")):
            secrets.add(value or after)
    # the named environment variable of `--password-env NAME`
    secrets.update(environ.get(word, "") for word in argv)
    for secret in sorted((s for s in secrets if len(s) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(r"(\w+://)[^/\s@]+@", r"\1***@", text)


def state_home(environ: Mapping[str, str]) -> Path:
    """Folder for what iiotctl leaves behind on this machine (XDG base directories; LOCALAPPDATA on Windows)."""
    if os.name == "nt":
        return Path(environ.get("LOCALAPPDATA", str(Path.home()))) / "iiotctl"
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "iiotctl"


def as_error(error: Exception, argv: Sequence[str]) -> IiotctlError:
    """The unexpected exception as `error[bug]`; a crash file is written where that is possible."""
    environ = dict(os.environ)
    secrets_module = sys.modules.get("iiotctl.site.secrets")
    revealed = tuple(getattr(secrets_module, "REVEALED", ()))

    def clean(text: str) -> str:
        return scrub(text, argv, environ, revealed)

    text = "\n".join(
        [
            f"iiotctl {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: iiotctl {' '.join(argv)}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    path = state_home(environ) / f"crash-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(clean(text), encoding="utf-8", errors="backslashreplace")
        path.chmod(0o600)
        hint = f"report it with the file `{path}`; `--debug` shows the traceback"
    except OSError:
        hint = "run it again with `--debug` and report what it shows"
    cause = clean(f"{type(error).__name__}: {error}").splitlines()[0]
    return IiotctlError("bug", "iiotctl stopped at something it did not expect", cause=cause, hint=hint)
