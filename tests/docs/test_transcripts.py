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


@pytest.mark.parametrize(
    ("page", "run"),
    [
        ("dp  1.625  bar  Good  0.5", "dp  1.5126953125   bar  Good  12.25"),
        ("raw  0718", "raw  41d7"),
        ("raw  41ab 3333", "raw  4280 b333"),
        ("a ──────  ──", "a ─────────  ───"),
        ("run 20261121T082749Z-e82e8b11", "run 20261122T000001Z-00aa11bb"),
        ("1.2 MB in 900 ms", "14 kB in 1.1 s"),
    ],
)
def test_figures_may_differ(page: str, run: str) -> None:
    assert transcripts.alike(page) == transcripts.alike(run)


@pytest.mark.parametrize(("page", "run"), [("Good", "Bad"), ("a  b", "a"), ("1 bar", "1 degC")])
def test_words_may_not(page: str, run: str) -> None:
    assert transcripts.alike(page) != transcripts.alike(run)


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
