"""Write docs/reference/profiles.md from the profiles' data files; a test compares the two."""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "profiles.md"

HEAD = """\
# Profiles

<!-- made by tools/gen_profiles.py from src/iiotctl/sources/profiles/*.toml: do not edit -->

`profile = "s7-1500"` in a source says what family of device or server it is. The figures of the profile hold where the
site file does not say anything itself: a key that is written always wins. For Modbus they stand for keys of the
site file; `iiotctl site show --origin` shows them with the origin `profile NAME`. For OPC UA they are limits for what
is asked of the server at once; a stricter limit that the server itself announces wins.

Without a profile the defaults of the site file hold, and OPC UA servers are asked for their limits.

Every figure says where it comes from. What is marked *ours* stands in no document that we could verify: it is a
cautious choice with its reason. Firmware and configuration differ, so the manual of your device outranks this page.

`iiotctl explain profiles` prints the same.
"""

TAIL = """
## What the OPC UA figures mean

| figure | meaning |
|---|---|
"""


def pages() -> dict[Path, str]:
    """The page with its text."""
    from iiotctl.sources import profiles

    parts = [HEAD]
    for name in profiles.names():
        profile = profiles.load(name)
        parts.append(f"\n## {name}\n\n{profile.title}\n\n| protocol | figure | value | source |\n|---|---|---|---|\n")
        for figure in profile.figures:
            text = figure.source.replace("ours:", "*ours*:")
            source = f"{text} ([document]({figure.url}))" if figure.url else text
            parts.append(f"| {figure.protocol} | `{figure.key}` | {figure.text} | {source} |\n")
    parts.append(TAIL)
    parts += [f"| `{key}` | {meaning} |\n" for key, meaning in profiles.OPCUA_KEYS.items()]
    return {PAGE: "".join(parts)}


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
