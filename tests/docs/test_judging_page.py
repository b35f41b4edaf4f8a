"""What the page about judging arrays shows runs, and prints what it promises."""

from __future__ import annotations

import pytest

from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "how-to" / "judge-arrays-in-python.md"
BLOCKS = [block for block in blocks(PAGE) if block.language == "python"]
PROMISED = ("gap", "findings;", "95 degC for")


def test_the_page_holds_something_to_run() -> None:
    assert len(BLOCKS) == len(PROMISED)


@pytest.mark.parametrize(("number", "promised"), list(enumerate(PROMISED)))
def test_what_it_shows_runs(number: int, promised: str, capsys: pytest.CaptureFixture[str]) -> None:
    block = BLOCKS[number]
    exec(compile(block.text, f"{PAGE.name}:{block.line}", "exec"), {})
    assert promised in capsys.readouterr().out
