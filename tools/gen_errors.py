"""Write docs/reference/errors.md and exit-codes.md from the catalogue of errors."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ERRORS = """\
# Errors

Every error has an id. `iiotctl explain ID` prints what stands here.

```text
error[source-refused]: cannot read from `modbus-tcp://127.0.0.1:1502`
  where: 127.0.0.1:1502 unit 1
  cause: 127.0.0.1 refuses connections on port 1502

hint: check the port, and that the device's Modbus server is on and has a free connection
```

The first line says what, then where it happened and what the system or the device said; the hint is a command
or a change to make. With `--format json` the same fields come as one object on stderr,
`{"schema": "iiotctl.error/v1", "complete": false, "exit_code": …, "errors": […]}`.

This page is made from the program by `make gen`.
"""

EXIT_CODES = """\
# Exit codes

What the process ends with; scripts and cron may rely on it. When several things went wrong, the first of
70, 2 to 7, 1, 8 counts.

| code | meaning |
|---:|---|
"""


def pages() -> dict[Path, str]:
    """Both pages with their texts."""
    from iiotctl.ops import explain

    parts = [ERRORS]
    for kind, code in explain.CLASS_CODES.items():
        entries = [entry for entry in explain.catalogue().values() if entry.kind == kind]
        if entries:
            parts.append(f"## {kind.capitalize()} (exit code {int(code)})\n")
            parts += [f"### {e.id}\n\n{_one(e.means)}\n\n**What to do:** {_one(e.do)}\n" for e in entries]
    rows = "".join(f"| {int(code)} | {text} |\n" for code, text in explain.EXIT_CODES.items())
    tail = "\n`iiotctl explain exit-codes` prints this table. This page is made from the program by `make gen`.\n"
    reference = ROOT / "docs" / "reference"
    return {reference / "errors.md": "\n".join(parts), reference / "exit-codes.md": EXIT_CODES + rows + tail}


def _one(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
