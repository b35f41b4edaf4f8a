"""What README and tutorials show is what happens: their console blocks are run against the simulated plant."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import transcripts

from tests.docs.pages import DOCS, ROOT

PAGES = [ROOT / "README.md", *sorted((DOCS / "tutorials").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_page_shows_what_happens(page: Path) -> None:
    differences = [
        difference
        for _, _, steps in transcripts.run(page.read_text(encoding="utf-8"))
        for step in steps
        if step.mode != "no" and (difference := transcripts.difference(step))
    ]
    assert not differences, "\n\n".join(["record anew with `python -m tools.transcripts PAGE`", *differences])


def test_runner_compares_what_matters() -> None:
    step = transcripts.Step("x", ["12 samples, 3.1 kB at 2026-11-21T07:00:00Z", "...", "done"], "yes")
    step.came = ["7 samples, 99 B at 2027-01-01T00:00:00Z", "more", "and more", "done"]
    assert transcripts.difference(step) is None
    step.came = ["7 samples, 99 B at 2027-01-01T00:00:00Z", "failed"]
    assert transcripts.difference(step) is not None


def test_runner_runs_what_a_page_shows() -> None:
    page = """\
```console
$ echo one &&
> cd / && echo 5020
one
5020
$ pwd
/
```
<!-- run: no (needs hardware) -->
```console
$ false
```
"""
    [(_, _, steps), (_, _, skipped)] = transcripts.run(page)
    assert [transcripts.difference(step) for step in steps] == [None, None]
    assert skipped[0].came == []
