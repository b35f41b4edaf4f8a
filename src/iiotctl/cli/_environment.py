"""Variables `IIOTCTL_…` that nothing reads: a slip of the pen there changes nothing, and should not go unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_OURS: Final = "IIOTCTL_"
_SECRET: Final = re.compile(r"PASS|PW|PWD|SECRET|TOKEN|KEY|USER")
"""A secret of a site may bear any name, also one that begins with ours."""


def strays(environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable that looks like one of ours and is none."""
    present = sorted(name for name in environ if name.upper().startswith(_OURS))
    if not present:
        return
    # imported only now: nearly nobody has such variables, and help must stay light
    from iiotctl.cli._shells import ENVIRONMENT
    from iiotctl.site.plain import similar
    from iiotctl.site.settings import KEYS, env_name

    known = [*(env_name(key) for key in KEYS), *(name for name in ENVIRONMENT if name.startswith(_OURS))]
    for name in present:
        if name in known or _SECRET.search(name.removeprefix(_OURS)):
            continue
        near = similar(name.upper(), known)
        meant = f"did you mean `{near}`?" if near else f"known: {', '.join(sorted(known))}"
        yield f"the variable `{name}` has no effect; {meant}"
