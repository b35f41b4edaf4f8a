"""The page about trends shows what is drawn today.

After a change that is meant: `python -m tests.docs.test_trend_page` writes both drawings anew.
"""

from __future__ import annotations

import re

from iiotctl.reports.plots.in_picture import Size, svg
from iiotctl.reports.plots.in_terminal import Look, draw
from tests.docs.pages import DOCS
from tests.unit.reports.plots.traces import full

PAGE = DOCS / "how-to" / "plot-a-trend.md"
PICTURE = DOCS / "how-to" / "plot-a-trend.svg"
BLOCK = re.compile(r"(<!-- drawing: .*? -->\n```text\n)(.*?)(```\n)", re.DOTALL)


def _with_drawing(text: str) -> str:
    drawing = draw(full(), Look(80))
    return BLOCK.sub(lambda found: found[1] + drawing + found[3], text)


def test_the_drawing_is_fresh() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert BLOCK.search(text)
    assert text == _with_drawing(text)


def test_the_picture_is_fresh() -> None:
    assert PICTURE.read_bytes() == svg(full(), Size(900))


if __name__ == "__main__":
    PAGE.write_text(_with_drawing(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_bytes(svg(full(), Size(900)))
