"""Write docs/reference/requests.md from `iiotctl.sources.allowlist`; a test compares the two."""

from __future__ import annotations

from pathlib import Path

from iiotctl.sources import allowlist

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "requests.md"

_HEAD = """\
# Requests that iiotctl may send

<!-- made by tools/gen_requests.py from src/iiotctl/sources/allowlist.py: do not edit -->

iiotctl reads. It never writes a process value, a configuration or a program. The two tables are the
complete list of requests that it can encode; anything else is stopped before a byte is sent
(`error[request-forbidden]`, exit code 70). The test servers of the project record every request they
receive and fail the test run on anything that is not listed here.

## Modbus

| function code | name | used for |
|---|---|---|
"""

_MIDDLE = """
Not in the list, hence impossible: 5, 6, 15, 16, 22 and 23 (write), 8 (diagnostics, can restart
communication), 43 with any other MEI type (13 is CANopen, which can write), 90 (programming), and every
other code.

## OPC UA

| service | service set | used for |
|---|---|---|
"""

_TAIL = """
Not in the list, hence impossible: Write, Call, HistoryUpdate, AddNodes, AddReferences, DeleteNodes,
DeleteReferences, and every other service.
"""


def page() -> str:
    """The page's text."""
    modbus = "".join(f"| {f.code} | {f.name} | {f.purpose} |\n" for f in allowlist.MODBUS)
    opcua = "".join(f"| {s.name} | {s.service_set} | {s.purpose} |\n" for s in allowlist.OPCUA)
    return _HEAD + modbus + _MIDDLE + opcua + _TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
